"""The program between ``<code>`` and ``</code>``."""

import re
from collections.abc import Callable, Iterator

from eager_kernel.core.events import BlockClose, BlockOpen, Code, Event, outside_string


class TagExtractor:
    """Takes the text between tags, and holds back only what may begin a closing tag.

    Parameters
    ----------
    inside_string
        Tells whether the code text given so far ends inside an open string literal of the
        program; ``</code>`` is code text there.
    """

    def __init__(self, inside_string: Callable[[], bool] = outside_string) -> None:
        self._inside_string = inside_string
        self._state = _PROSE
        self._held = ""  # less than a tag, so joining it with each delta costs little

    def feed(self, text: str) -> Iterator[Event]:
        """Take the next delta; see :meth:`eager_kernel.core.extract.Extractor.feed`."""
        if self._held:
            text = self._held + text
            self._held = ""
        pos = 0
        while pos < len(text):
            found = self._state.search(text, pos)
            if self._state is _CODE:
                stop = found.start() if found else len(text)
                if pos < stop:
                    yield Code(text[pos:stop])
            if found is None:
                return
            pos = found.end()
            if self._state is _PROSE:
                if found["whole"]:
                    self._state = _ATTRIBUTES
                    pos -= 1
                else:
                    self._held = found[0]
            elif self._state is _ATTRIBUTES:
                if found[0] == ">":
                    self._state = _CODE
                    yield BlockOpen("")
                else:
                    self._state = _PROSE
                    pos -= 1
            elif not found["whole"]:
                self._held = found[0]
            elif self._inside_string():
                yield Code(found[0])
            else:
                self._state = _PROSE
                yield BlockClose()

    def close(self) -> Iterator[Event]:
        """Take the end of the answer; see :meth:`eager_kernel.core.extract.Extractor.close`."""
        held, self._held = self._held, ""
        if held and self._state is _CODE:
            yield Code(held)


# What to look for: a tag, or what the delta's end may have cut off of one.
_PROSE = re.compile(r"(?P<whole><code[\s>])|<(?:c(?:o(?:de?)?)?)?\Z", re.IGNORECASE)
_ATTRIBUTES = re.compile(r"[<>]")
_CODE = re.compile(r"(?P<whole></code>)|<(?:/(?:c(?:o(?:de?)?)?)?)?\Z", re.IGNORECASE)
