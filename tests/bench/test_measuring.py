"""Programs measured on real kernels, and where the time of a run went."""

from __future__ import annotations

from dataclasses import replace

import pytest

from eager_kernel.bench.environments import environment, kernel_at_work
from eager_kernel.bench.measuring import Job, Point, Run, course_of, failed_run, measure
from eager_kernel.bench.programs import Program, ProgramSet, Workplace
from eager_kernel.bench.replay import Pace, tokens_until
from eager_kernel.core.report import ChunkReport, Report, WaitReport

FAST = Point("effect", Pace(500, 0.1))


@pytest.mark.parametrize("environment", ["local", "link:20"])
def test_programs_are_measured_both_ways(programs: ProgramSet, environment: str) -> None:
    answer, script = programs.programs
    program = answer if environment == "local" else script
    states = ("cold", "warm") if environment == "local" else ("warm",)
    job = Job(program, programs.workplace, (FAST,), states, 1, environment)
    runs = [Run.from_dict(record) for record in measure(job)]
    assert {run.state for run in runs} == set(states)
    for run in runs:
        assert run.error == ""
        assert (run.program, run.environment) == (program.name, environment)
        assert run.tokens == len(program.tokens)
        assert run.generation_s == pytest.approx(0.1 + (run.tokens - 1) / 500)
        assert run.cell_s > 0
        assert run.serial_s == run.generation_s + run.cell_s
        assert run.eager_s >= run.generation_s - 0.001
        assert 0 <= run.waited_s < run.eager_s
        assert 0 < run.ideal_s <= run.kernel_s + 1e-6
        assert run.bound_s <= run.kernel_s + 1e-6
        parts = run.detection_s + run.dispatch_s + run.closing_s + run.transport_s
        assert run.ideal_s + parts == pytest.approx(run.eager_s)
        assert len(run.executions) == len(tokens_until(program.tokens, program.format))
        assert Run.from_dict(run.to_dict()) == run
        if environment == "link:20":
            assert run.waited_s >= 0.02  # the last token's way, and that of the result
            assert run.cell_s >= 0.02


def test_a_program_that_fails_is_told() -> None:
    job = Job(Program("p.py", "1 / 0\n"), Workplace(), (FAST,), ("warm",))
    (run,) = measure(job)
    assert run["error"] == "it failed serially: ZeroDivisionError: division by zero"


def test_imports_are_begun_early_where_a_point_says_so() -> None:
    point = Point("off", FAST.pace, ("wave",))
    with kernel_at_work(
        environment("local"), "eager_python", Workplace(), point.arguments
    ) as kernel:
        result = kernel.run([WAIT_FOR_WAVE], format="python", gate="off")
    assert result.status == "ok", result.error


WAIT_FOR_WAVE = """\
import sys, time
end = time.monotonic() + 30
while "wave" not in sys.modules and time.monotonic() < end:
    time.sleep(0.01)
assert "wave" in sys.modules
"""


def test_only_cold_processes_are_measured_with_early_imports(programs: ProgramSet) -> None:
    early = Point("effect", FAST.pace, ("wave",))
    runs = measure(Job(programs.programs[1], programs.workplace, (FAST, early)))
    assert sorted((run["state"], run["imports"]) for run in runs) == [
        ("cold", ()), ("cold", ("wave",)), ("warm", ()),
    ]  # fmt: skip


def test_a_job_that_gave_nothing(programs: ProgramSet) -> None:
    job = Job(programs.programs[0], programs.workplace, (FAST,))
    run = failed_run(job, "KernelConnectionError: gone")
    assert (run.program, run.state, run.rate, run.error) == (
        "answer.md", "cold", 500, "KernelConnectionError: gone",
    )  # fmt: skip


def test_turns_go_forth_and_back(programs: ProgramSet) -> None:
    job = Job(
        programs.programs[1],
        programs.workplace,
        (FAST, Point("off", FAST.pace)),
        ("warm",),
        repeats=2,
    )
    runs = [Run.from_dict(record) for record in measure(job)]
    assert [(run.repeat, run.gate) for run in runs] == [
        (0, "effect"), (0, "off"), (1, "effect"), (1, "off"),
    ]  # fmt: skip
    assert runs[0].cell_s == runs[1].cell_s != runs[2].cell_s == runs[3].cell_s


# Where the time went --------------------------------------------------------------------------


def chunk(index: int, ready: float, start: float, finish: float, **fields: object) -> ChunkReport:
    usual = ChunkReport(
        index=index, lines=(index + 1, index + 1), category="plain", action="run", reason="",
        ready=ready, start=start, finish=finish, batch=index,
    )  # fmt: skip
    return replace(usual, **fields)  # type: ignore[arg-type]


def report(*chunks: ChunkReport, generation: float) -> Report:
    return Report(
        ttft_s=0, generation_s=generation, execution_s=0, end_to_end_s=0, non_overlapped_s=0,
        serial_s=0, saved_s=0, hidden_fraction=0, lower_bound_s=0, regime="balanced", chunks=chunks,
    )  # fmt: skip


def test_course_of_a_run() -> None:
    course = course_of(
        report(
            chunk(0, 1.1, 1.3, 3.3, delay=0.1),
            chunk(1, 2.0, 3.4, 4.4),
            generation=2.5,
        )
    )
    assert course.executions == pytest.approx([2, 1])
    assert course.ideal == pytest.approx(1.0 + 2 + 1)
    assert course.detected == pytest.approx(1.1 + 2 + 1)
    assert course.ran == 4.4


def test_waits_are_no_execution() -> None:
    wait = WaitReport(line=1, effect="opens", start=1.5, finish=4.0)
    course = course_of(report(chunk(0, 1.0, 1.0, 5.0, waits=(wait,)), generation=4.0))
    assert course.executions == pytest.approx([1.5])
    assert (course.ideal, course.ran) == (4.0, 5.0)


def test_chunks_of_one_cell_count_once() -> None:
    course = course_of(report(chunk(0, 1.0, 2.0, 5.0), chunk(1, 1.5, 2.0, 5.0), generation=2.0))
    assert course.executions == pytest.approx([3, 0])
    assert course.ideal == pytest.approx(4.0)


def test_a_run_ends_no_earlier_than_its_text() -> None:
    course = course_of(report(chunk(0, 1.0, 1.0, 1.5), generation=9.0))
    assert (course.ideal, course.detected, course.ran) == (9.0, 9.0, 9.0)
    assert course_of(report(generation=3.0)).ideal == 3.0
