"""The paper's latency model."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eager_kernel.core.latency import (
    critical_chunks,
    execution_bound,
    finished_at,
    generated_at,
    generation_bound,
    lower_bound,
    never_slower,
    parallel_time,
    ready_at,
    regime,
    serial_time,
    speed_up_bound,
    uniform_time,
    upper_bound,
    worst_regression,
)

seconds = st.floats(0, 1000)


def test_serial_time_is_generation_then_set_up_then_execution() -> None:
    assert serial_time(generation=10, setup_full=0.5, execution=3) == 13.5


def test_generation_bound_is_all_text_then_the_last_chunk() -> None:
    assert generation_bound(generation=10, last_delay=0.1, setup=0.5, last_execution=1) == 11.6


def test_execution_bound_is_the_first_chunk_then_all_execution() -> None:
    assert execution_bound(first_ready=2, chunks=4, setup=0.5, execution=10) == 14


def test_lower_bound_is_the_larger_bound() -> None:
    assert lower_bound(3, 4) == lower_bound(4, 3) == 4


def test_each_chunk_in_turn() -> None:
    generated = generated_at([10, 20, 30], rate=10, ttft=0.5)
    assert generated == [1.5, 3.5, 6.5]
    ready = ready_at(generated, [0.1, 0, 0.5])
    assert ready == [1.6, 3.5, 7]
    assert finished_at(ready, [4, 1, 2], setup=0.5) == pytest.approx([6.1, 7.6, 10.1])
    assert parallel_time(ready, [4, 1, 2], setup=0.5) == pytest.approx(10.1)


def test_bounds_by_hand() -> None:
    assert upper_bound(10, longest_delay=0.5, chunks=4, setup=0.25, execution=3) == 14.5
    assert worst_regression(0.5, chunks=4, setup=0.25, setup_full=1) == 0.5
    assert speed_up_bound(serial=12, generation_side=10) == 1.2


def test_overlap_is_never_slower_if_set_up_is_cheap() -> None:
    assert never_slower(0.5, chunks=2, setup=0.25, setup_full=1)
    assert not never_slower(0.5, chunks=3, setup=0.25, setup_full=1)


chunks_of_a_program = st.lists(
    st.tuples(st.floats(0.001, 1000), seconds, seconds), min_size=1, max_size=30
)


@given(chunks_of_a_program, seconds, seconds, st.floats(0.1, 1000), seconds)
def test_closed_form_recurrence_and_bounds_agree(
    chunks: list[tuple[float, float, float]],
    setup: float,
    setup_full: float,
    rate: float,
    ttft: float,
) -> None:
    tokens, delays, executions = (list(column) for column in zip(*chunks, strict=True))
    generated = generated_at(tokens, rate, ttft)
    ready = ready_at(generated, delays)
    time = parallel_time(ready, executions, setup)
    assert time == pytest.approx(finished_at(ready, executions, setup)[-1])

    n, generation, execution = len(chunks), generated[-1], sum(executions)
    by_generation = generation_bound(generation, delays[-1], setup, executions[-1])
    by_execution = execution_bound(ready[0], n, setup, execution)
    assert lower_bound(by_generation, by_execution) <= time * (1 + 1e-9)
    assert time <= upper_bound(generation, max(delays), n, setup, execution) * (1 + 1e-9)

    serial = serial_time(generation, setup_full, execution)
    most = worst_regression(max(delays), n, setup, setup_full)
    assert time - serial <= most + 1e-9 * (time + serial)
    assert serial / time <= speed_up_bound(serial, by_generation) * (1 + 1e-9)
    if never_slower(max(delays), n, setup, setup_full):
        assert time <= serial * (1 + 1e-9)


@given(st.floats(0.001, 100), st.integers(1, 40), st.tuples(seconds, seconds, seconds, seconds))
def test_uniform_chunks_follow_the_recurrence(
    a: float, chunks: int, times: tuple[float, float, float, float]
) -> None:
    execution, setup, ttft, delay = times
    ready = ready_at(generated_at([a] * chunks, 1.0, ttft), [delay] * chunks)
    expected = finished_at(ready, [execution] * chunks, setup)[-1]
    time = uniform_time(a, setup + execution, chunks, ttft=ttft, delay=delay)
    assert time == pytest.approx(expected)


def test_uniform_chunks_by_hand() -> None:
    assert uniform_time(2, 1, 3, ttft=0.5, delay=0.25) == 0.5 + 6 + 0.25 + 1  # R1
    assert uniform_time(1, 2, 3, ttft=0.5, delay=0.25) == 0.5 + 1 + 0.25 + 6  # R2
    assert uniform_time(2, 2, 3) == 8  # R3


def test_critical_chunks() -> None:
    assert critical_chunks(generation=10, execution=4, setup=0.5) == 12
    assert critical_chunks(generation=10, execution=4, setup=0) == math.inf
    for execution in (10, 11):
        assert critical_chunks(generation=10, execution=execution, setup=0.5) == 0
        assert critical_chunks(generation=10, execution=execution, setup=0) == 0


@given(st.floats(1, 100), st.floats(0, 0.9), st.floats(0.001, 1))
def test_beyond_the_critical_count_execution_dominates(
    generation: float, share: float, setup: float
) -> None:
    execution = generation * share
    n = critical_chunks(generation, execution, setup)
    for chunks, larger in ((n * 1.2, "execution"), (n / 1.2, "generation")):
        a, b = generation / chunks, setup + execution / chunks
        assert (a > b) == (larger == "generation")


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("generation", lambda: serial_time(-1, 0, 0)),
        ("execution", lambda: serial_time(1, 0, math.nan)),
        ("setup_full", lambda: serial_time(1, math.inf, 0)),
        ("tokens", lambda: generated_at([], 1)),
        (r"tokens\[1\]", lambda: generated_at([1, -1], 1)),
        ("rate", lambda: generated_at([1], 0)),
        ("rate", lambda: generated_at([1], -3)),
        ("ttft", lambda: generated_at([1], 1, -1)),
        ("delays", lambda: ready_at([1, 2], [0])),
        ("generated", lambda: ready_at([], [])),
        ("executions", lambda: finished_at([1], [1, 2], 0)),
        ("setup", lambda: finished_at([1], [1], -1)),
        ("ready", lambda: parallel_time([], [], 0)),
        (r"executions\[0\]", lambda: parallel_time([1], [-1], 0)),
        ("longest_delay", lambda: upper_bound(1, -1, 1, 0, 0)),
        ("chunks", lambda: upper_bound(1, 0, 0, 0, 0)),
        ("chunks", lambda: worst_regression(0, -2, 0, 0)),
        ("last_delay", lambda: generation_bound(1, -1, 0, 0)),
        ("first_ready", lambda: execution_bound(-1, 1, 0, 0)),
        ("generation_side", lambda: lower_bound(-1, 0)),
        ("generation_side", lambda: speed_up_bound(1, 0)),
        ("per_chunk_generation", lambda: regime(-1, 0)),
        ("per_chunk_execution", lambda: uniform_time(1, -1, 1)),
        ("chunks", lambda: uniform_time(1, 1, 0)),
        ("setup", lambda: critical_chunks(1, 1, -1)),
    ],
)
def test_nonsense_is_refused_by_name(name: str, call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=f"^`?{name}`? must"):
        call()


@given(st.lists(st.tuples(seconds, seconds), min_size=1), seconds)
def test_ideal_overlap_is_never_below_the_lower_bound(
    chunks: list[tuple[float, float]], setup: float
) -> None:
    """Run each chunk as soon as it is there and the one before has run."""
    generated = finished = 0.0
    for generation, execution in chunks:
        generated += generation
        finished = max(finished, generated) + setup + execution
    bound = lower_bound(
        generation_bound(generated, 0.0, setup, chunks[-1][1]),
        execution_bound(chunks[0][0], len(chunks), setup, sum(x for _, x in chunks)),
    )
    assert finished >= bound * (1 - 1e-9)
    serial = serial_time(generated, setup * len(chunks), sum(x for _, x in chunks))
    assert finished <= serial * (1 + 1e-9)


@pytest.mark.parametrize(
    ("generation", "execution", "expected"),
    [
        (2.0, 1.0, "generation-dominated"),
        (1.0, 2.0, "execution-dominated"),
        (1.0, 1.0, "balanced"),
        (1.0, 0.96, "balanced"),
        (0.96, 1.0, "balanced"),
        (1.0, 0.94, "generation-dominated"),
        (0.94, 1.0, "execution-dominated"),
        (0.0, 0.0, "balanced"),
        (1.0, 0.0, "generation-dominated"),
        (0.0, 1.0, "execution-dominated"),
    ],
)
def test_regime_is_named_by_the_larger_side(
    generation: float, execution: float, expected: str
) -> None:
    assert regime(generation, execution) == expected
