"""Interruption: what is not written, and not waited for, after a mistake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from eager_kernel.bench.environments import environment, kernel_at_work
from eager_kernel.bench.faults import MISTAKES, PLACES, Faulty, break_program
from eager_kernel.bench.measure import Table, spread
from eager_kernel.bench.measuring import STOCK, timed_run
from eager_kernel.bench.options import Options
from eager_kernel.bench.programs import Program, Workplace
from eager_kernel.bench.replay import Pace, Replay
from eager_kernel.client import EagerClient
from eager_kernel.core.gate import Mode


@dataclass(frozen=True, slots=True)
class Job:
    """One program, broken at each place. Can travel to another machine.

    Parameters
    ----------
    program, workplace
        What is broken and run, and where.
    first_mistake
        Which of `MISTAKES` is the first; each place has another.
    paces
        How fast the answer is written.
    repeats, environment, kernel, gate
        As in `eager_kernel.bench.measuring.Job` and `Point`.
    """

    program: Program
    workplace: Workplace
    first_mistake: int
    paces: tuple[Pace, ...]
    repeats: int
    environment: str
    kernel: str
    gate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A program that failed while it was written, and the same as a cell. Seconds, tokens.

    Parameters
    ----------
    program, place, rate
        What was run.
    tokens
        Of the whole answer.
    needed
        Until the mistake was complete.
    written
        Until the model was stopped.
    serial_s
        Until the error is known where all is written first.
    eager_s
        The same where it runs while it is written.
    needed_s
        Until the mistake was complete.
    error
        Why this is worth nothing; empty where it is not.
    """

    program: str
    place: float
    rate: float
    tokens: int
    needed: int
    written: int
    serial_s: float
    eager_s: float
    needed_s: float
    error: str = ""

    @property
    def tokens_saved(self) -> float:
        """What part of the answer was not written."""
        return 1 - self.written / self.tokens

    @property
    def tokens_possible(self) -> float:
        """What part of it need not have been."""
        return 1 - self.needed / self.tokens

    @property
    def seconds_saved(self) -> float:
        """By how much earlier the error was known, as a part of the serial time."""
        return 1 - self.eager_s / self.serial_s


def measure(job: Job) -> list[dict[str, Any]]:
    """Break a program at each place, and run it both ways, in a session that is warm."""
    where = environment(job.environment)
    broken = [
        break_program(job.program, place, MISTAKES[(job.first_mistake + i) % len(MISTAKES)])
        for i, place in enumerate(PLACES)
    ]
    stops = []
    with (
        kernel_at_work(where, STOCK, job.workplace) as stock,
        kernel_at_work(where, job.kernel, job.workplace) as eager,
    ):
        for client in (stock, eager):
            client.execute(job.program.code)
            client.execute("1 / 0")  # the first traceback of a process imports what shows it
        for _ in range(job.repeats):
            for faulty in broken:
                stock.execute("%reset -f", store_history=False)
                cell = _as_cell(stock, faulty)
                for pace in job.paces:
                    eager.execute("%reset -f", store_history=False)
                    stops.append(_stop(job, eager, faulty, pace, cell))
    return [asdict(stop) for stop in stops]


@dataclass(frozen=True, slots=True)
class _Cell:
    ename: str
    seconds: float


def _as_cell(client: EagerClient, faulty: Faulty) -> _Cell:
    result, seconds = timed_run(lambda: client.execute(faulty.program.code))
    if result.error is None:
        raise RuntimeError(f"the mistake in {faulty.program.name} was none")
    return _Cell(result.error.ename, seconds)


def _stop(job: Job, client: EagerClient, faulty: Faulty, pace: Pace, cell: _Cell) -> Stop:
    tokens = faulty.program.tokens
    replay = Replay(tokens, pace)
    result, seconds = timed_run(
        lambda: client.run(replay, format=faulty.program.format, gate=cast("Mode", job.gate))
    )
    got = result.error.ename if result.error is not None else "no error"
    return Stop(
        program=faulty.program.name,
        place=faulty.place,
        rate=pace.rate,
        tokens=len(tokens),
        needed=faulty.until,
        written=replay.written,
        serial_s=pace.generation(len(tokens)) + cell.seconds,
        eager_s=seconds,
        needed_s=pace.generation(faulty.until),
        error="" if got == cell.ename else f"{cell.ename} in the cell, {got} in the stream",
    )


def run(options: Options) -> tuple[list[Table], list[dict[str, Any]]]:
    """Break some programs, and measure."""
    chosen = options.programs.sample(options.faulty)
    paces = tuple(dict.fromkeys((options.rates[0], max(options.rates))))
    jobs = [
        Job(
            program,
            chosen.workplace,
            number,
            tuple(Pace(rate, options.ttfts[0]) for rate in paces),
            options.repeats,
            options.environments[0],
            options.kernel,
            options.gates[0],
        )
        for number, program in enumerate(chosen.programs)
    ]
    records = []
    for count, done in enumerate(options.engine.map(measure, jobs), 1):
        failed = f", failed: {done.error}" if done.error else ""
        options.progress(f"{count} of {len(jobs)}: {jobs[done.index].program.name}{failed}")
        records += done.records
    return tables(options, [Stop(**record) for record in records]), records


def tables(options: Options, stops: Sequence[Stop]) -> list[Table]:
    """What stopped programs say, as a table."""
    rows, ratios = [], {}
    good = [stop for stop in stops if not stop.error]
    for rate in dict.fromkeys(stop.rate for stop in good):
        for place in PLACES:
            there = [stop for stop in good if (stop.rate, stop.place) == (rate, place)]
            if not there:
                continue
            saved = [stop.tokens_saved for stop in there]
            possible = [stop.tokens_possible for stop in there]
            seconds = [stop.seconds_saved for stop in there]
            rows.append(
                (
                    f"{rate:g}",
                    f"{place:.0%}",
                    f"{len(there)}",
                    spread(saved),
                    spread(possible),
                    spread([stop.written - stop.needed for stop in there], 1, 0),
                    spread(seconds),
                    spread([stop.eager_s - stop.needed_s for stop in there], 1e3, 0),
                )
            )
            ratios[f"{rate:g} tokens/s, mistake at {place:.0%}: tokens saved"] = tuple(saved)
            ratios[f"{rate:g} tokens/s, mistake at {place:.0%}: seconds saved"] = tuple(seconds)
    left_out = len(stops) - len(good)
    note = f"{left_out} runs that did not fail as their cells did are left out." if left_out else ""
    return [
        Table(
            "Interruption: not spent after a mistake",
            (
                "Programs with a mistake at a given part of the answer, in a warm session, with "
                f"gate {options.gates[0]}, against writing all of it and then running it to the "
                "mistake. Median [quartiles] over programs.",
                "Tokens saved: of the whole answer; possible: if the model had stopped with the "
                "mistake's last token. Seconds saved: by how much earlier the error is known, of "
                "the serial time. Known after: from the mistake's last token until the client had "
                "the error, with what had to run before it.",
                *((note,) if note else ()),
            ),
            (
                "tokens/s", "mistake at", "runs", "tokens saved %", "possible %", "tokens too many",
                "seconds saved %", "known after ms",
            ),
            tuple(rows),
            ratios=ratios,
        )
    ]  # fmt: skip
