"""Tracebacks of exception groups, which IPython leaves to Python: on stderr, as Python has them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from eager_kernel.client.plain_text import without_escapes
from eager_kernel.client.shortening import shorten


def shorten_groups(text: str) -> str:
    """Shorten the tracebacks of exception groups in text of stderr.

    Of the frames, those of the program are left, which are in cells or in modules of the user's;
    of source lines, the text without the marks below it. Other text stays as it is.
    """
    if _GROUP not in text:
        return text
    kept: list[str] = []
    inside = skipping = False
    for line in text.splitlines(keepends=True):
        if _BEGIN.match(line):
            inside = True
        elif inside and not _OF_GROUP.match(line):
            inside = skipping = False
        if not inside:
            kept.append(line)
            continue
        frame = _FRAME.match(line)
        if frame is not None:
            skipping = not _is_of_program(frame["file"])
            if not skipping:
                kept.append(_without_file(line, frame))
        elif _DEEPER.match(line):  # the source of the frame before
            if not skipping and not _MARKS.match(line):
                kept.append(line)
        else:
            skipping = False
            kept.append(shorten(line, _LONGEST_LINE) + "\n" * (len(line) > _LONGEST_LINE))
    return "".join(kept)


def failing_line(outputs: Iterable[dict[str, Any]]) -> int | None:
    """Find the line of its cell from which the last exception group that was shown comes.

    Returns
    -------
    int or None
        As IPython counts lines; None where no group was shown, or none from a cell.
    """
    texts = [out["text"] for out in outputs if out.get("name") == "stderr"]
    text = without_escapes("".join(texts))
    _, group, shown = text.rpartition(f"  + {_GROUP}")
    if not group:
        return None
    for line in shown.splitlines():
        if _INNER.match(line):
            break
        frame = _FRAME.match(line)
        if frame is not None and _CELL.search(frame["file"]):
            return int(frame["line"][:9])
    return None


def _is_of_program(file: str) -> bool:
    return _CELL.search(file) is not None or not _LIBRARY.search(file)


def _without_file(line: str, frame: re.Match[str]) -> str:
    if not _CELL.search(frame["file"]):
        return line
    function = frame["function"].strip()
    where = f"line {frame['line']}" + (f", in {function}" if function != "<module>" else "")
    return f"{frame['margin']}{where}\n"


_GROUP: Final = "Exception Group Traceback (most recent call last):"
_BEGIN: Final = re.compile(r"\s*\+ Exception Group Traceback \(most recent call last\):")
_OF_GROUP: Final = re.compile(r"\s+[|+]")
_INNER: Final = re.compile(r"\s*\+-\+-+ 1 -+")
_FRAME: Final = re.compile(
    r'(?P<margin>\s*\|\s+)File "(?P<file>[^"]*)", line (?P<line>\d+), in (?P<function>.*)'
)
_DEEPER: Final = re.compile(r"\s*\|     ?\S|\s*\|\s{5,}\S")
_MARKS: Final = re.compile(r"\s*\|[\s~^]+$")
_CELL: Final = re.compile(r"ipykernel_\d+[/\\]\d+\.py$|^<ipython-input-")
_LIBRARY: Final = re.compile(
    r"^<|[/\\](?:site|dist)-packages[/\\]|[/\\]lib(?:64)?[/\\]python\d|[/\\]Lib[/\\]"
)
_LONGEST_LINE: Final = 600
