"""What an answer may have, and what its reader says of its blocks."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["fence", "tag", "json", "bare"]
"""What a block of code is set in: a fence, a tag, a string of JSON, or nothing at all."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an answer may have.

    Parameters
    ----------
    bare
        It may be a program that is set in nothing.
    fences
        Fenced blocks.
    unnamed_is_python
        A fenced block that names no language is Python.
    tags
        The names of the tags that open code, in lower case.
    tags_anywhere
        Such a tag opens code wherever it stands, also in the middle of a line.
    json
        The names of the fields that hold code in JSON; empty: JSON is no place for code.
    json_anywhere
        JSON may begin in the middle of a line.
    by_tool
        See `JsonReader`.
    """

    bare: bool = False
    fences: bool = False
    unnamed_is_python: bool = False
    tags: frozenset[str] = frozenset()
    tags_anywhere: bool = False
    json: frozenset[str] = frozenset()
    json_anywhere: bool = False
    by_tool: bool = False


FENCES_ONLY: Final = Rules(fences=True, unnamed_is_python=True)
"""Of code that is in a fence once more."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A block opens.

    Attributes
    ----------
    kind
        What it is set in.
    language
        Its language as the answer names it, in lower case; empty if it names none.
    python
        Whether it is Python; None where nothing says so, and the code itself must tell.
    is_first
        Whether nothing but reasoning comes before it.
    """

    kind: Kind
    language: str
    python: bool | None
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """Some text of the open block; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The open block is closed."""


@dataclass(frozen=True, slots=True)
class Forget:
    """All that came so far was reasoning, whose beginning nobody saw."""


BlockEvent = Opened | Text | Closed | Forget

Reading = Generator[BlockEvent, None, int]
"""Reads on in a text; returns the position up to which it is read."""
