"""End to end: programs that are run while they are written, against generating and then running.

The runs are those of `measuring.measure`; here are their tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from eager_kernel.bench.measure import Table, quartiles, spread
from eager_kernel.bench.measuring import Job, Point, Run, failed_run, measure, whole
from eager_kernel.bench.options import Options
from eager_kernel.bench.replay import Pace


def jobs(options: Options) -> list[Job]:
    """All that is to be measured: a job for each program, pace and state.

    Environments but the first are measured at the reference alone.
    """
    return [
        Job(
            program,
            points,
            state,
            options.repeats,
            place,
            options.kernel,
            options.samples,
            options.limit,
        )
        for number, place in enumerate(options.environments)
        for points in _by_pace(options.points if number == 0 else (options.reference,))
        for program in options.programs.programs
        for state in options.states
        if state == "cold" or any(not point.imports for point in points)
    ]


def _by_pace(points: Iterable[Point]) -> list[tuple[Point, ...]]:
    """Points of one pace are measured together, and share their serial runs."""
    found: dict[Pace, list[Point]] = {}
    for point in points:
        found.setdefault(point.pace, []).append(point)
    return list(map(tuple, found.values()))


def run_programs(options: Options) -> list[Run]:
    """Measure all programs: a run for each cell of them."""
    return run_jobs(options, jobs(options))


def run_jobs(options: Options, todo: Sequence[Job]) -> list[Run]:
    """Do jobs: a run for each cell of their programs."""
    # What is told on the way would have to travel, too.
    work = partial(measure, tell=options.step) if options.engine.here else measure

    def begin(index: int) -> None:
        options.progress(f"{index + 1} of {len(todo)}: {todo[index]}")

    runs: list[Run] = []
    for done in options.engine.map(work, todo, begin):
        job = todo[done.index]
        if done.starts > 1:
            options.progress(f"{job}: begun {done.starts} times")
        if done.error:
            options.progress(f"{job}: failed: {done.error}")
            runs.append(replace(failed_run(job, done.error), starts=done.starts))
        runs += [replace(Run.from_dict(r), starts=done.starts) for r in done.records]
    return runs


def tables(options: Options, runs: Sequence[Run]) -> list[Table]:
    """What runs of cells say, as tables. In all but the last ones, sessions count as one run."""
    good = [run for run in whole(runs) if not run.error]
    first, *others = options.environments
    here = [run for run in good if run.environment == first]
    at_reference = _at(here, options.reference)
    found = [_by_share(options, here)]
    found += [_by_point(options, here, state) for state in options.states]
    found.append(_against_bound(options, here))
    found += [
        _by(options, at_reference, "kind", "By kind of answer", lambda run: run.kind),
        _by(options, at_reference, "work", "By where the work is", lambda run: run.work),
    ]
    if others:
        found.append(
            _by(
                options, _at(good, options.reference), "environment", "By environment",
                lambda run: run.environment,
            )
        )  # fmt: skip
    found.append(_overheads(options, here))
    found.append(_by_program(options, at_reference))
    found += [_differences(runs), _failures(runs), _begun_again(runs)]
    return [table for table in found if table.rows]


# What will I save? ----------------------------------------------------------------------------


def _by_share(options: Options, runs: Sequence[Run]) -> Table:
    """Reductions by execution's share of the serial time, and by pace."""
    gate, ttft = options.gates[0], options.ttfts[0]
    usual = [run for run in runs if (run.gate, run.ttft) == (gate, ttft) and not run.imports]
    rates = sorted({run.rate for run in usual})
    rows, ratios = [], {}
    for name, least, most in SHARES:
        there = [run for run in usual if least <= run.share < most]
        if not there:
            continue
        cells = []
        for rate in rates:
            total = [run.reduction for run in there if run.rate == rate]
            cells.append(f"{spread(total)} ({len(total)})" if total else "-")
            ratios[f"execution {name}, {rate:g} tokens/s: end-to-end reduction"] = tuple(total)
        all_of_them = [run.reduction for run in there]
        rows.append((name, *cells, f"{max(all_of_them) * 100:.1f}"))
    return Table(
        "What will I save?",
        (
            "By how much less one waits in all, from the request to the model until the result "
            f"is there, in per cent: median [quartiles] (runs). TTFT {ttft:g} s, gate {gate}, "
            f"{' and '.join(options.states)} processes. A run's share: what its cells take in a "
            "stock kernel, of writing and running them one after the other. No overlap can save "
            "more than the share.",
        ),
        ("execution's share", *(f"{rate:g} tokens/s" for rate in rates), "most"),
        tuple(rows),
        ratios=ratios,
    )


# One thing varied -----------------------------------------------------------------------------


def _by_point(options: Options, runs: Sequence[Run], state: str) -> Table:
    rows, ratios = [], {}
    for point in options.points:
        there = _at([run for run in runs if run.state == state], point)
        if not there:
            continue
        total = [run.reduction for run in there]
        tail = [run.non_overlapped_reduction for run in there]
        regimes = Counter(run.regime for run in there)
        rows.append(
            (
                f"{point.pace.rate:g}",
                f"{point.pace.ttft:g}",
                _way(point),
                f"{len(there)}",
                spread(total),
                f"{max(total) * 100:.1f}",
                f"{min(total) * 100:.1f}",
                spread(tail),
                f"{max(tail) * 100:.1f}",
                " / ".join(f"{regimes[name]}" for name in _REGIMES),
            )
        )
        ratios[f"{state}, {_name(point)}: end-to-end reduction"] = tuple(total)
        ratios[f"{state}, {_name(point)}: non-overlapped reduction"] = tuple(tail)
    return Table(
        f"End to end: {_STATE_NAMES[state]}",
        (
            f"{_STATE_NOTES[state]} Reduction: by how much less the user waits than for "
            "generating everything and then running it as one cell of the stock kernel, which is "
            "measured in the same turn. In all: from the request to the model until the result "
            "is there. After the last token: that part of it alone, against the cell's time; "
            "below 0 where a run ends later than a cell that had just been sent would. In per "
            "cent: median [quartiles] over programs and turns, and the greatest and least.",
            "Regimes: generation-dominated / execution-dominated / balanced (eqs. 14-16).",
            *_imports_note(options, state),
        ),
        (
            "tokens/s", "TTFT s", "gate", "runs", "in all %", "most", "least",
            "after the last token %", "most", "regimes",
        ),
        tuple(rows),
        ratios=ratios,
    )  # fmt: skip


def _imports_note(options: Options, state: str) -> tuple[str, ...]:
    if not options.imports or state != "cold":
        return ()
    return (
        f"Early imports: {', '.join(options.imports)} are begun as soon as the model is asked, "
        "whether the program will want them or not (`EagerRun.warm_imports`).",
    )


def _against_bound(options: Options, runs: Sequence[Run]) -> Table:
    rows, ratios = [], {}
    for state in options.states:
        for point in options.points:
            there = _at([run for run in runs if run.state == state], point)
            if not there:
                continue
            over = [run.over_bound for run in there]
            more = [run.kernel_s - run.bound_s for run in there]
            seen = [run.eager_s / run.bound_s - 1 for run in there]
            rows.append(
                (
                    state,
                    f"{point.pace.rate:g}",
                    f"{point.pace.ttft:g}",
                    _way(point),
                    spread(over, digits=2),
                    f"{max(over) * 100:.1f}",
                    spread(more, 1e3),
                    f"{sum(run.on_target for run in there) / len(there):.0%}",
                    spread(seen, digits=2),
                    f"{sum(run.seen_on_target for run in there) / len(there):.0%}",
                )
            )
            ratios[f"{state}, {_name(point)}: over the lower bound"] = tuple(over)
            ratios[f"{state}, {_name(point)}: over the lower bound, for the client"] = tuple(seen)
    return Table(
        "End to end: distance to the lower bound",
        (
            "How much longer a run took than the paper's lower bound for it (eq. 12: it can't end "
            "before its last statement has run after the last token, nor before all statements "
            "have run after the first). By the kernel's clock, and for the client, where the "
            "messages' ways and the client itself come on top. Aim: within 2 % and 5 ms.",
            "The bound can't always be reached: the last but one statement may be the long one.",
        ),
        (
            "session", "tokens/s", "TTFT s", "gate", "over the bound %", "most", "ms",
            "on target", "for the client %", "on target",
        ),
        tuple(rows),
        ratios=ratios,
    )  # fmt: skip


def _overheads(options: Options, runs: Sequence[Run]) -> Table:
    rows: list[tuple[str, ...]] = []
    samples: dict[str, tuple[float, ...]] = {}
    for state in options.states:
        for point in options.points:
            there = _at([run for run in runs if run.state == state], point)
            if not there:
                continue
            parts = {
                name: [max(0.0, getattr(run, f"{name}_s")) for run in there] for name in _PARTS
            }
            held = sum(1 for run in there if _held(run) > _NOTABLE)
            rows.append(
                (
                    state,
                    f"{point.pace.rate:g}",
                    f"{point.pace.ttft:g}",
                    _way(point),
                    *(spread(values, 1e3) for values in parts.values()),
                    f"{held / len(there):.0%}",
                    f"{max(run.late_s for run in there) * 1e3:.0f}",
                )
            )
            samples |= {f"{state}, {_name(point)}: {n}": tuple(v) for n, v in parts.items()}
    return Table(
        "End to end: where the time beyond the ideal goes",
        (
            "The ideal is equation 7 without delays and set-up, of the same run's own statements. "
            "What came on top, in ms, median [quartiles]: until statements were known to be "
            "complete (*detection*); until they started, with the waits of the gate (*dispatch*); "
            "from the end of the last statement, or the last token, to that of the run "
            "(*closing*); the messages' ways and the client (*transport*). Held: runs in which "
            "the gate let something wait. Late: by how much the latest token of all runs missed "
            "its time, which tells how quiet the machine was.",
        ),
        ("session", "tokens/s", "TTFT s", "gate", *_PARTS, "held", "late ms"),
        tuple(rows),
        samples,
    )


# At the reference -----------------------------------------------------------------------------


def _by(
    options: Options, runs: Sequence[Run], column: str, title: str, key: Callable[[Run], str]
) -> Table:
    rows, ratios = [], {}
    for value in sorted({key(run) for run in runs} - {""}):
        of_value = [run for run in runs if key(run) == value]
        cells = [value, f"{len({run.program for run in of_value})}"]
        for state in options.states:
            there = [run for run in of_value if run.state == state]
            total = [run.reduction for run in there]
            tail = [run.non_overlapped_reduction for run in there]
            share = [run.share for run in there]
            cells += [spread(share), spread(total), spread(tail)]
            ratios[f"{state}, {column} {value}: end-to-end reduction"] = tuple(total)
            ratios[f"{state}, {column} {value}: non-overlapped reduction"] = tuple(tail)
        rows.append(tuple(cells))
    columns = (("execution's share %", "in all %", "after the last token %"),) * len(options.states)
    return Table(
        f"End to end: {title[0].lower()}{title[1:]}",
        (
            f"At {_name(options.reference)}. Execution's share: of the serial time. No overlap "
            "can save more than that in all.",
        ),
        (
            column,
            "programs",
            *(
                f"{state}: {c}"
                for state, of in zip(options.states, columns, strict=True)
                for c in of
            ),
        ),
        tuple(rows),
        ratios=ratios,
    )


def _by_program(options: Options, runs: Sequence[Run]) -> Table:
    rows = []
    for name in sorted({run.program for run in runs}):
        of_program = [run for run in runs if run.program == name]
        one = of_program[0]
        cells = [name, one.kind, one.work, f"{one.tokens}"]
        for state in options.states:
            there = [run for run in of_program if run.state == state]
            if not there:
                cells += ["-"] * 5
                continue
            middle = [
                quartiles(values)[1]
                for values in zip(
                    *(
                        (run.cell_s, run.share, run.reduction, run.waited_s, _held(run))
                        for run in there
                    ),
                    strict=True,
                )
            ]
            cells += [
                f"{middle[0]:.2f}", f"{middle[1] * 100:.1f}", f"{middle[2] * 100:.1f}",
                f"{middle[3]:.2f}", "yes" if middle[4] > _NOTABLE else "",
            ]  # fmt: skip
        rows.append(tuple(cells))
    names = ("cell s", "share %", "in all %", "waited s", "held")
    return Table(
        "End to end: program by program",
        (
            f"At {_name(options.reference)}; medians; sessions as a whole. Cell: what it takes as "
            "an ordinary cell. Share: of the serial time. Waited: what the user still waits for "
            "after the last token. Held: the gate let something wait until all was written.",
        ),
        (
            "program", "kind", "work", "tokens",
            *(f"{state}: {name}" for state in options.states for name in names),
        ),
        tuple(rows),
    )  # fmt: skip


def _differences(runs: Sequence[Run]) -> Table:
    rows = []
    for run in runs:
        if not (run.difference or run.unstable):
            continue
        what = "serial runs differ already" if run.unstable else "the eager run differs"
        lines = (run.unstable or run.difference).splitlines()
        shown = " ".join(f"`{_as_cell(line)}`" for line in lines[:_SHOWN])
        rows.append((cell_name(run), run.state, run.gate, f"{run.rate:g}", what, shown))
    return Table(
        "End to end: outputs that differ",
        (
            "Outputs, errors and files of both ways are compared, without what no two processes "
            "have in common. Where serial runs differ from each other already (clocks, random "
            "numbers), nothing can be said of the eager one.",
        ),
        ("cell", "session", "gate", "tokens/s", "what", "first lines (- one, + the other)"),
        tuple(rows),
    )


def cell_name(run: Run) -> str:
    """The program's name, and which of its cells it is, from 1, where it has several."""
    known = run.cells > 1 and run.cell >= 0
    return f"{run.program}, cell {run.cell + 1}" if known else run.program


def _as_cell(text: str) -> str:
    """Text of a program, for a cell of a table in Markdown."""
    kept = "".join(c if c.isprintable() else " " for c in text[:100])
    return kept.replace("|", "¦").replace("`", "'") or " "


def _failures(runs: Sequence[Run]) -> Table:
    failed = Counter((cell_name(run), run.error) for run in runs if run.error)
    return Table(
        "End to end: runs that count for nothing",
        ("Left out of all other tables.",),
        ("program", "why", "runs"),
        tuple((name, _as_line(why), f"{n}") for (name, why), n in sorted(failed.items())),
    )


def _as_line(text: str) -> str:
    return " ".join(text[:_WIDEST].split()).replace("|", "\\|")


def _begun_again(runs: Sequence[Run]) -> Table:
    again = {(run.program, run.environment): run.starts for run in runs if run.starts > 1}
    return Table(
        "End to end: begun again",
        (
            "A worker of the cluster was lost while it measured these programs. They were begun "
            "again from the start, in fresh kernels; what the lost one had measured is dropped.",
        ),
        ("program", "environment", "begun"),
        tuple((*key, f"{starts} times") for key, starts in sorted(again.items())),
    )


def _held(run: Run) -> float:
    return run.held_s + run.stood_s


def _at(runs: Iterable[Run], point: Point) -> list[Run]:
    return [run for run in runs if Point(run.gate, Pace(run.rate, run.ttft), run.imports) == point]


def _name(point: Point) -> str:
    return f"{point.pace}, gate {_way(point)}"


def _way(point: Point) -> str:
    return f"{point.gate}, early imports" if point.imports else point.gate


SHARES: Final = (
    # As those who look for themselves count; the bounds are about half way, by ratio.
    ("less than 1 %", 0.0, 0.01),
    ("about 3 %", 0.01, 0.055),
    ("about 10 %", 0.055, 0.18),
    ("about 30 %", 0.18, 0.4),
    ("about 50 %", 0.4, 0.6),
    ("about 70 %", 0.6, 1.01),
)
"""Execution's share of the serial time: names, and from where to where."""
_SHOWN: Final = 4
_WIDEST: Final = 500
_REGIMES: Final = ("generation-dominated", "execution-dominated", "balanced")
_PARTS: Final = ("detection", "dispatch", "closing", "transport")
_NOTABLE: Final = 0.02
_STATE_NAMES: Final = {"cold": "cold process", "warm": "warm session"}
_STATE_NOTES: Final = {
    "cold": "Each run in a fresh process, which has imported nothing yet.",
    "warm": "Each run in a session that has run the same program before: all is imported.",
}
