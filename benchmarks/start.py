"""How long a user waits for a kernel, for its first imports and its first result; its memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from eager_kernel import EagerClient, EagerPool
from eager_kernel.bench.measure import Table, quartiles, spread
from eager_kernel.client.pool import own_memory
from eager_kernel.sandbox.probe import probe

Way = Callable[[Path], AbstractContextManager[EagerClient]]


def run(repeats: int) -> list[Table]:
    """Measure starts, sessions and memory."""
    with tempfile.TemporaryDirectory(prefix="eager-start-") as folder:
        work = Path(folder, "work")
        work.mkdir()
        with ExitStack() as exits:
            ways = _ways(work, exits)
            tables = [_parts(repeats), *_starts(ways, work, repeats)]
        return [*tables, _memory(work)]


# Where the time of a new kernel goes ------------------------------------------------------------


def _parts(repeats: int) -> Table:
    found: dict[str, list[float]] = {name: [] for name in _PARTS}
    for _ in range(repeats):
        for name, seconds in _measure_parts().items():
            found[name].append(seconds)
    whole = [sum(each) for each in zip(*found.values(), strict=True)]
    rows: list[tuple[str, ...]] = []
    for name, taken in found.items():
        shares = [part / all_of_it for part, all_of_it in zip(taken, whole, strict=True)]
        rows.append((name, spread(taken, 1000, 0), spread(shares, 100, 0)))
    return Table(
        "Start: where a new kernel's time goes",
        (
            f"A process that is started, and ends: ms, median [quartiles] of {repeats}; share in "
            "%. What comes on top is jupyter_client's, and the messages' ways.",
        ),
        ("part", "ms", "share"),
        tuple(rows),
        {name: tuple(seconds) for name, seconds in found.items()},
    )


def _measure_parts() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as home:
        begin = time.time()
        done = subprocess.run(
            [sys.executable, "-c", _STEPS, f"{home}/kernel.json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
            env={**os.environ, "IPYTHONDIR": f"{home}/ipython"},
            cwd=home,
        )
    moments = [begin, *json.loads(done.stdout)]
    return {
        name: after - before
        for name, before, after in zip(_PARTS, moments, moments[1:], strict=False)
    }


_PARTS: Final = (
    "the interpreter",
    "imports of the kernel",
    "sockets, threads, shell, history",
    "pandas, numpy and matplotlib.pyplot",
)
_STEPS: Final = """
import json, os, sys, time
moments, own = [time.time()], os.dup(1)  # the kernel takes the first for its own
from eager_kernel.kernel.app import EagerKernelApp
moments.append(time.time())
app = EagerKernelApp.instance()
app.initialize(["-f", sys.argv[1], "--log-level=CRITICAL"])
moments.append(time.time())
import pandas, numpy, matplotlib.pyplot
moments.append(time.time())
os.write(own, json.dumps(moments).encode())
os._exit(0)
"""


# Starts and sessions ----------------------------------------------------------------------------


def _ways(work: Path, exits: ExitStack) -> dict[str, Way]:
    """How kernels come to be; each leaves nothing to be done for the first time."""
    pool = exits.enter_context(EagerPool(size=2, cwd=str(work), extra_arguments=_QUIET))

    def started(**options: Any) -> Way:
        return lambda folder: EagerClient.start(cwd=str(folder), extra_arguments=_QUIET, **options)

    @contextmanager
    def pooled(folder: Path) -> Iterator[EagerClient]:
        while not pool.counts["ready"]:
            time.sleep(0.01)  # the pool has had the time that it needs: users are not that quick
        begin = time.perf_counter()
        with pool.take() as client:
            _begun.append(begin)
            yield client

    ways = {"cold": started(), "warm": started(warm=True), "pooled": pooled}
    if probe().state == "usable":
        ways["sandbox"] = started(sandbox=True)
        ways["warm, sandbox"] = started(sandbox=True, warm=True)
    return ways


_begun: list[float] = []


def _starts(ways: dict[str, Way], work: Path, repeats: int) -> list[Table]:
    found: dict[str, dict[str, list[float]]] = {
        way: {step: [] for step in (*_STEPS_OF_A_START, *_STEPS_OF_A_SESSION)} for way in ways
    }
    for number in range(repeats + 1):  # the first is not counted: templates start, files are read
        for way, start in ways.items():
            moments = _session(start, work)
            if number:
                for step, seconds in moments.items():
                    found[way][step].append(seconds)
    return [
        _table(
            "Start: until there is a kernel, and its first result",
            f"ms, median [quartiles] of {repeats}, all in turn; in brackets behind it, how many "
            "times as fast as cold, of the medians. First result: of `import pandas as pd; import "
            "numpy as np; import matplotlib.pyplot as plt`, from when a kernel was wanted.",
            _STEPS_OF_A_START,
            found,
        ),
        _table(
            "Start: a session of three programs",
            "From when a kernel was wanted until the first program's result, and until the last "
            "one's: each reads, groups and draws with pandas and matplotlib.",
            _STEPS_OF_A_SESSION,
            found,
        ),
    ]


def _session(start: Way, work: Path) -> dict[str, float]:
    begin = time.perf_counter()
    with start(work) as client:
        if _begun:
            begin = _begun.pop()
        moments = {"ready": time.perf_counter() - begin}
        _check(client.execute(_IMPORTS))
        moments["first result"] = time.perf_counter() - begin
        moments["first import"] = moments["first result"] - moments["ready"]
    begin = time.perf_counter()
    with start(work) as client:
        if _begun:
            begin = _begun.pop()
        for number, program in enumerate(_PROGRAMS):
            _check(client.run([program]))
            if not number:
                moments["first program"] = time.perf_counter() - begin
        moments["three programs"] = time.perf_counter() - begin
    return moments


def _check(result: Any) -> None:
    if result.status != "ok":
        raise RuntimeError(f"the benchmark's program failed: {result.error}")


def _table(
    title: str, note: str, steps: tuple[str, ...], found: dict[str, dict[str, list[float]]]
) -> Table:
    rows = []
    for way, taken in found.items():
        cells = [way]
        for step in steps:
            base = quartiles(found["cold"][step])[1]
            ratio = base / quartiles(taken[step])[1]
            cells.append(f"{spread(taken[step], 1000, 0)} ({ratio:.1f})")
        rows.append(tuple(cells))
    return Table(
        title,
        (note,),
        ("kernel", *(f"{step}, ms" for step in steps)),
        tuple(rows),
        {f"{way}: {step}": tuple(taken[step]) for way, taken in found.items() for step in steps},
        {
            f"{way} against cold: {step}": tuple(
                its / base for its, base in zip(taken[step], found["cold"][step], strict=True)
            )
            for way, taken in found.items()
            for step in steps
        },
    )


_STEPS_OF_A_START: Final = ("ready", "first import", "first result")
_STEPS_OF_A_SESSION: Final = ("first program", "three programs")
_IMPORTS: Final = "import pandas as pd; import numpy as np; import matplotlib.pyplot as plt"
_PROGRAMS: Final = tuple(
    f"""\
{_IMPORTS}
frame = pd.DataFrame({{"kind": list("abc") * 200, "count": np.arange(600) * {number}}})
sums = frame.groupby("kind")["count"].agg(["sum", "mean"])
print(sums)
plt.figure(figsize=(4, 3))
plt.plot(sums["sum"])
plt.title("Program {number}")
plt.show()
sums
"""
    for number in (1, 2, 3)
)


# Memory -----------------------------------------------------------------------------------------


def _memory(work: Path) -> Table:
    rows: list[tuple[str, ...]] = []
    for way, warm in (("cold", False), ("warm, pooled", True)):
        with ExitStack() as exits:
            pids: list[int] = []
            for count in _COUNTS:
                more = count - len(pids)
                if not warm and more * _COLD_MIB > _available() - _KEPT_MIB:
                    rows.append((way, str(count), "not measured: too little memory", "", ""))
                    continue
                template = _add(exits, pids, more, work, warm=warm)
                own = [own_memory(pid) for pid in pids]
                whole = _proportional([*pids, template] if warm else pids)
                cells = (spread(own, 1, 1), f"{whole:.0f}", f"{whole / count:.1f}")
                rows.append((way, str(count), *cells))
    return Table(
        "Start: memory of kernels that have only imported",
        (
            "MiB. Own: unique set size of a kernel, median [quartiles] of all. All: what all of "
            "them take, with their template: proportional set sizes, summed up.",
        ),
        ("kernel", "kernels", "own", "all", "all, per kernel"),
        tuple(rows),
    )


def _add(exits: ExitStack, pids: list[int], count: int, work: Path, *, warm: bool) -> int:
    """Start so many more kernels. Returns the process that they were started by."""

    def start(_: int) -> tuple[int, int]:
        client = EagerClient.start(
            cwd=str(work), warm=warm, timeout=_PATIENCE, extra_arguments=_QUIET
        )
        exits.callback(client.close)
        _check(client.execute(_IMPORTS))
        said = client.execute("import os; print(os.getpid(), os.getppid())").outputs[0]["text"]
        pid, parent = map(int, said.split())
        return pid, parent

    with ThreadPoolExecutor(_AT_ONCE) as threads:  # no time is taken here
        started = list(threads.map(start, range(count)))
    pids += [pid for pid, _ in started]
    return started[-1][1]


def _proportional(pids: list[int]) -> float:
    """MiB that processes take, what they share being counted once."""
    kib = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        kib += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return kib / 1024


def _available() -> float:
    """MiB that could be taken on this machine."""
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    line = next(line for line in text.splitlines() if line.startswith("MemAvailable:"))
    return int(line.split()[1]) / 1024


_QUIET: Final = ["--log-level=ERROR"]
_AT_ONCE: Final = 8
_PATIENCE: Final = 300.0
_COUNTS: Final = (1, 20, 100)
_COLD_MIB: Final = 110
_KEPT_MIB: Final = 3000
