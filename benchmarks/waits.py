"""What users wait for after the last token, gate mode by gate mode, in one run.

On the package's programs, and on those of ``figures`` beside this: plotting programs that save
three figures each, as agents write them. For others, ``--programs FOLDER``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from eager_kernel.bench.end_to_end import run_jobs
from eager_kernel.bench.measure import Table
from eager_kernel.bench.measuring import Job, Point, Run, whole
from eager_kernel.bench.options import Options
from eager_kernel.bench.programs import Program, load_programs
from eager_kernel.bench.replay import Pace

FIGURES: Final = Path(__file__).with_name("figures")


def run(options: Options, *, figures: bool) -> list[Table]:
    """Measure, and sum up.

    Parameters
    ----------
    options
        The programs, rates, gate modes, states and repeats. Everything is measured at each rate,
        with the first time to the first token.
    figures
        Whether the plotting programs are measured, too.
    """
    sets: dict[str, tuple[Program, ...]] = {options.programs.name: options.programs.programs}
    if figures:
        sets["figures"] = load_programs(FIGURES).programs
    rates = [Pace(rate, options.ttfts[0]) for rate in options.rates]
    jobs = {
        name: [
            Job(
                program=program,
                points=tuple(Point(gate, pace) for gate in options.gates),
                state=state,
                repeats=options.repeats,
                kernel=options.kernel,
                samples=options.samples,
                limit=options.limit,
            )
            for pace in rates
            for program in programs
            for state in options.states
        ]
        for name, programs in sets.items()
    }
    expected = sum(
        job.expected_s(job.program.seconds or _UNKNOWN_S) for of in jobs.values() for job in of
    )
    options.progress(f"{sum(map(len, jobs.values()))} jobs; about {expected / 60:.0f} minutes")
    runs = {name: run_jobs(options, of) for name, of in jobs.items()}
    return tables(options, runs)


def tables(options: Options, runs: dict[str, list[Run]]) -> list[Table]:
    """What the runs say.

    Parameters
    ----------
    options
        As in `run`.
    runs
        Those of the cells, by the set of programs.
    """
    found = [_sums(options, runs), _slowest(options, runs)]
    return [*found, _failures(runs)] if any(map(_bad, _all(runs))) else found


def _sums(options: Options, runs: dict[str, list[Run]]) -> Table:
    gates = options.gates
    rows: list[tuple[str, ...]] = []
    ratios: dict[str, tuple[float, ...]] = {}
    for name, rate, state, programs in _groups(options, runs):
        waited = {gate: sum(one[gate].waited_s for one in programs) for gate in gates}
        cell = sum(one[gates[0]].cell_s for one in programs)
        base = waited[gates[-1]]
        rows.append(
            (
                name,
                state,
                f"{rate:g}",
                f"{len(programs)}",
                f"{cell:.1f}",
                *(f"{waited[gate]:.1f}" for gate in gates),
                *(f"{waited[gate] / base:.2f}" for gate in gates[:-1]),
                *(f"{sum(_is_slower(one[gate]) for one in programs)}" for gate in gates),
                *(f"{sum(_is_held(one[gate]) for one in programs)}" for gate in gates),
            )
        )
        for gate in gates[:-1]:
            ratios[f"{name}, {state}, {rate:g} tokens/s: {gate} against {gates[-1]}"] = (
                waited[gate] / base,
            )
    return Table(
        "Waits: after the last token, by gate mode",
        (
            "Seconds that users wait after the last token, summed over the programs; TTFT "
            f"{options.ttfts[0]:g} s. Cell: what the programs take as ordinary cells, which is "
            f"what users wait without overlap. Against {gates[-1]}: the ratio of the sums. Slower: "
            "programs for which one waits longer in all than for writing and then running them, by "
            f"more than {_SLOWER:.0%} of the cell and {_NOTABLE * 1e3:.0f} ms. Held: programs in "
            "which the gate let something wait. Programs that failed in one mode are left out.",
        ),
        (
            "programs", "session", "tokens/s", "number", "cell s",
            *(f"{gate} s" for gate in gates),
            *(f"{gate} against {gates[-1]}" for gate in gates[:-1]),
            *(f"{gate}: slower" for gate in gates),
            *(f"{gate}: held" for gate in gates),
        ),
        tuple(rows),
        ratios=ratios,
    )  # fmt: skip


def _slowest(options: Options, runs: dict[str, list[Run]]) -> Table:
    first, last = options.gates[0], options.gates[-1]
    rows: list[tuple[float, tuple[str, ...]]] = []
    for name, rate, state, programs in _groups(options, runs):
        for one in programs:
            more = one[first].waited_s - one[last].waited_s
            if more > _NOTABLE and more > _AIM * one[last].waited_s:
                row = (
                    name,
                    one[first].program,
                    state,
                    f"{rate:g}",
                    f"{one[first].cell_s:.2f}",
                    *(f"{one[gate].waited_s:.2f}" for gate in options.gates),
                    f"{one[first].held_s + one[first].stood_s:.2f}",
                )
                rows.append((more, row))
    rows.sort(key=lambda row: -row[0])
    return Table(
        f"Waits: programs for which one waits longer in {first} than in {last}",
        (f"By more than {_AIM:.0%} and {_NOTABLE * 1e3:.0f} ms; the greatest differences first.",),
        (
            "set", "program", "session", "tokens/s", "cell s",
            *(f"{gate} s" for gate in options.gates),
            f"held in {first} s",
        ),
        tuple(row for _, row in rows[:_SHOWN]),
    )  # fmt: skip


def _failures(runs: dict[str, list[Run]]) -> Table:
    return Table(
        "Waits: what failed, or gave something else",
        (),
        ("program", "session", "tokens/s", "mode", "why"),
        tuple(
            (
                one.program,
                one.state,
                f"{one.rate:g}",
                one.gate,
                " ".join((one.error or one.difference).split())[:_LONGEST].replace("|", "¦"),
            )
            for one in _all(runs)
            if _bad(one)
        ),
    )


def _groups(
    options: Options, runs: dict[str, list[Run]]
) -> list[tuple[str, float, str, list[dict[str, Run]]]]:
    """Runs by set, rate and state; of each program and turn, one a gate mode."""
    found: list[tuple[str, float, str, list[dict[str, Run]]]] = []
    for name, of_set in runs.items():
        together = whole(of_set)
        failed = {(one.program, one.state, one.rate) for one in of_set if one.error}
        for rate in options.rates:
            for state in options.states:
                by_program: dict[tuple[str, int], dict[str, Run]] = {}
                for one in together:
                    if one.rate == rate and one.state == state:
                        by_program.setdefault((one.program, one.repeat), {})[one.gate] = one
                programs = [
                    by_gate
                    for (program, _), by_gate in by_program.items()
                    if (program, state, rate) not in failed and len(by_gate) == len(options.gates)
                ]
                if programs:
                    found.append((name, rate, state, programs))
    return found


def _all(runs: dict[str, list[Run]]) -> Sequence[Run]:
    return [one for of_set in runs.values() for one in of_set]


def _bad(one: Run) -> bool:
    return bool(one.error or one.difference)


def _is_slower(one: Run) -> bool:
    late = one.waited_s - one.cell_s
    return late > _NOTABLE and late > _SLOWER * one.cell_s


def _is_held(one: Run) -> bool:
    return one.held_s + one.stood_s > _NOTABLE


def with_modes(options: Options, *, gates: bool, rates: bool) -> Options:
    """The options, with what is compared here where the user has not said."""
    chosen = replace(options, environments=("local",), imports=())
    chosen = chosen if gates else replace(chosen, gates=GATES)
    return chosen if rates else replace(chosen, rates=RATES)


GATES: Final = ("effect", "wait", "off")
RATES: Final = (100.0,)
_AIM: Final = 0.05
_SLOWER: Final = 0.05
_NOTABLE: Final = 0.05
_UNKNOWN_S: Final = 3.0
_SHOWN: Final = 20
_LONGEST: Final = 120
