"""Code text out of a model's answer.

A model's answer comes as deltas, pieces of text cut anywhere. An extractor takes them in order
and gives the events that stand for the program in the answer: a block of code opens, some code
text, the block closes. It does no input or output of its own, and its cost is linear in the
length of the answer however the answer is cut.

The answer's format is one of:

``python``
    The whole answer is the program.
``markdown``
    The program is in the answer's fenced code blocks (:mod:`~eager_kernel.core.extract_fence`).
``tags``
    The program is between ``<code>`` and ``</code>`` (:mod:`~eager_kernel.core.extract_tag`).
``json``
    The answer is the arguments of a tool call, a JSON object with the program in its string
    field ``code`` (:mod:`~eager_kernel.core.extract_json`).
``auto``
    One of the above, found out from how the answer begins.
"""

import ast
import codeop
import re
from collections.abc import Callable, Iterator
from typing import Protocol

from eager_kernel.core.events import BlockClose, BlockOpen, Code, Event, outside_string
from eager_kernel.core.extract_fence import FenceExtractor, find_opening
from eager_kernel.core.extract_json import JsonExtractor
from eager_kernel.core.extract_tag import TagExtractor
from eager_kernel.core.undisturbed import undisturbed

__all__ = [
    "FORMATS",
    "AutoExtractor",
    "BlockClose",
    "BlockOpen",
    "Code",
    "Event",
    "Extractor",
    "FenceExtractor",
    "JsonExtractor",
    "PythonExtractor",
    "TagExtractor",
    "make_extractor",
]

FORMATS = ("auto", "python", "markdown", "tags", "json")


class Extractor(Protocol):
    """What every extractor can do."""

    def feed(self, text: str) -> Iterator[Event]:
        """Take the next delta.

        Parameters
        ----------
        text
            The delta; it may be empty.

        Returns
        -------
        Iterator[Event]
            The events that the delta makes certain. The iterator is lazy: exhaust it before the
            next call, and act on each event before asking for the next, so that the extractor's
            ``inside_string`` answers for all the code text given so far.
        """
        ...

    def close(self) -> Iterator[Event]:
        """Take the end of the answer.

        Returns
        -------
        Iterator[Event]
            The events for the text that was held back. A block that the answer leaves open gets
            no ``BlockClose``: its last statement may be incomplete.
        """
        ...


def make_extractor(format: str, inside_string: Callable[[], bool] = outside_string) -> Extractor:
    """Make the extractor for answers in a format.

    Parameters
    ----------
    format
        One of ``FORMATS``.
    inside_string
        Tells whether the code text given so far ends inside an open string literal of the
        program. What looks like the end of a block is code text there.

    Returns
    -------
    Extractor
        A new extractor, good for one answer.

    Raises
    ------
    ValueError
        `format` is none of ``FORMATS``.
    """
    match format:
        case "auto":
            return AutoExtractor(inside_string)
        case "python":
            return PythonExtractor()
        case "markdown":
            return FenceExtractor(inside_string)
        case "tags":
            return TagExtractor(inside_string)
        case "json":
            return JsonExtractor()
    raise ValueError(f"unknown format {format!r}: choose one of {', '.join(FORMATS)}")


class PythonExtractor:
    """Takes the whole answer as the program and holds nothing back."""

    def __init__(self) -> None:
        self._open = False

    def feed(self, text: str) -> Iterator[Event]:
        """Take the next delta; see :meth:`Extractor.feed`."""
        if text:
            if not self._open:
                self._open = True
                yield BlockOpen("python")
            yield Code(text)

    def close(self) -> Iterator[Event]:
        """Take the end of the answer; see :meth:`Extractor.close`."""
        yield from ()


class AutoExtractor:
    """Finds out the answer's format from its beginning, then leaves the answer to that format.

    An answer that begins with prose is Markdown, or has its program in tags: the first fence or
    tag at the start of a line tells. If there is neither, the answer is given as a program after
    all, so that Python's own error shows instead of silently nothing.

    Parameters
    ----------
    inside_string
        See :func:`make_extractor`.
    """

    def __init__(self, inside_string: Callable[[], bool] = outside_string) -> None:
        self._inside_string = inside_string
        self._inner: Extractor | None = None
        self._matched = 0  # characters of _JSON_START; -1 once the answer cannot be JSON
        self._prose = False
        # Deltas are kept in lists until they are needed in one piece: growing a string would
        # copy the whole of it for each delta.
        self._before: list[str] = []
        self._line: list[str] = []
        self._head = ""

    def feed(self, text: str) -> Iterator[Event]:
        """Take the next delta; see :meth:`Extractor.feed`."""
        if self._inner is not None:
            return self._inner.feed(text)
        return self._find_out(text)

    def close(self) -> Iterator[Event]:
        """Take the end of the answer; see :meth:`Extractor.close`."""
        if self._inner is None:
            if find_opening("".join(self._line)):
                self._inner = FenceExtractor(self._inside_string)
            else:
                self._inner = self._as_program()
            yield from self._inner.feed("".join(self._line))
        yield from self._inner.close()

    def _find_out(self, text: str) -> Iterator[Event]:
        if self._matched >= 0:
            self._before.append(text)
            self._match_json_start(text)
            if 0 <= self._matched < len(_JSON_START):
                return
            text = "".join(self._before)
            self._before.clear()
            if self._matched > 0:
                self._inner = JsonExtractor()
                yield from self._inner.feed(text)
                return
        pos = 0
        while pos < len(text):
            found = _LINE_END.search(text, pos)
            stop = found.end() if found else len(text)
            self._inner = self._judge(text[pos:stop], ended=found is not None)
            if self._inner is not None:
                self._line.append(text[stop:])
                yield from self._inner.feed("".join(self._line))
                self._line.clear()
                return
            pos = stop

    def _match_json_start(self, text: str) -> None:
        for char in text:
            if char == _JSON_START[self._matched]:
                self._matched += 1
                if self._matched == len(_JSON_START):
                    return
            elif self._matched not in _JSON_GAPS or char not in " \t\r\n":
                self._matched = -1
                return

    def _judge(self, piece: str, ended: bool) -> Extractor | None:
        """Look at the next piece of the current line, which may be the line's last."""
        self._line.append(piece)
        if len(self._head) < _HEAD:
            self._head = (self._head + (piece if self._head else piece.lstrip())[:_HEAD])[:_HEAD]
        head = self._head
        if _TAG.match(head):
            return TagExtractor(self._inside_string)
        if not self._prose and head.startswith(_IPYTHON):
            return self._as_program()
        if not ended:
            return None
        if head.startswith(("`", "~")) and find_opening("".join(self._line)):
            return FenceExtractor(self._inside_string)
        if head and not self._prose:
            program = _begins_program("".join(self._line))
            if program:
                return self._as_program()
            self._prose = program is False
        self._before += self._line
        self._line.clear()
        self._head = ""
        return None

    def _as_program(self) -> PythonExtractor:
        self._line = self._before + self._line
        self._before = []
        return PythonExtractor()


_JSON_START = '{"code":"'
_JSON_GAPS = (0, 1, 7, 8)  # where in _JSON_START there may be white space

_HEAD = len("<code>")  # so much of a line's beginning tells a tag
_TAG = re.compile(r"<code[\s>]", re.IGNORECASE)
_IPYTHON = ("%", "!", "?", "@")  # magics, shell commands and help; a decorator is Python's own

_LINE_END = re.compile(r"\r\n?|\n")


def _begins_program(line: str) -> bool | None:
    """Tell whether a line could begin a program; None if it could begin prose as well."""
    line = line.strip()
    if line.startswith("#") or _HELP.fullmatch(line):
        return None  # a comment or a Markdown heading; "df.head?" or "Ready?"
    if line.startswith(_IPYTHON) or _ASSIGNED_MAGIC.match(line):
        return True
    try:
        # The parser would warn of each unknown escape; without their backslashes it has no
        # reason to, and there is no need to change the warning filters of the whole process.
        source = _OTHER_ESCAPE.sub(r"\1", line)
        tree = undisturbed(lambda: compile(source, "<answer>", "exec", _PARSE, dont_inherit=True))
    except SyntaxError as error:
        return error.msg.startswith(("incomplete input", "unterminated triple-quoted"))
    except (ValueError, MemoryError, RecursionError, OverflowError):
        return False
    assert isinstance(tree, ast.Module)
    match tree.body:
        case [ast.Expr()] | [ast.AnnAssign(value=None)] if _WORDS.fullmatch(line):
            return None  # "Solution", "this is it", "Answer: yes" are Python too
    return True


# The flag is codeop's own way to tell an incomplete program from a wrong one.
_PARSE = ast.PyCF_ONLY_AST | getattr(codeop, "PyCF_ALLOW_INCOMPLETE_INPUT", 0x4000)
_OTHER_ESCAPE = re.compile(r"(\\[\\'\"])|\\(?=.)")
_HELP = re.compile(r"[\w.]+\?{1,2}")
_ASSIGNED_MAGIC = re.compile(r"[\w.]+(?:\s*,\s*[\w.]+)*\s*=\s*[!%]")
_WORDS = re.compile(r"[\w\s.,:*/+-]*")
