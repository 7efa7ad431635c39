"""Early interruption: from an exception in the kernel to the close of the model's stream."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from eager_kernel import AsyncEagerClient, EagerClient
from eager_kernel.bench.measure import Samples, Table
from eager_kernel.client import RunResult

_RUNS = 30
_BEFORE = 10  # deltas before the one that fails
_SILENT = 0.0
_TARGET = 0.05


def run(repeats: int) -> list[Table]:
    """Measure the delays; how often does not depend on `repeats`."""
    del repeats
    measured = [*_measure_sync(), *asyncio.run(_measure_async())]
    return [
        Table(
            "Interruption: from the exception to the close of the deltas' iterator",
            (
                f"{_RUNS} runs a row. The failing statement is `{_FAIL.strip()}`: its message is "
                "the moment of the exception, by a clock that is the same in all processes of a "
                "machine (`CLOCK_MONOTONIC` on Linux). The iterator's `finally` notes the moment "
                "of its close. Silent: no delta follows the failing statement, as from a model "
                "that thinks; the synchronous client can't close an iterator that it waits in.",
                "Ratio: the median against that of an ordinary cell's round trip (`pass`, from "
                "its request to its reply and idle) by the same client. Aim: p99 below "
                f"{_TARGET * 1e3:g} ms, less one delta.",
            ),
            (
                "client",
                "a delta every",
                "p50 ms",
                "p99 ms",
                "less one delta: p50 ms",
                "p99 ms",
                "ordinary cell: p50 ms",
                "ratio",
                "ratio less one delta",
                "aim",
            ),
            tuple(row.cells() for row in measured),
            {f"{row.client}, {row.name}": row.delays.seconds for row in measured}
            | {f"{row.client}, {row.name}: cell": row.round_trips.seconds for row in measured},
        )
    ]


@dataclass(frozen=True, slots=True)
class _Row:
    client: str
    interval: float
    delays: Samples
    round_trips: Samples

    @property
    def name(self) -> str:
        return f"{self.interval * 1e3:g} ms" if self.interval else "silent"

    def cells(self) -> tuple[str, ...]:
        delays, cell = self.delays, self.round_trips.median
        less = Samples(tuple(seconds - self.interval for seconds in delays.seconds))
        return (
            self.client,
            self.name,
            f"{delays.median * 1e3:.1f}",
            f"{delays.percentile(99) * 1e3:.1f}",
            f"{less.median * 1e3:.1f}",
            f"{less.percentile(99) * 1e3:.1f}",
            f"{cell * 1e3:.1f}",
            f"{delays.median / cell:.2f}",
            f"{less.median / cell:.2f}",
            "yes" if less.percentile(99) < _TARGET else "**no**",
        )


@dataclass(slots=True)
class _Deltas:
    """A program that fails in the middle, and note of when its iterator was closed."""

    interval: float
    closed_at: float = field(default=0.0, init=False)

    def __iter__(self) -> Iterator[str]:
        try:
            for text in _texts():
                time.sleep(self.interval)
                yield text
        finally:
            self.closed_at = time.monotonic()

    async def __aiter__(self) -> AsyncIterator[str]:
        try:
            for text in _texts():
                await asyncio.sleep(self.interval)
                yield text
                if text == _FAIL and self.interval == _SILENT:
                    await asyncio.sleep(60)
        finally:
            self.closed_at = time.monotonic()


def _texts() -> Iterator[str]:
    after = itertools.repeat("pass\n", 10_000)
    return itertools.chain(["import time\n"], ["pass\n"] * _BEFORE, [_FAIL], after)


_FAIL = "raise RuntimeError(time.monotonic())\n"


def _delay(result: RunResult, deltas: _Deltas) -> float:
    if result.error is None or result.error.ename != "RuntimeError":
        raise RuntimeError(f"the benchmark's program did not fail as it should: {result}")
    return deltas.closed_at - float(result.error.evalue)


def _measure_sync() -> Iterator[_Row]:
    with EagerClient.start() as client:
        for interval in (0.02, 0.002):
            delays, round_trips = [], []
            for _ in range(_RUNS + 1):
                deltas = _Deltas(interval)
                result = client.run(deltas, gate="off", format="python")
                delays.append(_delay(result, deltas))
                start = time.perf_counter()
                client.execute("pass")
                round_trips.append(time.perf_counter() - start)
            yield _Row("synchronous", interval, *_without_first(delays, round_trips))


async def _measure_async() -> list[_Row]:
    rows = []
    async with await AsyncEagerClient.start() as client:
        for interval in (0.02, 0.002, _SILENT):
            delays, round_trips = [], []
            for _ in range(_RUNS + 1):
                deltas = _Deltas(interval)
                result = await client.run(deltas, gate="off", format="python")
                delays.append(_delay(result, deltas))
                start = time.perf_counter()
                await client.execute("pass")
                round_trips.append(time.perf_counter() - start)
            rows.append(_Row("asynchronous", interval, *_without_first(delays, round_trips)))
    return rows


def _without_first(delays: list[float], round_trips: list[float]) -> tuple[Samples, Samples]:
    """The first run of a kernel imports what shows tracebacks."""
    return Samples(tuple(delays[1:])), Samples(tuple(round_trips[1:]))
