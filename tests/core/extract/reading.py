"""Read answers in tests: the events of an extractor, the program, and how early it comes."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator

from eager_kernel.core.chunker import Chunker
from eager_kernel.core.extract import (
    BlockClose,
    BlockOpen,
    Code,
    Event,
    LeftOut,
    make_extractor,
)


class Reader:
    """Reads an answer as the kernel does: an extractor, and a chunker that knows its strings."""

    def __init__(self, format: str) -> None:
        self.events: list[Event] = []
        self.pieces: list[str] = []
        self.chunks = 0
        """How many statements are complete."""
        self._chunker = Chunker()
        self._extractor = make_extractor(format, lambda: self._chunker.inside_string)

    def feed(self, delta: str) -> list[Event]:
        return self._read(self._extractor.feed(delta))

    def close(self) -> list[Event]:
        events = self._read(self._extractor.close())
        self._chunker.close()
        return events

    def _read(self, events: Iterator[Event]) -> list[Event]:
        read = []
        for event in events:
            read.append(event)
            match event:
                case Code(text):
                    assert text, "an empty Code event"
                    self._take(text)
                case BlockOpen():
                    if self.pieces and not self.pieces[-1].endswith(("\n", "\r")):
                        self._take("\n")
                case BlockClose():
                    self.chunks += _statements(self._chunker.end_block())
        self.events += read
        return read

    def _take(self, text: str) -> None:
        self.pieces.append(text)
        self.chunks += _statements(self._chunker.feed(text))

    @property
    def program(self) -> str:
        return "".join(self.pieces)

    @property
    def left_out(self) -> LeftOut:
        return self._extractor.left_out

    @property
    def held(self) -> int:
        return self._extractor.held


def _statements(chunks: Iterable[object]) -> int:
    return sum(chunk.has_statement for chunk in chunks)  # type: ignore[attr-defined]


def read(format: str, deltas: Iterable[str]) -> Reader:
    """Read a whole answer."""
    reader = Reader(format)
    for delta in deltas:
        reader.feed(delta)
    reader.close()
    return reader


def events(format: str, deltas: Iterable[str]) -> list[Event]:
    """The events of an answer, with the code in one piece for each block."""
    return merge(read(format, deltas).events)


def merge(events: Iterable[Event]) -> list[Event]:
    merged: list[Event] = []
    for is_code, group in itertools.groupby(events, lambda event: isinstance(event, Code)):
        if is_code:
            merged.append(Code("".join(e.text for e in group if isinstance(e, Code))))
        else:
            merged.extend(group)
    return merged


def cut(text: str, places: Iterable[int]) -> list[str]:
    ends = sorted({min(place, len(text)) for place in places} | {0, len(text)})
    return [text[a:b] for a, b in itertools.pairwise(ends)]


def splits(text: str, count: int = 20) -> Iterator[list[str]]:
    """A text whole, in single characters, with empty deltas, and cut at random."""
    yield [text]
    yield list(text)
    yield [piece for char in text for piece in ("", char, "")]
    for seed in range(count):
        chance = random.Random(seed)
        places = [chance.randrange(len(text) + 1) for _ in range(chance.randrange(1, 9))]
        yield cut(text, places)


def check(format: str, text: str, expected: list[Event]) -> None:
    """The events of an answer are these, whatever the split."""
    for deltas in splits(text):
        assert events(format, deltas) == expected, deltas


def check_program(format: str, text: str, program: str, count: int = 20) -> None:
    """The program of an answer is this, whatever the split; a final newline does not matter."""
    for deltas in splits(text, count):
        found = read(format, deltas).program
        assert found.rstrip("\n") == program.rstrip("\n"), deltas


def first_at(format: str, text: str) -> int | None:
    """How many characters of an answer must be there until its first statement may run.

    None: all, and the word that no more come.
    """
    reader = Reader(format)
    for count, char in enumerate(text, 1):
        reader.feed(char)
        if reader.chunks:
            return count
    return None
