"""What a run has taken so far, at any moment: the figures of its report, before there is one.

A report costs as much as its program is long. These figures are asked for many times a second, so
what has ended is summed up once. The spans are those of `eager_kernel.core.figures.lanes`, made by
the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from eager_kernel.core.figures.lanes import Kind, Span, held_of, hidden_part, stretch, written
from eager_kernel.core.report import ChunkReport

ReportOf = Callable[[int, float], ChunkReport]
"""Gives the report of a chunk as it is at a moment."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A run at one moment. Seconds from its start.

    Parameters
    ----------
    at
        The moment.
    ttft_s, generation_s
        As of a `Report`.
    executed_s
        How long statements have run, without where they stood still.
    hidden_s
        How much of that was while the model wrote.
    open
        What the last span of execution is, if it still goes on; None: nothing does.
    """

    at: float
    ttft_s: float
    generation_s: float
    executed_s: float
    hidden_s: float
    open: Kind | None


@dataclass(frozen=True, slots=True)
class News:
    """What is new in the lanes of a run, and its figures.

    Parameters
    ----------
    figures
        The run now.
    whole
        Whether these are all spans, because earlier ones no longer count.
    generation, detection, execution
        Spans that follow those that were told before.
    writing, running
        What goes on, at the ends of the first lane and of the last: it takes the place of what
        was told there before.
    """

    figures: Figures
    whole: bool
    generation: list[Span]
    detection: list[Span]
    execution: list[Span]
    writing: list[Span]
    running: list[Span]


@dataclass(slots=True)
class Cursor:
    """What has been told of a run to somebody."""

    version: int = -1
    chunks: int = 0
    generated: float = 0.0
    detected: float = 0.0
    spans: int = 0
    seen: tuple[object, ...] = ()


@dataclass(slots=True)
class Progress:
    """Sums up what has run. All times are seconds from the start of the run.

    Parameters
    ----------
    report_of
        Gives the report of a chunk.
    """

    report_of: ReportOf
    ttft: float | None = None
    generation: float = 0.0
    pauses: list[tuple[float, float]] = field(default_factory=list)
    """Between two answers, when the model did not write."""
    repairs: int = 0
    _pausing: bool = False
    _chunks: int = 0
    _held: int | None = None
    _group: list[int] = field(default_factory=list)
    _open: set[int] = field(default_factory=set)
    _group_end: float = 0.0
    _closed: list[tuple[list[int], float]] = field(default_factory=list)
    """Groups that are not summed up yet, and when each ended."""
    _waiting: int = 0
    _spans: list[Span] = field(default_factory=list)
    _executed: float = 0.0
    _hidden: float = 0.0
    _settled: int = 0
    _version: int = 0

    # What happens ---------------------------------------------------------------------------

    def delta(self, at: float) -> None:
        """Text came."""
        if self._pausing:
            self._pausing = False
            self.pauses.append((self.generation, at))
        if self.ttft is None:
            self.ttft = at
        self.generation = max(self.generation, at)

    def ready(self, *, held: bool) -> None:
        """A chunk is complete."""
        if held and self._held is None:
            self._held = self._chunks
        self._chunks += 1

    def started(self, index: int) -> None:
        """A chunk runs."""
        if self._group and not self._open:
            self._close_group()
        self._group.append(index)
        self._open.add(index)

    def waits(self, *, more: bool) -> None:
        """What runs stands still, or goes on."""
        self._waiting = max(0, self._waiting + (1 if more else -1))

    def finished(self, index: int, at: float) -> None:
        """It has run."""
        self._open.discard(index)
        self._waiting = 0
        self._group_end = max(self._group_end, at)
        if not self._open:
            self._close_group()

    def skipped(self, index: int) -> None:
        """It has not run after all."""
        self._open.discard(index)
        if index in self._group:
            self._group.remove(index)
        if self._group and not self._open:
            self._close_group()

    def cut_back(self, count: int, finishes: Iterable[tuple[int, float]]) -> None:
        """The program is written anew after its first `count` chunks.

        Parameters
        ----------
        count
            How many chunks stay.
        finishes
            Of those that have run, which and until when.
        """
        self.repairs += 1
        self._pausing = self.ttft is not None
        self._version += 1
        self._chunks = count
        if self._held is not None and self._held >= count:
            self._held = None
        self._group, self._open, self._closed, self._spans = [], set(), [], []
        self._waiting = 0
        self._executed = self._hidden = self._group_end = 0.0
        self._settled = 0
        for index, finish in finishes:
            # Those that ran as one cell overlap.
            if self._group and (self.report_of(index, finish).start or 0.0) >= self._group_end:
                self._close_group()
            self._group.append(index)
            self._group_end = max(self._group_end, finish)
        if self._group:
            self._close_group()

    def _close_group(self) -> None:
        # The program waits meanwhile, and perhaps nobody asks.
        self._closed.append((self._group, self._group_end))
        self._group = []

    # What it comes to -----------------------------------------------------------------------

    def _sum_up(self) -> None:
        for group, end in self._closed:
            spans = list(stretch([self.report_of(i, end) for i in group], end))
            self._spans += spans
            self._executed += sum(map(_running, spans))
        self._closed.clear()

    def figures(self, now: float) -> Figures:
        """The run at a moment; costs what is new."""
        self._sum_up()
        ongoing = self._ongoing(now)
        while self._settled < len(self._spans):
            span = self._spans[self._settled]
            if span.finish > self.generation:
                break
            self._hidden += self._hidden_part(span)
            self._settled += 1
        # Of the rest, only the first may have begun before the last text.
        rest = self._spans[self._settled : self._settled + 1] + ongoing
        held = [span for span in self._held_now(now) if span.finish == now]
        last: Kind | None = held[-1].kind if held else None
        if ongoing:
            last = ongoing[-1].kind
        return Figures(
            at=now,
            ttft_s=self.ttft or 0.0,
            generation_s=self.generation,
            executed_s=self._executed + sum(map(_running, ongoing)),
            hidden_s=self._hidden + sum(map(self._hidden_part, rest)),
            open=last,
        )

    def _hidden_part(self, span: Span) -> float:
        return hidden_part(span, self.generation, self.pauses)

    def news(self, now: float, told: Cursor) -> News | None:
        """What is new since `told`, which is brought up to date; None if nothing is.

        That what runs goes on running is nothing new.
        """
        self._sum_up()
        running = self._group[0] if self._group else None
        waits = self._waiting, 0 if running is None else len(self.report_of(running, now).waits)
        seen = (self._version, self._chunks, self.generation, len(self._spans), running, waits)
        if seen == told.seen:
            return None
        told.seen = seen
        whole = told.version != self._version
        if whole:
            told.version, told.chunks, told.spans = self._version, 0, 0
            told.generated = told.detected = 0.0
        generation, detection = [], []
        if self.ttft and not told.generated:
            told.generated = self.ttft
            generation.append(Span(0.0, self.ttft, "first token"))
        for index in range(told.chunks, self._chunks):
            chunk = self.report_of(index, now)
            until = max(told.generated, chunk.ready - chunk.delay)
            generation += written(told.generated, until, self.pauses, chunk.lines)
            told.generated = until
            begin = max(told.detected, chunk.ready - chunk.delay)
            told.detected = max(begin, chunk.ready)
            detection.append(Span(begin, told.detected, "detected", chunk.lines))
        told.chunks = self._chunks
        writing: list[Span] = []
        if self.generation > told.generated:
            writing += written(told.generated, self.generation, self.pauses)
        execution = self._spans[told.spans :]
        told.spans = len(self._spans)
        return News(
            self.figures(now),
            whole,
            generation,
            detection,
            execution,
            writing,
            [*self._held_now(now), *self._ongoing(now)],
        )

    def _held_now(self, now: float) -> list[Span]:
        """Where the first held chunk waits, or has waited."""
        if self._held is None:
            return []
        first = self.report_of(self._held, now)
        last = self.report_of(self._chunks - 1, now)
        return [held_of(first, last, now if first.start is None else first.start)]

    def _ongoing(self, now: float) -> list[Span]:
        """The spans of what runs now; the last of them goes on."""
        if not self._group:
            return []
        # Of a program that runs as one cell, all chunks run at once: what is between the first
        # and the last of them matters only where it stood still.
        group = self._group
        if len(group) > _MANY:
            between = [i for i in group[1:-1] if self.report_of(i, now).waits]
            group = [group[0], *between, group[-1]]
        spans = list(stretch([self.report_of(index, now) for index in group], now))
        kind: Kind = "waited" if self._waiting else "executed"
        if not spans or spans[-1].kind != kind:  # it has just begun
            spans.append(Span(now, now, kind))
        return spans


def _running(span: Span) -> float:
    return span.finish - span.start if span.kind == "executed" else 0.0


_MANY: Final = 8
