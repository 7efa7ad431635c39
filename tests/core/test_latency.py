"""The paper's latency model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eager_kernel.core.latency import (
    execution_bound,
    generation_bound,
    lower_bound,
    regime,
    serial_time,
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
