"""One program, measured: as a cell after the model has written it, and while it is written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from eager_kernel.bench.environments import Environment, environment, kernel_at_work
from eager_kernel.bench.programs import Program, Workplace
from eager_kernel.bench.replay import Pace, Replay
from eager_kernel.client import EagerClient, RunResult
from eager_kernel.core import latency
from eager_kernel.core.report import Report

State = Literal["cold", "warm"]

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


@dataclass(frozen=True, slots=True)
class Job:
    """All measurements of one program in one environment. Can travel to another machine.

    Parameters
    ----------
    program, workplace
        What is run, and where.
    points
        The ways to run it eagerly.
    states
        ``cold``: in a fresh process, which has imported nothing. ``warm``: in a session that
        has run the program before.
    repeats
        How often all is measured.
    environment
        As in `eager_kernel.bench.environments.environment`.
    kernel
        Name of the kernelspec to run eagerly in. Serial cells run in the stock kernel.
    """

    program: Program
    workplace: Workplace
    points: tuple[Point, ...]
    states: tuple[State, ...] = STATES
    repeats: int = 1
    environment: str = "local"
    kernel: str = "eager_python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One eager run, and the serial cell that was measured in the same turn. Seconds.

    Parameters
    ----------
    program, kind, work
        As in `Program`.
    environment, state, repeat
        Where, in what sort of session, and in which turn, from 0.
    gate, rate, ttft, imports
        The point.
    tokens
        Of the whole answer.
    generation_s
        ``TTFT + L/v``: when the last token was due.
    cell_s
        The program as an ordinary cell of the stock kernel, from its request to its result.
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
    error: str = ""

    @property
    def serial_s(self) -> float:
        """Generating first and running then (eq. 1)."""
        return self.generation_s + self.cell_s

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
        tuples = {name: tuple(plain.get(name, ())) for name in ("executions", "imports")}
        return cls(**{**plain, **tuples})


def measure(job: Job) -> list[dict[str, Any]]:
    """Measure a program, serial and eager in turn.

    Returns
    -------
    list of dict
        A `Run` for each point, state and turn, as plain values.
    """
    where = environment(job.environment)
    if "warm" not in job.states:
        # What a first run ever leaves on the disk (compiled modules, lists of fonts) is not what
        # a cold process is about. Warm sessions, which are measured first, leave it too.
        with kernel_at_work(where, STOCK, job.workplace) as client:
            client.execute(job.program.code)
    states = sorted(job.states, reverse=True)
    return [run.to_dict() for state in states for run in _in_state(job, state, where)]


def failed_run(job: Job, why: str) -> Run:
    """What is known of a job that gave nothing: why."""
    turn = _Turn(job.states[0], 0)
    return Run(**_common(job, turn, job.points[0]), cell_s=0.0, error=why)


def _in_state(job: Job, state: State, where: Environment) -> Iterator[Run]:
    with ExitStack() as exits:
        cold = state == "cold"
        points = [point for point in job.points if cold or not point.imports]
        opened = _Cold(job, where) if cold else exits.enter_context(_warm(job, where))
        for repeat in range(job.repeats):
            results: dict[Point | None, Any] = {}
            ways: list[Point | None] = [None, *points]
            # In turn, and every other time backwards: a drift of the machine hits all alike.
            for way in ways if repeat % 2 == 0 else reversed(ways):
                with opened.kernel(way) as client:
                    results[way] = (
                        _serially(client, job) if way is None else _eagerly(client, job, way)
                    )
            for point in points:
                yield _run_of(job, _Turn(state, repeat), point, results[None], results[point])


# Sessions -------------------------------------------------------------------------------------


class _Cold:
    """A fresh kernel for each run."""

    def __init__(self, job: Job, where: Environment) -> None:
        self._job = job
        self._where = where

    @contextmanager
    def kernel(self, way: Point | None) -> Iterator[EagerClient]:
        name, arguments = (STOCK, []) if way is None else (self._job.kernel, way.arguments)
        with kernel_at_work(self._where, name, self._job.workplace, arguments) as client:
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
    with (
        kernel_at_work(where, STOCK, job.workplace) as stock,
        kernel_at_work(where, job.kernel, job.workplace) as eager,
    ):
        for client in (stock, eager):
            client.execute(job.program.code)
        yield _Warm(stock, eager)


_FORGET: Final = "%reset -f"


# Runs -----------------------------------------------------------------------------------------


def timed_run(action: Callable[[], RunResult]) -> tuple[RunResult, float]:
    """Run something in a kernel; its result, and the seconds until it was there."""
    start = time.perf_counter()
    result = action()
    return result, time.perf_counter() - start


@dataclass(frozen=True, slots=True)
class _Turn:
    state: State
    repeat: int


@dataclass(frozen=True, slots=True)
class _Timed:
    result: RunResult
    seconds: float
    replay: Replay | None = None


def _serially(client: EagerClient, job: Job) -> _Timed:
    """The program as one cell; the model's time is known without waiting for it."""
    return _Timed(*timed_run(lambda: client.execute(job.program.code)))


def _eagerly(client: EagerClient, job: Job, point: Point) -> _Timed:
    replay = Replay(job.program.tokens, point.pace)
    options: dict[str, Any] = {"format": job.program.format, "gate": point.gate}
    return _Timed(*timed_run(lambda: client.run(replay, **options)), replay)


def _run_of(job: Job, turn: _Turn, point: Point, cell: _Timed, eager: _Timed) -> Run:
    replay, report = eager.replay, eager.result.report
    assert replay is not None
    common = _common(job, turn, point) | {"cell_s": cell.seconds}
    failed = _why(cell.result, "serially") or _why(eager.result, "eagerly")
    if failed or report is None:
        return Run(**common, error=failed or "there is no report")
    course = course_of(report)
    return Run(
        **common,
        eager_s=eager.seconds,
        waited_s=max(0.0, eager.seconds - (replay.last - replay.start)),
        late_s=replay.late,
        bound_s=report.lower_bound_s,
        ideal_s=course.ideal,
        detection_s=course.detected - course.ideal,
        dispatch_s=course.ran - course.detected,
        closing_s=report.end_to_end_s - course.ran,
        transport_s=eager.seconds - report.end_to_end_s,
        held_s=report.held_s,
        stood_s=report.waited_s,
        setup_s=report.setup_s,
        regime=report.regime,
        executions=tuple(course.executions),
    )


def _common(job: Job, turn: _Turn, point: Point) -> dict[str, Any]:
    program = job.program
    return {
        "program": program.name,
        "kind": program.kind,
        "work": program.work,
        "environment": job.environment,
        "state": turn.state,
        "repeat": turn.repeat,
        "gate": point.gate,
        "rate": point.pace.rate,
        "ttft": point.pace.ttft,
        "imports": point.imports,
        "tokens": len(program.tokens),
        "generation_s": point.pace.generation(len(program.tokens)),
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
