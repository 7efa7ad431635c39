"""The text of a cell that grows: what tracebacks, `inspect` and `pdb` read its lines from."""

from __future__ import annotations

import linecache
from typing import Any
from uuid import uuid4


class GrowingSource:
    """The source of one cell, entered in `linecache` and extended in place.

    Parameters
    ----------
    compiler
        The shell's compiler: it names the cell and knows its number for tracebacks.
    number
        The cell's execution count.
    """

    def __init__(self, compiler: Any, number: int) -> None:
        # The name is made from the text where the text is known. Here it is not yet: what
        # counts is that no other cell has it.
        self.name: str = compiler.cache("", number, raw_code=f"eager stream {uuid4()}")
        self._lines: list[str] = []
        self._pieces: list[str] = []
        self._size = 0
        self._last = ""  # the last line, while it has no end
        self.line, self.column = 1, 0
        """Where the next chunk begins: its 1-based line, and bytes before it in that line."""

    @property
    def text(self) -> str:
        """All text so far."""
        return "".join(self._pieces)

    def cut_back(self, count: int) -> None:
        """Forget all pieces but the first `count`."""
        kept = self._pieces[:count]
        self._lines, self._pieces, self._size, self._last = [], [], 0, ""
        self.line, self.column = 1, 0
        for text in kept:
            self.add(text)

    def add(self, text: str) -> None:
        """Append `text`. Lines are split as the shell's compiler does it."""
        self._pieces.append(text)
        self._size += len(text)
        if self._last:
            self._lines.pop()
        whole = self._last + text
        lines = whole.splitlines()
        self._lines += [line + "\n" for line in lines]
        self._last = lines[-1] if lines and whole.endswith(lines[-1]) else ""
        # The program may have cleared the cache: then its text stays gone, as in any cell.
        cache = linecache.cache
        if len(self._pieces) == 1 or (isinstance(cache, dict) and self.name in cache):
            cache[self.name] = (self._size, None, self._lines, self.name)
        self._move(text)

    def _move(self, text: str) -> None:
        breaks = text.count("\n")
        if "\r" in text:
            breaks += text.count("\r") - text.count("\r\n")
        last = max(text.rfind("\n"), text.rfind("\r"))
        if breaks:
            self.column = 0
        self.line += breaks
        self.column += len(text[last + 1 :].encode("utf-8", "surrogatepass"))
