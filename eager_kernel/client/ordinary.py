"""What is known of an ordinary cell's text, when it has run: as much as of a streamed one.

A kernel says no more of a cell that failed than its traceback. Which statement failed, and which
ran before it, is found out here from that and from the cell's text; it works with any IPython.
"""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import Final

from eager_kernel.client.group_text import failing_line
from eager_kernel.client.result import RunError, RunResult
from eager_kernel.client.traceback_text import failing_frame
from eager_kernel.core.chunk import Chunk
from eager_kernel.core.chunker import Chunker
from eager_kernel.core.text.cell_lines import line_in_text


def with_program(result: RunResult, code: str) -> RunResult:
    """Fill in what a run would say of its program.

    Parameters
    ----------
    result
        Of an ordinary cell.
    code
        The cell's text.

    Returns
    -------
    RunResult
        With `program`, and with `executed_lines` and `error.lines`. Where it does not show which
        statement failed (`SystemExit`, the traceback mode ``Minimal``), these are 0 and None.
    """
    chunker = Chunker()
    chunks = [*chunker.feed(code), *chunker.close()]
    if result.error is None:
        last = chunks[-1].last_line if chunks else 0
        return replace(result, program=code, executed_lines=last)
    failed = _failed_chunk(result, result.error, code, chunks)
    if failed is None:
        return replace(result, program=code)
    place, had_begun = failed
    return replace(
        result,
        program=code,
        error=replace(result.error, lines=chunks[place].statement_lines),
        executed_lines=chunks[place - 1].last_line if had_begun and place else 0,
    )


def _failed_chunk(
    result: RunResult, error: RunError, code: str, chunks: list[Chunk]
) -> tuple[int, bool] | None:
    """Which chunk failed, and whether those before it had run."""
    if not error.traceback and error.ename == "UsageError":
        place = _misused_magic(error.evalue, chunks)
        return None if place is None else (place, True)
    where = failing_frame(error.traceback)
    if where is None and not error.traceback:
        group = failing_line(result.outputs)
        where = None if group is None else (group, False)
    if where is None:
        return None
    line, of_syntax = where
    line = line_in_text(line, code, chunks)
    place = next((at for at, chunk in enumerate(chunks) if chunk.last_line >= line), None)
    if place is None or not chunks[place].has_statement:
        return None
    # A cell whose text can be parsed may have a statement that can't be compiled: `return`.
    # This shows when it is come to.
    return place, not of_syntax or all(map(_parses, chunks))


def _misused_magic(message: str, chunks: list[Chunk]) -> int | None:
    """Find the magic that a usage error is about; it comes without a traceback."""
    magics = [place for place, chunk in enumerate(chunks) if chunk.ipython]
    named = _NAMED.search(message)
    if named is not None:
        whole = re.compile(rf"{re.escape(named[0])}(?!\w)")
        magics = [place for place in magics if whole.search(chunks[place].source)] or magics
        return magics[0] if magics else None
    return magics[0] if len(magics) == 1 else None


def _parses(chunk: Chunk) -> bool:
    if chunk.ipython:
        return True
    try:
        ast.parse(chunk.source.lstrip(" ") if chunk.column else chunk.source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


_NAMED: Final = re.compile(r"%{1,2}[^\W\d]\w*")
