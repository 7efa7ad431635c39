"""A report as lanes of spans: what every picture of a run draws.

Four lanes share one axis of time. *generation*: the first token, then each chunk from the one
before it. *detection*: from a chunk's last delta until it is known to be complete. *queue*:
complete chunks that do not run yet. *execution*: what runs, and where it stands still.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from eager_kernel.core.report import ChunkReport, Report
from eager_kernel.core.text.phrases import line_range, plain, seconds

Kind = Literal[
    "first token", "generated", "detected", "ready", "deferred", "held", "executed", "waited"
]


@dataclass(frozen=True, slots=True)
class Look:
    """How a kind of time is shown, in whatever picture of a run.

    Parameters
    ----------
    meaning
        What a legend says.
    colour
        ``#rrggbb``, of middling brightness: its contrast is at least 3 to white and to ``#111``.
    style
        The colour on a terminal, as `rich` has it.
    sign
        The character of a column that it fills; behind it smaller ones, for a part of a column.
    ascii
        The same, where there is nothing but ASCII.
    stripes
        What marks it besides its colour, where a program stands still: the stripes of a square of
        8 by 8, as a path of SVG. Empty for none.
    """

    meaning: str
    colour: str
    style: str
    sign: str
    ascii: str
    stripes: str = ""


LOOKS: Final[dict[Kind, Look]] = {
    "first token": Look("until the first token", "#8a8a8a", "dim", "·", "."),
    "generated": Look("written by the model", "#3b78c3", "blue", "▒", "="),
    "detected": Look("found to be complete", "#8f62c9", "magenta", "╵", "'"),
    "ready": Look("ready, behind other code", "#767676", "dim", "─", "-"),
    "deferred": Look(
        "put off, to run with what follows", "#17868a", "cyan", "┄", "~", stripes="M0 4H8"
    ),
    "held": Look(
        "held by the gate", "#bd6612", "yellow", "▚", "x", stripes="M-2 2L2 -2M0 8L8 0M6 10L10 6"
    ),
    "executed": Look("executed", "#2f8a4e", "green", "█▌▏", "#|"),
    "waited": Look(
        "stood still at an effect", "#cc4365", "red", "░", "?", stripes="M0 0L8 8M8 0L0 8"
    ),
}
"""All kinds of time, in the order of a legend. The page has a copy: `eager_kernel.widget.looks`."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a lane, in seconds from the start of the run.

    Parameters
    ----------
    start, finish
        When.
    kind
        What it was.
    lines
        First and last line of the program that it is about; None for none.
    note
        More about it, for a person: plain text of limited length.
    """

    start: float
    finish: float
    kind: Kind
    lines: tuple[int, int] | None = None
    note: str = ""

    @property
    def label(self) -> str:
        """The span in words."""
        what = line_range(*self.lines) + " " if self.lines is not None else ""
        text = f"{what}{LOOKS[self.kind].meaning}, {seconds(self.finish - self.start)}"
        return text[0].upper() + text[1:] + (f": {self.note}" if self.note else "")


@dataclass(frozen=True, slots=True)
class Lane:
    """Spans that do not overlap, in order of time."""

    name: str
    spans: tuple[Span, ...]


def lanes(report: Report) -> tuple[Lane, ...]:
    """The four lanes of a run."""
    return (
        Lane("generation", tuple(_generation(report))),
        Lane("detection", tuple(_detection(report))),
        Lane("queue", tuple(_queue(report))),
        Lane("execution", tuple(_execution(report))),
    )


def hidden(report: Report) -> tuple[float, float]:
    """Seconds of execution while the model wrote, and in all."""
    spans = [span for span in lanes(report)[-1].spans if span.kind == "executed"]
    whole = sum(span.finish - span.start for span in spans)
    return sum(hidden_part(span, report.generation_s, report.pauses) for span in spans), whole


def hidden_part(span: Span, generation: float, pauses: Iterable[tuple[float, float]]) -> float:
    """How much of a span was executed while the model wrote.

    Parameters
    ----------
    span
        Of the lane of execution.
    generation
        When the last text came.
    pauses
        Between two answers, when the model did not write.
    """
    if span.kind != "executed":
        return 0.0
    end = min(generation, span.finish)
    missed = sum(max(0.0, min(end, b) - max(span.start, a)) for a, b in pauses)
    return max(0.0, end - span.start - missed)


def end_of(report: Report) -> float:
    """The last moment that a picture shows."""
    finishes = (chunk.finish or 0.0 for chunk in report.chunks)
    return max(report.end_to_end_s, report.generation_s, *finishes, 0.0)


def merged(spans: Iterable[Span], least: float) -> list[Span]:
    """Spans of which none is drawn where another one is; so there are few of them.

    Parameters
    ----------
    spans
        In order, as in a lane.
    least
        Seconds below which nothing can be told apart. Shorter spans join the one before them;
        if both are that short, the one that matters more gives its kind. So short a time in
        the queue is no news.
    """
    drawn: list[Span] = []
    for span in spans:
        last = drawn[-1] if drawn else None
        short = span.finish - span.start < least
        if short and span.kind in {"ready", "deferred"}:
            continue
        if short and last is not None:
            touches = span.start - last.finish < least and span.kind == last.kind
            same_place = span.finish - last.start < least
            if touches or same_place:
                drawn[-1] = _joined(last, span)
                continue
        drawn.append(span)
    return drawn


def _joined(one: Span, other: Span) -> Span:
    leading = max(one, other, key=lambda span: _MATTERS[span.kind])
    lines = one.lines or other.lines
    if one.lines is not None and other.lines is not None:
        lines = one.lines[0], max(one.lines[1], other.lines[1])
    return replace(leading, start=one.start, finish=max(one.finish, other.finish), lines=lines)


# The lanes ------------------------------------------------------------------------------------


def _generation(report: Report) -> Iterator[Span]:
    at = report.ttft_s
    if at > 0:
        yield Span(0.0, at, "first token")
    for chunk in report.chunks:
        generated = max(at, chunk.ready - chunk.delay)
        yield from written(at, generated, report.pauses, chunk.lines)
        at = generated
    if report.generation_s > at:
        yield from written(at, report.generation_s, report.pauses, note="after the last statement")


def written(
    start: float,
    finish: float,
    pauses: Iterable[tuple[float, float]],
    lines: tuple[int, int] | None = None,
    note: str = "",
) -> Iterator[Span]:
    """Spans of text that was written, with the pauses between two answers."""
    for begin, end in pauses:
        if start <= begin < end <= finish:
            if begin > start:
                yield Span(start, begin, "generated", lines, note)
            yield Span(begin, end, "first token")
            start = end
    yield Span(start, finish, "generated", lines, note)


def _detection(report: Report) -> Iterator[Span]:
    at = 0.0
    for chunk in report.chunks:
        begin = max(at, chunk.ready - chunk.delay)
        at = max(begin, chunk.ready)
        yield Span(begin, at, "detected", chunk.lines)


def _queue(report: Report) -> list[Span]:
    """Where several chunks wait, the one that holds the others up counts."""
    chunks = report.chunks
    until = _left_queue(report)
    first_held = next((i for i, c in enumerate(chunks) if c.action == "hold"), len(chunks))
    held = []
    if first_held < len(chunks):
        held = [held_of(chunks[first_held], chunks[-1], until[first_held])]
    waits = [
        Span(c.ready, max(c.ready, finish), "deferred" if c.action == "defer" else "ready", c.lines)
        for c, finish in zip(chunks, until, strict=True)
    ]
    ready = _without(_union(w for w in waits if w.kind == "ready"), held)
    deferred = _union(w for w in waits if w.kind == "deferred")
    deferred = _without(_without(deferred, held), ready)
    return sorted([*held, *ready, *deferred], key=lambda span: span.start)


def held_of(chunk: ChunkReport, last: ChunkReport, until: float) -> Span:
    """The span in which a held chunk keeps all to the last one waiting."""
    note = f"{line_range(chunk.line, chunk.line)} " if chunk.line else ""
    note += plain(chunk.reason)
    lines = chunk.lines[0], last.lines[1]
    return Span(chunk.ready, max(chunk.ready, until), "held", lines, note)


def _left_queue(report: Report) -> list[float]:
    """When each chunk's batch was taken, or its waiting was over without that."""
    batches: dict[int | None, float] = {}
    end = stopped = end_of(report)
    for chunk in report.chunks:
        if chunk.start is not None:
            batches.setdefault(chunk.batch, chunk.start)
            stopped = end if chunk.finish is None else chunk.finish
    # What never ran, although the gate let it, was given up when the last one failed.
    return [
        batches[c.batch] if c.start is not None else stopped if c.action == "run" else end
        for c in report.chunks
    ]


def _execution(report: Report) -> Iterator[Span]:
    end = end_of(report)
    group: list[ChunkReport] = []
    until = 0.0
    for chunk in (c for c in report.chunks if c.start is not None):
        assert chunk.start is not None
        # Chunks that ran as one cell share its time.
        if group and chunk.start >= until:
            yield from stretch(group, until)
            group = []
        group.append(chunk)
        until = max(until, chunk.start, end if chunk.finish is None else chunk.finish)
    if group:
        yield from stretch(group, until)


def stretch(group: Sequence[ChunkReport], finish: float) -> Iterator[Span]:
    """Spans of chunks that ran without a break, until `finish`."""
    at = group[0].start or 0.0
    lines = group[0].lines[0], group[-1].lines[1]
    waits = sorted(
        ((wait, chunk) for chunk in group for wait in chunk.waits), key=lambda each: each[0].start
    )
    for wait, chunk in waits:
        if wait.start > at:
            yield Span(at, wait.start, "executed", lines)
        if wait.finish > at:
            where = (wait.line, wait.line) if wait.line else chunk.lines
            note = plain(wait.effect)
            yield Span(max(at, wait.start), wait.finish, "waited", where, note)
        at = max(at, wait.finish)
    if finish > at or not waits:
        yield Span(at, max(at, finish), "executed", lines)


# Sets of spans --------------------------------------------------------------------------------


def _union(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for span in spans:
        if joined and span.start <= joined[-1].finish:
            joined[-1] = _joined(joined[-1], span)
        elif span.finish > span.start:
            joined.append(span)
    return joined


def _without(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """What of `spans` is outside `others`; both in order."""
    left, i = [], 0
    for span in spans:
        at = span.start
        while i < len(others) and others[i].finish <= at:
            i += 1
        j = i
        while j < len(others) and others[j].start < span.finish:
            if others[j].start > at:
                left.append(replace(span, start=at, finish=others[j].start))
            at = max(at, others[j].finish)
            j += 1
        if at < span.finish:
            left.append(replace(span, start=at))
    return left


# Where two share a place, the rarer one is the one to see.
_MATTERS: Final[dict[Kind, int]] = {kind: rank for rank, kind in enumerate(LOOKS)}
