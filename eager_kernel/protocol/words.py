"""Names, words and limits of the protocol of streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeVar, get_args

from eager_kernel.core.extract import FORMATS
from eager_kernel.core.gate import Mode
from eager_kernel.core.ledger import State as ChunkState
from eager_kernel.core.reading import MAX_CHARS
from eager_kernel.core.rules import Category

__all__ = ["Category", "ChunkState", "Mode"]

_Word = TypeVar("_Word", bound=str)

TARGET: Final = "eager.stream"
"""The comm target of a stream."""

VERSION: Final = 1
"""Of the protocol."""

CHUNK_STATES: Final[tuple[ChunkState, ...]] = get_args(ChunkState)
"""What may become of a chunk."""

CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)
"""Of what kind the gate's verdict on a chunk may be."""

OnError = Literal["stop", "drain"]
"""What an error in the program does to its text: ``stop``: no more is wanted. ``drain``: the rest
is awaited and not run, so that the result holds the whole program."""

ON_ERROR: Final[tuple[OnError, ...]] = get_args(OnError)

StopReason = Literal["error", "cancelled", "interrupted", "limit", "protocol"]
"""Why no more text is wanted."""

STOP_REASONS: Final[tuple[StopReason, ...]] = get_args(StopReason)

Status = Literal["ok", "error", "cancelled", "no_code"]
"""How a run ended: ``cancelled`` where the client, not the program, ended it; ``no_code`` where
all of the text came, and there was no Python in it."""

STATUSES: Final[tuple[Status, ...]] = get_args(Status)

FORMAT_WORDS: Final = f"{', '.join(FORMATS)}, tags:NAME, json:NAME"
"""The formats of a text, as messages name them."""

LONGEST_ID: Final = 256
"""Characters of a stream's comm id."""

LONGEST_ERROR: Final = 500
"""Characters of the error that a ``stop`` names."""

LONGEST_CANCEL: Final = 1_000
"""Characters of what a ``cancel`` says that are shown."""

MOST_GONE: Final = 256
"""Streams that have ended, and whose late messages are ignored."""

MOST_AGAIN: Final = 200
"""Messages that a kernel tells again at once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What streams may cost a kernel; the traits of ``EagerRun``, with their defaults.

    Parameters
    ----------
    max_program_chars
        Characters of code text in one program.
    max_pending_deltas
        Deltas of one stream that have arrived and are not read yet.
    max_streams
        Streams that are open at once.
    delta_timeout
        Seconds of a running stream without a message, after which its client is taken for gone.
    attach_timeout
        Seconds from a stream's opening within which a cell that attaches it must be sent.
    """

    max_program_chars: int = MAX_CHARS
    max_pending_deltas: int = 100_000
    max_streams: int = 64
    delta_timeout: float = 300.0
    attach_timeout: float = 60.0


MAX_JOURNAL_BYTES: Final = 64_000_000
"""Bytes that a kernel keeps of a run for a client whose connection may break, by default."""


def word_of(value: object, words: tuple[_Word, ...]) -> _Word | None:
    """The word of a table that a value is, as one of its type; None if it is none of them."""
    return next((word for word in words if word == value), None)
