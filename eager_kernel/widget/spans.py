"""The lanes of a run while it goes on, from what is heard of it.

The kernel tells states at most 20 times a second and without times, so these spans are as exact
as that. When the run has ended, those of its report take their place.
"""

from __future__ import annotations

from typing import Final, Literal

from eager_kernel.core.lanes import Kind, Span, end_of, lanes, merged
from eager_kernel.core.report import Report

LaneName = Literal["generation", "detection", "execution"]
LANES: Final[tuple[LaneName, ...]] = ("generation", "detection", "execution")

Plain = tuple[float, float, str, int, int, str]
"""Start and finish in seconds, kind, first and last line (0: none), note."""


class LiveLane:
    """Spans of one lane, of limited number, and from which on they have changed."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._changed: int | None = None
        self._least = 0.0

    def add(self, span: Span) -> None:
        """Add a span after all others; one that can't be told apart joins the last."""
        last = self.spans[-1] if self.spans else None
        if last is not None and _joins(last, span, self._least):
            self.extend(span.finish, span.lines)
            return
        self._touch(len(self.spans))
        self.spans.append(span)
        if len(self.spans) > _MOST:
            # Half as many, twice as coarse: what that costs in all is linear.
            self._least = max(self._least * 2, self.spans[-1].finish / _MOST)
            self.spans = merged(self.spans, self._least)
            self._touch(0)

    def extend(self, finish: float, lines: tuple[int, int] | None = None) -> None:
        """Let the last span last until `finish`."""
        if not self.spans:
            return
        last = self.spans[-1]
        both = lines or last.lines
        if lines is not None and last.lines is not None:
            both = (min(last.lines[0], lines[0]), max(last.lines[1], lines[1]))
        self.spans[-1] = Span(last.start, max(last.finish, finish), last.kind, both, last.note)
        self._touch(len(self.spans) - 1)

    def take(self, spans: list[Span]) -> None:
        """Have these spans, in the place of all others."""
        self.spans = spans
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
    """The three lanes of a run that goes on."""

    def __init__(self) -> None:
        self.lanes: dict[LaneName, LiveLane] = {name: LiveLane() for name in LANES}
        self._first_token = False
        self._open: Kind | None = None
        self._last_finish = 0.0

    def delta(self, now: float) -> None:
        """Text came."""
        lane = self.lanes["generation"]
        if not self._first_token:
            self._first_token = True
            lane.add(Span(0.0, now, "first token"))
            lane.add(Span(now, now, "generated"))
        elif now - lane.spans[-1].finish > _PAUSE:
            lane.add(Span(now, now, "generated"))
        else:
            lane.extend(now)

    def chunk(self, state: str, lines: tuple[int, int], now: float, note: str = "") -> None:
        """A chunk changed its state."""
        if state in {"ready", "deferred"} or (state == "held" and self._open is None):
            self.lanes["detection"].add(Span(now, now, "detected", lines))
        lane = self.lanes["execution"]
        if state == "running":
            self._close(now)
            lane.add(Span(now, now, "executed", lines))
            self._open = "executed"
        elif state == "held" and self._open is not None:
            self._close(now)
            lane.add(Span(now, now, "waited", lines, note))
            self._open = "waited"
        elif state in {"done", "failed"}:
            if self._open is None:  # too short to have been told
                lane.add(Span(max(self._last_finish, now - _TICK), now, "executed", lines))
            self._close(now)

    def _close(self, now: float) -> None:
        if self._open is not None:
            self.lanes["execution"].extend(now)
        self._open = None
        self._last_finish = now

    def end(self, report: Report) -> None:
        """Take the exact lanes of a run that has ended."""
        self._open = None
        for lane, spans in zip(self.lanes.values(), exact(report).values(), strict=True):
            lane.take(spans)

    @property
    def open(self) -> Kind | None:
        """What the last span of the execution lane is, if it still goes on: a page lets it grow
        by itself, so that a long statement needs no news.
        """
        return self._open

    @property
    def executed(self) -> float:
        """Seconds of execution so far, without what still runs."""
        return sum(s.finish - s.start for s in self.lanes["execution"].spans if s.kind == _RUNS)


def exact(report: Report) -> dict[LaneName, list[Span]]:
    """The three lanes of a report; so few spans that any page can draw them."""
    least = end_of(report) / _MOST
    generation, detection, queue, execution = (merged(lane.spans, least) for lane in lanes(report))
    # What the gate held is drawn where it would have run, under what did run.
    held = [span for span in queue if span.kind == "held"]
    return {"generation": generation, "detection": detection, "execution": held + execution}


def hidden(report: Report) -> tuple[float, float]:
    """Seconds of execution while the model wrote, and in all."""
    spans = [span for span in lanes(report)[-1].spans if span.kind == _RUNS]
    end = report.generation_s
    whole = sum(span.finish - span.start for span in spans)
    return sum(max(0.0, min(end, span.finish) - span.start) for span in spans), whole


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
_TICK: Final = 0.05
_RUNS: Final[Kind] = "executed"
