"""Cut code text into chunks: complete statements, as early as the grammar allows.

The rules are those of `docs/architecture.md` ("When a statement is complete"). The text is
never parsed here: a statement's end shows in its lines alone, so the cost is linear in the
text whatever the split.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from enum import Enum
from typing import Final, Literal

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.text.logical_line import LogicalLine, Mark

Syntax = Literal["python", "ipython"]


class Chunker:
    r"""An incremental cutter of code text.

    Parameters
    ----------
    syntax
        ``"ipython"`` also knows ``%magic``, ``!cmd``, ``x = !cmd``, ``obj?`` and a ``%%cell``
        magic on the first line; ``"python"`` knows none of them.
    nested_fstrings
        Whether f-strings follow the grammar of Python 3.12. Default: as the running Python.

    Examples
    --------
    >>> chunker = Chunker()
    >>> [chunk.source for chunk in chunker.feed("if x:\n    y\nelsewhere")]
    ['if x:\n    y\n']
    >>> [chunk.source for chunk in chunker.close()]
    ['elsewhere']
    """

    def __init__(
        self,
        syntax: Syntax = "ipython",
        *,
        nested_fstrings: bool = sys.version_info >= (3, 12),
    ) -> None:
        if syntax not in ("python", "ipython"):
            raise ValueError(f'syntax must be "python" or "ipython", not {syntax!r}')
        self._ipython = syntax == "ipython"
        self._line = LogicalLine(ipython=self._ipython, nested_fstrings=nested_fstrings)
        self._state = _State.LINE_START
        self._kind = _Kind.SIMPLE
        self._held: list[str] = []  # arrived, not yet scanned
        self._matters: Callable[[str], object] = _MATTERS.search
        self._parts: list[str] = []  # scanned text of the chunk being made
        self._trailing: list[str] = []  # what follows the last line of code of an open block
        self._has_statement = False
        self._uses_ipython = False
        self._open = False  # a compound statement may go on
        self._clauses: tuple[str, ...] = ()  # the words that may continue it at column 0
        self._in_try = False
        self._continued_column = 0  # of a line that begins with backslashes
        self._first_line_seen = False
        self._index = 0
        self._line_number = 1
        self._column = 0
        self._closed = False
        self._ready: list[Chunk] = []

    def feed(self, text: str) -> list[Chunk]:
        """Take a piece of code text; return the chunks that it completes.

        Parameters
        ----------
        text
            Any piece of the program, cut anywhere; may be empty.

        Raises
        ------
        ValueError
            After `close`.
        """
        if self._closed:
            raise ValueError("the chunker is closed: make a new one for the next program")
        self._held.append(text)
        if not self._matters(text):
            return []
        self._advance()
        return self._take()

    def end_block(self) -> list[Chunk]:
        """Say that a code block has ended: its last statement is complete.

        The program may go on in a next block. An open bracket or string stays open.
        """
        self._advance(everything=True)
        if self._state is not _State.CELL and not self._line.must_continue:
            if self._has_statement:
                self._release()
            if self._state is _State.STATEMENT:
                self._state = _State.MID_LINE
        return self._take()

    def close(self) -> list[Chunk]:
        """End the program; return what was held back.

        The last statement may be incomplete; it then does not parse.
        """
        self._advance(everything=True)
        self._closed = True
        if self._has_statement:
            self._release()
        if self._parts:
            self._release()
        return self._take()

    @property
    def inside_string(self) -> bool:
        """Whether the text fed so far ends inside a string literal.

        To be asked only where the next character is no part of a name, a quote or a newline.
        """
        self._scan_all()
        return self._line.inside_string

    @property
    def inside_comment(self) -> bool:
        """Whether the text fed so far ends inside a comment; to be asked as `inside_string` is."""
        self._scan_all()
        return self._state is _State.COMMENT or self._line.inside_comment

    def _scan_all(self) -> None:
        if self._state is not _State.CELL and not self._in_indent:
            self._advance(everything=True)

    @property
    def _in_indent(self) -> bool:
        """Nothing has arrived of the line but white space, whose width still counts."""
        rest = "".join(self._held)
        return self._state is _State.LINE_START and _end_of_indent(rest, 0, len(rest)) == len(rest)

    # Scanning -----------------------------------------------------------------------------

    def _advance(self, *, everything: bool = False) -> None:
        text = "".join(self._held)
        stop = len(text)
        if not everything:
            # No token straddles one of these characters, so it is safe to scan up to the last.
            # A final CR waits for its LF.
            known = _UP_TO_LAST.match(text, 0, stop - text.endswith("\r"))
            stop = known.end() if known else 0
        pos = 0
        while pos < stop:
            match self._state:
                case _State.STATEMENT:
                    pos = self._scan_statement(text, pos, stop)
                case _State.LINE_START:
                    pos = self._scan_line_start(text, pos, stop)
                case _State.COMMENT:
                    pos = self._scan_comment(text, pos, stop)
                case _State.MID_LINE:
                    pos = self._scan_mid_line(text, pos, stop)
                case _State.CELL:
                    self._parts.append(text[pos:])
                    pos = stop = len(text)
        rest = text[pos:]
        self._held = [rest] if rest else []
        self._matters = self._what_matters(rest)

    def _what_matters(self, rest: str) -> Callable[[str], object]:
        """Choose the test of a piece for whether it may decide anything."""
        if self._state is _State.CELL:
            return _never
        if rest and rest[-1] == "\r":
            return _always
        if self._state is _State.STATEMENT:
            quote = self._line.quote
            if quote and quote[0] not in rest:
                return _LEAVES_STRING[quote]
        elif self._open and self._state is _State.LINE_START and not self._peek(rest):
            return _always
        return _MATTERS.search

    def _peek(self, rest: str) -> bool:
        """Look at the beginning of a line that may end the open compound statement.

        Returns whether that is decided.
        """
        at = _end_of_indent(rest, 0, len(rest))
        if at == len(rest):
            if not rest or rest[-1] != "\f":
                return bool(rest)
            self._trailing.append(rest)  # a form feed sets the column back to 0
            self._held = []
            return False
        if self._continued_column or _column(rest, 0, at) or rest[at] == "\\":
            return True
        end = _end_of_word(rest, at, len(rest))
        word = rest[at:end]
        if end == len(rest) and word and any(c.startswith(word) for c in self._clauses):
            return False
        if word not in self._clauses:
            self._release()
        return True

    def _scan_line_start(self, text: str, pos: int, stop: int) -> int:
        at = _end_of_indent(text, pos, stop)
        if at == stop:
            return self._keep_trivia(text, pos, stop)
        char = text[at]
        if char in "\n\r":
            self._continued_column = 0
            return self._keep_trivia(text, pos, _after_newline(text, at))
        if char == "#":
            self._first_line_seen = True
            self._continued_column = 0
            self._state = _State.COMMENT
            return self._keep_trivia(text, pos, at)
        column = self._continued_column or _column(text, pos, at)
        if char == "\\" and text[at + 1 : at + 2] in ("\n", "\r"):
            self._continued_column = column
            return self._keep_trivia(text, pos, _after_newline(text, at + 1))
        self._continued_column = 0
        if self._open and column:
            self._begin(text, at, _Kind.INNER)
            return pos
        word = text[at : _end_of_word(text, at, stop)]
        if self._open and word not in self._clauses:
            self._release()
        first, self._first_line_seen = not self._first_line_seen, True
        if column:
            self._begin(text, at, _Kind.STRAY)
        elif first and self._ipython and _CELL_MAGIC.match(text, at):
            self._has_statement = self._uses_ipython = True
            self._state = _State.CELL
        elif char == "@":
            self._begin(text, at, _Kind.DECORATOR)
        elif word in _COMPOUND:
            self._begin(text, at, _Kind.CLAUSE)
            self._set_clauses(word, text, at)
        else:
            self._begin(text, at, _Kind.SIMPLE)
        return pos

    def _begin(self, text: str, at: int, kind: _Kind) -> None:
        self._kind = kind
        self._has_statement = True
        self._state = _State.STATEMENT
        if self._ipython and text[at] in "%!?,;/" and kind is not _Kind.CLAUSE:
            self._line.start_raw()
        else:
            self._line.start()

    def _set_clauses(self, word: str, text: str, at: int) -> None:
        if not self._open:
            self._in_try = word == "try"
        if word == "else" and self._in_try:
            self._clauses = ("finally",)
        elif word == "async" and not _ASYNC_FOR.match(text, at):
            self._clauses = ()
        else:
            self._clauses = _COMPOUND[word]

    def _scan_mid_line(self, text: str, pos: int, stop: int) -> int:
        at = _end_of_indent(text, pos, stop)
        if at == stop:
            return self._keep_trivia(text, pos, stop)
        if text[at] in "\n\r":
            self._state = _State.LINE_START
            return self._keep_trivia(text, pos, _after_newline(text, at))
        if text[at] == "#":
            self._state = _State.COMMENT
            return self._keep_trivia(text, pos, at)
        self._kind = _Kind.STRAY
        self._has_statement = True
        self._state = _State.STATEMENT
        self._line.start()
        return pos

    def _scan_comment(self, text: str, pos: int, stop: int) -> int:
        end = _NEWLINE.search(text, pos, stop)
        if end is None:
            return self._keep_trivia(text, pos, stop)
        self._state = _State.LINE_START
        return self._keep_trivia(text, pos, _after_newline(text, end.start()))

    def _scan_statement(self, text: str, pos: int, stop: int) -> int:
        line = self._line
        mark, at = line.scan(text, pos, stop)
        if line.uses_ipython:
            self._uses_ipython = True
        if mark is Mark.MORE:
            self._keep_code(text, pos, at)
        elif mark is Mark.NEWLINE:
            at = _after_newline(text, at)
            self._keep_code(text, pos, at)
            self._end_line()
        elif mark is Mark.SEMICOLON:
            at += 1
            self._keep_code(text, pos, at)
            if self._kind in _SIMPLE:
                self._release()
                self._state = _State.MID_LINE
        elif mark is Mark.COMMENT:
            self._keep_code(text, pos, at)
            # A comment after "x?" makes it an error: the parser is to see both.
            if line.last not in (":", "?") and self._ends_at_newline:
                self._release()
                self._state = _State.COMMENT
            else:
                line.skip_comment()
        return at

    @property
    def _ends_at_newline(self) -> bool:
        return self._kind in _SIMPLE or (self._kind is _Kind.CLAUSE and not self._clauses)

    def _end_line(self) -> None:
        self._state = _State.LINE_START
        if self._kind is _Kind.INNER or self._kind is _Kind.DECORATOR:
            return
        if self._line.last == ":" and self._kind is not _Kind.STRAY:
            self._open = True  # so `match`, `case` and `type` need no table
        elif self._ends_at_newline:
            self._release()
        else:
            self._open = True

    # Text of the chunk ----------------------------------------------------------------------

    def _keep_code(self, text: str, start: int, end: int) -> None:
        if self._trailing:
            self._parts += self._trailing
            self._trailing.clear()
        self._parts.append(text[start:end])

    def _keep_trivia(self, text: str, start: int, end: int) -> int:
        (self._trailing if self._open else self._parts).append(text[start:end])
        return end

    def _release(self) -> None:
        source = "".join(self._parts)
        first, column = self._line_number, self._column
        breaks = source.count("\n")
        if "\r" in source:
            breaks += source.count("\r") - source.count("\r\n")
        last_break = max(source.rfind("\n"), source.rfind("\r"))
        ends_with_break = last_break == len(source) - 1
        if breaks:
            self._column = 0
        if not ends_with_break:
            self._column += len(source[last_break + 1 :].encode("utf-8", "surrogatepass"))
        self._line_number = first + breaks
        self._ready.append(
            Chunk(
                source,
                index=self._index,
                first_line=first,
                last_line=self._line_number - (ends_with_break and breaks > 0),
                column=column,
                has_statement=self._has_statement,
                ipython=self._uses_ipython,
            )
        )
        self._index += 1
        self._parts, self._trailing = self._trailing, []
        self._open = self._has_statement = self._uses_ipython = self._in_try = False
        self._clauses = ()

    def _take(self) -> list[Chunk]:
        ready, self._ready = self._ready, []
        return ready


class _State(Enum):
    LINE_START = "at the start of a line, outside brackets and strings"
    STATEMENT = "inside a logical line"
    MID_LINE = "after a `;` that ended a statement"
    COMMENT = "in a comment outside any statement"
    CELL = "in the body of a cell magic"


class _Kind(Enum):
    """What a logical line is to the chunk."""

    SIMPLE = "a simple statement at column 0"
    STRAY = "a statement that is not at column 0 where it should be, or follows a `;`"
    CLAUSE = "a clause of a compound statement at column 0"
    DECORATOR = "a decorator at column 0"
    INNER = "a line of an open block"


_SIMPLE: Final = (_Kind.SIMPLE, _Kind.STRAY)

# The words that begin a compound statement, and those that may continue it at column 0.
_COMPOUND: Final[dict[str, tuple[str, ...]]] = {
    "if": ("elif", "else"),
    "elif": ("elif", "else"),
    "for": ("else",),
    "while": ("else",),
    "async": ("else",),
    "try": ("except", "finally"),
    "except": ("except", "else", "finally"),
    "else": (),
    "finally": (),
    "with": (),
    "def": (),
    "class": (),
}

_MATTERS: Final = re.compile(r"[\n\r;#]")
# Within a long string only its quote (or the newline that cuts it short) can matter.
_LEAVES_STRING: Final = {
    '"': re.compile(r'["\n\r]').search,
    "'": re.compile(r"['\n\r]").search,
    '"""': re.compile(r'"').search,
    "'''": re.compile(r"'").search,
}
_UP_TO_LAST: Final = re.compile(r"(?s:.*)[\n\r;#]")
_NEWLINE: Final = re.compile(r"[\n\r]")
_INDENT: Final = re.compile(r"[ \t\f]*")
_WORD: Final = re.compile(r"[A-Za-z0-9_\x80-\U0010ffff]*")
_ASYNC_FOR: Final = re.compile(r"async[ \t\f]+for\b")
_CELL_MAGIC: Final = re.compile(r"%%(?!\w+\?)")


def _end_of_indent(text: str, pos: int, stop: int) -> int:
    found = _INDENT.match(text, pos, stop)
    return found.end() if found else pos


def _end_of_word(text: str, pos: int, stop: int) -> int:
    found = _WORD.match(text, pos, stop)
    return found.end() if found else pos


def _column(text: str, start: int, end: int) -> int:
    return end - max(start, text.rfind("\f", start, end) + 1)


def _after_newline(text: str, at: int) -> int:
    return at + 2 if text.startswith("\r\n", at) else at + 1


def _always(text: str) -> bool:
    return True


def _never(text: str) -> bool:
    return False
