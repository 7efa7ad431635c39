"""What is skipped in an answer: reasoning, comments of HTML, heads of messages."""

from __future__ import annotations

import re
from typing import Final

from eager_kernel.core.extract.rules import Reading


class Skipped:
    """Reads on to the mark that ends what is skipped.

    Parameters
    ----------
    end
        That mark.
    keeps_end
        Whether the mark that ends it is read again: it may open something else.
    is_reasoning
        Whether it is reasoning.
    """

    def __init__(
        self, end: re.Pattern[str], *, keeps_end: bool = False, is_reasoning: bool = False
    ) -> None:
        self.is_reasoning = is_reasoning
        self._end = end
        self._keeps_end = keeps_end
        self._in_line = False
        self.lines = 0
        """How many lines there were, without blank ones."""
        self.done = False
        """Whether its end has come."""

    def read(self, text: str, pos: int) -> Reading:
        """Go on; up to the text's end if that is not reached."""
        yield from ()
        found = self._end.search(text, pos)
        stop = found.start() if found else max(pos, len(text) - _LONGEST_END)
        self.count(text[pos:stop])
        self.done = found is not None
        if found is None:
            return stop
        return stop if self._keeps_end else found.end()

    def count(self, text: str) -> None:
        """Count the lines of some of it."""
        for number, piece in enumerate(text.split("\n")):
            if number:
                self._in_line = False
            if piece.strip() and not self._in_line:
                self._in_line = True
                self.lines += 1


_LONGEST_END: Final = 64
"""As long as the longest mark that may end anything."""


class Head:
    """The head of a message, from ``<|channel|>`` to ``<|message|>``: what follows it."""

    def __init__(self) -> None:
        self.is_python = False
        """Whether the message is code for a Python tool."""
        self.is_reasoning = False
        """Whether it is reasoning."""
        self.done = False
        """Whether it is read."""

    def read(self, text: str, pos: int) -> Reading:
        """Go on."""
        yield from ()
        found = _MESSAGE.search(text, pos, pos + _LONGEST_HEAD)
        if found is None:
            self.done = len(text) - pos >= _LONGEST_HEAD
            return pos
        self.done = True
        head = text[pos : found.start()]
        self.is_python = _PYTHON.search(head) is not None
        self.is_reasoning = _REASONING.match(head) is not None
        return found.end()


_LONGEST_HEAD: Final = 300
_MESSAGE: Final = re.compile(r"<\|message\|>", re.IGNORECASE)
_REASONING: Final = re.compile(r"\s*(?:analysis|thought|thinking|reasoning)\b")
_PYTHON: Final = re.compile(r"\bto=(?:functions\.)?(?:python|jupyter)\b(?!.*json)")
