"""A model's text on its way from its process to the server's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
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
        self._queue: asyncio.Queue[Event | SourceError | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._generation = process.generate(request, self._hear)

    def _hear(self, event: Event | SourceError) -> None:
        """Take an event, on a thread of the process."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue.put_nowait, event)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while True:
            event = await self._queue.get()
            match event:
                case str():
                    self._chars += len(event)
                    if self._chars > self._max_chars:
                        await self.aclose()
                        raise LimitError(
                            f"the answer has more than {self._max_chars:,} characters; the "
                            "deployer may raise EagerServer.max_answer_chars"
                        )
                    return event
                case Progress():
                    self._on_progress(event)
                case Finish():
                    self.finish_reason, self.usage = event.reason, event.usage
                    raise StopAsyncIteration
                case SourceError():
                    raise event
                case None:
                    raise StopAsyncIteration

    async def aclose(self) -> None:
        """Stop the model at once. May be called twice."""
        self._generation.cancel()
        self._queue.put_nowait(None)
