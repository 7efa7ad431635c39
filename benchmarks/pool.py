"""Many sessions at once, from a pool: how long they wait, and that nothing is lost."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import psutil

from eager_kernel import EagerPool
from eager_kernel.bench.measure import Table, spread


def run(repeats: int) -> list[Table]:
    """Measure sessions of three runs each, over pools of forked and of new kernels."""
    rows = []
    samples: dict[str, tuple[float, ...]] = {}
    for name, options in _POOLS.items():
        waits: list[float] = []
        sessions: list[float] = []
        walls: list[float] = []
        faults = 0
        for _ in range(1 if repeats == _OFTEN else repeats):
            outcome = _load(options)
            waits += outcome["waits"]
            sessions += outcome["sessions"]
            walls.append(outcome["wall"])
            faults += outcome["faults"]
        rate = _SESSIONS * len(walls) / sum(walls)
        cells = (spread(waits, 1000, 0), spread(sessions, 1000, 0), f"{rate:.1f}", str(faults))
        rows.append((name, *cells))
        samples |= {f"{name}: wait": tuple(waits), f"{name}: session": tuple(sessions)}
    return [
        Table(
            "Pool: sessions at once",
            (
                f"{_SESSIONS} sessions of three runs each, from {_CLIENTS} clients at once, in a "
                "kernel each, of at most 12 at once. Wait: until there is a kernel. Session: from "
                "then until it is given back. ms, median [quartiles]. Faults: results that were "
                "lost or another session's, and processes that were left behind.",
            ),
            ("pool", "wait, ms", "session, ms", "sessions/s", "faults"),
            tuple(rows),
            samples,
        )
    ]


def _load(options: dict[str, Any]) -> dict[str, Any]:
    waits: list[float] = []
    sessions: list[float] = []

    def session(number: int) -> bool:
        begin = time.perf_counter()
        with pool.take(tenant=f"tenant {number % _TENANTS}") as client:
            taken = time.perf_counter()
            waits.append(taken - begin)
            before = client.execute("print(*globals())").outputs[0]["text"].split()
            right = True
            for step in range(3):
                program = f"x = globals().get('x', {number}) + {step}\nprint(x)\n"
                result = client.run([program[:7], program[7:]])
                number += step
                right &= [o.get("text") for o in result.outputs] == [f"{number}\n"]
            sessions.append(time.perf_counter() - taken)
            return right & ("x" not in before)  # nobody gets a used one

    with tempfile.TemporaryDirectory(prefix="eager-pool-") as folder:
        with EagerPool(cwd=folder, extra_arguments=["--log-level=ERROR"], **options) as pool:
            begin = time.perf_counter()
            with ThreadPoolExecutor(_CLIENTS) as threads:
                right = list(threads.map(session, range(_SESSIONS)))
            wall = time.perf_counter() - begin
        faults = right.count(False) + (_SESSIONS - len(right)) + _left(folder)
    return {"waits": waits, "sessions": sessions, "wall": wall, "faults": faults}


def _left(folder: str) -> int:
    """How many processes still work in a folder, some time after all should have ended."""
    until = time.monotonic() + _PATIENCE
    while True:
        # One that has ended, and whose parent has not asked how, is in no folder.
        left = [process.info["cwd"] for process in psutil.process_iter(["cwd"])].count(folder)
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.1)


_POOLS: Final[dict[str, dict[str, Any]]] = {
    "of forked kernels": {"size": 6, "most": 12, "warm": True},
    "of new kernels": {"size": 6, "most": 12, "warm": False},
}
_SESSIONS: Final = 200
_CLIENTS: Final = 20
_TENANTS: Final = 7
_PATIENCE: Final = 20.0
_OFTEN: Final = 5
