"""The code in the JSON of a tool call, decoded while it comes."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from eager_kernel.core.extract.names import names

CODE_FIELD: Final = "code"
"""The field that holds the code where nobody says which."""

CODE_FIELDS: Final = names(
    """
    code python_code source_code code_snippet python_script script python program snippet
    """
)
"""The fields that hold the code where the answer itself has to tell that it is a call."""


@dataclass(frozen=True, slots=True)
class StringOpen:
    """A string with code begins."""


@dataclass(frozen=True, slots=True)
class StringText:
    """Some of the code.

    Attributes
    ----------
    text
        The text, decoded; never empty.
    """

    text: str


@dataclass(frozen=True, slots=True)
class StringClose:
    """The string with code has ended."""


JsonEvent = StringOpen | StringText | StringClose


class End(Enum):
    """How a value of JSON ended."""

    WHOLE = "it is complete"
    NO_JSON = "it turned out not to be JSON"


class JsonReader:
    r"""Reads one object or array, and takes the code out of it.

    The code is the first string in an object's field of the right name: of the object itself, of
    an object in an array of calls, or of what a field holds that has the arguments of a call. That
    may be an object or, as with OpenAI, a string with one in it.

    Wrong JSON is taken leniently, as models send it: strings in single quotes, control characters
    in strings, escapes that JSON does not know, which are kept with their backslash. Held back is
    only an escape or a word that is not complete, or a high surrogate whose low one may follow.

    Parameters
    ----------
    fields
        The names of the field. A name with a full stop is a path: ``arguments.code``.
    by_tool
        Whether a call that names a Python tool may have its code as its only argument, under
        any name that is usual for it: ``{"name": "python", "arguments": {"query": …}}``.
    calls_python
        Whether this is known to be the arguments of a Python tool.
    """

    def __init__(
        self,
        fields: frozenset[str] = frozenset({CODE_FIELD}),
        *,
        by_tool: bool = False,
        calls_python: bool = False,
    ) -> None:
        self._fields = fields
        self._by_tool = by_tool
        self._calls_python = calls_python
        self._levels: list[_Level] = []
        self._quote = ""  # of the open string
        self._use: _Use = "other"
        self._parts: list[str] = []  # of a string that is read here
        self._held = ""  # never long, so joining it with each delta costs little
        self._nested: JsonReader | None = None
        self.end: End | None = None
        """How the value ended; None while it goes on."""
        self.found = False
        """Whether there was code in it."""
        self.strict = True
        """Whether all strings were in double quotes, as JSON has them."""
        self.size = 0
        """How many values are in it."""
        self.unread = ""
        """The beginning of the first piece that can't be JSON, if it came before the last text."""

    def read(self, text: str, pos: int = 0) -> Generator[JsonEvent, None, int]:
        """Take what comes next.

        Parameters
        ----------
        text
            A text that goes on with what is new.
        pos
            Where the new part begins.

        Yields
        ------
        JsonEvent
            What it says of the code.

        Returns
        -------
        int
            Where the value has ended; if it goes on, the text's length; if it is no JSON, the
            first character that can't be.
        """
        start, moved = pos, 0
        if self._held:
            moved = pos - len(self._held)
            text, pos, self._held = self._held + text[pos:], 0, ""
        while pos < len(text) and self.end is None:
            if not self._quote:
                pos = self._structure(text, pos)
                if self._quote and self._use == "code":
                    yield self._open_code()
                continue
            decoded, pos, closed = _decode(text, pos, self._quote)
            if decoded:
                yield from self._take(decoded)
            if closed:
                yield from self._close_string()
            else:
                self._held, pos = text[pos:], len(text)
        if pos + moved < start:
            self.unread = text[pos : start - moved]
        return max(pos + moved, start)

    def close(self) -> Iterator[JsonEvent]:
        """Take the end of the text: a high surrogate is a character, half an escape is none."""
        high = _ESCAPE.match(self._held)
        self._held = ""
        if high and self._quote:
            yield from self._take(chr(int(high["code"], 16)))
        if self._nested is not None:
            yield from self._nested.close()

    # Strings --------------------------------------------------------------------------------

    def _begin_string(self, quote: str) -> bool:
        """Begin a string, if one may stand here."""
        level = self._levels[-1]
        if level.expects == "key":
            self._use = "key"
        elif self._may_place(level):
            self._use = self._use_of(level)
        else:
            return False
        self._quote = quote
        self.strict = self.strict and quote == '"'
        return True

    def _use_of(self, level: _Level) -> _Use:
        if not (level.wanted and level.is_object):
            return "other"
        key = level.key
        if key in self._fields or level.path + key in self._fields:
            if level.has_code:
                return "other"
            level.has_code = True
            return "code"
        if key in _NAMES:
            return "name"
        if key in _ARGUMENTS:
            return "arguments"
        only = self._by_tool and level.calls_python and key in _ONLY_ARGUMENTS
        return "arguments" if only else "other"

    def _open_code(self) -> StringOpen:
        self._use = "code"
        self.found = True
        return StringOpen()

    def _take(self, decoded: str) -> Iterator[JsonEvent]:
        """Take some of the open string."""
        if self._use == "arguments":
            yield from self._take_arguments(decoded)
        elif self._use == "code":
            yield StringText(decoded)
        elif self._use != "other" and len(self._parts) <= _LONGEST_PATH:
            self._parts.append(decoded[: _LONGEST_PATH + 1])  # a longer one is no name we know

    def _take_arguments(self, decoded: str) -> Iterator[JsonEvent]:
        """Take some of a string that is JSON itself, or a Python tool's code."""
        if self._nested is None:
            begun = decoded.lstrip()
            if not begun:
                return
            level = self._levels[-1]
            if begun[0] in "{[":
                decoded = begun
                self._nested = JsonReader(
                    self._fields, by_tool=self._by_tool, calls_python=level.calls_python
                )
            elif self._by_tool and level.calls_python and not level.has_code:
                level.has_code = True
                yield self._open_code()
                yield StringText(decoded)
                return
            else:
                self._use = "other"
                return
        if self._nested.end is None:
            yield from self._nested.read(decoded)
            self.found = self.found or self._nested.found

    def _close_string(self) -> Iterator[JsonEvent]:
        level = self._levels[-1]
        if self._use == "key":
            level.key = "".join(self._parts)
            level.expects = ":"
        else:
            level.expects = ","
        if self._use == "name":
            level.calls_python = is_python_tool("".join(self._parts))
        elif self._use == "code":
            yield StringClose()
        elif self._nested is not None:
            yield from self._nested.close()
            self._nested = None
        self._parts.clear()
        self._quote = ""

    # Structure ------------------------------------------------------------------------------

    def _structure(self, text: str, pos: int) -> int:
        """Go on to after the next piece of what is outside strings."""
        found = _PIECE.search(text, pos)
        if found is None:
            return len(text)
        piece = found[0]
        if piece[0] in "{[":
            fits = self._push(piece)
        elif not self._levels:
            fits = False
        elif piece[0] in "\"'":
            fits = self._begin_string(piece)
        elif piece[0] in "}]":
            fits = self._pop(piece)
        elif piece in ",:":
            fits = self._separate(piece)
        elif _SCALAR.fullmatch(piece):
            if found.end() == len(text):  # it may go on
                self._held = piece
                return len(text)
            fits = self._may_place(self._levels[-1])
            self._levels[-1].expects = ","
        elif found.end() == len(text) and _SCALAR_BEGUN.fullmatch(piece):
            self._held = piece
            return len(text)
        else:
            fits = False
        if not fits:
            self.end = End.NO_JSON
            return found.start()
        return found.end()

    def _may_place(self, level: _Level, *, call: bool = False) -> bool:
        """Whether a value may stand here; an array of something else than objects has no calls."""
        if not level.is_object and not level.begun:
            level.wanted = level.wanted and call
        level.begun = True
        self.size += 1
        return level.expects == "value"

    def _push(self, piece: str) -> bool:
        is_object = piece == "{"
        if not self._levels:
            self._levels.append(_Level(is_object, calls_python=self._calls_python))
            return True
        if len(self._levels) == _DEEPEST:
            return False
        above = self._levels[-1]
        fits = self._may_place(above, call=is_object)
        wanted, path = above.wanted, above.path
        if above.is_object:
            wanted = wanted and above.key in _ARGUMENTS
            path = f"{path}{above.key}." if len(path) < _LONGEST_PATH else ""
        self._levels.append(_Level(is_object, wanted, path, above.calls_python))
        return fits

    def _pop(self, piece: str) -> bool:
        level = self._levels.pop()
        if piece != ("}" if level.is_object else "]") or level.expects == ":":
            return False
        if self._levels:
            self._levels[-1].expects = ","
        else:
            self.end = End.WHOLE
        return True

    def _separate(self, piece: str) -> bool:
        level = self._levels[-1]
        if level.expects != piece:
            return False
        level.expects = "value" if piece == ":" or not level.is_object else "key"
        return True


@dataclass(slots=True)
class _Level:
    """An object or an array that is open."""

    is_object: bool
    wanted: bool = True
    """Its strings may be code, or have a call."""
    path: str = ""
    """The keys that lead to it, each with a full stop."""
    calls_python: bool = False
    expects: str = ""
    """What may come next: a key, a value, or one of ``:`` and ``,``."""
    key: str = ""
    begun: bool = False
    has_code: bool = False

    def __post_init__(self) -> None:
        self.expects = "key" if self.is_object else "value"


def _decode(text: str, pos: int, quote: str) -> tuple[str, int, bool]:
    """Decode a string from a position on: the text, where it ends, whether by the quote."""
    parts = []
    special = _SPECIAL[quote]
    while True:
        found = special.search(text, pos)
        if found is None:
            parts.append(text[pos:])
            return "".join(parts), len(text), False
        start = found.start()
        parts.append(text[pos:start])
        if found[0] == quote:
            return "".join(parts), start + 1, True
        if _INCOMPLETE.match(text, start):
            return "".join(parts), start, False
        escape = _ESCAPE.match(text, start)
        if escape is None:
            # Of Python's strings, JSON has no such quote to escape.
            parts.append("'" if text[start + 1] == quote == "'" else text[start : start + 2])
            pos = start + 2
            continue
        pos = escape.end()
        if escape["plain"]:
            parts.append(_PLAIN[escape["plain"]])
        elif escape["high"]:
            high, low = int(escape["high"], 16), int(escape["low"], 16)
            parts.append(chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)))
        else:
            parts.append(chr(int(escape["code"], 16)))


def is_python_tool(name: str) -> bool:
    """Whether the name of a tool says that it runs Python."""
    return _PYTHON_TOOL.search(name) is not None


_Use = Literal["key", "name", "code", "arguments", "other"]
"""What a string is good for."""

_ARGUMENTS: Final = names(
    """
    arguments parameters args kwargs params input inputs tool_input action_input function
    function_call tool_call tool_calls tool_use action actions calls tools
    """
)
"""The fields that hold a call, or its arguments."""
_ONLY_ARGUMENTS: Final = names("query command content text value __arg1")
"""Other names for the only argument of a tool that runs Python."""
_NAMES: Final = names("name tool tool_name recipient_name action function")
_PYTHON_TOOL: Final = re.compile(
    r"python|jupyter|notebook|code_?interpreter|\brepl\b|^(?:exec|execute|run)(?:_?code)?$|^code$",
    re.IGNORECASE,
)

_LONGEST_PATH: Final = 200
_DEEPEST: Final = 500
"""Values that are nested more deeply are no call."""
_PIECE: Final = re.compile(r"[{}\[\],:\"']|[^\s{}\[\],:\"']{1,400}")
_SCALAR: Final = re.compile(
    r"true|false|null|None|True|False|NaN|-?Infinity|undefined"
    r"|[-+]?(?:\d[\d_]*)?\.?\d+(?:[eE][-+]?\d+)?"
)
_SCALAR_BEGUN: Final = re.compile(r"[-+]?[a-zA-Z]{0,9}|[-+]?[\d._]*(?:[eE][-+]?\d*)?")
_SPECIAL: Final = {'"': re.compile(r'["\\]'), "'": re.compile(r"['\\]")}
_PLAIN: Final = dict(zip('"\\/bfnrt', '"\\/\b\f\n\r\t', strict=True))
_HIGH: Final = r"[dD][89abAB][0-9a-fA-F]{2}"
_LOW: Final = r"[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE: Final = re.compile(
    r'\\(?:(?P<plain>["\\/bfnrt])'
    rf"|u(?P<high>{_HIGH})\\u(?P<low>{_LOW})"
    r"|u(?P<code>[0-9a-fA-F]{4}))"
)
# What the delta's end may have cut: one escape, or the second of a surrogate pair.
_INCOMPLETE: Final = re.compile(
    r"\\(?:u[0-9a-fA-F]{0,3})?\Z"
    rf"|\\u{_HIGH}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?\Z"
)
