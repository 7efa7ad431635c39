"""Iterables of text that read a stream, end with it, and close it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from inspect import isawaitable
from typing import Any, Self

from eager_kernel.deltas.reader import AnswerReader, Only


class _Reading:
    """What is known of an answer.

    Parameters
    ----------
    stream
        The provider's.
    only
        As of `code`.
    """

    def __init__(self, stream: Any, only: Only | None) -> None:
        self._stream = stream
        self._reader = AnswerReader(only)
        self._items: Any = None
        self._over = False

    @property
    def finish_reason(self) -> str | None:
        """Why the answer ended; None until it has, and where the provider does not say."""
        return self._reader.finish_reason

    @property
    def usage(self) -> dict[str, Any] | None:
        """What the provider says that the answer cost, as far as it has said so."""
        return self._reader.usage


class Deltas(_Reading):
    """The text of a stream."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        text = ""
        try:
            if self._items is None:
                self._items = iter(self._stream)
            while not text and not self._over:
                for item in self._items:
                    text = self._reader.take(item)
                    break
                else:
                    text = self._reader.end()
                    self.close()
        except Exception:
            self.close()
            raise
        if not text:
            raise StopIteration
        return text

    def close(self) -> None:
        """Close the stream, and with it its connection, by which the provider knows."""
        over, self._over = self._over, True
        if over:
            return
        for what in _both(self._items, self._stream):
            close = getattr(what, "close", None)
            if close is not None:
                close()


class AsyncDeltas(_Reading):
    """The text of an asynchronous stream."""

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        text = ""
        try:
            if self._items is None:
                self._items = aiter(self._stream)
            while not text and not self._over:
                try:
                    item = await anext(self._items)
                except StopAsyncIteration:
                    text = self._reader.end()
                    await self.aclose()
                else:
                    text = self._reader.take(item)
        except Exception:
            await self.aclose()
            raise
        if not text:
            raise StopAsyncIteration
        return text

    async def aclose(self) -> None:
        """Close the stream, and with it its connection, by which the provider knows."""
        over, self._over = self._over, True
        if over:
            return
        for what in _both(self._items, self._stream):
            close = getattr(what, "aclose", None) or getattr(what, "close", None)
            closing = None if close is None else close()
            if isawaitable(closing):
                await closing


class EitherDeltas(Deltas, AsyncDeltas):
    """The text of a stream that is both, as those of `litellm` are."""

    def __iter__(self) -> Self:
        return self

    def __aiter__(self) -> Self:
        return self


def _both(items: Any, stream: Any) -> list[Any]:
    return [stream] if items is stream else [items, stream]
