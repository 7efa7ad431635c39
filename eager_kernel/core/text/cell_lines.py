"""Lines of a cell as Python counts them, and as its text does.

IPython makes Python of a cell before it parses it. Two of the things that it does change the number
of lines: empty lines at the beginning go, and a magic that goes on after backslashes becomes one
line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from eager_kernel.core.chunk import Chunk


def line_in_text(line: int, code: str, chunks: Sequence[Chunk]) -> int:
    """Turn a line that Python counts into a line of the cell's text.

    Parameters
    ----------
    line
        As a traceback has it, from 1.
    code
        The cell's text.
    chunks
        The chunks of that text.
    """
    line += _empty_lines_before(code)
    for joined in _joined_lines(chunks):
        if joined <= line:
            line += 1
    return line


def _empty_lines_before(code: str) -> int:
    lines = code.splitlines()
    return next((count for count, line in enumerate(lines) if line.strip()), 0)


def _joined_lines(chunks: Sequence[Chunk]) -> Iterator[int]:
    """Find the lines that IPython joins to the one before."""
    for chunk in chunks:
        if chunk.ipython and "\\" in chunk.source:
            goes_on = False
            for number, text in enumerate(chunk.source.split("\n"), chunk.first_line):
                if goes_on:
                    yield number
                goes_on = text.endswith("\\") and (goes_on or _MAGIC.match(text) is not None)


_MAGIC: Final = re.compile(r"\s*(?:[%!]|[\w., \[\]*]+=\s*[%!])")
