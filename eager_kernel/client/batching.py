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
    """

    def __init__(self, send: Callable[[str, int], None], interval: float) -> None:
        self._send = send
        self._interval = interval
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
            self._next = asyncio.get_running_loop().time() + self._interval
