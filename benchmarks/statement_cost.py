"""What a statement costs more while text arrives: the threads that read take the GIL from it."""

from __future__ import annotations

import ast
import statistics
import time
from collections import defaultdict
from typing import Final

from eager_kernel.bench.measure import Table
from eager_kernel.testing.kernels import start_kernel
from eager_kernel.testing.wire import WireStream

RATES: Final = {"none": (0, 0), "30": (30, 1), "100": (100, 1), "1,000, gathered": (50, 20)}
"""By tokens a second: messages a second, and tokens in each; a client gathers for 20 ms."""
KINDS: Final = ("pure Python", "numpy", "a C loop that holds the GIL")
PROGRAM: Final = """\
import time
import numpy
rows = []
square = numpy.random.default_rng(1).random((60_000,))
def python():
    n = 0
    for i in range(1_000_000): n += i & 3
def arrays():
    for _ in range(20): numpy.sort(square)
def held():
    sum(range(5_000_000))
def measure(kind, work):
    every, own, wall = time.process_time(), time.thread_time(), time.perf_counter()
    work()
    wall, own = time.perf_counter() - wall, time.thread_time() - own
    rows.append((kind, wall, own, time.process_time() - every - own))
"""
STATEMENTS: Final = 5


def run(repeats: int) -> list[Table]:
    """Measure the statements of each kind at each rate, by turns."""
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    manager, client = start_kernel("eager_python", extra_arguments=["--log-level=ERROR"])
    try:
        client.execute_interactive(PROGRAM, timeout=60)
        for _ in range(repeats):
            for name, (rate, tokens) in RATES.items():
                for kind, wall, own, others in _measure(WireStream(client), rate, tokens):
                    found[kind, name].append((wall, own, others))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return [_table(found, repeats)]


def _measure(stream: WireStream, rate: int, tokens: int) -> list[tuple[str, float, float, float]]:
    """Run all statements once, while messages come."""
    names = dict(zip(KINDS, ("python", "arrays", "held"), strict=True))
    calls = [
        f"measure({kind!r}, {name})\n" for _ in range(STATEMENTS) for kind, name in names.items()
    ]
    stream.open(gate="off", idle=False).attach().delta("rows.clear()\n" + "".join(calls))

    def all_ran() -> bool:
        return any(
            data.get("state") == "done" and data["lines"][0] > len(calls)
            for data in stream.heard.comm
            if data["type"] == "chunk"
        )

    begun, sent = time.perf_counter(), 0
    while not all_ran():
        if rate == 0:
            stream.hear(0.02)
            continue
        due = begun + sent / rate
        if (left := due - time.perf_counter()) > 0:
            time.sleep(left)
        stream.delta("# . " * (tokens - 1) + ("# .\n" if sent % 10 == 9 else "# . "))
        sent += 1
        stream.hear(0)
    heard = stream.delta("\nprint(rows)\n").end().finish(60)
    rows: list[tuple[str, float, float, float]] = ast.literal_eval(heard.text())
    return rows


def _table(found: dict[tuple[str, str], list[tuple[float, float, float]]], repeats: int) -> Table:
    rows, ratios = [], {}
    for kind in KINDS:
        base = statistics.median(wall / own for wall, own, _ in found[kind, "none"])
        for name, (rate, _) in RATES.items():
            measured = found[kind, name]
            costs = tuple(wall / own / base for wall, own, _ in measured)
            wall = sum(wall for wall, _, _ in measured)
            others = sum(others for _, _, others in measured)
            ratios[f"{kind}, {name}"] = costs
            per = f"{others / (wall * rate) * 1e3:.2f}" if rate else ""
            rows.append(
                (
                    kind,
                    name,
                    f"{statistics.median(costs):.3f}",
                    f"{statistics.quantiles(costs, n=4)[0]:.3f} to "
                    f"{statistics.quantiles(costs, n=4)[2]:.3f}",
                    f"{others / wall:.1%}",
                    per,
                )
            )
    return Table(
        "A statement while text arrives",
        (
            f"{STATEMENTS * repeats} statements a row, in one kernel, by turns. Cost: wall time "
            "for each second of the main thread's CPU time, against the same where no text comes. "
            "Other threads: CPU time of the kernel's other threads while the statement runs, as a "
            "share of its wall time, and for each message; this hardly depends on what else the "
            "machine does.",
        ),
        ("statement", "tokens a second", "cost", "quartiles", "other threads", "ms a message"),
        tuple(rows),
        ratios=ratios,
    )
