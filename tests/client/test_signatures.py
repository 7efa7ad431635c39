"""What a model is told of a function's parameters: annotations without quotes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from eager_kernel.agents._signatures import described_function
from eager_kernel.client.hosting import HostFunction, describe
from eager_kernel.client.signatures import signature_of

if TYPE_CHECKING:
    from decimal import Decimal

Rows = list[dict[str, int]]


def plain(a: int, *rest: str, key: float | None = None, **more: Any) -> list[str]:
    return [str(a), *rest, str(key), *more]


def alias(rows: Rows) -> Rows:
    return rows


def for_checkers(price: Decimal, name: str, of: Decimal | None = None) -> Decimal:
    return of or price


@functools.wraps(plain)
def wrapped(*given: Any, **named: Any) -> Any:
    return plain(*given, **named)


class Shop:
    def price(self, name: str) -> float:
        return len(name)


def annotated(a: object, b: object) -> Callable[..., None]:
    """A function with these annotations, which no checker has to like."""

    def function(a, b="'b'"):  # type: ignore[no-untyped-def]
        pass

    function.__annotations__ = {"a": a, "b": b, "return": None}
    return function


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (plain, "(a: int, *rest: str, key: float | None = None, **more: Any) -> list[str]"),
        (alias, "(rows: list[dict[str, int]]) -> list[dict[str, int]]"),
        (for_checkers, "(price: Decimal, name: str, of: Decimal | None = None) -> Decimal"),
        (wrapped, "(a: int, *rest: str, key: float | None = None, **more: Any) -> list[str]"),
        (Shop().price, "(name: str) -> float"),
        (lambda a, b=1: None, "(a, b=1)"),
        (annotated(int, "'str'"), "(a: int, b: str = \"'b'\") -> None"),
        (annotated("a\n  price", "Nowhere"), "(a: a price, b: Nowhere = \"'b'\") -> None"),
        (annotated("1 / 0", "{}['x']"), "(a: 1 / 0, b: {}['x'] = \"'b'\") -> None"),
        (annotated("pytest.no", 1), "(a: pytest.no, b: 1 = \"'b'\") -> None"),
        (annotated("'a' | 'b'", "[]['x']"), "(a: 'a' | 'b', b: []['x'] = \"'b'\") -> None"),
    ],
)
def test_annotations_are_told_without_quotes_to_all_models_alike(
    function: Callable[..., Any], text: str
) -> None:
    assert str(signature_of(function)) == text
    told = describe([HostFunction(function, "f", effects=True)])
    assert f"def f{text}" in told
    assert described_function("f", function).startswith(f"def f{text}:")


def test_the_first_parameters_may_be_left_out() -> None:
    assert str(signature_of(alias, skip=1)) == "() -> list[dict[str, int]]"


def test_a_function_without_a_signature() -> None:
    with pytest.raises(ValueError, match="no signature"):
        signature_of(min)
    assert "def f(...)" in describe([HostFunction(min, "f", effects=False)])
