"""When a cell of several steps goes on, and what its report says."""

from __future__ import annotations

from typing import get_args

import pytest

from eager_kernel.core.conversation.steps import (
    AFTER,
    SAID,
    Budget,
    Ended,
    Spent,
    Step,
    StepEnd,
    as_one,
    joined,
    longest_answer,
    said_of,
    what_follows,
)
from eager_kernel.core.cost import Tokens, estimate
from eager_kernel.core.report import ChunkReport, Report, WaitReport
from eager_kernel.core.summary import summarise


def test_every_end_is_in_the_tables() -> None:
    assert set(AFTER) == set(get_args(StepEnd))
    assert set(SAID) == set(get_args(Ended))
    assert set(AFTER.values()) - {None} < set(SAID)


@pytest.mark.parametrize(
    ("end", "spent", "expected"),
    [
        ("ran", Spent(1, 10, 1.0), None),
        ("failed", Spent(2, 99, 9.9), None),
        ("answered", Spent(1), "answered"),
        ("silent", Spent(1), "silent"),
        ("interrupted", Spent(1), "stopped"),
        ("lost", Spent(1), "lost"),
        ("ran", Spent(3), "steps"),
        ("failed", Spent(3), "steps"),
        ("answered", Spent(3, 500, 50.0), "answered"),
        ("ran", Spent(1, 100), "tokens"),
        ("ran", Spent(1, 0, 10.0), "seconds"),
        ("ran", Spent(3, 100, 10.0), "steps"),
    ],
)
def test_what_follows_a_step(end: StepEnd, spent: Spent, expected: Ended | None) -> None:
    assert what_follows(end, Budget(3, 100, 10.0), spent) == expected


def test_without_budgets_only_steps_count() -> None:
    assert what_follows("ran", Budget(2), Spent(1, 10**9, 1e9)) is None
    assert what_follows("ran", Budget(1), Spent(1)) == "steps"


@pytest.mark.parametrize(
    ("wanted", "tokens", "spent", "expected"),
    [(None, None, 5, None), (7, None, 5, 7), (None, 50, 20, 30), (10, 50, 20, 10), (40, 50, 49, 1)],
)
def test_an_answer_may_have_what_is_left(
    wanted: int | None, tokens: int | None, spent: int, expected: int | None
) -> None:
    assert longest_answer(wanted, Budget(9, tokens), Spent(1, spent)) == expected


def test_every_end_can_be_said() -> None:
    for ended in get_args(Ended):
        assert said_of(ended, Budget(3, 2000, 1.5))
    assert said_of("tokens", Budget(3, 2000)) == "the budget of 2,000 tokens is spent"


def test_programs_are_joined_with_an_empty_line() -> None:
    assert joined(["a = 1\n", "b\n", "c"]) == "a = 1\n\nb\n\nc"
    assert joined(["a", "b"]) == "a\n\nb"
    assert joined([]) == ""


def chunk(index: int, lines: tuple[int, int], start: float, finish: float) -> ChunkReport:
    waits = (WaitReport(line=lines[0], effect="writes", start=start, finish=finish),)
    return ChunkReport(
        index=index,
        lines=lines,
        category="plain",
        action="run",
        reason="",
        ready=start,
        start=start,
        finish=finish,
        batch=index,
        line=0,
        waits=waits,
    )


def report(*chunks: ChunkReport, ttft: float, generation: float, end: float) -> Report:
    return Report(
        ttft_s=ttft,
        generation_s=generation,
        execution_s=1.0,
        end_to_end_s=end,
        non_overlapped_s=end - generation,
        serial_s=generation + 1.0,
        saved_s=generation + 1.0 - end,
        hidden_fraction=0.5,
        lower_bound_s=end,
        regime="balanced",
        chunks=chunks,
    )


def two_steps() -> Report:
    first = report(chunk(0, (1, 1), 1.0, 2.0), ttft=0.5, generation=2.0, end=2.5)
    second = report(
        chunk(0, (1, 2), 0.5, 1.0), chunk(1, (3, 3), 1.5, 2.0), ttft=0.5, generation=2.0, end=2.5
    )
    steps = [
        Step(0.0, "a = 1\n", first, Tokens(100, 20), "error"),
        Step(3.0, "b\nc\nd", second, Tokens(140, 30, 96), "ok"),
    ]
    return as_one(steps, 5.5)


def test_the_report_of_several_steps_is_that_of_one_run() -> None:
    whole = two_steps()
    assert [(c.index, c.lines, c.start, c.batch) for c in whole.chunks] == [
        (0, (1, 1), 1.0, 0),
        (1, (3, 4), 3.5, 1),
        (2, (5, 5), 4.5, 2),
    ]
    assert whole.chunks[1].waits[0].line == 3
    assert whole.chunks[1].waits[0].start == 3.5
    assert (whole.ttft_s, whole.generation_s, whole.end_to_end_s) == (0.5, 5.0, 5.5)
    assert whole.pauses == ((2.5, 3.5),)
    assert whole.between_s == 1.0
    assert whole.serial_s == pytest.approx(6.5)
    assert whole.saved_s == pytest.approx(1.0)
    assert [(s.number, s.begin, s.wait_s, s.status) for s in whole.steps] == [
        (1, 0.0, 0.0, "error"),
        (2, 3.0, 1.0, "ok"),
    ]
    assert str(whole.cost) == "240 tokens in (96 cached), 50 out"


def test_it_crosses_as_json() -> None:
    whole = two_steps()
    assert Report.from_dict(whole.to_dict()) == whole


def test_the_wait_between_the_steps_is_a_line_of_its_own() -> None:
    lines = summarise(two_steps()).splitlines()
    assert lines[0] == (
        "2 steps in 5.5 s; nobody wrote and nothing ran for 1.0 s between the steps, from the end "
        "of one to the first text of the next."
    )
    assert lines[1] == "It cost 240 tokens in (96 cached), 50 out."


def test_what_nobody_has_said_is_estimated_and_says_so() -> None:
    assert str(Tokens(100, 10) + estimate(400, 40)) == "about 200 tokens in, 20 out"
    assert str(Tokens()) == "tokens unknown"
    assert Tokens(None, 7).spent == 7
