"""The line on which a tag opens code: a block of code, or a word in prose that is set as code."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from eager_kernel.core.chunker import Chunker
from eager_kernel.core.extract.fence import LINE_END
from eager_kernel.core.extract.marks import Mark
from eager_kernel.core.extract.rules import Reading


class Place(Enum):
    """What a tag is."""

    BLOCK = "the beginning of a block: no closing tag follows on its line"
    LINE = "a block that is a whole line"
    INLINE = "code within a line of prose"


class TagLine:
    """Reads on behind a tag until it is known what it is.

    Parameters
    ----------
    tag
        The tag.
    in_prose
        Whether there is prose before it on its line.
    """

    def __init__(self, tag: Mark, *, in_prose: bool) -> None:
        self.tag = tag
        self.place: Place | None = None
        """What the tag is; None until that is known."""
        self.code = ""
        """The code between the tags, where both are on the line."""
        self.rest = ""
        """What is to be read behind it, at the end of the answer."""
        self._in_prose = in_prose
        self._closing = re.compile(rf"</{re.escape(tag.name)}\s*>", re.IGNORECASE)

    @property
    def done(self) -> bool:
        """Whether it is known what the tag is."""
        return self.place is not None

    def read(self, text: str, pos: int) -> Reading:
        """Look at the rest of the line; nothing is read while it does not decide."""
        yield from ()
        line = LINE_END.search(text, pos, pos + 2 * _LONGEST)
        stop = line.start() if line else min(len(text), pos + 2 * _LONGEST)
        closing = self._find_closing(text, pos, min(stop, pos + _LONGEST))
        if closing is None:
            if line is not None or stop - pos >= _LONGEST:
                self.place = Place.BLOCK
            return pos
        end = closing.end()
        after = text[end : min(stop, end + _LONGEST)]
        if not after.strip(" \t") and line is None and len(after) < _LONGEST:
            return pos
        self.code = text[pos : closing.start()]
        self.place = Place.INLINE if after.strip(" \t") or self._in_prose else Place.LINE
        return end

    def close(self, text: str) -> None:
        """Take the end of the answer.

        Parameters
        ----------
        text
            All that has come behind the tag.
        """
        closing = self._find_closing(text, 0, len(text))
        if closing is not None:
            self.code, self.rest = text[: closing.start()], text[closing.end() :]
            self.place = Place.INLINE if self._in_prose or self.rest.strip() else Place.LINE
        else:
            self.rest = text
            # "Use <code>" ends no sentence; but a model may be cut off right behind the tag.
            self.place = Place.BLOCK

    def _find_closing(self, text: str, pos: int, stop: int) -> re.Match[str] | None:
        at = pos
        while found := self._closing.search(text, at, stop):
            if not in_string(text[pos : found.start()]):
                return found
            at = found.end()
        return None


def in_string(code: str) -> bool:
    """Whether a piece of Python ends inside a string literal."""
    if '"' not in code and "'" not in code:
        return False
    chunker = Chunker()
    chunker.feed(code)
    return chunker.inside_string


def in_string_or_comment(code: str) -> bool:
    """Whether a piece of Python ends inside a string literal or a comment."""
    chunker = Chunker()
    chunker.feed(code)
    return chunker.inside_string or chunker.inside_comment


_LONGEST: Final = 400
"""A longer line is no line of prose. That bounds what has to be looked at again."""
