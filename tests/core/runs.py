"""Reports of runs that never were: made of times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.figures.timeline import Timeline
from eager_kernel.core.gate import Verdict
from eager_kernel.core.report import Report

START = 100.0

HOSTILE = (
    "\x1b[31m[red]<script>alert('1')</script>]]>&amp;\x00\x07\n\u202e\ud800\ufffe[/red]"
    "\x1b]0;title\x07\x9b2J\"'`" + "long " * 100
)
"""What a reason or an effect may hold, as the model wrote its names."""


@dataclass
class Part:
    """A chunk, when it was ready, and when it ran; seconds from the start of the run."""

    ready: float
    start: float | None = None
    finish: float | None = None
    action: Literal["run", "defer", "hold"] = "run"
    reason: str = ""
    lines: int = 1
    waits: tuple[tuple[float, float, str], ...] = ()
    delay: float = 0.0


_CATEGORIES = {"run": "plain", "defer": "low-yield", "hold": "timing"}


def report_of(
    *parts: Part, generation: float, end: float, ttft: float = 0.5, one_cell: bool = False
) -> Report:
    """The report of a run in which each part was a batch, or all were one cell."""
    timeline = Timeline(START)
    timeline.delta(START + ttft)
    line = 1
    first_lines = []
    for index, part in enumerate(parts):
        last = line + part.lines - 1
        chunk = Chunk("x\n" * part.lines, index, line, last)
        verdict = Verdict(part.action, _CATEGORIES[part.action], part.reason, line)
        first_lines.append(line)
        line = last + 1
        timeline.delta(START + part.ready - part.delay)
        timeline.ready(chunk, verdict, START + part.ready)
    timeline.delta(START + generation)
    ran: list[tuple[int, Any]] = [(i, part) for i, part in enumerate(parts) if part.start]
    if one_cell:
        timeline.batch_started(START + ran[0][1].start)
    for index, part in ran:
        if not one_cell:
            timeline.batch_started(START + part.start)
        timeline.started(index, START + part.start)
        for begin, finish, effect in part.waits:
            timeline.wait_started(index, effect, first_lines[index], START + begin)
            timeline.wait_finished(index, START + finish)
        if part.finish is not None:
            timeline.finished(index, START + part.finish)
            if not one_cell:
                timeline.batch_finished(START + part.finish)
    if one_cell:
        timeline.batch_finished(START + ran[-1][1].finish)
    return timeline.report(START + end)


def hostile_report() -> Report:
    """A run whose waits and verdicts say what a hostile program would have them say."""
    return report_of(
        Part(1, 1, 3, waits=((1.5, 2.5, HOSTILE),)),
        Part(2, 4, 4.5, "hold", HOSTILE),
        generation=4,
        end=5,
    ).with_files({f"/a/{HOSTILE}": 1}, undone=True)
