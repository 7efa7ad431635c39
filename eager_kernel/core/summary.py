"""A report in a few sentences: what was hidden, what was held, and what would have helped."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from eager_kernel.core import latency
from eager_kernel.core.figures.lanes import hidden, lanes
from eager_kernel.core.report import ChunkReport, Report
from eager_kernel.core.text.phrases import line_range, listing, part_of, plain, seconds


def summarise(report: Report, *, saving: bool = True, advice: bool = True) -> str:
    """Say what happened in a run, in at most ten lines of plain text.

    Reasons and effects, which a model may have written, are cut short and without control
    characters; they may still hold markup of whatever shows the text.

    Parameters
    ----------
    report
        The run.
    saving
        Whether to say what was saved, by the run's own figures. A serial run that was measured
        says it better.
    advice
        Whether to say what would have helped. Of a run that did not end well it is beside the
        point.
    """
    run = _Run(report)
    saved = _saved(run) if saving else ""
    sentences = [
        _steps(report),
        _cost(report),
        _repaired(run),
        _hidden(run, waited=advice),
        saved,
        _held(run),
        _waited(run),
        _read(run),
        _files(run),
        _not_run(run),
        _help(run) if advice and len(report.steps) < 2 else "",
    ]
    return "\n".join(sentence for sentence in sentences if sentence)


class _Run:
    """What the sentences are about."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.chunks = report.chunks
        self.ran = [chunk for chunk in report.chunks if chunk.start is not None]
        executed = [span for span in lanes(report)[-1].spans if span.kind == "executed"]
        # Measured, not `hidden_fraction`: what follows the last token is not only execution.
        self.hidden, self.execution = hidden(report)
        self.finish = max((span.finish for span in executed), default=0.0)
        """When the last statement had run."""
        # Chunks that ran as one cell have no times of their own.
        self.as_one_cell = any(
            one.finish is None or (other.start or 0.0) < one.finish
            for one, other in pairwise(self.ran)
        )
        self.first_held = next((c for c in self.chunks if c.action == "hold"), None)
        self.waits = [(wait, chunk) for chunk in self.chunks for wait in chunk.waits]
        # Less than this is noise, and no news.
        self.notable = max(0.05, 0.02 * report.end_to_end_s)

    @property
    def times(self) -> list[float]:
        """Execution time of each chunk that ran."""
        end = self.finish
        return [
            max(
                0.0,
                (end if c.finish is None else c.finish)
                - (c.start or 0.0)
                - sum(wait.finish - wait.start for wait in c.waits),
            )
            for c in self.ran
        ]


# The sentences --------------------------------------------------------------------------------


def _steps(report: Report) -> str:
    if len(report.steps) < 2:
        return ""
    waits = [step.wait_s for step in report.steps[1:]]
    between = f"{seconds(sum(waits))} between the steps"
    if len(waits) > 1:
        between += f", at most {seconds(max(waits))}"
    return (
        f"{len(report.steps)} steps in {seconds(report.end_to_end_s)}; nobody wrote and nothing "
        f"ran for {between}, from the end of one to the first text of the next."
    )


def _cost(report: Report) -> str:
    cost = report.cost
    return "" if cost.spent == 0 else f"It cost {cost}."


def _repaired(run: _Run) -> str:
    times = {0: "", 1: "once", 2: "twice"}.get(run.report.repairs, f"{run.report.repairs} times")
    return f"The program failed {times}, and the model wrote it on from there." if times else ""


def _hidden(run: _Run, *, waited: bool) -> str:
    report, whole, hidden = run.report, run.execution, run.hidden
    if not run.chunks:
        return f"No code came in {seconds(report.end_to_end_s)}."
    if not run.ran:
        return f"Nothing of the program ({_count(run.chunks[-1].lines[1], 'line')}) ran."
    if whole < _LITTLE:
        return f"The program took only {seconds(whole)} to execute, so there was little to hide."
    if hidden >= 0.995 * whole:
        return f"All {seconds(whole)} of execution ran while the model was still writing."
    if run.as_one_cell and hidden == 0:
        text = (
            "The program ran as one cell when all of it was there, so none of its "
            f"{seconds(whole)} of execution was hidden."
        )
    elif hidden < 0.005 * whole:
        text = f"None of the {seconds(whole)} of execution ran while the model was still writing."
    else:
        text = f"{part_of(hidden, whole)} of execution ran while the model was still writing."
    if waited and report.non_overlapped_s >= run.notable:
        text += f" The user waited {seconds(report.non_overlapped_s)} after the last token."
    return text


def _saved(run: _Run) -> str:
    report = run.report
    # What the whole program would have taken is known only if all of it ran, and one text gave it.
    if report.repairs:
        return ""
    if len(run.ran) < len(run.chunks) or not run.ran or abs(report.saved_s) < run.notable:
        return ""
    if report.saved_s < 0:
        late = seconds(-report.saved_s)
        return f"Running it after it was written would have been {late} faster."
    return (
        f"That saved {seconds(report.saved_s)}: the run took {seconds(report.end_to_end_s)} "
        f"instead of {seconds(report.serial_s)}."
    )


def _held(run: _Run) -> str:
    held = run.first_held
    if held is None:
        return ""
    lines = line_range(held.lines[0], run.chunks[-1].lines[1])
    text = f"{_where(held)} was to run only when the program was complete"
    text += f" ({plain(held.reason)})" if plain(held.reason) else ""
    if held.start is None:
        did = "it" if held is run.chunks[-1] else lines
        text += f", and {did} did not run."
    elif run.report.held_s < run.notable:
        text += ", which cost no time."
    elif held is run.chunks[-1]:
        text += f", for {seconds(run.report.held_s)}."
    else:
        text += f", so {lines} waited {seconds(run.report.held_s)}."
    others = list(_other_reasons(run, held))
    if others:
        text += f" The same is true of {_some(others)}."
    return text


def _other_reasons(run: _Run, held: ChunkReport) -> Iterator[str]:
    """What else would have been held, once for each reason."""
    seen = {held.reason}
    for chunk in run.chunks:
        if chunk.action == "hold" and chunk.reason not in seen:
            seen.add(chunk.reason)
            yield f"{_where(chunk).lower()} ({plain(chunk.reason, 60)})"


def _waited(run: _Run) -> str:
    if not run.waits or run.report.waited_s < _LITTLE:
        return ""
    longest = sorted(run.waits, key=lambda each: each[0].start - each[0].finish)
    (first, chunk), others = longest[0], longest[1:]
    where = f"line {first.line}" if first.line else line_range(*chunk.lines)
    text = (
        f"{where.capitalize()} stood still for {seconds(first.finish - first.start)} at an effect "
        "on the outside, which happens only when the program is complete"
    )
    text += f": {plain(first.effect)}." if plain(first.effect) else "."
    if others:
        lines = {wait.line or chunk.lines[0]: None for wait, chunk in others}
        shown = _some([str(line) for line in lines])
        text += f" So did {'line' if len(lines) == 1 else 'lines'} {shown}."
    return text


def _read(run: _Run) -> str:
    time = run.report.reading_s
    if time < run.notable:
        return ""
    return f"As its text was read meanwhile, it took up to {seconds(time)} longer to execute."


def _files(run: _Run) -> str:
    files, count = run.report.files, run.report.file_count
    if not files:
        return ""
    shown = []
    for file in files[:_NAMED_FILES]:
        name = plain(file.path.rpartition("/")[2], _LONGEST_NAME)
        shown.append(f"{name} (line {file.line})" if file.line else name)
    if count > len(shown):
        shown.append(f"{count - len(shown)} more")
    undone = "; that was undone" if run.report.files_undone else ""
    return f"Changed before the program was complete: {listing(shown)}{undone}."


def _not_run(run: _Run) -> str:
    left = [chunk for chunk in run.chunks if chunk.start is None]
    if not run.ran or not left or (run.first_held is not None and run.first_held.start is None):
        return ""
    lines = line_range(left[0].lines[0], left[-1].lines[1])
    return f"{lines.capitalize()} did not run."


def _help(run: _Run) -> str:
    """What would have helped, if the numbers tell."""
    report = run.report
    open_end = report.non_overlapped_s
    if run.execution < _LITTLE or open_end < run.notable:
        return ""
    stood_still = report.held_s + report.waited_s
    if stood_still >= run.notable and (text := _without_standing_still(run)):
        return text
    if run.as_one_cell:
        writing = report.generation_s - report.ttft_s
        if writing < 0.05 * run.execution and run.first_held is None:
            if writing < _LITTLE / 10:
                return "All of the text came at once, so there was nothing to hide behind."
            return f"The model wrote for only {seconds(writing)}, too short to hide more."
        return ""
    return _where_the_work_is(run)


def _without_standing_still(run: _Run) -> str:
    report = run.report
    cause = "that wait" if run.waits and run.first_held is None else "it"
    if run.waits and run.first_held is not None:
        cause = "these waits"
    if run.as_one_cell:
        could = min(run.execution, report.generation_s - run.ran[0].ready)
        if could < run.notable:
            return ""
        return f"Without {cause}, up to {seconds(could)} of execution could have been hidden."
    ready = [max(0.0, chunk.ready) for chunk in run.ran]
    # As if nothing were merged into batches: no better than it would have been.
    finish = latency.parallel_time(ready, run.times, max(0.0, report.setup_s))
    gain = run.finish - max(finish, report.generation_s)
    if gain < run.notable:
        return ""
    if finish <= report.generation_s + run.notable:
        return f"Without {cause}, the run would have ended with the last token."
    return f"Without {cause}, the run would have ended about {seconds(gain)} sooner."


def _where_the_work_is(run: _Run) -> str:
    report = run.report
    times = run.times
    heaviest = max(range(len(times)), key=lambda i: times[i])
    chunk, time = run.ran[heaviest], times[heaviest]
    lines = line_range(*chunk.lines)
    if time >= 0.5 * run.execution:
        before_the_end = report.generation_s - chunk.ready
        if before_the_end >= time:
            return ""
        if chunk is run.chunks[-1] or before_the_end < _LITTLE:
            return _work_at_the_end(run, lines, time)
        return (
            f"Most of the work, {part_of(time, run.execution)}, is in {lines}, which was complete "
            f"only {seconds(before_the_end)} before the last token."
        )
    least = report.lower_bound_s - report.generation_s
    if report.regime == "execution-dominated" and least >= run.notable:
        return (
            f"The program runs for longer than the model wrote, so {seconds(least)} of waiting "
            "was the least there could be."
        )
    return ""


def _work_at_the_end(run: _Run, lines: str, time: float) -> str:
    work = f"Most of the work, {part_of(time, run.execution)}, is in the last statement ({lines})"
    definitions = sum(_length(chunk) for chunk in run.chunks if chunk.category == "low-yield")
    if definitions >= 0.5 * sum(_length(chunk) for chunk in run.chunks):
        return (
            f"{work}. Most of the program is definitions: the same steps, written outside of "
            "functions, could run earlier."
        )
    return f"{work}, which nothing can hide."


# Words ----------------------------------------------------------------------------------------


def _where(chunk: ChunkReport) -> str:
    return f"Line {chunk.line}" if chunk.line else line_range(*chunk.lines).capitalize()


def _some(items: list[str]) -> str:
    more = len(items) - _NAMED
    return listing([*items[:_NAMED], f"{more} more"] if more > 0 else items)


def _length(chunk: ChunkReport) -> int:
    return chunk.lines[1] - chunk.lines[0] + 1


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


_LITTLE: Final = 0.01
_LONGEST_NAME: Final = 40
_NAMED_FILES: Final = 4
_NAMED: Final = 2
