"""What a run would take."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eager_kernel.core.forecast import forecast
from eager_kernel.core.latency import finished_at


def test_by_hand() -> None:
    expected = forecast([10, 20, 10], [2, 1, 0.5], 10, ttft=0.5, setup=0.1)
    assert expected.generation_s == 4.5
    assert expected.execution_s == 3.5
    assert expected.serial_s == pytest.approx(4.5 + 0.1 + 3.5)
    # The second is ready at 3.5 s, before the first is done; the last when both are.
    assert expected.eager_s == pytest.approx(1.5 + 2.1 + 1.1 + 0.6)
    assert expected.non_overlapped_s == pytest.approx(expected.eager_s - 4.5)
    assert expected.saved_s == pytest.approx(expected.serial_s - expected.eager_s)
    assert expected.lower_bound_s == pytest.approx(1.5 + 0.3 + 3.5)
    assert expected.upper_bound_s == pytest.approx(4.5 + 0.3 + 3.5)
    assert expected.speed_up == pytest.approx(8.1 / 5.3)
    assert expected.speed_up_bound == pytest.approx(8.1 / 5.1)
    assert expected.regime == "balanced"
    assert expected.critical_chunks == pytest.approx((4 - 3.5) / 0.1)


def test_free_set_up() -> None:
    expected = forecast([10], [0.5], 10)
    assert expected.critical_chunks == math.inf
    assert expected.serial_s == expected.eager_s == expected.lower_bound_s == 1.5


def test_set_up_of_its_own_for_serial() -> None:
    assert forecast([10], [0.5], 10, setup=0.1, setup_full=2).serial_s == 3.5


def test_a_program_that_takes_no_time() -> None:
    expected = forecast([0], [0], 10)
    assert (expected.speed_up, expected.speed_up_bound) == (1, 1)


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=20),
    st.floats(0.1, 1000),
    st.floats(0, 10),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_bounds_hold(
    statements: list[tuple[float, float]], rate: float, ttft: float, setup: float, delay: float
) -> None:
    sizes, executions = (list(column) for column in zip(*statements, strict=True))
    expected = forecast(sizes, executions, rate, ttft=ttft, setup=setup, delay=delay)
    assert expected.lower_bound_s <= expected.eager_s * (1 + 1e-9)
    assert expected.eager_s <= expected.upper_bound_s * (1 + 1e-9)
    assert expected.speed_up <= expected.speed_up_bound * (1 + 1e-9)
    ready = [ttft + sum(sizes[: i + 1]) / rate + delay for i in range(len(sizes))]
    assert expected.eager_s == pytest.approx(finished_at(ready, executions, setup)[-1])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("rate", ([1], [1], 0)),
        ("tokens", ([], [], 1)),
        ("executions", ([1], [1, 2], 1)),
        (r"executions\[0\]", ([1], [-1], 1)),
    ],
)
def test_nonsense(name: str, arguments: tuple[list[float], list[float], float]) -> None:
    with pytest.raises(ValueError, match=f"^{name} must"):
        forecast(*arguments)
