"""Code text out of a model's answer.

A model's answer comes as deltas, pieces of text cut anywhere. An extractor takes them in order
and gives the events that stand for the program in the answer: a block of code opens, some code
text, the block closes. It does no input or output of its own, and its cost is linear in the
length of the answer however the answer is cut.

The answer's format is one of:

``python``
    The whole answer is the program.
``markdown``
    The program is in the answer's fenced code blocks.
``tags``, ``tags:NAME``
    The program is between ``<code>`` and ``</code>``, or between tags of another name.
``json``, ``json:NAME``
    The answer is a tool call: JSON with the program in its string field ``code``, or in a field of
    another name. A name with full stops is a path, such as ``json:arguments.code``.
``auto``
    Any of the above, found out from the answer.

In each but ``python``, reasoning (``<think>`` …) is no part of the program. ``docs/answers.md``
says what is code, and from which character on it may run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from eager_kernel.core.extract.choice import Choice
from eager_kernel.core.extract.events import (
    BlockClose,
    BlockOpen,
    Code,
    Event,
    outside_string,
)
from eager_kernel.core.extract.json import CODE_FIELD, CODE_FIELDS
from eager_kernel.core.extract.left_out import NOTHING_LEFT_OUT, LeftOut
from eager_kernel.core.extract.marks import CODE_TAGS
from eager_kernel.core.extract.rules import Rules

__all__ = [
    "FORMATS",
    "NOTHING_LEFT_OUT",
    "BlockClose",
    "BlockOpen",
    "Code",
    "Event",
    "Extractor",
    "LeftOut",
    "check_format",
    "make_extractor",
]

FORMATS: Final = ("auto", "python", "markdown", "tags", "json")
"""The formats. ``tags`` and ``json`` may have a name behind a colon: ``json:query``."""


class Extractor(Protocol):
    """What every extractor can do."""

    @property
    def left_out(self) -> LeftOut:
        """What of the answer is not in the program, as far as that is known."""
        ...

    @property
    def held(self) -> int:
        """How many characters are kept because it is not decided yet what they are."""
        ...

    def feed(self, text: str) -> Iterator[Event]:
        """Take the next delta.

        Parameters
        ----------
        text
            The delta; it may be empty.

        Returns
        -------
        Iterator[Event]
            The events that the delta makes certain. The iterator is lazy: exhaust it before the
            next call, and act on each event before asking for the next, so that the extractor's
            ``inside_string`` answers for all the code text given so far.
        """
        ...

    def close(self) -> Iterator[Event]:
        """Take the end of the answer.

        Returns
        -------
        Iterator[Event]
            The events for the text that was held back. A block that the answer leaves open gets
            no ``BlockClose``: its last statement may be incomplete.
        """
        ...


def make_extractor(format: str, inside_string: Callable[[], bool] = outside_string) -> Extractor:
    """Make the extractor for answers in a format.

    Parameters
    ----------
    format
        One of ``FORMATS``; ``tags`` and ``json`` may be followed by a colon and a name.
    inside_string
        Tells whether the code text given so far ends inside an open string literal of the
        program. What looks like the end of a block is code text there.

    Returns
    -------
    Extractor
        A new extractor, good for one answer.

    Raises
    ------
    ValueError
        There is no such format.
    """
    kind, name = check_format(format)
    match kind:
        case "python":
            return PythonExtractor()
        case "markdown":
            rules = Rules(fences=True)
        case "tags":
            rules = Rules(tags=frozenset({name.lower() or "code"}), tags_anywhere=True)
        case "json":
            rules = Rules(json=frozenset({name or CODE_FIELD}), json_anywhere=True)
        case _:
            rules = Rules(bare=True, fences=True, tags=CODE_TAGS, json=CODE_FIELDS, by_tool=True)
    return Choice(rules, inside_string)


def check_format(format: str) -> tuple[str, str]:
    """Take a format apart: the kind, and the name behind its colon.

    Returns
    -------
    tuple
        One of ``FORMATS``; and the name, which is empty where there is none.

    Raises
    ------
    ValueError
        There is no such format.
    """
    kind, colon, name = format.partition(":")
    if kind not in FORMATS or (colon and (kind not in _NAMED or not _NAMED[kind].fullmatch(name))):
        raise ValueError(
            f"unknown format {format!r}: choose one of {', '.join(FORMATS)}, or json:FIELD or "
            "tags:NAME"
        )
    return kind, name


class PythonExtractor:
    """Takes the whole answer as the program and holds nothing back."""

    left_out = NOTHING_LEFT_OUT
    held = 0

    def __init__(self) -> None:
        self._open = False

    def feed(self, text: str) -> Iterator[Event]:
        """Take the next delta; see :meth:`Extractor.feed`."""
        if text:
            if not self._open:
                self._open = True
                yield BlockOpen("python")
            yield Code(text)

    def close(self) -> Iterator[Event]:
        """Take the end of the answer; see :meth:`Extractor.close`."""
        yield from ()


_NAMED: Final = {
    "json": re.compile(r"[^\s\"'{}\[\]:,]{1,100}"),
    "tags": re.compile(r"[A-Za-z_][\w:-]{0,63}"),
}
