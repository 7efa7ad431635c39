"""The results of a benchmark in a few sentences."""

from __future__ import annotations

from collections.abc import Sequence

from eager_kernel.bench.end_to_end import cell_name
from eager_kernel.bench.measure import quartiles
from eager_kernel.bench.measuring import Run, whole
from eager_kernel.bench.options import Options


def summarise(options: Options, runs: Sequence[Run]) -> list[str]:
    """What a reader wants to know first, a sentence or two each: at the point of reference.

    Parameters
    ----------
    options
        What was measured.
    runs
        Of all cells.
    """
    at = options.reference
    here = [
        run
        for run in runs
        if (run.gate, run.rate, run.ttft, run.imports)
        == (at.gate, at.pace.rate, at.pace.ttft, at.imports)
        and run.environment == options.environments[0]
    ]
    told = []
    for state in options.states:
        there = [run for run in whole([r for r in here if r.state == state]) if not run.error]
        if there:
            told += _of_state(options, state, there)
    return [*told, *_right(options, runs), *_left_out(runs)]


def _of_state(options: Options, state: str, runs: Sequence[Run]) -> list[str]:
    writing = sum(run.generation_s for run in runs)
    running = sum(run.cell_s for run in runs)
    eager = sum(run.eager_s for run in runs)
    waited = sum(run.waited_s for run in runs)
    serial = writing + running
    low, middle, high = quartiles([run.reduction for run in runs])
    best, worst = (f(runs, key=lambda run: run.reduction) for f in (max, min))
    what = _count(len({run.program for run in runs}), "program")
    session = "a cold process" if state == "cold" else "a warm session"
    told = [
        f"{what} at {options.reference.pace}, gate {options.reference.gate}, in {session}: writing "
        f"takes {_time(writing)}, running {_time(running)} ({running / serial * 100:.0f} % of the "
        "whole).",
        f"One after the other that is {_time(serial)}, run while it is written {_time(eager)}: "
        f"{_less(1 - eager / serial)}. By program: {_less(middle)} in the median (quartiles: "
        f"{_less(low)}, {_less(high)}), from {_less(worst.reduction)} ({worst.program}) to "
        f"{_less(best.reduction)} ({best.program}).",
        f"After the last token one waits {_time(waited)} instead of {_time(running)}.",
    ]
    held = [run for run in runs if run.held_s + run.stood_s > _NOTABLE]
    if held:
        told.append(
            "The gate let something wait until all was written in "
            f"{len(held)} of {_count(len(runs), 'run')}."
        )
    noisy = [run for run in runs if run.samples and _noise(run) > _NOISY]
    if noisy:
        names = _names(sorted({run.program for run in noisy}))
        told.append(
            f"Serial runs of one and the same program differ by more than {_NOISY * 100:.0f} % of "
            f"the whole ({names}): the machine was not quiet, or they take another time "
            "each time."
        )
    return told


def _right(options: Options, runs: Sequence[Run]) -> list[str]:
    measured = [run for run in runs if not run.error]
    different = sorted({cell_name(run) for run in runs if run.difference})
    unstable = sorted({cell_name(run) for run in runs if run.unstable})
    same = [run for run in measured if not (run.difference or run.unstable)]
    told = []
    if measured:
        told.append(
            f"Outputs and files were the same both ways in {len(same)} of "
            f"{_count(len(measured), 'run')} of "
            f"{_count(len({cell_name(run) for run in measured}), 'cell')}."
        )
    if different:
        once = options.samples == 1 and options.repeats == 1
        unsure = " Whether serial runs differ, too, --samples 2 would tell." if once else ""
        told.append(f"They DIFFER in {_names(different)}: see the table.{unsure}")
    if unstable:
        told.append(
            "Serial runs show something else each time (clocks, random numbers), so that nothing "
            f"can be said of what eager ones show: {_names(unstable)}."
        )
    return told


def _left_out(runs: Sequence[Run]) -> list[str]:
    failed = {cell_name(run): run.error for run in runs if run.error}
    return [f"Not counted: {name}: {' '.join(why.split())}" for name, why in failed.items()]


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def _noise(run: Run) -> float:
    return (max(run.samples) - min(run.samples)) / run.serial_s


def _less(reduction: float) -> str:
    return f"{abs(reduction) * 100:.1f} % {'more' if reduction < 0 else 'less'}"


def _time(seconds: float) -> str:
    if seconds >= 120:
        return f"{seconds / 60:.1f} min"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"


_NOTABLE = 0.02
_NOISY = 0.05
_NAMED = 6
