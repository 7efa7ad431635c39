"""One program, measured at one pace: as cells after the model has written them, and meanwhile.

Both sides wait for the model alike: in the serial one, too, all tokens come when they are due,
and the kernel is idle until the last is there.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, TypeVar

from eager_kernel.bench.comparing import Shown, difference, files_of
from eager_kernel.bench.environments import Environment, environment, kernel_at_work
from eager_kernel.bench.programs import Cell, Program
from eager_kernel.bench.replay import Pace, Replay
from eager_kernel.bench.workplaces import identity
from eager_kernel.client import EagerClient, RunResult
from eager_kernel.core import latency
from eager_kernel.core.report import Report
from eager_kernel.errors import EagerError

State = Literal["cold", "warm"]
T = TypeVar("T")

STATES: Final[tuple[State, ...]] = ("cold", "warm")
STOCK: Final = "python3"


@dataclass(frozen=True, slots=True)
class Point:
    """One way to run a program while it is written.

    Parameters
    ----------
    gate
        The gate's mode.
    pace
        How fast the answer is written.
    imports
        Modules that the kernel begins to import as soon as the model is asked
        (`EagerRun.warm_imports`). Of no use in a warm session, and not measured there.
    """

    gate: str
    pace: Pace
    imports: tuple[str, ...] = ()

    @property
    def arguments(self) -> list[str]:
        """For the kernel's command line."""
        return [f"--EagerRun.warm_imports={module}" for module in self.imports]

    def __str__(self) -> str:
        return f"{self.pace}, gate {self.gate}" + (", early imports" if self.imports else "")


@dataclass(frozen=True, slots=True)
class Job:
    """Measurements of one program, in one environment and state, at one pace. Can travel.

    Parameters
    ----------
    program
        What is run.
    points
        The ways to run it eagerly, all at one pace.
    state
        ``cold``: in a fresh process, which has imported nothing. ``warm``: in a session that
        has run the program before.
    repeats
        How often all is measured.
    environment
        As in `eager_kernel.bench.environments.environment`.
    kernel
        Name of the kernelspec to run eagerly in. Serial cells run in the stock kernel.
    samples
        How often the program is run serially in each turn.
    limit
        Seconds that a cell may take, from its last token on.
    """

    program: Program
    points: tuple[Point, ...]
    state: State = "cold"
    repeats: int = 1
    environment: str = "local"
    kernel: str = "eager_python"
    samples: int = 1
    limit: float = 300.0

    @property
    def pace(self) -> Pace:
        """How fast the answers are written."""
        return self.points[0].pace

    def __str__(self) -> str:
        return f"{self.program.name} ({self.environment}, {self.state}, {self.pace})"

    def identity(self) -> dict[str, Any]:
        """All that its figures depend on, as plain values."""
        plain = {name: getattr(self, name) for name in _IDENTITY}
        cells = [[cell.name, cell.text, cell.format] for cell in self.program.cells]
        points = [asdict(point) for point in self.points]
        place = identity(self.program.workplace)
        return plain | {"cells": cells, "points": points, "workplace": place}

    def expected_s(self, execution_s: float) -> float:
        """About how long this takes, if the program's cells take `execution_s` all together."""
        cells = self.program.cells
        once = sum(self.pace.generation(len(cell.tokens)) for cell in cells) + execution_s
        runs = (len(self.points) + self.samples) * self.repeats
        if self.state == "cold":
            return runs * (once + _START_S)
        return runs * once + 2 * (execution_s + _START_S)


class OverLimitError(EagerError):
    """A program took longer than it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One eager run, and the serial cell that was measured in the same turn. Seconds.

    Parameters
    ----------
    program, kind, work
        As in `Program`.
    cell, cells
        Which of the program's cells it was, from 0, and how many it has. -1: all of it, where
        nothing is known but an error.
    environment, state, repeat
        Where, in what sort of session, and in which turn, from 0.
    gate, rate, ttft, imports
        The point.
    tokens
        Of the whole answer.
    generation_s
        ``TTFT + L/v``: when the last token was due.
    cell_s
        The program as an ordinary cell of the stock kernel, from its request to its result: the
        median of `samples`.
    samples
        Each time it was measured so.
    eager_s
        From the request to the model until the client had the result.
    waited_s
        That from the last token on: the non-overlapped time.
    late_s
        By how much the latest token missed its time, for want of a faster machine.
    bound_s
        The paper's lower bound (eq. 12) for this run, by the kernel's clock.
    ideal_s
        What this run would have taken without any overhead (eq. 7 with ``d = S = 0``).
    detection_s, dispatch_s, closing_s, transport_s
        Where ``eager_s - ideal_s`` went: until chunks were known to be complete; until they
        started, waits of the gate included; from the last chunk's end (or the last token) to
        the end of the run; between client and kernel.
    held_s, stood_s
        Waits of the gate: before a statement, and at effects.
    setup_s, regime
        As in the report.
    executions
        ``x_i`` of each chunk.
    starts
        How often the program's measurements were begun; more than once where a worker of a
        cluster was lost, and all were made again.
    difference
        How the outputs, the error or the files of the eager run differ from those of the serial
        ones; empty where they do not.
    unstable
        How the serial runs differ from each other already; empty where they do not. Then the
        eager one can't be compared.
    error
        Why the run is worth nothing; empty where it is not.
    """

    program: str
    kind: str
    work: str
    environment: str
    state: State
    repeat: int
    gate: str
    rate: float
    ttft: float
    tokens: int
    generation_s: float
    cell_s: float
    samples: tuple[float, ...] = ()
    cell: int = 0
    cells: int = 1
    eager_s: float = 0.0
    waited_s: float = 0.0
    late_s: float = 0.0
    bound_s: float = 0.0
    ideal_s: float = 0.0
    detection_s: float = 0.0
    dispatch_s: float = 0.0
    closing_s: float = 0.0
    transport_s: float = 0.0
    held_s: float = 0.0
    stood_s: float = 0.0
    setup_s: float = 0.0
    regime: str = ""
    imports: tuple[str, ...] = ()
    executions: tuple[float, ...] = ()
    starts: int = 1
    difference: str = ""
    unstable: str = ""
    error: str = ""

    @property
    def serial_s(self) -> float:
        """Generating first and running then (eq. 1)."""
        return self.generation_s + self.cell_s

    @property
    def share(self) -> float:
        """Execution's part of the serial time: no overlap can save more."""
        return self.cell_s / self.serial_s

    @property
    def reduction(self) -> float:
        """How much less the user waited in all, as a part of the serial time."""
        return 1 - self.eager_s / self.serial_s

    @property
    def non_overlapped_reduction(self) -> float:
        """How much less the user waited after the last token, as a part of the cell's time."""
        return 1 - self.waited_s / self.cell_s

    @property
    def kernel_s(self) -> float:
        """End to end by the kernel's clock."""
        return self.eager_s - self.transport_s

    @property
    def over_bound(self) -> float:
        """How much longer than the lower bound it took, as a part of that."""
        return self.kernel_s / self.bound_s - 1

    @property
    def on_target(self) -> bool:
        """Whether it was within 2 % and 5 ms of the lower bound."""
        return self.kernel_s <= 1.02 * self.bound_s + 0.005

    @property
    def seen_on_target(self) -> bool:
        """The same for what the client saw."""
        return self.eager_s <= 1.02 * self.bound_s + 0.005

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Run:
        """What `to_dict` made `plain` of."""
        tuples = {name: tuple(plain.get(name, ())) for name in _TUPLES}
        return cls(**{**plain, **tuples})


def whole(runs: Sequence[Run]) -> list[Run]:
    """Put the cells of each session together: runs of whole programs.

    Seconds are sums, so bounds are bounds of each cell, one after the other: no model writes the
    next cell while this one runs. A session whose cell failed counts up to there.
    """
    found: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        key = (
            run.program, run.environment, run.state, run.repeat, run.gate, run.rate, run.ttft,
            run.imports,
        )  # fmt: skip
        found.setdefault(key, []).append(run)
    return [_together(cells) for cells in found.values()]


def _together(cells: Sequence[Run]) -> Run:
    good = [run for run in cells if not run.error] or list(cells[:1])
    if len(good) == 1:
        return good[0]
    sums: dict[str, Any] = {name: sum(getattr(run, name) for run in good) for name in _SUMS}
    sums["late_s"] = max(run.late_s for run in good)
    sums["executions"] = tuple(x for run in good for x in run.executions)
    sums["samples"] = tuple(map(sum, zip(*(run.samples for run in good), strict=True)))
    sums["starts"] = max(run.starts for run in good)
    sums["regime"] = latency.regime(sums["generation_s"], sums["cell_s"])
    for name in ("difference", "unstable"):
        sums[name] = next(filter(None, (getattr(run, name) for run in good)), "")
    return replace(good[0], **sums)


def measure(job: Job, tell: Callable[[str], None] = lambda text: None) -> list[dict[str, Any]]:
    """Measure a program, serial and eager in turn.

    Parameters
    ----------
    job
        What to measure.
    tell
        Told what is being done, in a word or two.

    Returns
    -------
    list of dict
        A `Run` for each turn, point and cell, as plain values.

    Raises
    ------
    OverLimitError
        The program took longer than it may.
    EagerError
        Its data can't be made, or it has changed them.
    """
    where = environment(job.environment)
    points = [point for point in job.points if job.state == "cold" or not point.imports]
    if not points:
        return []
    tell("once, to see that it ends, and to leave what first runs leave on the disk")
    given, cells = job.program.cells, _cells_in_time(job, where)
    job, whole_job = replace(job, program=replace(job.program, cells=cells)), job
    runs: list[Run] = []
    with ExitStack() as exits:
        opened = (
            _Cold(job, where) if job.state == "cold" else exits.enter_context(_warm(job, where))
        )
        for repeat in range(job.repeats):
            turn: dict[Point | None, list[_Session]] = {}
            ways = order(points, job.samples)
            # In turn, and every other time backwards: a drift of the machine hits all alike.
            for way in ways if repeat % 2 == 0 else reversed(ways):
                tell(f"serial, {job.pace}" if way is None else str(way))
                with opened.kernel(way) as client:
                    turn.setdefault(way, []).append(_session(client, job, way))
            for point in points:
                runs += _runs_of(job, repeat, point, turn[None], turn[point][0])
    runs = [replace(run, cells=len(given)) for run in runs]
    if len(cells) < len(given):
        why = f"it took longer than --limit {job.limit:g}; what follows is left out, too"
        runs += [failed_run(whole_job, why, point, len(cells)) for point in points]
    job.program.workplace.check()
    return [run.to_dict() for run in runs]


def failed_run(job: Job, why: str, point: Point | None = None, cell: int = -1) -> Run:
    """What is known of a program, or a cell of it, that gave nothing: why."""
    return Run(**_common(job, 0, point or job.points[0], cell), cell_s=0.0, error=why)


def order(points: Sequence[Point], samples: int) -> list[Point | None]:
    """The ways of one turn in order: serial samples, which are None, evenly among the others."""
    last = max(1, samples - 1)
    gaps = [round(number * len(points) / last) for number in range(samples)]
    found: list[Point | None] = []
    for gap in range(len(points) + 1):
        found += [None] * gaps.count(gap)
        found += points[gap : gap + 1]
    return found


# Kernels --------------------------------------------------------------------------------------


class _Cold:
    """A fresh kernel for each run."""

    def __init__(self, job: Job, where: Environment) -> None:
        self._job = job
        self._where = where

    @contextmanager
    def kernel(self, way: Point | None) -> Iterator[EagerClient]:
        name, arguments = (STOCK, []) if way is None else (self._job.kernel, way.arguments)
        workplace = self._job.program.workplace
        with kernel_at_work(self._where, name, workplace, arguments) as client:
            yield client


class _Warm:
    """Kernels that have run the program before, and have forgotten its names."""

    def __init__(self, stock: EagerClient, eager: EagerClient) -> None:
        self._stock = stock
        self._eager = eager

    @contextmanager
    def kernel(self, way: Point | None) -> Iterator[EagerClient]:
        client = self._stock if way is None else self._eager
        client.execute(_FORGET, store_history=False)
        yield client


@contextmanager
def _warm(job: Job, where: Environment) -> Iterator[_Warm]:
    workplace = job.program.workplace
    with (
        kernel_at_work(where, STOCK, workplace) as stock,
        kernel_at_work(where, job.kernel, workplace) as eager,
    ):
        for client in (stock, eager):
            _run_through(client, job)
        yield _Warm(stock, eager)


def _cells_in_time(job: Job, where: Environment) -> tuple[Cell, ...]:
    """The program's cells up to the first that takes too long, as a run of it shows once.

    What a first run ever leaves on the disk (compiled modules, lists of fonts) is not what a cold
    process is about: it is there afterwards.

    Raises
    ------
    OverLimitError
        The first one takes too long.
    """
    program = job.program
    if program not in _in_time:
        number = 0
        with kernel_at_work(where, STOCK, program.workplace) as client:
            try:
                for cell in program.cells:
                    _execute(client, job, cell)
                    number += 1
            except OverLimitError:
                if number == 0:
                    raise
        _in_time[program] = number
    return program.cells[: _in_time[program]]


def _run_through(client: EagerClient, job: Job) -> None:
    for cell in job.program.cells:
        _execute(client, job, cell)


def _execute(client: EagerClient, job: Job, cell: Cell) -> RunResult:
    return within(client, job.limit, lambda: client.execute(cell.code))


_FORGET: Final = "%reset -f"
_in_time: dict[Program, int] = {}


# Runs -----------------------------------------------------------------------------------------


def timed_run(action: Callable[[], RunResult]) -> tuple[RunResult, float]:
    """Run something in a kernel; its result, and the seconds until it was there."""
    start = time.perf_counter()
    result = action()
    return result, time.perf_counter() - start


def within(client: EagerClient, limit: float, action: Callable[[], T]) -> T:
    """Have a kernel do something, and interrupt it where that takes longer than `limit` seconds.

    Raises
    ------
    OverLimitError
        It took longer. The kernel may still be at it, and is of no use any more.
    """
    done: Future[T] = Future()

    def work() -> None:
        try:
            done.set_result(action())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            done.set_exception(error)

    # A thread that nobody waits for: a kernel that can't be interrupted ends with its client.
    threading.Thread(target=work, name="bench-run", daemon=True).start()
    try:
        return done.result(limit)
    except TimeoutError:
        if done.done():
            raise  # the action's own
        client.interrupt()
        raise OverLimitError(f"it took longer than it may (--limit {limit:g})") from None


@dataclass(frozen=True, slots=True)
class _Timed:
    """A cell that has run.

    Parameters
    ----------
    result
        What it gave.
    seconds
        Serially, from the last token to the result; eagerly, from the request to the model.
    replay
        The model.
    """

    result: RunResult
    seconds: float
    replay: Replay


@dataclass(frozen=True, slots=True)
class _Session:
    """The cells of a program that have run, up to the first that failed, and the files then."""

    cells: list[_Timed]
    files: dict[str, list[Any]]

    def shown(self, number: int) -> Shown:
        result = self.cells[number].result
        if result.error is not None and result.error.ename in _NO_PROGRAM:
            # A stream has run up to there, as is documented; of that, only files may not stay.
            result = replace(result, outputs=[])
        return Shown.of(result, self.files if number == len(self.cells) - 1 else None)


def _session(client: EagerClient, job: Job, way: Point | None) -> _Session:
    cells = []
    for cell in job.program.cells:
        cells.append(
            _serially(client, job, cell) if way is None else _eagerly(client, job, cell, way)
        )
        if cells[-1].result.status != "ok":
            break
    # In a warm session, files are there of the runs before.
    return _Session(cells, files_of(client) if job.state == "cold" else {})


def _serially(client: EagerClient, job: Job, cell: Cell) -> _Timed:
    """Wait for the model, and run all that it has written."""
    replay = Replay(cell.tokens, job.pace)
    for _ in replay:
        pass
    return _Timed(*timed_run(lambda: _execute(client, job, cell)), replay)


def _eagerly(client: EagerClient, job: Job, cell: Cell, point: Point) -> _Timed:
    replay = Replay(cell.tokens, point.pace)
    limit = point.pace.generation(len(cell.tokens)) + job.limit
    options: dict[str, Any] = {"format": cell.format, "gate": point.gate}
    return _Timed(
        *timed_run(lambda: within(client, limit, lambda: client.run(replay, **options))), replay
    )


def _runs_of(
    job: Job, repeat: int, point: Point, serial: Sequence[_Session], eager: _Session
) -> Iterator[Run]:
    first, *others = serial
    for number in range(min(len(first.cells), len(eager.cells))):
        common = _common(job, repeat, point, number)
        before = first.shown(number)
        again = [session.shown(number) for session in others if number < len(session.cells)]
        unstable = next(filter(None, (difference(before, shown) for shown in again)), "")
        differs = "" if unstable else difference(before, eager.shown(number))
        common |= {"unstable": unstable, "difference": differs}
        failed = [
            _why(session.cells[number].result, way)
            for session, way in (*((s, "serially") for s in serial), (eager, "eagerly"))
            if number < len(session.cells)
        ]
        timed = eager.cells[number]
        if any(failed) or len(failed) <= len(serial) or timed.result.report is None:
            why = next(filter(None, failed), "there is no report")
            yield Run(**common, cell_s=0.0, error=why)
            return
        samples = tuple(session.cells[number].seconds for session in serial)
        yield _run_of(common, samples, timed, timed.result.report)


def _run_of(
    common: dict[str, Any], samples: tuple[float, ...], timed: _Timed, report: Report
) -> Run:
    course = course_of(report)
    replay = timed.replay
    return Run(
        **common,
        cell_s=statistics.median(samples),
        samples=samples,
        eager_s=timed.seconds,
        waited_s=max(0.0, timed.seconds - (replay.last - replay.start)),
        late_s=replay.late,
        bound_s=report.lower_bound_s,
        ideal_s=course.ideal,
        detection_s=course.detected - course.ideal,
        dispatch_s=course.ran - course.detected,
        closing_s=report.end_to_end_s - course.ran,
        transport_s=timed.seconds - report.end_to_end_s,
        held_s=report.held_s,
        stood_s=report.waited_s,
        setup_s=report.setup_s,
        regime=report.regime,
        executions=tuple(course.executions),
    )


def _common(job: Job, repeat: int, point: Point, number: int) -> dict[str, Any]:
    program = job.program
    tokens = len(program.cells[number].tokens)
    return {
        "program": program.name,
        "kind": program.kind,
        "work": program.work,
        "cell": number,
        "cells": len(program.cells),
        "environment": job.environment,
        "state": job.state,
        "repeat": repeat,
        "gate": point.gate,
        "rate": point.pace.rate,
        "ttft": point.pace.ttft,
        "imports": point.imports,
        "tokens": tokens,
        "generation_s": point.pace.generation(tokens),
    }


def _why(result: RunResult, way: str) -> str:
    if result.status == "ok":
        return ""
    error = result.error
    return f"it failed {way}: {f'{error.ename}: {error.evalue}' if error else result.status}"


@dataclass(frozen=True, slots=True)
class Course:
    """When a run would have ended with less and less overhead. Seconds from its start.

    Parameters
    ----------
    executions
        ``x_i``.
    ideal
        Without any overhead: eq. 7 with ``d = S = 0``.
    detected
        With the delays until chunks were known to be complete.
    ran
        As it was, until the last chunk's end; at least until the last token.
    """

    executions: list[float]
    ideal: float
    detected: float
    ran: float


def course_of(report: Report) -> Course:
    """Find out where the time of a run went."""
    ran = [chunk for chunk in report.chunks if chunk.start is not None and chunk.finish is not None]
    if not ran:
        return Course([], *[report.generation_s] * 3)
    executions, free = [], 0.0
    for chunk in ran:
        assert chunk.start is not None
        assert chunk.finish is not None
        # Chunks that ran as one cell share their time: it counts once.
        start = max(chunk.start, free)
        waits = sum(
            wait.finish - max(wait.start, start) for wait in chunk.waits if wait.finish > start
        )
        executions.append(max(0.0, chunk.finish - start - waits))
        free = max(free, chunk.finish)
    generated = [max(0.0, chunk.ready - chunk.delay) for chunk in ran]
    ready = [chunk.ready for chunk in ran]
    last_token = report.generation_s
    return Course(
        executions,
        max(last_token, latency.parallel_time(generated, executions, 0.0)),
        max(last_token, latency.parallel_time(ready, executions, 0.0)),
        max(last_token, free),
    )


_NO_PROGRAM: Final = ("SyntaxError", "IndentationError", "TabError")
_START_S: Final = 2.5  # a kernel's start and end, with its first cell
_SUMS: Final = (
    "tokens", "generation_s", "cell_s", "eager_s", "waited_s", "bound_s", "ideal_s",
    "detection_s", "dispatch_s", "closing_s", "transport_s", "held_s", "stood_s", "setup_s",
)  # fmt: skip
_IDENTITY: Final = ("state", "repeats", "environment", "kernel", "samples")
_TUPLES: Final = ("executions", "imports", "samples")
