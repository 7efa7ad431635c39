"""The JSON of a tool call in an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from eager_kernel.core.extract.json import (
    End,
    JsonEvent,
    JsonReader,
    StringClose,
    StringOpen,
    StringText,
)
from eager_kernel.core.extract.rules import BlockEvent, Reading, Rules
from eager_kernel.core.extract.unfenced import Unfenced


class Call:
    """A value of JSON, which may hold code.

    Parameters
    ----------
    rules
        What is code in it.
    unfenced
        Makes what reads its code.
    keeps_text
        Whether its text is kept while there is no code in it.
    """

    def __init__(
        self, rules: Rules, unfenced: Callable[[], Unfenced], *, keeps_text: bool = True
    ) -> None:
        self._reader = JsonReader(rules.json, by_tool=rules.by_tool)
        self._unfenced = unfenced
        self._code: Unfenced | None = None
        self._keeps_text = keeps_text
        self._raw: list[str] = []
        self._size = 0

    @property
    def held(self) -> int:
        """How many characters are kept because it is not decided what they are."""
        return self._size + (self._code.held if self._code is not None else 0)

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._reader.end is not None

    @property
    def found(self) -> bool:
        """Whether there is code in it."""
        return self._reader.found

    @property
    def is_json(self) -> bool:
        """Whether it has not turned out to be something else."""
        return self._reader.end is not End.NO_JSON

    @property
    def is_data(self) -> bool:
        """Whether it is JSON beyond doubt: a Python program might have a dict there."""
        return self._reader.end is End.WHOLE and self._reader.strict and self._reader.size > 0

    @property
    def unread(self) -> str:
        """See `JsonReader.unread`."""
        return self._reader.unread

    @property
    def raw(self) -> str:
        """Its text, if that is kept and there was no code in it."""
        return "".join(self._raw)

    def read(self, text: str, pos: int) -> Reading:
        """Go on."""
        reading = self._reader.read(text, pos)
        while True:
            try:
                event = next(reading)
            except StopIteration as stop:
                end = int(stop.value)
                break
            yield from self._take(event)
        if self.found:
            self._raw.clear()
            self._size = 0
        elif self._keeps_text:
            self._raw.append(text[pos:end])
            self._size += end - pos
        return end

    def close(self) -> Iterator[BlockEvent]:
        """Take the end of the answer."""
        for event in self._reader.close():
            yield from self._take(event)
        if self._code is not None:
            yield from self._code.close(closed=False)

    def _take(self, event: JsonEvent) -> Iterator[BlockEvent]:
        match event:
            case StringOpen():
                self._code = self._unfenced()
            case StringText(text):
                assert self._code is not None
                yield from self._code.feed(text)
            case StringClose():
                assert self._code is not None
                yield from self._code.close(closed=True)
                self._code = None


class Calls:
    """The values of JSON in a block, one after the other.

    Parameters
    ----------
    rules, unfenced
        As of `Call`.
    """

    def __init__(self, rules: Rules, unfenced: Callable[[], Unfenced]) -> None:
        self._rules = rules
        self._unfenced = unfenced
        self._call = self._next()
        self.found = False
        """Whether there is code in them."""

    def feed(self, text: str) -> Iterator[BlockEvent]:
        """Take some of the block's text."""
        pos = 0
        while pos < len(text) and self._call.is_json:
            if self._call.done:
                self._call = self._next()
            pos = yield from self._call.read(text, pos)
            self.found = self.found or self._call.found

    @property
    def held(self) -> int:
        """How many characters are kept because it is not decided what they are."""
        return self._call.held

    def _next(self) -> Call:
        return Call(self._rules, self._unfenced, keeps_text=False)
