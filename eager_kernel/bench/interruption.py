"""Interruption: what is not written, and not waited for, after a mistake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from eager_kernel.bench.environments import environment, kernel_at_work
from eager_kernel.bench.faults import MISTAKES, PLACES, Faulty, break_cell
from eager_kernel.bench.measure import Table, spread
from eager_kernel.bench.measuring import STOCK, timed_run, within
from eager_kernel.bench.options import Options
from eager_kernel.bench.programs import Program
from eager_kernel.bench.replay import Pace, Replay
from eager_kernel.bench.workplaces import identity
from eager_kernel.client import EagerClient


@dataclass(frozen=True, slots=True)
class Job:
    """One program, broken at each place. Can travel to another machine.

    Parameters
    ----------
    program
        What is broken and run; of one cell.
    first_mistake
        Which of `MISTAKES` is the first; each place has another.
    paces
        How fast the answer is written.
    repeats, environment, kernel, gate
        As in `eager_kernel.bench.measuring.Job` and `Point`.
    """

    program: Program
    first_mistake: int
    paces: tuple[Pace, ...]
    repeats: int
    environment: str
    kernel: str
    gate: str
    limit: float = 300.0

    def __str__(self) -> str:
        return f"{self.program.name}, broken"

    def identity(self) -> dict[str, Any]:
        """All that its figures depend on, as plain values."""
        plain = asdict(self)
        del plain["limit"]
        place = identity(self.program.workplace)
        cells = [[cell.name, cell.text, cell.format] for cell in self.program.cells]
        return plain | {"program": cells, "workplace": place}

    def expected_s(self, execution_s: float) -> float:
        """About how long this takes, if the program's cell takes `execution_s`."""
        tokens = self.program.tokens
        part = sum(PLACES)
        once = sum(pace.generation(tokens) + execution_s for pace in self.paces) * part
        return self.repeats * (once + part * execution_s) + 2 * (execution_s + 2.5)


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
    (cell,) = job.program.cells
    broken = [
        break_cell(cell, place, MISTAKES[(job.first_mistake + i) % len(MISTAKES)])
        for i, place in enumerate(PLACES)
    ]
    stops = []
    with (
        kernel_at_work(where, STOCK, job.program.workplace) as stock,
        kernel_at_work(where, job.kernel, job.program.workplace) as eager,
    ):
        for client in (stock, eager):
            within(client, job.limit, lambda client=client: client.execute(cell.code))  # type: ignore[misc]
            client.execute("1 / 0")  # the first traceback of a process imports what shows it
        for _ in range(job.repeats):
            for faulty in broken:
                stock.execute("%reset -f", store_history=False)
                serial = _as_cell(stock, job, faulty)
                for pace in job.paces:
                    eager.execute("%reset -f", store_history=False)
                    stops.append(_stop(job, eager, faulty, pace, serial))
    return [asdict(stop) for stop in stops]


@dataclass(frozen=True, slots=True)
class _Cell:
    ename: str
    seconds: float


def _as_cell(client: EagerClient, job: Job, faulty: Faulty) -> _Cell:
    result, seconds = timed_run(
        lambda: within(client, job.limit, lambda: client.execute(faulty.cell.code))
    )
    if result.error is None:
        raise RuntimeError(f"the mistake in {faulty.cell.name} was none")
    return _Cell(result.error.ename, seconds)


def _stop(job: Job, client: EagerClient, faulty: Faulty, pace: Pace, cell: _Cell) -> Stop:
    tokens = faulty.cell.tokens
    replay = Replay(tokens, pace)
    limit = pace.generation(len(tokens)) + job.limit
    options: dict[str, Any] = {"format": faulty.cell.format, "gate": job.gate}
    result, seconds = timed_run(
        lambda: within(client, limit, lambda: client.run(replay, **options))
    )
    got = result.error.ename if result.error is not None else "no error"
    return Stop(
        program=faulty.cell.name,
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


def jobs(options: Options) -> list[Job]:
    """All that is to be measured: a job for each of some programs, none of them a session."""
    single = replace(
        options.programs,
        programs=tuple(p for p in options.programs.programs if len(p.cells) == 1),
    )
    paces = tuple(dict.fromkeys((options.rates[0], max(options.rates))))
    return [
        Job(
            program,
            number,
            tuple(Pace(rate, options.ttfts[0]) for rate in paces),
            options.repeats,
            options.environments[0],
            options.kernel,
            options.gates[0],
            options.limit,
        )
        for number, program in enumerate(single.sample(options.faulty).programs)
    ]


def run(options: Options) -> tuple[list[Table], list[dict[str, Any]]]:
    """Break some programs, and measure."""
    todo = jobs(options)

    def begin(index: int) -> None:
        options.progress(f"{index + 1} of {len(todo)}: {todo[index]}")

    records = []
    for done in options.engine.map(measure, todo, begin):
        if done.error:
            options.progress(f"{todo[done.index]}: failed: {done.error}")
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
    found = [
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
    return [table for table in found if table.rows]
