"""An answer at the pace of a model, with note of what was written and when."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eager_kernel.core.chunker import Chunker
from eager_kernel.core.extract import BlockClose, BlockOpen, Code, Event, make_extractor


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast an answer is written.

    Parameters
    ----------
    rate
        Tokens per second; more than 0.
    ttft
        Seconds from the request to the first token.
    """

    rate: float
    ttft: float

    def generation(self, tokens: int) -> float:
        """``TTFT + L/v``: seconds from the request to the last of so many tokens."""
        return self.ttft + max(0, tokens - 1) / self.rate

    def __str__(self) -> str:
        return f"{self.rate:g} tokens/s, TTFT {self.ttft:g} s"


class Replay:
    """Yields tokens when they are due. To be iterated once.

    Parameters
    ----------
    tokens
        The answer.
    pace
        How fast it is written.
    """

    def __init__(self, tokens: Sequence[str], pace: Pace) -> None:
        self._tokens = tokens
        self._pace = pace
        self.start = 0.0
        """When it was asked for, by `time.perf_counter`."""
        self.last = 0.0
        """When the last token was given."""
        self.written = 0
        """How many tokens were given."""
        self.late = 0.0
        """By how many seconds the latest of them was late: how far the machine kept up."""

    def __iter__(self) -> Iterator[str]:
        self.start = time.perf_counter()
        for number, token in enumerate(self._tokens):
            due = self.start + self._pace.generation(number + 1)
            wait = due - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            self.last = time.perf_counter()
            self.late = max(self.late, self.last - due)
            self.written = number + 1
            yield token


def tokens_until(tokens: Sequence[str], text_format: str) -> list[int]:
    """How many tokens must be there until each chunk of a program is complete.

    Parameters
    ----------
    tokens
        The answer.
    text_format
        Where the code is in it; see `eager_kernel.core.extract`.
    """
    chunker = Chunker()
    extractor = make_extractor(text_format, lambda: chunker.inside_string)
    pieces: list[str] = []

    def complete(event: Event) -> int:
        match event:
            case Code(text):
                pieces.append(text)
                return len(chunker.feed(text))
            case BlockOpen():
                # Blocks of an answer are lines of one program.
                apart = pieces and not pieces[-1].endswith(("\n", "\r"))
                return len(chunker.feed("\n")) if apart else 0
            case BlockClose():
                return len(chunker.end_block())
        return 0

    until: list[int] = []
    for number, token in enumerate(tokens, 1):
        for event in extractor.feed(token):
            until += [number] * complete(event)
    for event in extractor.close():
        until += [len(tokens)] * complete(event)
    return until + [len(tokens)] * len(chunker.close())
