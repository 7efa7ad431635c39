"""Programs measured on real kernels, and where the time of a run went."""

from __future__ import annotations

from dataclasses import replace

import pytest

from eager_kernel.bench.end_to_end import cell_name
from eager_kernel.bench.environments import environment, kernel_at_work
from eager_kernel.bench.measuring import (
    Job,
    OverLimitError,
    Point,
    Run,
    State,
    course_of,
    failed_run,
    measure,
    order,
    whole,
)
from eager_kernel.bench.programs import Cell, Program, ProgramSet
from eager_kernel.bench.replay import Pace, tokens_until
from eager_kernel.bench.workplaces import Workplace
from eager_kernel.core.report import ChunkReport, Report, WaitReport
from tests.bench.runs import run

FAST = Point("effect", Pace(500, 0.1))


@pytest.mark.parametrize(
    ("environment", "state"), [("local", "cold"), ("local", "warm"), ("link:20", "warm")]
)
def test_programs_are_measured_both_ways(
    programs: ProgramSet, environment: str, state: State
) -> None:
    answer, script = programs.programs
    program = answer if environment == "local" else script
    told: list[str] = []
    job = Job(program, (FAST,), state, 1, environment, samples=2)
    (run,) = map(Run.from_dict, measure(job, told.append))
    assert run.error == run.difference == run.unstable == ""
    assert (run.program, run.environment, run.state) == (program.name, environment, state)
    assert run.tokens == program.tokens
    assert run.generation_s == pytest.approx(0.1 + (run.tokens - 1) / 500)
    assert len(run.samples) == 2
    assert min(run.samples) <= run.cell_s <= max(run.samples)
    assert run.serial_s == run.generation_s + run.cell_s
    assert run.eager_s >= run.generation_s - 0.001
    assert 0 <= run.waited_s < run.eager_s
    assert 0 < run.ideal_s <= run.kernel_s + 1e-6
    assert run.bound_s <= run.kernel_s + 1e-6
    parts = run.detection_s + run.dispatch_s + run.closing_s + run.transport_s
    assert run.ideal_s + parts == pytest.approx(run.eager_s)
    (cell,) = program.cells
    assert len(run.executions) == len(tokens_until(cell.tokens, cell.format))
    assert Run.from_dict(run.to_dict()) == run
    assert told[-3:] == [f"serial, {FAST.pace}", str(FAST), f"serial, {FAST.pace}"]
    if environment == "link:20":
        assert run.waited_s >= 0.02  # the last token's way, and that of the result
        assert run.cell_s >= 0.02


def test_a_session_is_measured_in_one_kernel_and_what_differs_is_told() -> None:
    texts = (
        "import sys, pathlib\nx = 1",
        "print(x, 'eager_kernel' in sys.modules)",
        "pathlib.Path('x.txt').write_text(str('eager_kernel' in sys.modules)); import time",
        "print(time.time_ns())",
        "print('runs eagerly')\nfor in x",
        "x",
    )
    cells = tuple(Cell(f"[{number}]", text) for number, text in enumerate(texts, 1))
    session = Program("session", cells)
    runs = [Run.from_dict(record) for record in measure(Job(session, (FAST,), samples=2))]
    assert [(run.cell, run.cells) for run in runs] == [(0, 6), (1, 6), (2, 6), (3, 6), (4, 6)]
    assert [bool(run.difference) for run in runs] == [False, True, False, False, True]
    assert runs[1].difference.splitlines()[-2:] == ["-1 False", "+1 True"]
    assert runs[4].difference == "files: x.txt"  # looked at when the last one has run
    assert [bool(run.unstable) for run in runs] == [False, False, False, True, False]
    assert [run.error for run in runs[:4]] == [""] * 4
    assert runs[4].error.startswith("it failed serially: SyntaxError: invalid syntax")


def test_the_cells_of_a_session_are_put_together() -> None:
    fields = {"cells": 3, "program": "session", "samples": (1.0, 3.0)}
    runs = [
        run(**fields, executions=(1.0,)),
        run(**fields, cell=1, executions=(2.0,), difference="-1\n+2"),
        run(**fields, cell=2, error="it failed"),
        run(program="other.py"),
    ]
    both, other = whole(runs)
    assert other is runs[3]
    assert (both.serial_s, both.eager_s, both.error) == (24.0, 22.0, "")
    assert both.executions == (1.0, 2.0)
    assert both.samples == (2.0, 6.0)
    assert both.difference == "-1\n+2"
    assert both.reduction == runs[0].reduction


def test_serial_runs_are_spread_among_the_others() -> None:
    points = [FAST, Point("off", FAST.pace)]
    assert order(points, 1) == [None, *points]
    assert order(points, 2) == [None, *points, None]
    assert order(points, 3) == [None, points[0], None, points[1], None]
    assert order(points[:1], 3) == [None, None, FAST, None]


def test_a_program_over_its_limit_is_stopped() -> None:
    slow = Program.of("slow.py", "import time\ntime.sleep(60)\n")
    with pytest.raises(OverLimitError, match=r"--limit 1"):
        measure(Job(slow, (FAST,), "warm", limit=1))


def test_a_session_counts_up_to_a_cell_that_is_over_the_limit() -> None:
    texts = "x = 1", "while True: pass", "print(x)"
    cells = tuple(Cell(f"[{number}]", text) for number, text in enumerate(texts, 1))
    job = Job(Program("session", cells), (FAST,), "cold", limit=3)
    good, left_out = (Run.from_dict(record) for record in measure(job))
    assert (good.cell, good.cells, good.error) == (0, 3, "")
    assert (left_out.cell, left_out.cells) == (1, 3)
    assert left_out.error == "it took longer than --limit 3; what follows is left out, too"


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
    runs = measure(Job(programs.programs[1], (FAST, early), "cold"))
    assert [run["imports"] for run in runs] == [(), ("wave",)]
    assert measure(Job(programs.programs[1], (early,), "warm")) == []


def test_a_job_that_gave_nothing(programs: ProgramSet) -> None:
    job = Job(programs.programs[0], (FAST,))
    failed = failed_run(job, "KernelConnectionError: gone")
    assert (failed.program, failed.state, failed.rate, failed.error) == (
        "answer.md", "cold", 500, "KernelConnectionError: gone",
    )  # fmt: skip
    assert cell_name(replace(failed, cells=3)) == "answer.md"


def test_turns_go_forth_and_back(programs: ProgramSet) -> None:
    job = Job(
        programs.programs[1],
        (FAST, Point("off", FAST.pace)),
        "warm",
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
