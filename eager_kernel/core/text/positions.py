"""Parse a chunk where it stands in its program, so that every node has its true position."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Final


def parse_at(
    source: str, *, line: int, column: int, parse: Callable[[str], ast.Module] = ast.parse
) -> ast.Module:
    """Parse `source` as if `line` - 1 lines and `column` bytes came before it.

    Parameters
    ----------
    source
        Text of whole statements. Its first line may be the rest of a line after a ``;``.
    line
        1-based line on which it begins.
    column
        UTF-8 bytes of that line before it.
    parse
        What parses text, for example a compiler that remembers ``__future__`` flags.

    Returns
    -------
    ast.Module
        Nodes equal, with positions, to those of a parse of the whole program.

    Raises
    ------
    SyntaxError, ValueError
        As `parse` does; positions in the error are true only up to the column.
    """
    # After a ";" a filler statement takes the place of what came before: it accepts whatever
    # may follow there. Form feeds pad it: they are bytes, but no indentation.
    if column == 0 or source.startswith("#"):
        filler = ""
    elif column == 1 and line > 1:
        filler = "0\\\n;"  # before a ";" that begins its line there is a continued one
        line -= 1
    else:
        filler = "\f" * (column - 2) + "0;" if column > 1 else ""
    if line <= _CHEAP_LINES or _MAY_WARN.search(source):
        # Newlines in front are cheap while they are few, and warnings of the parser itself
        # (invalid escapes) know no other way to get the line right.
        tree = parse("\n" * (line - 1) + filler + source)
    else:
        tree = parse(filler + source)
        ast.increment_lineno(tree, line - 1)
    if filler:
        del tree.body[0]
    return tree


_CHEAP_LINES: Final = 500
_MAY_WARN: Final = re.compile(
    r"\\[^\n\r\\'\"abfnrtvx0-3]"
    # A keyword right after a number: decimal, imaginary or hexadecimal.
    r"|(?:\d\.?[jJ]?|\b0[xX][\da-fA-F_]+?)(?:and|else|for|if|in|is|not|or)\b"
)
