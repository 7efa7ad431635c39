"""What the chunker produces."""

from __future__ import annotations

from dataclasses import dataclass


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
