"""What a statement costs more while text arrives: the threads that read take the GIL from it."""

from __future__ import annotations

import ast
import statistics
import threading
import time
from collections import defaultdict
from functools import partial
from typing import Any, Final

from jupyter_client.blocking.client import BlockingKernelClient

from eager_kernel.bench.measure import Table
from eager_kernel.client.sync import EagerClient
from eager_kernel.testing.kernels import start_kernel
from eager_kernel.testing.wire import WireStream

RATES: Final = {
    "none": (0, 0),
    "30, a message each": (30, 1),
    "100, a message each": (100, 1),
    "1,000, in 50 messages": (50, 20),
}
"""Of messages as they are sent by hand: how many a second, and the tokens in each."""
PACES: Final = {"30": 30, "100": 100, "1,000": 1000}
"""Of tokens a second that `EagerClient` is given."""
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
CALLS: Final = "rows.clear()\n" + STATEMENTS * "".join(
    f"measure({kind!r}, {name})\n"
    for kind, name in zip(KINDS, ("python", "arrays", "held"), strict=True)
)
TOKEN: Final = "# . "
Rows = list[tuple[str, float, float, float]]
"""Of each statement: its kind, its wall time, its thread's CPU time, that of the other threads."""
Found = dict[tuple[str, str], list[list[float]]]
"""The times by kind and name of the row."""


def run(repeats: int) -> list[Table]:
    """Measure the statements of each kind at each rate, by turns."""
    found: Found = defaultdict(list)
    manager, client = start_kernel("eager_python", extra_arguments=["--log-level=ERROR"])
    try:
        client.execute_interactive(PROGRAM, timeout=60)
        with EagerClient.connect(manager.connection_file) as ours:
            ways = {name: partial(_measure, client, *each) for name, each in RATES.items()}
            ways |= {name: partial(_measure_client, ours, pace) for name, pace in PACES.items()}
            for _ in range(repeats):
                for name, measure in ways.items():
                    for kind, *times in measure():
                        found[kind, name].append(times)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return [_table(found, repeats)]


def _measure(client: BlockingKernelClient, rate: int, tokens: int) -> Rows:
    """Run all statements once, while messages come."""
    stream = WireStream(client).open(gate="off", idle=False).attach().delta(CALLS)

    def all_ran() -> bool:
        return any(_is_last(data) for data in stream.heard.comm)

    begun, sent = time.perf_counter(), 0
    while not all_ran():
        if rate == 0:
            stream.hear(0.02)
            continue
        due = begun + sent / rate
        if (left := due - time.perf_counter()) > 0:
            time.sleep(left)
        stream.delta(TOKEN * (tokens - 1) + _token(sent))
        sent += 1
        stream.hear(0)
    rows: Rows = ast.literal_eval(stream.delta("\nprint(rows)\n").end().finish(60).text())
    return rows


def _measure_client(client: EagerClient, rate: int) -> Rows:
    """Run all statements once, while our own client is given tokens."""
    ran = threading.Event()
    run = client.open(gate="off", on_event=lambda data: ran.set() if _is_last(data) else None)
    run.feed(CALLS)
    begun, sent = time.perf_counter(), 0
    while not ran.wait(max(0.0, begun + sent / rate - time.perf_counter())):
        run.feed(_token(sent))
        sent += 1
    run.feed("\nprint(rows)\n")
    run.end()
    rows: Rows = ast.literal_eval(run.result().text())
    return rows


def _token(number: int) -> str:
    """One of a comment; each tenth ends its line."""
    return TOKEN if number % 10 < 9 else "# .\n"


def _is_last(data: dict[str, Any]) -> bool:
    """Whether this tells that the last of the calls has ended."""
    if data["type"] != "chunk" or data["state"] != "done":
        return False
    return int(data["lines"][0]) >= CALLS.count("\n")


def _table(found: Found, repeats: int) -> Table:
    rows, ratios = [], {}
    for kind in KINDS:
        base = statistics.median(wall / own for wall, own, _ in found[kind, "none"])
        for name in [*RATES, *PACES]:
            rate, _ = RATES.get(name, (0, 0))
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
            "machine does. Rows with messages are sent by hand, the others by `EagerClient`, which "
            "gathers tokens.",
        ),
        ("statement", "tokens a second", "cost", "quartiles", "other threads", "ms a message"),
        tuple(rows),
        ratios=ratios,
    )
