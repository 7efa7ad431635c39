"""The program in a string field of a JSON object, decoded while it comes."""

import re
from collections.abc import Iterator

from eager_kernel.core.events import BlockClose, BlockOpen, Code, Event


class JsonExtractor:
    r"""Takes the first string value of one top-level field of a JSON object.

    Wrong JSON is taken leniently: control characters in strings are kept, and so is an escape
    that JSON does not know, with its backslash. Held back is only an escape that is not complete,
    or a high surrogate whose low one may follow.

    Parameters
    ----------
    field
        The name of the field.
    """

    def __init__(self, field: str = "code") -> None:
        self._field = field
        self._string = ""  # which string is open: "key", "code", "other" or none
        self._held = ""  # at most 11 characters, so joining it with each delta costs little
        self._key: list[str] = []
        self._depth = 0
        self._before_colon = True  # at the top level, so a string is a key
        self._wanted = False  # the next value is the field's
        self._done = False

    def feed(self, text: str) -> Iterator[Event]:
        """Take the next delta; see :meth:`eager_kernel.core.extract.Extractor.feed`."""
        if self._held:
            text = self._held + text
            self._held = ""
        pos = 0
        while pos < len(text) and not self._done:
            if not self._string:
                self._string, pos = self._structure(text, pos)
                if self._string == "code":
                    yield BlockOpen("python")
                continue
            decoded, pos, closed = _decode(text, pos)
            if self._string == "key":
                self._key.append(decoded)
            elif self._string == "code" and decoded:
                yield Code(decoded)
            if not closed:
                self._held = text[pos:]
                return
            if self._string == "code":
                self._done = True
                yield BlockClose()
            self._string = ""

    def close(self) -> Iterator[Event]:
        """Take the end of the answer; see :meth:`eager_kernel.core.extract.Extractor.close`."""
        # A high surrogate is a character; half an escape is none yet.
        high = _ESCAPE.match(self._held)
        self._held = ""
        if high and self._string == "code":
            yield Code(chr(int(high["code"], 16)))

    def _structure(self, text: str, pos: int) -> tuple[str, int]:
        """Go on to after the next character that means something; name the string it opens."""
        found = _STRUCTURE.search(text, pos)
        if found is None:
            return "", len(text)
        char = found[0]
        string = ""
        at_top = self._depth == 1
        if char == '"':
            if not at_top:
                string = "other"
            elif self._before_colon:
                string = "key"
            else:
                string = "code" if self._wanted else "other"
        elif char in "{[":
            self._depth += 1
        elif char in "}]":
            self._depth -= 1
            self._done = self._depth <= 0
        elif at_top:
            self._before_colon = char == ","
            self._wanted = "".join(self._key) == self._field
            self._key.clear()
        return string, found.end()


def _decode(text: str, pos: int) -> tuple[str, int, bool]:
    """Decode a string from a position on: the text, where it ends, whether by the quote."""
    parts = []
    while True:
        found = _SPECIAL.search(text, pos)
        if found is None:
            parts.append(text[pos:])
            return "".join(parts), len(text), False
        start = found.start()
        parts.append(text[pos:start])
        if found[0] == '"':
            return "".join(parts), start + 1, True
        if _INCOMPLETE.match(text, start):
            return "".join(parts), start, False
        escape = _ESCAPE.match(text, start)
        if escape is None:
            parts.append(text[start : start + 2])
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


_STRUCTURE = re.compile(r'["{}\[\],:]')
_SPECIAL = re.compile(r'["\\]')
_PLAIN = dict(zip('"\\/bfnrt', '"\\/\b\f\n\r\t', strict=True))
_HIGH = r"[dD][89abAB][0-9a-fA-F]{2}"
_LOW = r"[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(
    r'\\(?:(?P<plain>["\\/bfnrt])'
    rf"|u(?P<high>{_HIGH})\\u(?P<low>{_LOW})"
    r"|u(?P<code>[0-9a-fA-F]{4}))"
)
# What the delta's end may have cut: one escape, or the second of a surrogate pair.
_INCOMPLETE = re.compile(
    r"\\(?:u[0-9a-fA-F]{0,3})?\Z"
    rf"|\\u{_HIGH}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?\Z"
)
