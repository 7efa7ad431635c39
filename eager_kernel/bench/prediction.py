"""Prediction: what the latency model expects of a run, against what was measured.

The times of a program's statements are taken from one run; of the others, at other paces, the
model is asked (`eager_kernel.core.forecast`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from eager_kernel.bench.measure import Table, quartiles, spread
from eager_kernel.bench.measuring import Run
from eager_kernel.bench.options import Options
from eager_kernel.bench.programs import Cell
from eager_kernel.bench.replay import Pace, tokens_until
from eager_kernel.core.forecast import forecast


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was expected of a run, and what it was. Seconds.

    Parameters
    ----------
    run
        The run.
    eager_s, serial_s
        What was expected.
    """

    run: Run
    eager_s: float
    serial_s: float

    @property
    def eager_error(self) -> float:
        """How much too long (or, below 0, too short) the eager run was expected."""
        return self.eager_s / self.run.kernel_s - 1

    @property
    def serial_error(self) -> float:
        """The same of the serial time."""
        return self.serial_s / self.run.serial_s - 1

    @property
    def saving_error(self) -> float:
        """Expected less measured saving, as a part of the measured serial time."""
        expected, measured = self.serial_s - self.eager_s, self.run.serial_s - self.run.eager_s
        return (expected - measured) / self.run.serial_s


def predict(cell: Cell, profile: Run, run: Run) -> Prediction | None:
    """Expect a run from another one of the same program.

    Parameters
    ----------
    cell
        The program.
    profile
        The run whose statements' times are taken.
    run
        The run to expect.

    Returns
    -------
    Prediction or None
        None where the profile has no time for each statement: not all of them were run.
    """
    until = tokens_until(cell.tokens, cell.format)
    if not until or len(until) != len(profile.executions):
        return None
    pace = Pace(run.rate, run.ttft)
    sizes = [after - before for before, after in pairwise((0, *until))]
    expected = forecast(
        sizes, profile.executions, run.rate, ttft=run.ttft, setup=profile.setup_s, setup_full=0.0
    )
    # The first token is there after TTFT, and prose may follow the last statement.
    whole = pace.generation(run.tokens)
    eager = max(whole, expected.eager_s - 1 / run.rate)
    return Prediction(run, eager, whole + expected.execution_s)


def predictions(options: Options, runs: Sequence[Run]) -> list[Prediction]:
    """Expect all runs that the gate let pass, from a run of the same program and turn."""
    cells = {
        (program.name, number): cell
        for program in options.programs.programs
        for number, cell in enumerate(program.cells)
    }
    found = []
    for run, profile in _with_profiles(options, runs):
        prediction = predict(cells[run.program, run.cell], profile, run)
        if prediction is not None:
            found.append(prediction)
    return found


def _with_profiles(options: Options, runs: Sequence[Run]) -> Iterator[tuple[Run, Run]]:
    # The fastest answer: there, statements are run in batches, as they are in no other.
    fastest = max(options.rates)
    useful = [
        run
        for run in runs
        if not run.error
        and run.environment == options.environments[0]
        and run.held_s + run.stood_s < _NOTABLE
    ]
    profiles = {
        (run.program, run.cell, run.state, run.repeat): run
        for run in useful
        if (run.rate, run.ttft, run.gate) == (fastest, options.ttfts[0], options.gates[0])
        and not run.imports
    }
    for run in useful:
        profile = profiles.get((run.program, run.cell, run.state, run.repeat))
        if (
            profile is not None
            and run.rate != fastest
            and run.gate == options.gates[0]
            and not run.imports
        ):
            yield run, profile


def tables(options: Options, runs: Sequence[Run]) -> list[Table]:
    """How well runs were expected."""
    found = predictions(options, runs)
    rows, ratios = [], {}
    for state in options.states:
        for rate, ttft in dict.fromkeys((p.run.rate, p.run.ttft) for p in found):
            there = [
                p for p in found if (p.run.state, p.run.rate, p.run.ttft) == (state, rate, ttft)
            ]
            if not there:
                continue
            eager = [p.eager_error for p in there]
            rows.append(
                (
                    state,
                    f"{rate:g}",
                    f"{ttft:g}",
                    f"{len(there)}",
                    spread(eager, digits=2),
                    f"{quartiles([abs(error) for error in eager])[1] * 100:.2f}",
                    f"{max(map(abs, eager)) * 100:.1f}",
                    spread([p.serial_error for p in there], digits=2),
                    spread([p.saving_error for p in there], digits=2),
                )
            )
            name = f"{state}, {Pace(rate, ttft)}"
            ratios[f"{name}: error of the expected end to end"] = tuple(eager)
    return [
        Table(
            "Prediction: expected against measured",
            (
                "The statements' times are those of the same program's run at "
                f"{max(options.rates):g} tokens/s; the latency model expects the runs at other "
                "paces from them. Error: expected ÷ measured - 1, in per cent: median [quartiles] "
                "over programs, and without its sign: median and greatest. Of the saving: "
                "expected less measured, in per cent of the serial time.",
                "Runs in which the gate held something are left out: the model knows no gate. "
                "Of a cold process, imports that take longer or shorter than in the other run are "
                "part of the error.",
            ),
            (
                "session", "tokens/s", "TTFT s", "runs", "end to end: error %", "without sign %",
                "greatest", "serial: error %", "saving: error %",
            ),
            tuple(rows),
            ratios=ratios,
        )
    ]  # fmt: skip


_NOTABLE = 0.02
