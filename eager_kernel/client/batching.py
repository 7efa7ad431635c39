"""Few messages for many deltas: tokens are gathered for some milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Batcher:
    """Sends the first text at once and later text at most every `interval` seconds.

    Parameters
    ----------
    send
        Takes a text and its offset: the characters sent before it.
    interval
        Seconds between two messages.
    busy_interval
        Seconds between two while whoever reads them is busy; None: as `interval`.

    Attributes
    ----------
    busy : bool
        Whether whoever reads them is busy; see `set_busy`.
    """

    def __init__(
        self,
        send: Callable[[str, int], None],
        interval: float,
        busy_interval: float | None = None,
    ) -> None:
        self._send = send
        self._interval = interval
        self._busy_interval = interval if busy_interval is None else busy_interval
        self.busy = False
        self._pieces: list[str] = []
        self._offset = 0
        self._next = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def sent(self) -> int:
        """Characters that were sent."""
        return self._offset

    def add(self, text: str) -> None:
        """Take a delta."""
        if not text:
            return
        self._pieces.append(text)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            now = loop.time()
            if now >= self._next:
                self.flush()
            else:
                self._timer = loop.call_at(self._next, self.flush)

    def set_busy(self, busy: bool) -> None:
        """Say whether the reader is busy; once it is not, what was gathered is sent at once."""
        if self.busy and not busy:
            self.flush()
        self.busy = busy

    def flush(self) -> None:
        """Send what was gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pieces:
            text = "".join(self._pieces)
            self._pieces.clear()
            self._send(text, self._offset)
            self._offset += len(text)
            interval = self._busy_interval if self.busy else self._interval
            self._next = asyncio.get_running_loop().time() + interval
