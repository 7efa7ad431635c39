"""How much of its earlier turns a model is told again: the same rule for cells and for sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, Self, TypeVar

CONTEXT_CHARS: Final = 24_000
"""Characters that earlier turns take together, if nobody says otherwise."""


class Sized(Protocol):
    """A prompt, and what came of it."""

    @property
    def size(self) -> int:
        """Characters that it takes."""

    def brief(self) -> Self:
        """The same without the steps before its last answer."""


T = TypeVar("T", bound=Sized)


def latest(turns: Sequence[T], budget: int) -> list[T]:
    """The turns that a model is told of.

    Parameters
    ----------
    turns
        The oldest first.
    budget
        Characters that they may take together.

    Returns
    -------
    list
        The latest. One that does not fit is told without its steps; if it does not fit so either,
        it and all before it are left out.
    """
    kept: list[T] = []
    for turn in reversed(turns):
        told = turn if turn.size <= budget else turn.brief()
        if told.size > budget:
            break
        budget -= told.size
        kept.append(told)
    return kept[::-1]


def longest_output(budget: int) -> int:
    """Characters of a step's output that its model is told: a quarter of the budget, or a few."""
    return max(_LEAST, budget // 4)


_LEAST: Final = 1_000
