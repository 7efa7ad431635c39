"""A model's text on its way from its process to the server's loop."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Self

from eager_kernel.errors import LimitError, SourceError
from eager_kernel.sources.process import ModelProcess
from eager_kernel.sources.source import Event, Finish, Progress, Request, Usage


class ModelText:
    """The text of one answer, as an asynchronous iterator of strings.

    Parameters
    ----------
    process
        The model.
    request
        What it is asked.
    max_chars
        The longest answer that is taken.
    on_progress
        Called with what the model says of its work.

    Attributes
    ----------
    finish_reason : str or None
        Why the answer ended.
    usage : Usage or None
        What it cost, if that is known.

    Raises
    ------
    SourceError
        While iterating: the model failed.
    LimitError
        While iterating: the answer is too long.
    """

    def __init__(
        self,
        process: ModelProcess,
        request: Request,
        max_chars: int,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self._max_chars = max_chars
        self._on_progress = on_progress
        self._chars = 0
        self._lock = threading.Lock()
        self._heard: list[_Heard] = []
        self._taken: deque[_Heard] = deque()
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._generation = process.generate(request, self._hear)

    def _hear(self, event: Event | SourceError) -> None:
        """Take an event, on a thread of the process."""
        # Counted here: a model that writes faster than the loop reads must not fill the memory.
        if not isinstance(event, str):
            self._put(event)
        elif self._chars <= self._max_chars:
            self._chars += len(event)
            self._put(event if self._chars <= self._max_chars else self._too_long())

    def _too_long(self) -> LimitError:
        return LimitError(
            f"the answer has more than {self._max_chars:,} characters; the deployer may raise "
            "EagerServer.max_answer_chars"
        )

    def _put(self, event: _Heard) -> None:
        with self._lock:
            first = not self._heard
            if (
                isinstance(event, Progress)
                and self._heard
                and isinstance(self._heard[-1], Progress)
            ):
                self._heard.pop()  # it is further by now
            self._heard.append(event)
        # A million pieces wake the loop once.
        if first and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while True:
            event = await self._next()
            match event:
                case str():
                    return event
                case Progress():
                    self._on_progress(event)
                case Finish():
                    self.finish_reason, self.usage = event.reason, event.usage
                    raise StopAsyncIteration
                case SourceError() | LimitError():
                    raise event
                case None:
                    raise StopAsyncIteration

    async def _next(self) -> _Heard:
        """Wait for an event; text that has come in pieces meanwhile is one."""
        while not self._taken:
            await self._changed.wait()
            self._changed.clear()
            with self._lock:
                heard, self._heard = self._heard, []
            self._taken.extend(_joined(heard))
        return self._taken.popleft()

    async def aclose(self) -> None:
        """Stop the model at once. May be called twice."""
        self._generation.cancel()
        self._put(None)


_Heard = Event | SourceError | LimitError | None


def _joined(heard: list[_Heard]) -> Iterator[_Heard]:
    for is_text, events in itertools.groupby(heard, key=lambda event: isinstance(event, str)):
        if is_text:
            yield "".join(map(str, events))
        else:
            yield from events
