"""One answer of a model: its text as it comes, in time or not at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Self

from eager_kernel.errors import SourceError
from eager_kernel.sources.source import Finish, Options, Progress, Request, Source, Usage


class Answer:
    """The text of one answer, as an asynchronous iterator of strings.

    Parameters
    ----------
    source
        Who answers. It stays open; close it when no more answers are wanted.
    request
        What is asked.
    options
        For the two time-outs.
    on_progress
        Called with what the source says of its work.

    Attributes
    ----------
    finish_reason : str or None
        Why the answer ended; None while it has not, and where the source does not say.
    usage : Usage or None
        What it cost, if the source says so.

    Raises
    ------
    SourceError
        While iterating: the source failed, or was silent for too long.

    Notes
    -----
    ``client.run(answer)`` of an `AsyncEagerClient` runs it in a kernel while it is written.
    """

    def __init__(
        self,
        source: Source,
        request: Request,
        options: Options,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self._events = source.generate(request)
        self._options = options
        self._on_progress = on_progress or (lambda progress: None)
        self._text_by: float | None = None
        self._has_text = False
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        if self._text_by is None:
            self._text_by = time.monotonic() + self._options.first_timeout
        while not self._ended:
            try:
                async with asyncio.timeout(self._patience()) as patience:
                    event = await anext(self._events)
            except StopAsyncIteration:
                break
            except TimeoutError as error:
                await self.aclose()
                if not patience.expired():
                    raise SourceError(f"the model's connection timed out: {error}") from error
                raise SourceError(silence(self._options, begun=self._has_text)) from None
            if isinstance(event, Finish):
                self.finish_reason, self.usage = event.reason, event.usage
                await self.aclose()  # nothing counts after the end
            elif isinstance(event, Progress):
                self._on_progress(event)
            elif event:
                self._has_text = True
                return event
        self._ended = True
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Stop the model at once. May be called twice."""
        self._ended = True
        await self._events.aclose()

    def _patience(self) -> float:
        if self._has_text:
            return self._options.stall_timeout
        assert self._text_by is not None
        return max(0.0, self._text_by - time.monotonic())


def silence(options: Options, *, begun: bool) -> str:
    """Say that a model was silent for too long, and what to do."""
    if begun:
        return (
            f"the model stopped in the middle of its answer: no text for "
            f"{options.stall_timeout:g} s. Ask again, or raise stall_timeout"
        )
    return (
        f"the model gave no text within {options.first_timeout:g} s. Is it loaded, and is the "
        "server at work? Ask again, or raise first_timeout"
    )
