"""What each program takes in a stock kernel: its share of the answer's time, by pace.

The seconds are written to `measured.json` beside the programs, where plans and samples find them.
"""

from __future__ import annotations

import ast
import json
import statistics
from importlib import resources
from pathlib import Path
from typing import Final

from eager_kernel.bench.environments import environment, kernel_at_work
from eager_kernel.bench.measure import Table, machine
from eager_kernel.bench.measuring import STOCK, timed_run, within
from eager_kernel.bench.options import Options
from eager_kernel.bench.programs import MEASURED, SETS, Program, load_programs, load_sets
from eager_kernel.client import EagerClient
from eager_kernel.errors import EagerError


def run(options: Options, folder: Path | None, sets: tuple[str, ...]) -> list[Table]:
    """Measure programs, and write down what they took.

    Parameters
    ----------
    options
        Which programs, and how often: the median of `samples` counts.
    folder
        That of the programs; None: those of this package's `sets`.
    sets
        Their names.
    """
    rows: list[tuple[str, ...]] = []
    for where, programs in _folders(folder, sets):
        file = where / MEASURED
        known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"seconds": {}}
        chosen = {program.name for program in options.programs.programs}
        for program in programs:
            if program.name not in chosen:
                continue
            options.progress(f"{program.name} ({len(rows) + 1} of {len(chosen)})")
            try:
                seconds = _measure(program, options)
            except EagerError as error:
                options.progress(f"{program.name}: {error}")
                continue
            known["seconds"][program.name] = round(seconds, 3)
            known["about"] = machine()
            text = json.dumps(known, indent=1, sort_keys=True)
            file.write_text(text + "\n", encoding="utf-8")
            rows.append(_row(program, seconds))
    return [
        Table(
            "Shares: execution's part of the answer",
            (
                "Cells in a stock kernel, in a cold process; all cells of a session together. What "
                "they waited for a processor, because others used the machine, is left out where "
                f"the system tells (Linux). Share: of the serial time, with TTFT {_TTFT} s.",
            ),
            (
                "program", "kind", "cells", "tokens", "seconds",
                *(f"share at {rate} tokens/s %" for rate in _RATES),
            ),
            tuple(rows),
        )
    ]  # fmt: skip


def _folders(folder: Path | None, sets: tuple[str, ...]) -> list[tuple[Path, list[Program]]]:
    if folder is not None:
        return [(folder, list(load_programs(folder).programs))]
    root = Path(str(resources.files("eager_kernel.bench")))
    return [(root / SETS[name], list(load_sets((name,)).programs)) for name in sets]


def _measure(program: Program, options: Options) -> float:
    taken = []
    for _ in range(options.samples):
        with kernel_at_work(environment("local"), STOCK, program.workplace) as client:
            waited = _waited(client)
            seconds = _run_through(client, program, options.limit)
            taken.append(seconds - (_waited(client) - waited))
    return statistics.median(taken)


def _waited(client: EagerClient) -> float:
    """Seconds that the kernel's main thread was ready to run, and had no processor."""
    result = client.execute(
        "", silent=True, store_history=False, user_expressions={"waited": _SCHEDULED}
    )
    answer = result.reply.get("user_expressions", {}).get("waited", {})
    if answer.get("status") != "ok":
        return 0.0  # no Linux
    return int(ast.literal_eval(answer["data"]["text/plain"]).split()[1]) / 1e9


def _run_through(client: EagerClient, program: Program, limit: float) -> float:
    total = 0.0
    for cell in program.cells:
        code = cell.code
        result, seconds = timed_run(
            lambda code=code: within(client, limit, lambda: client.execute(code))  # type: ignore[misc]
        )
        if result.error is not None:
            raise EagerError(f"{cell.name} failed: {result.error.ename}: {result.error.evalue}")
        total += seconds
    return total


def _row(program: Program, seconds: float) -> tuple[str, ...]:
    tokens = program.tokens
    shares = []
    for rate in _RATES:
        generation = len(program.cells) * _TTFT + (tokens - len(program.cells)) / rate
        shares.append(f"{seconds / (seconds + generation) * 100:.0f}")
    return (
        program.name, program.kind, f"{len(program.cells)}", f"{tokens}", f"{seconds:.2f}", *shares
    )  # fmt: skip


_RATES: Final = (30, 100, 300, 1000)
_TTFT: Final = 0.5
# See proc(5), /proc/pid/schedstat.
_SCHEDULED: Final = "open('/proc/self/schedstat').read()"
