"""What a terminal would show of a text, as plain characters."""

from __future__ import annotations

import re
from typing import Final


def without_escapes(text: str) -> str:
    r"""Take out what colours text or moves the cursor, and other characters that do not show.

    Tabs and ends of lines stay; a lone ``\r`` becomes one.

    Examples
    --------
    >>> without_escapes("\x1b[31mred\x1b[0m")
    'red'
    """
    text = _ESCAPE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", text)


def on_screen(text: str) -> str:
    r"""Reduce text to what is left of it on the screen.

    Of a progress bar that writes over itself with ``\r``, backspaces, or by going up a line, what
    it shows last is left. Takes time linear in the text.

    Examples
    --------
    >>> on_screen(" 10%\r 50%\r100%\n")
    '100%\n'
    """
    if not _MOVES.search(text):
        return without_escapes(text)
    rows: list[list[str]] = [[]]
    row = column = 0
    for part in _PARTS.finditer(text):
        shown = part[0]
        if part.lastgroup == "text":
            rows[row][column : column + len(shown)] = shown
            column += len(shown)
        elif shown == "\n":
            row, column = row + 1, 0
            if row == len(rows):
                rows.append([])
        elif shown == "\r":
            column = 0
        elif shown == "\b":
            column = max(0, column - 1)
        elif part["up"] is not None:
            row = max(0, row - _count(part["up"]))
            column = min(column, len(rows[row]))
        elif part["erase"] is not None:
            _erase(rows[row], part["erase"], column)
    return _CONTROL.sub("", "\n".join("".join(cells) for cells in rows))


def _count(digits: str) -> int:
    # More digits than there can be lines; Python reads no number of any length.
    return int(digits[:9] or 1)


def _erase(cells: list[str], what: str, column: int) -> None:
    if what in ("", "0"):
        del cells[column:]
    elif what == "2":
        cells[:] = [" "] * min(column, len(cells))
    elif what == "1":
        cells[: column + 1] = [" "] * min(column + 1, len(cells))


_SEQUENCE: Final = (
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, the cursor
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles, links
    r"|\x1b[PX^_][^\x1b]*\x1b\\"
    r"|\x1b[ -/]*[0-~]"
)
_ESCAPE: Final = re.compile(_SEQUENCE)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MOVES: Final = re.compile(r"\r(?!\n)|\x08|\x1b\[\d*[AK]")
_PARTS: Final = re.compile(
    r"(?P<text>[^\r\n\x08\x1b\x9b]+)|[\r\n\x08]"
    r"|\x1b\[(?P<up>\d*)A|\x1b\[(?P<erase>\d*)K"
    rf"|{_SEQUENCE}|[\x1b\x9b]"
)
