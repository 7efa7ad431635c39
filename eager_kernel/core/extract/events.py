"""What an extractor says of a model's answer: blocks of code open, go on and close."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlockOpen:
    """A block of code opens.

    Attributes
    ----------
    language
        The block's language as the answer names it, in lower case; empty if it names none.
    """

    language: str


@dataclass(frozen=True, slots=True)
class Code:
    """Some code text of the open block.

    Attributes
    ----------
    text
        The text, never empty. How a block's text is divided into events has no meaning.
    """

    text: str


@dataclass(frozen=True, slots=True)
class BlockClose:
    """The open block is closed."""


Event = BlockOpen | Code | BlockClose


def outside_string() -> bool:
    """Say that the code text never ends inside a string literal: nobody knows better."""
    return False
