"""The lanes of a run while it goes on. When it has ended, those of its report take their place."""

from __future__ import annotations

from typing import Final, Literal

from eager_kernel.core.figures.lanes import Kind, Span, end_of, lanes, merged
from eager_kernel.core.figures.progress import News
from eager_kernel.core.report import Report

LaneName = Literal["generation", "detection", "execution"]
LANES: Final[tuple[LaneName, ...]] = ("generation", "detection", "execution")

Plain = tuple[float, float, str, int, int, str]
"""Start and finish in seconds, kind, first and last line (0: none), note."""


class LiveLane:
    """Spans of one lane, of limited number, and from which on they have changed."""

    def __init__(self) -> None:
        self._kept: list[Span] = []
        self._ends: list[Span] = []
        self._changed: int | None = None
        self._least = 0.0

    @property
    def spans(self) -> list[Span]:
        """All spans."""
        return self._kept + self._ends

    def add(self, span: Span) -> None:
        """Add a span after those that are over; one that can't be told apart joins the last."""
        last = self._kept[-1] if self._kept else None
        if last is not None and _joins(last, span, self._least):
            self._touch(len(self._kept) - 1)
            self._kept[-1] = _both(last, span)
            return
        self._touch(len(self._kept))
        self._kept.append(span)
        if len(self._kept) > _MOST:
            # Half as many, twice as coarse: what that costs in all is linear.
            self._least = max(self._least * 2, self._kept[-1].finish / _MOST)
            self._kept = merged(self._kept, self._least)
            self._touch(0)

    def goes_on(self, spans: list[Span]) -> None:
        """Have the lane end in these spans, which are not over yet."""
        if spans != self._ends:
            self._ends = spans
            self._touch(len(self._kept))

    def take(self, spans: list[Span]) -> None:
        """Have these spans, in the place of all others."""
        self._kept, self._ends, self._least = spans, [], 0.0
        self._touch(0)

    def changed(self) -> tuple[int, list[Plain]] | None:
        """From which span on the lane has changed, and those; None where it has not."""
        if self._changed is None:
            return None
        start, self._changed = self._changed, None
        return start, [_plain(span) for span in self.spans[start:]]

    def everything(self) -> tuple[int, list[Plain]]:
        """All spans."""
        self._changed = None
        return 0, [_plain(span) for span in self.spans]

    def _touch(self, index: int) -> None:
        self._changed = index if self._changed is None else min(self._changed, index)


class Spans:
    """The three lanes of a run that goes on.

    Where a run's own times are told (`times`), they are exact. Of events without times, only when
    they were heard is known: statements too short to be told apart then count as nothing.
    """

    def __init__(self) -> None:
        self.lanes: dict[LaneName, LiveLane] = {name: LiveLane() for name in LANES}
        self.timed = False
        """Whether the run tells its times."""
        self._hearing = _Hearing(self.lanes)

    def delta(self, now: float) -> None:
        """Text came."""
        if not self.timed:
            self._hearing.delta(now)

    def chunk(self, state: str, lines: tuple[int, int], now: float, note: str = "") -> None:
        """A chunk changed its state."""
        if not self.timed:
            self._hearing.chunk(state, lines, now, note)

    def times(self, news: News) -> None:
        """Take what a run tells of its times."""
        if not self.timed or news.whole:
            for lane in self.lanes.values():
                lane.take([])
        self.timed = True
        told = news.generation, news.detection, news.execution
        for lane, spans in zip(self.lanes.values(), told, strict=True):
            for span in spans:
                lane.add(span)
        self.lanes["generation"].goes_on(news.writing)
        self.lanes["execution"].goes_on(news.running)

    def end(self, report: Report) -> None:
        """Take the exact lanes of a run that has ended."""
        self._hearing.open = None
        for lane, spans in zip(self.lanes.values(), exact(report).values(), strict=True):
            lane.take(spans)

    @property
    def open(self) -> Kind | None:
        """What the last span of the execution lane is, if it still goes on, as far as it was
        heard.
        """
        return self._hearing.open

    def executed(self, now: float) -> float:
        """Seconds of execution so far, as far as they were heard."""
        spans = self.lanes["execution"].spans
        return sum(s.finish - s.start for s in spans if s.kind == _RUNS) + (
            now - spans[-1].finish if self.open == _RUNS and spans else 0.0
        )


class _Hearing:
    """Makes spans of events without times, by when they were heard."""

    def __init__(self, lanes: dict[LaneName, LiveLane]) -> None:
        self.open: Kind | None = None
        self._lanes = lanes
        self._since: tuple[float, tuple[int, int], str] = (0.0, (0, 0), "")
        self._text: tuple[float, float] | None = None

    def delta(self, now: float) -> None:
        lane = self._lanes["generation"]
        if self._text is None:
            lane.add(Span(0.0, now, "first token"))
            self._text = now, now
        elif now - self._text[1] > _PAUSE:
            lane.add(Span(*self._text, "generated"))
            self._text = now, now
        else:
            self._text = self._text[0], now
        lane.goes_on([Span(*self._text, "generated")])

    def chunk(self, state: str, lines: tuple[int, int], now: float, note: str) -> None:
        if state in {"ready", "deferred"} or (state == "held" and self.open is None):
            self._lanes["detection"].add(Span(now, now, "detected", lines))
        if state == "running" or (state == "held" and self.open is not None):
            self._close(now)
            self.open = "executed" if state == "running" else "waited"
            self._since = now, lines, note if state == "held" else ""
            self._lanes["execution"].goes_on([Span(now, now, self.open, lines, self._since[2])])
        elif state in {"done", "failed"}:
            if self.open is None:  # too short to have been told
                self._lanes["execution"].add(Span(now, now, "executed", lines))
            self._close(now)

    def _close(self, now: float) -> None:
        if self.open is not None:
            start, lines, note = self._since
            self._lanes["execution"].add(Span(start, now, self.open, lines, note))
            self._lanes["execution"].goes_on([])
        self.open = None


def exact(report: Report) -> dict[LaneName, list[Span]]:
    """The three lanes of a report; so few spans that any page can draw them."""
    least = end_of(report) / _MOST
    generation, detection, queue, execution = (merged(lane.spans, least) for lane in lanes(report))
    # What the gate held is drawn where it would have run, under what did run.
    held = [span for span in queue if span.kind == "held"]
    return {"generation": generation, "detection": detection, "execution": held + execution}


def _both(last: Span, span: Span) -> Span:
    """Two spans as one."""
    lines = last.lines or span.lines
    if last.lines is not None and span.lines is not None:
        lines = min(last.lines[0], span.lines[0]), max(last.lines[1], span.lines[1])
    return Span(last.start, max(last.finish, span.finish), last.kind, lines, last.note)


def _joins(last: Span, span: Span, least: float) -> bool:
    return (
        last.kind == span.kind
        and span.start - last.finish <= least
        and (span.finish - span.start < least or last.finish - last.start < least)
    )


def _plain(span: Span) -> Plain:
    first, last = span.lines or (0, 0)
    return (round(span.start, 4), round(span.finish, 4), span.kind, first, last, span.note)


_MOST: Final = 300
_PAUSE: Final = 0.6
"""Seconds without text after which generation is drawn anew."""
_RUNS: Final[Kind] = "executed"
