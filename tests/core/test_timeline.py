"""The timeline, on synthetic times."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.figures.timeline import Spent, Timeline
from eager_kernel.core.gate import Verdict
from eager_kernel.core.report import Report

START = 100.0


def judged(index: int) -> tuple[Chunk, Verdict]:
    chunk = Chunk(f"x{index}\n", index, index + 1, index + 1)
    return chunk, Verdict("run", "plain", "", index + 1)


def near(value: float) -> object:
    return pytest.approx(value, abs=1e-9)


def run_of_two_batches() -> Report:
    """Text arrives at 1, 2 and 4 s; chunk 0 runs alone, then 1 and 2 together; ends at 9 s."""
    timeline = Timeline(START)
    timeline.delta(START + 1)
    timeline.ready(*judged(0), START + 1.25)
    timeline.batch_started(START + 1.5)
    timeline.started(0, START + 1.75)
    timeline.delta(START + 2)
    timeline.ready(*judged(1), START + 2.5)
    timeline.finished(0, START + 3.75)
    timeline.batch_finished(START + 4)
    timeline.delta(START + 4)
    timeline.ready(*judged(2), START + 4.125)
    timeline.batch_started(START + 4.25)
    timeline.started(1, START + 4.5)
    timeline.finished(1, START + 5.5)
    timeline.started(2, START + 5.5)
    timeline.finished(2, START + 8.5)
    timeline.batch_finished(START + 8.75)
    return timeline.report(START + 9)


def test_report_counts_from_the_start_of_the_run() -> None:
    report = run_of_two_batches()
    assert (report.ttft_s, report.generation_s, report.end_to_end_s) == (1, 4, 9)
    spans = [(c.index, c.ready, c.start, c.finish, c.batch) for c in report.chunks]
    assert spans == [(0, 1.25, 1.75, 3.75, 0), (1, 2.5, 4.5, 5.5, 1), (2, 4.125, 5.5, 8.5, 1)]


def test_chunk_report_repeats_its_verdict_and_lines() -> None:
    chunk = run_of_two_batches().chunks[1]
    assert (chunk.lines, chunk.category, chunk.action, chunk.reason) == ((2, 2), "plain", "run", "")


def test_execution_is_the_sum_over_batches() -> None:
    assert run_of_two_batches().execution_s == near(2.5 + 4.5)


def test_what_overlap_saved_follows_the_formulae() -> None:
    report = run_of_two_batches()
    setup = (7 - 6) / 2  # beyond the chunks, for each of two batches
    assert report.non_overlapped_s == near(9 - 4)
    assert report.serial_s == near(4 + setup + 6)
    assert report.saved_s == near(report.serial_s - 9)
    assert report.hidden_fraction == near(1 - 5 / 7)
    by_generation, by_execution = 4 + 0.125 + setup + 3, 1.25 + 2 * setup + 6
    assert report.lower_bound_s == near(max(by_generation, by_execution))


@pytest.mark.parametrize(
    ("execution", "expected"),
    [(0.1, "generation-dominated"), (0.5, "execution-dominated"), (0.25, "balanced")],
)
def test_regime_compares_what_a_chunk_takes_on_both_sides(execution: float, expected: str) -> None:
    timeline = Timeline(START)
    timeline.delta(START)
    for index in range(4):  # each takes 0.25 s to generate
        now = START + (index + 1) / 4
        timeline.delta(now)
        timeline.ready(*judged(index), now)
        timeline.batch_started(now)
        timeline.started(index, now)
        timeline.finished(index, now + execution)
        timeline.batch_finished(now + execution)
    assert timeline.report(START + 9).regime == expected


def test_chunk_that_did_not_run_has_no_times() -> None:
    timeline = Timeline(START)
    timeline.delta(START + 1)
    timeline.ready(*judged(0), START + 1)
    timeline.ready(*judged(1), START + 1)
    timeline.batch_started(START + 1)
    timeline.started(0, START + 1)
    timeline.finished(0, START + 2)
    timeline.batch_finished(START + 2)
    report = timeline.report(START + 3)
    skipped = report.chunks[1]
    assert (skipped.start, skipped.finish, skipped.batch) == (None, None, None)
    assert report.execution_s == 1
    assert report.serial_s == 2


def test_nothing_ran() -> None:
    timeline = Timeline(START)
    timeline.delta(START + 1)
    timeline.delta(START + 2)
    timeline.ready(*judged(0), START + 2)
    report = timeline.report(START + 3)
    assert (report.execution_s, report.hidden_fraction, report.non_overlapped_s) == (0, 0, 1)
    assert (report.serial_s, report.saved_s, report.lower_bound_s) == (2, -1, 2)


def test_no_text_came() -> None:
    report = Timeline(START).report(START + 3)
    assert (report.ttft_s, report.generation_s, report.end_to_end_s) == (0, 0, 3)
    assert (report.non_overlapped_s, report.lower_bound_s, report.chunks) == (3, 0, ())


def test_run_that_ended_before_the_last_delta_waited_for_nothing() -> None:
    timeline = Timeline(START)
    timeline.delta(START + 5)
    assert timeline.report(START + 4).non_overlapped_s == 0


def test_chunk_ready_before_any_delta_counts_its_delay_from_the_start() -> None:
    timeline = Timeline(START)
    timeline.ready(*judged(0), START + 2)
    timeline.batch_started(START + 2)
    timeline.started(0, START + 2)
    timeline.finished(0, START + 3)
    timeline.batch_finished(START + 3)
    assert timeline.report(START + 3).lower_bound_s == near(2 + 1)


def run_that_waits() -> Report:
    """As above, but chunk 0 waits from 2 to 3 s, and 2 from 6 to 6.5 and from 7 to 7.25 s."""
    timeline = Timeline(START)
    timeline.delta(START + 1)
    timeline.ready(*judged(0), START + 1.25)
    timeline.batch_started(START + 1.5)
    timeline.started(0, START + 1.75)
    timeline.wait_started(0, "removes 'a'", 1, START + 2)
    timeline.delta(START + 2)
    timeline.ready(*judged(1), START + 2.5)
    timeline.wait_finished(0, START + 3)
    timeline.finished(0, START + 3.75)
    timeline.batch_finished(START + 4)
    timeline.delta(START + 4)
    timeline.ready(*judged(2), START + 4.125)
    timeline.batch_started(START + 4.25)
    timeline.started(1, START + 4.5)
    timeline.finished(1, START + 5.5)
    timeline.started(2, START + 5.5)
    timeline.wait_started(2, "removes 'b'", 3, START + 6)
    timeline.wait_finished(2, START + 6.5)
    timeline.wait_started(2, "removes 'c'", 3, START + 7)
    timeline.wait_finished(2, START + 7.25)
    timeline.finished(2, START + 8.5)
    timeline.batch_finished(START + 8.75)
    return timeline.report(START + 9)


def test_waiting_is_no_execution() -> None:
    without, report = run_of_two_batches(), run_that_waits()
    waited = 1 + 0.5 + 0.25
    assert report.waited_s == near(waited)
    assert report.execution_s == near(without.execution_s - waited)
    assert report.serial_s == near(without.serial_s - waited)
    assert report.setup_s == near(without.setup_s)
    assert report.hidden_fraction == near(1 - 5 / report.execution_s)
    by_generation, by_execution = 4.125 + 0.5 + 3 - 0.75, 1.25 + report.execution_s
    assert report.lower_bound_s == near(max(by_generation, by_execution))
    assert (without.waited_s, without.chunks[0].waits) == (0, ())


def test_waits_are_listed() -> None:
    waits = run_that_waits().chunks[2].waits
    assert [(w.line, w.effect, w.start, w.finish) for w in waits] == [
        (3, "removes 'b'", 6, 6.5),
        (3, "removes 'c'", 7, 7.25),
    ]


def test_open_wait_counts_until_now() -> None:
    timeline = Timeline(START)
    timeline.delta(START + 1)
    timeline.ready(*judged(0), START + 1)
    timeline.batch_started(START + 1)
    timeline.started(0, START + 1)
    timeline.wait_started(0, "e", 1, START + 3)
    report = timeline.report(START + 7)
    assert (report.execution_s, report.waited_s) == (2, 4)
    chunk = report.chunks[0]
    assert (chunk.start, chunk.finish, chunk.waits[0].finish) == (1, None, 7)
    # It ends with its chunk, even if nobody says so.
    timeline.finished(0, START + 8)
    timeline.batch_finished(START + 8)
    report = timeline.report(START + 20)
    assert (report.execution_s, report.waited_s, report.chunks[0].waits[0].finish) == (2, 5, 8)


def test_waits_may_be_nested_and_end_unasked() -> None:
    timeline = Timeline(START)
    timeline.ready(*judged(0), START)
    timeline.batch_started(START)
    timeline.started(0, START)
    timeline.wait_finished(0, START + 0.5)  # of nothing
    timeline.wait_started(0, "outer", 1, START + 1)
    timeline.wait_started(0, "in a signal handler", 1, START + 2)
    timeline.wait_finished(0, START + 3)
    timeline.wait_finished(0, START + 4)
    timeline.finished(0, START + 5)
    timeline.batch_finished(START + 5)
    report = timeline.report(START + 5)
    assert (report.waited_s, report.execution_s) == (3, 2)
    assert [wait.finish for wait in report.chunks[0].waits] == [4, 3]


def hold(index: int) -> tuple[Chunk, Verdict]:
    return judged(index)[0], Verdict("hold", "timing", "reads a clock", index + 1)


def running_chunk(spent: Spent) -> Timeline:
    """Of a chunk that comes and starts after a second."""
    timeline = Timeline(START)
    timeline.delta(START + 1)
    timeline.ready(*judged(0), START + 1)
    timeline.batch_started(START + 1, spent)
    timeline.started(0, START + 1)
    return timeline


@pytest.mark.parametrize(
    ("program", "reading", "slowed"),
    [
        (3.0, 0.5, 0.5),  # of four seconds, the program computed for three
        (3.875, 0.5, 0.125),  # both computed at once, most of the time
        (4.0, 0.5, 0.0),
        (5.0, 0.5, 0.0),  # in threads of its own
        (0.0, 0.0, 0.0),
    ],
)
def test_a_program_is_not_charged_for_the_reading_of_its_text(
    program: float, reading: float, slowed: float
) -> None:
    timeline = running_chunk(Spent(7.0, 2.0))
    timeline.finished(0, START + 5)
    timeline.batch_finished(START + 5, Spent(7.0 + program, 2.0 + reading))
    timeline.batch_finished(START + 6, Spent(9.0 + program, 9.0))  # the first time counts
    timeline.delta(START + 6)
    report = timeline.report(START + 6)
    assert report.reading_s == slowed
    assert report.execution_s == 4.0 - slowed
    assert report.serial_s == 10.0 - slowed


def test_reading_costs_nothing_while_the_program_stands_still() -> None:
    timeline = running_chunk(Spent(0.0, 0.0))
    timeline.wait_started(0, "writes", 1, START + 2)
    timeline.wait_finished(0, START + 4.75)
    timeline.finished(0, START + 5)
    timeline.batch_finished(START + 5, Spent(1.0, 0.5))
    report = timeline.report(START + 5)
    assert (report.reading_s, report.waited_s, report.execution_s) == (0.25, 2.75, 1.0)


def test_the_reading_of_a_batch_that_runs_is_not_known() -> None:
    timeline = running_chunk(Spent(3.0, 1.0))
    assert timeline.report(START + 5).reading_s == 0.0


def test_holding_counts_while_nothing_runs() -> None:
    timeline = Timeline(START)
    timeline.delta(START)
    timeline.ready(*judged(0), START + 1)
    timeline.batch_started(START + 1)
    timeline.started(0, START + 1)
    timeline.ready(*hold(1), START + 2)
    timeline.ready(*hold(2), START + 4)
    timeline.finished(0, START + 3)
    timeline.batch_finished(START + 3)
    assert timeline.report(START + 4).held_s == 1
    timeline.delta(START + 6)
    timeline.batch_started(START + 6)
    for index in (1, 2):
        timeline.started(index, START + 6)
        timeline.finished(index, START + 7)
    timeline.batch_finished(START + 7)
    report = timeline.report(START + 7)
    assert report.held_s == 3
    assert [(c.action, c.line) for c in report.chunks] == [("run", 1), ("hold", 2), ("hold", 3)]


def test_one_cell_shares_its_time() -> None:
    timeline = Timeline(START)
    timeline.delta(START + 1)
    for index in range(3):
        timeline.ready(*judged(index), START + 1)
    timeline.batch_started(START + 1)
    for index in range(3):
        timeline.started(index, START + 1.25 + index / 1024)
    timeline.wait_started(1, "e", 2, START + 2)
    timeline.wait_finished(1, START + 3)
    for index in range(3):
        timeline.finished(index, START + 5 + index / 1024)
    timeline.batch_finished(START + 5.25)
    report = timeline.report(START + 5.25)
    assert (report.execution_s, report.waited_s) == (3.25, 1)
    assert report.setup_s == near(0.5 - 2 / 1024)
    assert report.serial_s == near(1 + 3.25)
    assert report.lower_bound_s <= 5.25


def test_bound_holds_where_text_goes_on_after_what_ran() -> None:
    """The program failed, or prose follows the code."""
    timeline = Timeline(START)
    timeline.delta(START + 1)
    timeline.ready(*judged(0), START + 1)
    timeline.batch_started(START + 1)
    timeline.started(0, START + 1)
    timeline.finished(0, START + 4)
    timeline.batch_finished(START + 4)
    timeline.delta(START + 10)
    assert timeline.report(START + 10).lower_bound_s == 10


def test_limits_of_a_run() -> None:
    report = run_of_two_batches()
    assert report.setup_s == near(0.5)
    assert report.upper_bound_s == near(4 + 0.5 + 7)
    assert report.critical_chunks == 0  # 6 s of execution, 3 s of writing
    assert Timeline(START).report(START + 1).critical_chunks is None


def test_batch_that_never_finished_counts_until_now() -> None:
    timeline = Timeline(START)
    timeline.ready(*judged(0), START)
    timeline.batch_started(START + 1)
    assert timeline.report(START + 3).execution_s == 2


def test_report_of_another_version() -> None:
    plain = run_that_waits().to_dict()
    for name in ("upper_bound_s", "setup_s", "critical_chunks", "held_s", "waited_s"):
        del plain[name]
    for chunk in plain["chunks"]:
        for name in ("waits", "delay", "line"):
            del chunk[name]
        chunk["colour"] = "blue"
    plain["mood"] = "good"
    report = Report.from_dict(plain)
    assert report.chunks[0].waits == ()
    assert report.waited_s == 0
    assert report.execution_s == run_that_waits().execution_s


def run_with_files() -> Report:
    files = {f"/a/{number}": number for number in range(300)}
    return run_of_two_batches().with_files(files, undone=True)


def test_only_the_first_files_are_named() -> None:
    report = run_with_files()
    assert (len(report.files), report.file_count) == (100, 300)
    assert report.to_dict()["files"][7] == {"path": "/a/7", "line": 7}


def test_files_that_are_none() -> None:
    plain = run_with_files().to_dict()
    for files in ("a", [1], [{"path": 1, "line": 1}], [{"path": "a"}]):
        with pytest.raises(ValueError, match=r"files|path|line"):
            Report.from_dict({**plain, "files": files})


@pytest.mark.parametrize("make", [run_of_two_batches, run_that_waits, run_with_files])
def test_report_survives_the_wire(make: Callable[[], Report]) -> None:
    report = make()
    plain = report.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert Report.from_dict(json.loads(json.dumps(plain))) == report
    assert Report.from_dict(plain).to_dict() == plain


gaps = st.floats(0, 10)


@given(st.lists(st.tuples(gaps, gaps, gaps), min_size=1), gaps)
def test_sums_hold_for_any_run(chunks: list[tuple[float, float, float]], tail: float) -> None:
    """Each chunk as its own batch, as soon as it is there and the one before has run."""
    timeline = Timeline(START)
    generated = list(accumulate((g for g, _, _ in chunks), initial=START))[1:]
    for index, now in enumerate(generated):
        timeline.delta(now)
        timeline.ready(*judged(index), now)
    free = START
    for index, (_, setup, execution) in enumerate(chunks):
        began = max(free, generated[index])
        free = began + setup + execution
        timeline.batch_started(began)
        timeline.started(index, began + setup)
        timeline.finished(index, free)
        timeline.batch_finished(free)
    report = timeline.report(free + tail)
    close = pytest.approx
    assert report.generation_s == close(sum(g for g, _, _ in chunks), abs=1e-6)
    assert report.execution_s == close(sum(s + x for _, s, x in chunks), abs=1e-6)
    assert report.end_to_end_s == close(report.generation_s + report.non_overlapped_s, abs=1e-6)
    assert report.saved_s == close(report.serial_s - report.end_to_end_s, abs=1e-6)
    assert report.hidden_fraction <= 1
    assert report.lower_bound_s <= report.end_to_end_s + 1e-6
    assert report.end_to_end_s <= report.upper_bound_s + tail + 1e-6
    assert Report.from_dict(json.loads(json.dumps(report.to_dict()))) == report
