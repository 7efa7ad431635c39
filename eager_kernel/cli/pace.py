"""Text at the pace of a model."""

from __future__ import annotations

import codecs
import time
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from eager_kernel.core.text.tokens import tokens
from eager_kernel.errors import EagerError
from eager_kernel.sources.recording import TimedDelta


def at_rate(text: str, rate: float, ttft: float = 0.0) -> Iterator[str]:
    """Yield `text` token by token.

    Parameters
    ----------
    text
        The text.
    rate
        Tokens per second; 0: everything at once.
    ttft
        Seconds before the first token.
    """
    if rate <= 0:
        time.sleep(ttft)
        yield text
        return
    timed = [TimedDelta(ttft + i / rate, token) for i, token in enumerate(tokens(text))]
    yield from replay(timed)


def replay(deltas: Iterable[TimedDelta]) -> Iterator[str]:
    """Yield recorded deltas when they are due."""
    start = time.monotonic()
    for delta in deltas:
        wait = start + delta.seconds - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        yield delta.text


def live(stream: BinaryIO) -> Iterator[str]:
    """Yield text from a pipe as it comes, whatever the pieces.

    Raises
    ------
    EagerError
        The bytes are not UTF-8.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    read = 0
    # `read1` returns what is there; `read` would wait for more.
    read1 = getattr(stream, "read1", stream.read)
    while True:
        data = read1(65536)
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise EagerError(
                f"the text is not UTF-8: byte {error.object[error.start]:#04x} after about "
                f"{read + error.start:,} bytes"
            ) from error
        read += len(data)
        if text:
            yield text
        if not data:
            return
