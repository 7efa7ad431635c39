"""What it costs to keep files before effects on them, in gate mode ``journal``."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from eager_kernel.bench.measure import Table
from eager_kernel.core.effects.audit_events import Effects
from eager_kernel.execution.barrier import Barrier
from eager_kernel.execution.journal import Journal
from eager_kernel.execution.main_thread import Doing, MainThread


def run(repeats: int) -> list[Table]:
    """Measure each effect bare, and journalled, in turn, in one process."""
    repeats = max(repeats, _LEAST)
    rows = []
    with tempfile.TemporaryDirectory() as top:
        for name, program in _EFFECTS.items():
            bare: list[float] = []
            kept: list[float] = []
            for number in range(repeats):
                for journalled, times in ((False, bare), (True, kept)):
                    folder = Path(top, f"{name} {number} {journalled}")
                    folder.mkdir()
                    times.append(_seconds(program, folder, Path(top, "undo"), journalled))
            before, after = min(bare) / _TIMES * 1e6, min(kept) / _TIMES * 1e6
            rows.append((name, f"{before:.1f}", f"{after:.1f}", f"{after / before:.1f}"))
    return [
        Table(
            "Journal: effects on files",
            (
                f"Microseconds an effect, {_TIMES} in a row, the best of {repeats}. Bare: with the "
                "hook installed, and no run.",
            ),
            ("effect", "bare µs", "journalled µs", "ratio"),
            tuple(rows),
        )
    ]


def _seconds(program: str, folder: Path, root: Path, journalled: bool) -> float:
    namespace: dict[str, Any] = {"__name__": "__main__", "TIMES": _TIMES}
    code = compile(program, _NAME, "exec")
    os.chdir(folder)
    exec(_BEFORE, namespace)
    exec(code, namespace)
    if not journalled:
        return _timed(namespace["work"])
    journal = Journal(str(root))
    barrier = Barrier(Effects(), journal=journal)
    barrier.begin(_NAME, 0)
    main = MainThread()
    with barrier.armed(main, namespace):
        with main.at(Doing.PROGRAM), barrier.program():
            seconds = _timed(namespace["work"])
        barrier.release()
    journal.forget()
    return seconds


def _timed(work: Callable[[], None]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


_NAME: Final = "<the program>"
_LEAST: Final = 3
_TIMES: Final = 100
_BEFORE: Final = """
import os
for i in range(TIMES):
    with open(f'old {i}', 'w') as f:
        f.write('x' * 10_000)
"""
_EFFECTS: Final = {
    "write a new file": """
def work():
    for i in range(TIMES):
        open(f'new {i}', 'w').close()
""",
    "append to a file of the program's own": """
def work():
    for i in range(TIMES):
        open('log', 'a').close()
""",
    "append to a file": """
def work():
    for i in range(TIMES):
        open(f'old {i}', 'a').close()
""",
    "rename a file": """
def work():
    for i in range(TIMES):
        os.rename(f'old {i}', f'renamed {i}')
""",
    "remove a file": """
def work():
    for i in range(TIMES):
        os.remove(f'old {i}')
""",
    "make a folder": """
def work():
    for i in range(TIMES):
        os.mkdir(f'folder {i}')
""",
    "change a mode": """
def work():
    for i in range(TIMES):
        os.chmod(f'old {i}', 0o600)
""",
    "read a file (no effect)": """
def work():
    for i in range(TIMES):
        open(f'old {i}').close()
""",
}
