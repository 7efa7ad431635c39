"""The program in the fenced code blocks of a Markdown answer."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from eager_kernel.core.events import BlockClose, BlockOpen, Code, Event, outside_string

_PYTHON = frozenset({"python", "py", "python3", "py3", "ipython", "ipython3"})


class FenceExtractor:
    """Takes the text of the Python blocks; prose and blocks in other languages are dropped.

    Fences are CommonMark's, but may be indented by any amount. A fence that names no language
    opens a Python block until one has been named so: after that it holds a program's output.
    Within a line of code, text is held back only while the line may become the closing fence.

    Parameters
    ----------
    inside_string
        Tells whether the code text given so far ends inside an open string literal of the
        program; a line that starts there is no closing fence.
    """

    def __init__(self, inside_string: Callable[[], bool] = outside_string) -> None:
        self._inside_string = inside_string
        self._block: Opening | None = None  # the fence that opened the block we are in
        self._wanted = False  # the block is Python
        self._python_named = False
        self._state = _INDENT
        self._held: list[str] = []  # of the current line, while it may be a fence
        self._column = 0
        self._length = 0  # of the run that may be the closing fence
        self._lf: Code | None = None
        self._after_cr = False

    def feed(self, text: str) -> Iterator[Event]:
        """Take the next delta; see :meth:`eager_kernel.core.extract.Extractor.feed`."""
        pos = 0
        if self._after_cr and text:
            # The delta's end cut a CRLF in two: its LF belongs to the line before.
            self._after_cr = False
            if text[0] == "\n":
                pos = 1
                if self._lf:
                    yield self._lf
        while pos < len(text):
            block = self._block
            if block is None:
                block, pos = self._prose(text, pos)
                if block:
                    yield from self._open(block)
                continue
            if self._state != _TEXT:
                pos = self._line_start(block, text, pos)
                if self._state == _CLOSED:
                    yield from self._close_block()
                    continue
                if self._state != _TEXT:
                    return
            found = _LINE_END.search(text, pos)
            stop = found.end() if found else len(text)
            code = text[pos:stop]
            if self._held:
                code = "".join(self._held) + code
                self._held.clear()
            pos = stop
            if found:
                self._end_line(found, _LF if self._wanted else None)
            if self._wanted:
                yield Code(code)

    def close(self) -> Iterator[Event]:
        """Take the end of the answer; see :meth:`eager_kernel.core.extract.Extractor.close`."""
        held = "".join(self._held)
        self._held.clear()
        block = self._block
        if block is None:
            block = find_opening(held)
            if block:
                yield from self._open(block)
        elif self._state in (_FENCE, _AFTER_FENCE) and self._length >= len(block.fence):
            yield from self._close_block()
        elif held and self._wanted:
            yield Code(held)

    def _open(self, block: "Opening") -> Iterator[Event]:
        named = block.language in _PYTHON
        self._wanted = named or not (block.language or self._python_named)
        self._python_named = self._python_named or named
        self._block = block
        if self._wanted:
            yield BlockOpen(block.language)

    def _close_block(self) -> Iterator[Event]:
        self._held.clear()
        self._block = None
        self._state = _INDENT
        if self._wanted:
            self._wanted = False
            yield BlockClose()

    def _prose(self, text: str, pos: int) -> tuple["Opening | None", int]:
        """Go on to the end of a line of prose, or to the opening fence that it is."""
        found = _LINE_END.search(text, pos)
        stop = found.end() if found else len(text)
        if self._state == _INDENT:
            first = _NOT_BLANK.search(text, pos, stop)
            if first:
                self._state = _FENCE if first[0] in "`~" else _TEXT
        if self._state != _TEXT:
            self._held.append(text[pos:stop])
        if found is None:
            return None, stop
        line = "".join(self._held)
        self._held.clear()
        self._end_line(found, None)
        return find_opening(line), stop

    def _line_start(self, block: "Opening", text: str, pos: int) -> int:
        """Go on while the line may be the closing fence; drop the block's own indentation."""
        for at in range(pos, len(text)):
            char = text[at]
            if self._state == _INDENT and char in " \t":
                self._column = _next_column(self._column, char)
                if self._column <= block.indent:
                    continue
                may_close = self._column <= block.indent + 3
            elif self._state == _INDENT:
                # Nobody follows the strings of a block that is dropped.
                may_close = char == block.fence[0] and not (self._wanted and self._inside_string())
                self._state = _FENCE
                self._length = 1
            elif self._state == _FENCE and char == block.fence[0]:
                may_close = True
                self._length += 1
            elif self._length >= len(block.fence):
                if char in "\r\n":
                    self._state = _CLOSED
                    return at + 1
                may_close = char in " \t"
                self._state = _AFTER_FENCE
            else:
                may_close = False
            if not may_close:
                self._state = _TEXT
                return at
            self._held.append(char)
        return len(text)

    def _end_line(self, end: re.Match[str], lf: Code | None) -> None:
        self._state = _INDENT
        self._column = 0
        self._after_cr = end[0] == "\r" and end.end() == len(end.string)
        self._lf = lf


class Opening(NamedTuple):
    """An opening fence.

    Attributes
    ----------
    indent
        The width of the white space before it; a tab goes to the next multiple of four.
    fence
        Its backticks or tildes.
    language
        The language that it names, in lower case; empty if it names none.
    """

    indent: int
    fence: str
    language: str


def find_opening(line: str) -> Opening | None:
    """Read a line as an opening fence.

    Parameters
    ----------
    line
        A complete line, with or without its ending.

    Returns
    -------
    Opening or None
        The fence, or None if the line is none.
    """
    found = _OPENING.match(line)
    if found is None:
        return None
    indent = 0
    for char in found["indent"]:
        indent = _next_column(indent, char)
    language = _LANGUAGE.match(found["info"])
    return Opening(indent, found["fence"], language[1].lower() if language else "")


def _next_column(column: int, char: str) -> int:
    return column + (1 if char == " " else 4 - column % 4)


# How far into a line we are: in its indentation, in what may be a fence, in the blanks after
# that, in text that is no fence, or at the end of a closing fence.
_INDENT, _FENCE, _AFTER_FENCE, _TEXT, _CLOSED = range(5)

_LF = Code("\n")
_LINE_END = re.compile(r"\r\n?|\n")
_NOT_BLANK = re.compile(r"[^ \t\r\n]")
_OPENING = re.compile(
    r"(?P<indent>[ \t]*)(?P<fence>`{3,}(?=[^`\r\n]*(?:[\r\n]|\Z))|~{3,})(?P<info>[^\r\n]*)"
)
# "python", "python:a.py", "python title=..", "python{1,3}", "{python}" and "{.python #id}"
_LANGUAGE = re.compile(r"\s*\{?\s*\.?([^\s{}:,;=]*)")
