"""Spans of generation, detection and execution, and the report they sum to."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from eager_kernel.core import latency
from eager_kernel.core.chunk import Chunk
from eager_kernel.core.figures.progress import Cursor, News, Progress
from eager_kernel.core.gate import Verdict
from eager_kernel.core.report import ChunkReport, Report, WaitReport


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds that threads have taken so far.

    Parameters
    ----------
    program
        The one that runs the program.
    reading
        Those that read its text.
    """

    program: float
    reading: float


NOTHING: Final = Spent(0.0, 0.0)


class Timeline:
    """Notes what happened when, for one run.

    Parameters
    ----------
    start
        When the run began. All times are seconds of one clock, whichever it is.
    """

    def __init__(self, start: float) -> None:
        self._start = start
        self._first_delta: float | None = None
        self._last_delta: float | None = None
        self._chunks: list[_Chunk] = []
        self._lost: list[_Span] = []
        self._batches: list[_Batch] = []
        self._progress = Progress(self._report_of)

    def delta(self, now: float) -> None:
        """A delta arrived."""
        if self._first_delta is None:
            self._first_delta = now
        self._last_delta = now
        self._progress.delta(max(0.0, now - self._start))

    def ready(self, chunk: Chunk, verdict: Verdict, now: float) -> None:
        """A chunk is complete and judged."""
        arrived = self._start if self._last_delta is None else self._last_delta
        self._chunks.append(_Chunk(chunk, verdict, ready=now, delay=max(0.0, now - arrived)))
        self._progress.ready(held=verdict.action == "hold")

    def batch_started(self, now: float, spent: Spent = NOTHING) -> None:
        """The pump took a batch."""
        self._batches.append(_Batch(now, before=spent, after=spent))

    def batch_finished(self, now: float, spent: Spent = NOTHING) -> None:
        """The pump is free again. May be told twice of a batch; the first time counts."""
        if self._batches and self._batches[-1].finish is None:
            self._batches[-1].finish, self._batches[-1].after = now, spent

    @property
    def begun(self) -> bool:
        """Whether any of the program runs, or has run."""
        return bool(self._batches)

    def started(self, index: int, now: float) -> None:
        """A chunk begins to execute."""
        chunk = self._chunks[index]
        chunk.ran = _Span(now)
        chunk.batch = max(0, len(self._batches) - 1)
        self._progress.started(index)

    def finished(self, index: int, now: float) -> None:
        """A chunk has executed."""
        ran = self._chunks[index].ran
        if ran is not None:
            ran.finish = now
            self._progress.finished(index, now - self._start)

    def skipped(self, index: int) -> None:
        """A chunk whose batch began has not run: one before it failed."""
        self._chunks[index].ran = None
        self._progress.skipped(index)

    def cut_back(self, count: int) -> None:
        """The program is written anew after its first `count` chunks."""
        self._lost += [chunk.ran for chunk in self._chunks[count:] if chunk.ran is not None]
        del self._chunks[count:]
        ran = [(i, chunk.ran) for i, chunk in enumerate(self._chunks)]
        finishes = [(i, span.finish - self._start) for i, span in ran if span and span.finish]
        self._progress.cut_back(len(self._chunks), finishes)

    def wait_started(self, index: int, effect: str, line: int, now: float) -> None:
        """A running chunk stands still, at an effect on the outside.

        Parameters
        ----------
        index
            The chunk.
        effect
            What would happen, for a person.
        line
            1-based line of the program.
        now
            The time.
        """
        self._chunks[index].waits.append(_Wait(_Span(now), effect, line))
        self._progress.waits(more=True)

    def wait_finished(self, index: int, now: float) -> None:
        """It goes on."""
        waits = self._chunks[index].waits
        latest = next((wait for wait in reversed(waits) if wait.span.finish is None), None)
        if latest is not None:
            latest.span.finish = now
            self._progress.waits(more=False)

    def news(self, now: float, told: Cursor) -> News | None:
        """What is new at `now`; as `Progress.news`. Its figures are those of the report then."""
        return self._progress.news(now - self._start, told)

    def _report_of(self, index: int, now: float) -> ChunkReport:
        return self._chunks[index].report(self._start, now + self._start)

    def report(self, now: float) -> Report:
        """Sum up a run that ended at `now`, or that has come so far."""
        start = self._start
        chunks = [_Ran(chunk, now) for chunk in self._chunks if chunk.ran is not None]
        batches = [batch.closed(now) for batch in self._batches]
        waits = [wait for chunk in chunks for wait in chunk.waits]
        waited = _covered(waits)
        reading = sum(batch.reading(now, waits) for batch in self._batches)
        # What a batch took beyond the chunks in it is its set-up.
        in_batches = sum(finish - begin for begin, finish in batches)
        spans = [chunk.span for chunk in chunks] + [lost.closed(now) for lost in self._lost]
        set_up = max(0.0, in_batches - _covered(spans))
        setup = set_up / len(batches) if batches else 0.0
        batch_time = max(0.0, in_batches - waited - reading)
        execution = max(0.0, batch_time - set_up)

        ttft = 0.0 if self._first_delta is None else max(0.0, self._first_delta - start)
        generation = 0.0 if self._last_delta is None else max(0.0, self._last_delta - start)
        end_to_end = now - start
        non_overlapped = max(0.0, end_to_end - generation)
        serial = latency.serial_time(generation, setup if chunks else 0.0, execution)
        bounds, regime, critical = (generation, generation), latency.regime(generation, 0.0), None
        if chunks:
            writing = generation - ttft
            delay = max(chunk.delay for chunk in self._chunks)
            most = latency.upper_bound(generation, delay, len(batches) or 1, setup, execution)
            bounds = self._least(chunks, batches, batch_time), most
            regime = latency.regime(max(0.0, writing) / len(chunks), batch_time / len(chunks))
            critical = latency.critical_chunks(max(0.0, writing), execution, setup)
        return Report(
            ttft_s=ttft,
            generation_s=generation,
            execution_s=batch_time,
            end_to_end_s=end_to_end,
            non_overlapped_s=non_overlapped,
            serial_s=serial,
            saved_s=serial - end_to_end,
            hidden_fraction=1.0 - non_overlapped / batch_time if batch_time else 0.0,
            lower_bound_s=max(generation, bounds[0]),
            regime=regime,
            chunks=tuple(chunk.report(start, now) for chunk in self._chunks),
            upper_bound_s=bounds[1],
            setup_s=setup,
            # Infinity is no JSON.
            critical_chunks=critical if critical is not None and math.isfinite(critical) else None,
            held_s=self._held(now, batches),
            waited_s=waited,
            reading_s=reading,
            pauses=tuple(self._progress.pauses),
            repairs=self._progress.repairs,
        )

    def _least(
        self, chunks: list[_Ran], batches: list[tuple[float, float]], batch_time: float
    ) -> float:
        """The lower bound of this very run, from the chunks that ran.

        The text may go on after the last of them: it failed, or prose follows.
        """
        first, last = chunks[0].chunk, chunks[-1].chunk
        setup = 0.0
        if batches and last.batch is not None:
            # With the average instead of its own, this would be no bound.
            begin, finish = batches[last.batch]
            together = _covered(ran.span for ran in chunks if ran.chunk.batch == last.batch)
            setup = max(0.0, finish - begin - together)
        ready = max(0.0, last.ready - self._start)
        return latency.lower_bound(
            latency.generation_bound(
                max(0.0, ready - last.delay), last.delay, setup, chunks[-1].execution
            ),
            # All batches together: N·S and sum x.
            latency.execution_bound(max(0.0, first.ready - self._start), 1, 0.0, batch_time),
        )

    def _held(self, now: float, batches: list[tuple[float, float]]) -> float:
        """How long nothing ran because of the first held chunk; the others wait behind it."""
        held = next((c for c in self._chunks if c.verdict.action == "hold"), None)
        if held is None:
            return 0.0
        begin, end = held.ready, now if held.ran is None else held.ran.start
        busy = _covered((max(begin, a), min(end, b)) for a, b in batches)
        return max(0.0, end - begin - busy)


@dataclass(slots=True)
class _Span:
    start: float
    finish: float | None = None

    def closed(self, now: float) -> tuple[float, float]:
        return self.start, max(self.start, now if self.finish is None else self.finish)


@dataclass(slots=True, kw_only=True)
class _Batch(_Span):
    before: Spent
    after: Spent
    """The same until it has ended."""

    def reading(self, now: float, waits: list[tuple[float, float]]) -> float:
        """By how much it took longer, at most, as text was read; 0 until it has ended.

        No more than the time for which the program's thread did not compute: where it needs no
        lock of the interpreter, both compute at once.
        """
        read = self.after.reading - self.before.reading
        if read <= 0.0:
            return 0.0
        begin, finish = self.closed(now)
        stood = _covered((max(begin, a), min(finish, b)) for a, b in waits)
        idle = finish - begin - stood - (self.after.program - self.before.program)
        return max(0.0, min(read, idle))


@dataclass(slots=True)
class _Wait:
    span: _Span
    effect: str
    line: int


@dataclass(slots=True)
class _Chunk:
    chunk: Chunk
    verdict: Verdict
    ready: float
    delay: float
    ran: _Span | None = None
    batch: int | None = None
    waits: list[_Wait] = field(default_factory=list)

    def report(self, origin: float, now: float) -> ChunkReport:
        chunk, verdict, ran = self.chunk, self.verdict, self.ran
        return ChunkReport(
            index=chunk.index,
            lines=(chunk.first_line, chunk.last_line),
            category=verdict.category,
            action=verdict.action,
            reason=verdict.reason,
            ready=self.ready - origin,
            start=None if ran is None else ran.start - origin,
            finish=None if ran is None or ran.finish is None else ran.finish - origin,
            batch=self.batch,
            delay=self.delay,
            line=verdict.line,
            waits=self._waits(origin, now) if self.waits else (),  # there are thousands of chunks
        )

    def _waits(self, origin: float, now: float) -> tuple[WaitReport, ...]:
        return tuple(
            WaitReport(
                line=wait.line,
                effect=wait.effect,
                start=begin - origin,
                finish=finish - origin,
            )
            for wait in self.waits
            for begin, finish in [self.clipped(wait, now)]
        )

    def clipped(self, wait: _Wait, now: float) -> tuple[float, float]:
        """When it waited; a wait ends with its chunk, whatever was noted."""
        end = now if self.ran is None else self.ran.closed(now)[1]
        begin, finish = wait.span.closed(now)
        return min(begin, end), min(finish, end)


class _Ran:
    """A chunk that has run, or runs at `now`."""

    def __init__(self, chunk: _Chunk, now: float) -> None:
        assert chunk.ran is not None
        self.chunk = chunk
        self.span = chunk.ran.closed(now)
        self.waits = [chunk.clipped(wait, now) for wait in chunk.waits]

    @property
    def execution(self) -> float:
        """`x_i`."""
        return max(0.0, self.span[1] - self.span[0] - _covered(self.waits))


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds covered by spans.

    They overlap where chunks ran as one cell, which they share, and where waits are nested.
    """
    covered, end = 0.0, -math.inf
    for start, finish in sorted(spans):
        covered += max(0.0, finish - max(start, end))
        end = max(end, finish)
    return covered
