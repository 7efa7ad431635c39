"""Leave out what a model says again when it was asked to go on."""

from __future__ import annotations

import ast
import re
from collections import deque
from collections.abc import Iterable
from typing import Final

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.chunker import Chunker
from eager_kernel.core.text.quiet_parsing import parse_quietly


class Repeats:
    """Takes the text of a program that is written on, and gives what is new of it.

    Many models begin at the beginning again, although they are told what has run. Statements
    that have run must not run twice: as long as the text's statements are those that have run,
    one by one from the first, they are left out.

    Parameters
    ----------
    executed
        The chunks that have run, in order.

    Notes
    -----
    A text that happens to go on with the very statement that the program began with loses it.
    """

    def __init__(self, executed: Iterable[Chunk]) -> None:
        self._expected = deque(chunk for chunk in executed if chunk.has_statement)
        self._chunker = Chunker()
        self._pending: list[str] = []
        self._left_out = 0
        self._in_line = False
        self._decided = not self._expected

    def feed(self, text: str) -> str:
        """Take the next piece; return what of the text so far is known to be new by it."""
        if self._decided:
            return text
        self._pending.append(text)
        return self._compare(self._chunker.feed(text))

    def end_block(self) -> str:
        """Take the end of a code block; return what is known to be new by it."""
        return "" if self._decided else self._compare(self._chunker.end_block())

    def close(self) -> str:
        """Take the end of the text; return the rest of what is new."""
        if self._decided:
            return ""
        new = self._compare(self._chunker.close())
        return new or self._rest()

    def _compare(self, chunks: list[Chunk]) -> str:
        for chunk in chunks:
            if not self._expected or (
                chunk.has_statement and _meaning(chunk) != _meaning(self._expected[0])
            ):
                return self._rest()
            if chunk.has_statement:
                self._expected.popleft()
            self._left_out += len(chunk.source)
            self._in_line = not chunk.source.endswith(("\n", "\r"))
        return ""

    def _rest(self) -> str:
        self._decided = True
        rest = "".join(self._pending)[self._left_out :]
        self._pending.clear()
        # What followed a ";" begins a line of its own now.
        return rest.lstrip(" \t\f") if self._in_line else rest


def _meaning(chunk: Chunk) -> str:
    source = chunk.source.strip()
    try:
        return ast.dump(parse_quietly(source, 0))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return _BEFORE.sub("", source, count=1)  # a line of IPython's


# Comments and empty lines.
_BEFORE: Final = re.compile(r"(?:[ \t\f]*+(?:#[^\n\r]*+)?+(?:\r\n?|\n))*+")
