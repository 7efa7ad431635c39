"""What a kernel takes of a machine: memory and threads."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Final

import psutil

from benchmarks.kernel import EAGER, STOCK
from eager_kernel import EagerClient
from eager_kernel.bench.measure import Table


def run(repeats: int) -> list[Table]:
    """Measure kernels after the same programs, which the stock one runs as cells."""
    taken: dict[str, list[list[Footprint]]] = {STOCK: [], EAGER: []}
    for _ in range(repeats):
        for name, found in taken.items():
            found.append(_footprints(name))
    rows, ratios = [], {}
    for index, moment in enumerate(_MOMENTS):
        stock, own = ([each[index] for each in found] for found in taken.values())
        base, ours = (statistics.median(each.mib for each in some) for some in (stock, own))
        threads = (str(max(each.threads for each in some)) for some in (stock, own))
        rows.append((moment, f"{base:.1f}", f"{ours:.1f}", f"{ours / base:.2f}", *threads))
        ratios[f"memory after {moment}"] = tuple(
            mine.mib / its.mib for mine, its in zip(own, stock, strict=True)
        )
    return [
        Table(
            "Kernel: memory and threads",
            (
                f"Unique set size: what the machine would have back if the process ended. Median "
                f"of {repeats} processes each. Both ran the same texts, {STOCK} as cells, {EAGER} "
                "as streams, in one piece each; a program has "
                f"{_STATEMENTS} statements `xN = N`.",
            ),
            (
                "after",
                f"{STOCK} MiB",
                f"{EAGER} MiB",
                "ratio",
                f"{STOCK} threads",
                f"{EAGER} threads",
            ),
            tuple(rows),
            ratios=ratios,
        )
    ]


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process has."""

    mib: float
    threads: int


def _footprints(kernel: str) -> list[Footprint]:
    with EagerClient.start(kernel) as client:
        said = client.execute("import os; print(os.getpid())", store_history=False)
        process = psutil.Process(int(said.outputs[0]["text"]))

        def work(text: str) -> None:
            result = (
                client.run([text], format="python") if kernel == EAGER else client.execute(text)
            )
            if result.status != "ok":
                raise RuntimeError(f"the benchmark's program failed: {result.error}")

        found = [_look(process)]
        program = "".join(f"x{number} = {number}\n" for number in range(_STATEMENTS))
        for count in _PROGRAMS:
            for _ in range(count):
                work(program)
            found.append(_look(process))
        return found


def _look(process: psutil.Process) -> Footprint:
    return Footprint(process.memory_full_info().uss / 2**20, process.num_threads())


_STATEMENTS: Final = 200
_PROGRAMS: Final = (1, 9, 90)
_MOMENTS: Final = ("its start", "1 program", "10 programs", "100 programs")
