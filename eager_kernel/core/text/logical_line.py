"""Where a logical line ends: strings, brackets, comments and continuations, piece by piece.

The lexer is resumable: it is given text up to a character that may matter (a newline, ``;``
or ``#``), so no token straddles what it sees, and it never looks at a character twice.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from enum import Enum
from typing import Final


class Mark(Enum):
    """What the lexer stopped at."""

    NEWLINE = "newline"
    """The newline that ends the logical line."""
    SEMICOLON = "semicolon"
    """A ``;`` outside brackets and strings."""
    COMMENT = "comment"
    """The ``#`` of a comment outside brackets and strings."""
    MORE = "more"
    """Nothing: the text given ends inside the logical line."""


class LogicalLine:
    """Lexical state of one logical line.

    Parameters
    ----------
    ipython
        Recognise ``x = %magic``, ``x = !cmd`` and ``obj?``.
    nested_fstrings
        f-strings follow the grammar of Python 3.12 (quotes may be reused inside fields).
    """

    def __init__(
        self, *, ipython: bool = False, nested_fstrings: bool = sys.version_info >= (3, 12)
    ) -> None:
        self._significant = (_IPYTHON_SIGNIFICANT if ipython else _SIGNIFICANT).search
        self._nested_fstrings = nested_fstrings
        self.uses_ipython = False
        """The line holds IPython syntax."""
        self.last = ""
        """The last character of the line that is no white space and no comment."""
        self._depth = 0
        self.quote = ""
        """The quote that ends the open string (one without fields); empty outside."""
        self._modes: list[_Mode] = []
        self._in_comment = False
        self._raw = False

    @property
    def inside_string(self) -> bool:
        """Whether the text seen so far ends inside a string literal."""
        return bool(self.quote or self._modes)

    @property
    def inside_comment(self) -> bool:
        """Whether the text seen so far ends inside a comment within brackets."""
        return self._in_comment

    @property
    def must_continue(self) -> bool:
        """Whether a bracket or a string is open, so that no newline can end the line."""
        return bool(self._depth or self.quote or self._modes)

    def start(self) -> None:
        """Begin a new logical line."""
        self.uses_ipython = False
        self.last = ""
        self._forget()

    def start_raw(self) -> None:
        """Begin a line that IPython reads as raw text: nothing in it is Python."""
        self.start()
        self.uses_ipython = self._raw = True

    def skip_comment(self) -> None:
        """Treat what follows, up to the newline, as a comment within this line."""
        self._in_comment = True

    def scan(self, text: str, pos: int, stop: int) -> tuple[Mark, int]:
        """Go on until something decides.

        Parameters
        ----------
        text
            Text whose characters from `pos` to `stop` are new.
        pos, stop
            ``text[stop - 1]`` is a newline, ``;`` or ``#``, or the last character of all.

        Returns
        -------
        tuple
            The mark and the index of its first character (`stop` for `Mark.MORE`).
        """
        if self._raw:
            return self._scan_raw(text, pos, stop)
        if self._in_comment:
            end = _NEWLINE.search(text, pos, stop)
            if end is None:
                return Mark.MORE, stop
            self._in_comment = False
            pos = floor = end.start()
        else:
            if self.quote or self._modes:
                pos = self._resume(text, pos, stop)
            floor = pos
        significant = self._significant
        while found := significant(text, pos, stop):
            at = found.start()
            char = text[at]
            if char in "\"'":
                pos = floor = self._open_string(text, at, stop)
                self.last = char
                continue
            if char in "\n\r":
                if self._depth:
                    pos = floor = at + 1  # of CRLF, LF comes next
                    self.last = char
                    continue
                self._note_last(text, floor, at)
                return Mark.NEWLINE, at
            if char in "([{":
                self._depth += 1
            elif char in ")]}":
                # An unbalanced closer is an error that the parser will name: here the line
                # simply ends where it ends.
                if self._depth:
                    self._depth -= 1
                if self._modes and self._modes[-1].closes_at(self._depth):
                    self._modes.pop()
                    pos = floor = self._literal(text, at + 1, stop)
                    continue
            elif char == "#":
                self._note_last(text, floor, at)
                if not self._depth:
                    return Mark.COMMENT, at
                end = _NEWLINE.search(text, at, stop)
                if end is None:
                    self._in_comment = True
                    return Mark.MORE, stop
                pos = floor = end.start()
                continue
            elif char == ";":
                if not self._depth:
                    self._note_last(text, floor, at)
                    return Mark.SEMICOLON, at
            elif char == "\\":
                if text[at + 1 : at + 2] in ("\n", "\r"):
                    self._note_last(text, floor, at)
                    pos = floor = _after_newline(text, at + 1)
                    continue
            elif char == ":":
                if self._modes and self._modes[-1].closes_at(self._depth - 1):
                    self._modes.append(self._modes[-1].spec())
                    pos = floor = self._literal(text, at + 1, stop)
                    continue
            elif char == "?":
                self.uses_ipython = True
            elif not self._depth:  # "= !" or "= %" (in a field of an f-string it is Python)
                self.uses_ipython = self._raw = True
                self.last = "="
                return self._scan_raw(text, found.end(), stop)
            pos = at + 1
        if floor < stop:
            self._note_last(text, floor, stop)
        return Mark.MORE, stop

    def _scan_raw(self, text: str, pos: int, stop: int) -> tuple[Mark, int]:
        while end := _NEWLINE.search(text, pos, stop):
            at = end.start()
            # IPython continues an escaped line at a backslash right before "\n".
            if text[at] == "\n" and at > 0 and text[at - 1] == "\\":
                pos = at + 1
                continue
            self.last = "="
            return Mark.NEWLINE, at
        return Mark.MORE, stop

    def _note_last(self, text: str, floor: int, end: int) -> None:
        at = end - 1
        while at >= floor and text[at] in " \t\f":
            at -= 1
        if at >= floor:
            self.last = text[at]

    def _resume(self, text: str, pos: int, stop: int) -> int:
        if self.quote:
            pos = self._plain_string(text, pos, stop)
        elif self._modes[-1].literal:
            pos = self._literal(text, pos, stop)
        return pos

    def _open_string(self, text: str, at: int, stop: int) -> int:
        quote = text[at : at + 3]
        if quote not in _TRIPLE:
            quote = text[at]
        if self._nested_fstrings:
            prefix = _FIELDS_PREFIX.search(text, max(0, at - 2), at)
            if prefix:
                self._modes.append(_Mode(quote, raw="r" in prefix[0].lower(), literal=True))
                return self._literal(text, at + len(quote), stop)
        self.quote = quote
        return self._plain_string(text, at + len(quote), stop)

    def _plain_string(self, text: str, pos: int, stop: int) -> int:
        """Go on inside a string without fields; return where code goes on."""
        quote = self.quote
        body = _STRING_BODY[quote].match(text, pos, stop)
        assert body is not None  # the pattern matches the empty string
        end = body.end()
        if text.startswith(quote, end, stop):
            self.quote = ""
            return end + len(quote)
        if end < stop and text[end] in "\n\r":
            self._forget()  # unterminated: certainly an error, which ends the line here
            return end
        return stop

    def _literal(self, text: str, pos: int, stop: int) -> int:
        """Go on inside the literal part or a format spec of an f-string.

        Returns where code goes on: in a field, after the string, or at `stop`.
        """
        mode = self._modes[-1]
        if not mode.literal:
            return pos
        while found := _FSTRING_SIGNIFICANT.search(text, pos, stop):
            at = found.start()
            char = text[at]
            if char == "\\":
                if text[at + 1 : at + 2] in ("{", "}"):
                    pos = at + 1  # a backslash does not escape a brace
                elif not mode.raw and text.startswith("N{", at + 1, stop):
                    pos = at + 3
                    end = text.find("}", pos, stop)
                    if end >= 0:
                        pos = end + 1
                elif at + 1 < stop and text[at + 1] in "\n\r":
                    pos = _after_newline(text, at + 1)
                else:
                    pos = min(at + 2, stop)
            elif char == "{":
                if not mode.is_spec and text.startswith("{", at + 1, stop):
                    pos = at + 2
                    continue
                self._modes.append(_Mode(mode.quote, mode.raw, depth=self._depth))
                self._depth += 1
                return at + 1
            elif char == "}":
                pos = at + 1
                if mode.is_spec:
                    self._modes.pop()
                    self._depth = self._modes.pop().depth
                    mode = self._modes[-1]
            elif char in "\n\r":
                if mode.is_spec:
                    self._modes.pop()  # as the tokenizer: back to the expression
                    return at
                if len(mode.quote) == 1:
                    self._forget()
                    return at
                pos = at + 1
            elif text.startswith(mode.quote, at, stop):
                self._close_fstring()
                return at + len(mode.quote)
            else:
                pos = at + 1
        return stop

    def _close_fstring(self) -> None:
        # Fields are still open only where the quote cuts a format spec short: an error that
        # the parser will name.
        while not (mode := self._modes.pop()).is_string:
            self._depth = mode.depth

    def _forget(self) -> None:
        self._depth = 0
        self.quote = ""
        self._modes.clear()
        self._in_comment = self._raw = False


@dataclass(slots=True)
class _Mode:
    """One level of an f-string: its literal part, a field in it, or the field's format spec."""

    quote: str
    raw: bool
    literal: bool = False
    is_spec: bool = False
    depth: int = field(default=-1)
    """Brackets open outside the field."""

    @property
    def is_string(self) -> bool:
        return self.literal and not self.is_spec

    def closes_at(self, depth: int) -> bool:
        return not self.literal and self.depth == depth

    def spec(self) -> _Mode:
        return _Mode(self.quote, self.raw, literal=True, is_spec=True, depth=self.depth)


def _after_newline(text: str, at: int) -> int:
    return at + 2 if text.startswith("\r\n", at) else at + 1


_NEWLINE: Final = re.compile(r"[\n\r]")
_SIGNIFICANT: Final = re.compile(r"[\"'#()\[\]{}\\\n\r;:]")
_IPYTHON_SIGNIFICANT: Final = re.compile(
    r"[\"'#()\[\]{}\\\n\r;:?]|(?<![=!<>+\-*/%&|^@~:])=[ \t]*[!%]"
)
_FSTRING_SIGNIFICANT: Final = re.compile(r"[\"'{}\\\n\r]")
_TRIPLE: Final = ('"""', "'''")
_STRING_BODY: Final = {
    '"': re.compile(r'(?s:[^"\\\n\r]++|\\(?:\r\n|.))*+'),
    "'": re.compile(r"(?s:[^'\\\n\r]++|\\(?:\r\n|.))*+"),
    '"""': re.compile(r'(?s:[^"\\]++|\\.|"(?!""))*+'),
    "'''": re.compile(r"(?s:[^'\\]++|\\.|'(?!''))*+"),
}
# Prefixes of strings with fields. A prefix is a whole word: the "f" of `if"a"` is none.
_FIELDS_PREFIX: Final = re.compile(
    r"(?<![A-Za-z0-9_\x80-\U0010ffff])(?:[FF]|r[FF]|[FF]r)\Z".replace(
        "FF", "ft" if sys.version_info >= (3, 14) else "f"
    ),
    re.IGNORECASE | re.ASCII,
)
