"""Iterables of deltas, of whatever kind: how they are gone through, stopped and closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable

Deltas = AsyncIterable[str | None] | Iterable[str | None]
"""The model's text, piece by piece."""


def iterate(deltas: Deltas) -> AsyncIterator[str | None]:
    """Go through deltas; text that is at hand comes in one piece.

    Raises
    ------
    TypeError
        They are bytes.
    """
    check_deltas(deltas)
    if isinstance(deltas, AsyncIterable):
        return aiter(deltas)
    if isinstance(deltas, str):
        deltas = [deltas]
    return _in_turn(deltas)


def check_deltas(deltas: object) -> None:
    """Refuse what can be gone through, but is no text.

    Raises
    ------
    TypeError
        They are bytes.
    """
    if isinstance(deltas, bytes | bytearray):
        raise TypeError("deltas must be text, not bytes: decode them")


async def end(feeding: asyncio.Task[None]) -> Exception | None:
    """Stop taking deltas. Returns what their iterator says to that."""
    feeding.cancel()
    (error,) = await asyncio.gather(feeding, return_exceptions=True)
    return error if isinstance(error, Exception) else None


async def close(iterator: object) -> Exception | None:
    """Close an asynchronous iterator, if it can be. Returns what it raises."""
    aclose = getattr(iterator, "aclose", None)
    try:
        if aclose is not None:
            await aclose()
    except Exception as error:  # noqa: BLE001 - the run has its result; this goes along
        return error
    return None


def close_now(iterator: object) -> Exception | None:
    """Close an iterator, if it can be. Returns what it raises."""
    close = getattr(iterator, "close", None)
    try:
        if close is not None:
            close()
    except Exception as error:  # noqa: BLE001 - the run has its result; this goes along
        return error
    return None


async def _in_turn(deltas: Iterable[str | None]) -> AsyncIterator[str | None]:
    # For texts at hand. An iterator that blocks belongs to the synchronous client.
    iterator = iter(deltas)
    try:
        for text in iterator:
            yield text
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()
