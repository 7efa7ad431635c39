"""Answers that are made around a known program: it comes out, whatever the split, and early."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.extract.grammar import Answer, answers, check_answer


@given(answers(), st.lists(st.integers(0, 400), max_size=8))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_program_comes_out(answer: Answer, places: list[int]) -> None:
    check_answer(answer, places)
