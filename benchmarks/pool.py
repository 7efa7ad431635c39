"""Many sessions at once, from a pool: how long they wait, and that nothing is lost."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
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
    before = len(psutil.Process().children(recursive=True))
    waits: list[float] = []
    sessions: list[float] = []

    def session(number: int) -> bool:
        begin = time.perf_counter()
        with pool.take(tenant=f"tenant {number % _TENANTS}") as client:
            taken = time.perf_counter()
            waits.append(taken - begin)
            right = True
            for step in range(3):
                program = f"x = globals().get('x', {number}) + {step}\nprint(x)\n"
                result = client.run([program[:7], program[7:]])
                number += step
                right &= [o.get("text") for o in result.outputs] == [f"{number}\n"]
            sessions.append(time.perf_counter() - taken)
            return right

    with EagerPool(cwd=str(Path.cwd()), extra_arguments=["--log-level=ERROR"], **options) as pool:
        begin = time.perf_counter()
        with ThreadPoolExecutor(_CLIENTS) as threads:
            right = list(threads.map(session, range(_SESSIONS)))
        wall = time.perf_counter() - begin
    left = len(psutil.Process().children(recursive=True)) - before
    faults = right.count(False) + (_SESSIONS - len(right)) + max(0, left)
    return {"waits": waits, "sessions": sessions, "wall": wall, "faults": faults}


_POOLS: Final[dict[str, dict[str, Any]]] = {
    "of forked kernels": {"size": 6, "most": 12, "warm": True},
    "of new kernels": {"size": 6, "most": 12, "warm": False},
}
_SESSIONS: Final = 200
_CLIENTS: Final = 20
_TENANTS: Final = 7
_OFTEN: Final = 5
