"""Many kernels on one machine, each of which a model writes to."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from benchmarks.kernel import BUSY, delays, percentiles, plain_client
from eager_kernel.bench.measure import Samples, Table


def run(repeats: int) -> list[Table]:
    """Measure how late statements are, by how many kernels take them at once."""
    ways = {"idle: sent until started": "", "busy in pure Python: sent until taken in": BUSY}
    rows, samples = [], {}
    for way, busy in ways.items():
        base: Samples | None = None
        for count in _COUNTS:
            late = asyncio.run(_delays(count, busy, repeats))
            base = base or late
            rows.append((way, str(count), *percentiles(late, base)))
            samples[f"{count} kernels, {way}"] = late.seconds
    return [
        Table(
            "Kernel: many on one machine",
            (
                f"So many kernels take {_STATEMENTS} statements each at once, one every 25 ms, "
                f"from one client process; {repeats} times. Ratios are against one kernel.",
            ),
            ("main threads", "kernels", "p50 ms", "p99 ms", "p50 ratio", "p99 ratio"),
            tuple(rows),
            samples,
        )
    ]


async def _delays(count: int, busy: str, repeats: int) -> Samples:
    async with AsyncExitStack() as exits:
        clients = [await exits.enter_async_context(await plain_client()) for _ in range(count)]
        found: list[float] = []
        for _ in range(repeats):
            measured = await asyncio.gather(
                *(delays(client, _STATEMENTS, busy) for client in clients)
            )
            found += [second for each in measured for second in each.seconds]
    return Samples(tuple(found))


_COUNTS: Final = (1, 2, 4, 8)
_STATEMENTS: Final = 80
