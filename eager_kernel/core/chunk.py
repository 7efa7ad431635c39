"""What the chunker produces."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of code text that holds whole statements and is final.

    The sources of a program's chunks concatenate to exactly its code text.

    Parameters
    ----------
    source
        The text. It begins with the comments and blank lines that precede its statement.
    index
        0-based position in the program.
    first_line, last_line
        1-based lines of the program that the text touches.
    column
        Bytes (UTF-8, as in `ast` column offsets) of ``first_line`` that come before the
        text: more than 0 only after a ``;`` or before a trailing comment.
    has_statement
        False for the comments and blank lines left over at the end of a program.
    ipython
        The text holds IPython syntax (``%magic``, ``!cmd``, ``obj?``), so it must be
        transformed before it is Python.
    """

    source: str
    index: int
    first_line: int
    last_line: int
    column: int = 0
    has_statement: bool = True
    ipython: bool = False

    @property
    def statement_lines(self) -> tuple[int, int]:
        """First and last line of its statement, without the comments and blank lines before it."""
        before = _BEFORE.match(self.source) if self.has_statement else None
        breaks = len(_BREAK.findall(before[0])) if before is not None else 0
        return self.first_line + breaks, self.last_line


# Comments and empty lines.
_BEFORE: Final = re.compile(r"(?:[ \t\f]*+(?:#[^\n\r]*+)?+(?:\r\n?|\n))*+")
_BREAK: Final = re.compile(r"\r\n?|\n")
