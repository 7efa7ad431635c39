"""A cell in which the model writes more than once: when it goes on, and what it took.

A step is one program of such a cell: its text, its run, and what the model is told of it. What
comes after a step is decided here, from what is known of it; whoever owns the cell does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from eager_kernel.core.cost import Tokens
from eager_kernel.core.report import ChunkReport, Report, StepReport, WaitReport

StepEnd = Literal["ran", "failed", "answered", "silent", "interrupted", "lost"]
"""How a step ended: its program ran; it failed, was cut off or does not parse; there was none, but
words; neither; the user stopped it; or something else than its program ended it."""

Ended = Literal["answered", "silent", "stopped", "lost", "steps", "tokens", "seconds", "replayed"]
"""Why no step follows."""

AFTER: Final[dict[StepEnd, Ended | None]] = {
    "ran": None,
    "failed": None,
    "answered": "answered",
    "silent": "silent",
    "interrupted": "stopped",
    "lost": "lost",
}
"""What a step's end is for its cell; None: the model may go on."""

SAID: Final[dict[Ended, str]] = {
    "answered": "the model has answered",
    "silent": "the model wrote nothing more",
    "stopped": "stopped",
    "lost": "it could not go on",
    "steps": "{steps} of {steps} steps are done",
    "tokens": "the budget of {tokens:,} tokens is spent",
    "seconds": "the budget of {seconds:g} s is spent",
    "replayed": "all of its steps have been replayed",
}
"""What is said of it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a cell may cost; None: as much as it likes.

    Parameters
    ----------
    steps
        Programs.
    tokens
        Tokens in and out, of all requests together.
    seconds
        From the first request on. A step that has begun then is stopped.
    """

    steps: int = 1
    tokens: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a cell has cost so far, in the units of a `Budget`."""

    steps: int
    tokens: int = 0
    seconds: float = 0.0


def what_follows(end: StepEnd, budget: Budget, spent: Spent) -> Ended | None:
    """Decide whether the model goes on after a step.

    Parameters
    ----------
    end
        How the step ended.
    budget, spent
        What the cell may cost, and what it has cost with this step.

    Returns
    -------
    Ended or None
        Why not; None: it goes on.
    """
    if (ended := AFTER[end]) is not None:
        return ended
    if spent.steps >= budget.steps:
        return "steps"
    if budget.tokens is not None and spent.tokens >= budget.tokens:
        return "tokens"
    if budget.seconds is not None and spent.seconds >= budget.seconds:
        return "seconds"
    return None


def longest_answer(wanted: int | None, budget: Budget, spent: Spent) -> int | None:
    """How many tokens the next answer may have: no more than are left.

    Parameters
    ----------
    wanted
        What was asked for; None: as the model has it.
    """
    if budget.tokens is None:
        return wanted
    left = max(1, budget.tokens - spent.tokens)
    return left if wanted is None else min(wanted, left)


def said_of(ended: Ended, budget: Budget) -> str:
    """Why no step follows, for a person."""
    return SAID[ended].format(steps=budget.steps, tokens=budget.tokens, seconds=budget.seconds)


def joined(programs: Sequence[str]) -> str:
    """The programs of a cell as one text, each after an empty line."""
    whole = ""
    for program in programs:
        whole += gap(whole) + program
    return whole


def gap(before: str) -> str:
    """What stands between a text and the program of the next step."""
    if not before:
        return ""
    return "\n" if before.endswith("\n") else "\n\n"


@dataclass(frozen=True, slots=True)
class Step:
    """What is known of a step that has ended.

    Parameters
    ----------
    begin
        Seconds from the cell's first request to its own.
    program
        Its code text.
    report
        Its timings, from its own request on.
    tokens
        What its answers cost.
    status
        How its run ended, as a result of the protocol says it.
    """

    begin: float
    program: str
    report: Report
    tokens: Tokens
    status: str


def as_one(steps: Sequence[Step], end: float) -> Report:
    """The report of a cell of several steps, as of one run.

    Parameters
    ----------
    steps
        Its steps, at least one.
    end
        Seconds from its first request to its end.
    """
    if len(steps) == 1 and not steps[0].begin:
        return replace(steps[0].report, steps=(_step(steps[0], 1, 0.0),))
    last = steps[-1]
    chunks: list[ChunkReport] = []
    told: list[StepReport] = []
    pauses: list[tuple[float, float]] = []
    whole, lines, batches, finish = "", 0, 0, 0.0
    for number, step in enumerate(steps, 1):
        whole += gap(whole) if step.program else ""
        lines = whole.count("\n")
        first = step.begin + step.report.ttft_s
        told.append(_step(step, number, max(0.0, first - finish) if number > 1 else 0.0))
        if number > 1:
            pauses.append((finish, first))
        pauses += [(step.begin + a, step.begin + b) for a, b in step.report.pauses]
        for chunk in step.report.chunks:
            chunks.append(_moved(chunk, len(chunks), step.begin, lines, batches))
        batches = max([batches, *(c.batch + 1 for c in chunks if c.batch is not None)])
        whole += step.program
        finish = step.begin + step.report.end_to_end_s
    reports = [step.report for step in steps]
    execution = sum(report.execution_s for report in reports)
    open_ends = sum(report.non_overlapped_s for report in reports)
    # Between the end of a step and the next request, nobody writes and nothing runs.
    busy = sum(report.end_to_end_s for report in reports)
    serial = sum(report.serial_s for report in reports) + max(0.0, end - busy)
    return Report(
        ttft_s=reports[0].ttft_s,
        generation_s=last.begin + last.report.generation_s,
        execution_s=execution,
        end_to_end_s=end,
        non_overlapped_s=open_ends,
        serial_s=serial,
        saved_s=serial - end,
        hidden_fraction=1.0 - open_ends / execution if execution else 0.0,
        lower_bound_s=sum(report.lower_bound_s for report in reports),
        regime=max(reports, key=lambda report: report.end_to_end_s).regime,
        chunks=tuple(chunks),
        upper_bound_s=sum(report.upper_bound_s for report in reports),
        setup_s=max(report.setup_s for report in reports),
        critical_chunks=None,
        held_s=sum(report.held_s for report in reports),
        waited_s=sum(report.waited_s for report in reports),
        reading_s=sum(report.reading_s for report in reports),
        pauses=tuple(pauses),
        repairs=sum(report.repairs for report in reports),
        steps=tuple(told),
    )


def _step(step: Step, number: int, waited: float) -> StepReport:
    report = step.report
    return StepReport(
        number=number,
        status=step.status,
        begin=step.begin,
        seconds=report.end_to_end_s,
        wait_s=waited,
        ttft_s=report.ttft_s,
        generation_s=report.generation_s,
        execution_s=report.execution_s,
        saved_s=report.saved_s,
        tokens_in=step.tokens.input,
        tokens_out=step.tokens.output,
        tokens_cached=step.tokens.cached,
        estimated=step.tokens.estimated,
    )


def _moved(chunk: ChunkReport, index: int, seconds: float, lines: int, batches: int) -> ChunkReport:
    """A chunk of a step, as one of the whole cell."""

    def at(time: float | None) -> float | None:
        return None if time is None else time + seconds

    def line(number: int) -> int:
        return number + lines if number else 0

    return replace(
        chunk,
        index=index,
        lines=(chunk.lines[0] + lines, chunk.lines[1] + lines),
        ready=chunk.ready + seconds,
        start=at(chunk.start),
        finish=at(chunk.finish),
        batch=None if chunk.batch is None else chunk.batch + batches,
        line=line(chunk.line),
        waits=tuple(
            WaitReport(
                line=line(wait.line),
                effect=wait.effect,
                start=wait.start + seconds,
                finish=wait.finish + seconds,
            )
            for wait in chunk.waits
        ),
    )
