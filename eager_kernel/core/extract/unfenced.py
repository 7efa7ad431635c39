"""Code out of the fence that a model puts around it where it is code already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Protocol

from eager_kernel.core.extract.fence import BLANK, LINE_END, LONGEST_INFO, find_opening
from eager_kernel.core.extract.rules import BlockEvent, Closed, Opened, Text


class FenceReader(Protocol):
    """Reads a text that has fenced blocks: a `BlockReader`."""

    @property
    def held(self) -> int:
        """How many characters are kept because it is not decided what they are."""

    def feed(self, text: str) -> Iterator[BlockEvent]:
        """Take the next piece."""

    def close(self) -> Iterator[BlockEvent]:
        """Take the end."""


class Unfenced:
    """The code in a tag or in a string of JSON, which may be in a fence once more.

    Parameters
    ----------
    opened
        The block that the place is.
    reader
        Reads the fence, if there is one.
    """

    def __init__(self, opened: Opened, reader: FenceReader) -> None:
        self.opened = opened
        self._reader = reader
        self._is_fenced: bool | None = None
        self._lead: list[str] = []  # while that is not known
        self._lead_size = 0
        self._begun = False  # the lead is more than blank
        self._in_fence = False

    @property
    def held(self) -> int:
        """How many characters are kept because it is not decided what they are."""
        return self._reader.held if self._is_fenced else self._lead_size

    def feed(self, text: str) -> Iterator[BlockEvent]:
        """Take some of the place's text."""
        if self._is_fenced:
            yield from self._inside(self._reader.feed(text))
        elif self._is_fenced is False:
            if text:
                yield Text(text)
        else:
            self._lead.append(text)
            self._lead_size += len(text)
            self._begun = self._begun or bool(text.strip(_BEFORE))
            if self._begun:
                yield from self._decide("".join(self._lead), ended=False)

    def _decide(self, lead: str, *, ended: bool) -> Iterator[BlockEvent]:
        start = lead.lstrip(_BEFORE)
        if start[0] in "`~":
            line = LINE_END.search(start)
            if line is None and not ended and len(start) < LONGEST_INFO:
                return
            if find_opening(start[: line.start()] if line else start) is not None:
                self._is_fenced = True
                yield from self._inside(self._reader.feed(start))
                return
        self._is_fenced = False
        self._lead.clear()
        self._lead_size = 0
        yield self.opened
        yield Text(lead)

    def close(self, *, closed: bool) -> Iterator[BlockEvent]:
        """Take the end of the place.

        Parameters
        ----------
        closed
            Whether the answer says where it ends; else the answer itself has ended in it.
        """
        if self._is_fenced is None:
            if self._begun:
                yield from self._decide("".join(self._lead), ended=True)
            else:
                yield self.opened
                if lead := "".join(self._lead):
                    yield Text(lead)
        if self._is_fenced:
            yield from self._inside(self._reader.close())
            closed = closed and self._in_fence
        if closed:
            yield Closed()

    def _inside(self, events: Iterator[BlockEvent]) -> Iterator[BlockEvent]:
        """The events of the fence's blocks, as of blocks of the place."""
        for event in events:
            if isinstance(event, Opened):
                self._in_fence = True
                yield replace(self.opened, language=event.language, python=event.python)
                continue
            if isinstance(event, Closed):
                self._in_fence = False
            yield event


_BEFORE: Final = BLANK + "\r\n"
