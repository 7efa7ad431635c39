"""The reading side of a run: a model's text becomes chunks, each with the gate's verdict.

It takes text and returns what it found. Reading runs nothing, waits for nobody and calls nobody
back: whoever feeds it puts what it returns into the ledger (`eager_kernel.core.ledger`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.chunker import Chunker
from eager_kernel.core.conversation.repeats import Repeats
from eager_kernel.core.extract import (
    NOTHING_LEFT_OUT,
    BlockClose,
    BlockOpen,
    Code,
    Event,
    Extractor,
    LeftOut,
    make_extractor,
)
from eager_kernel.core.gate import Gate, Verdict
from eager_kernel.errors import LimitError

MAX_CHARS: Final = 4_000_000
"""Characters of code text in one program, where nobody says otherwise."""

CUT_OFF_REASONS: Final = frozenset({"length", "max_tokens", "content_filter"})
"""Values of ``finish_reason`` that say that the model did not finish."""

Judged = tuple[Chunk, Verdict]
"""A chunk, and what the gate says of it."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a piece of a model's text brought.

    Parameters
    ----------
    code
        The code text in it; empty where there is none.
    judged
        The chunks that it completed.
    """

    code: str
    judged: tuple[Judged, ...] = ()


@dataclass(frozen=True, slots=True)
class Tail:
    """What the end of a model's text brought.

    Parameters
    ----------
    judged
        The chunks that it completed.
    unfinished
        The statement that was being written when the model was cut off, which is never run; empty
        where it finished.
    cut_off
        Whether the model was cut off within the code.
    """

    judged: tuple[Judged, ...] = ()
    unfinished: tuple[Chunk, ...] = ()
    cut_off: bool = False


class TextReader:
    """Reads the text of one program.

    Parameters
    ----------
    text_format
        Where the code is in the text; see `eager_kernel.core.extract`.
    gate
        Judges the chunks.
    max_chars
        The longest code text accepted, in characters.
    """

    def __init__(
        self, text_format: str = "auto", gate: Gate | None = None, max_chars: int = MAX_CHARS
    ) -> None:
        self._format = text_format
        self._gate = gate or Gate()
        self._max_chars = max_chars
        self._begin()
        self._left_out = NOTHING_LEFT_OUT  # of texts that were cut back
        self._repeats: Repeats | None = None
        self._pieces: list[str] = []
        self._in_block = False
        self.chars = 0
        """Characters of code text so far."""

    def _begin(self) -> None:
        self._chunker = Chunker()
        self._extractor: Extractor = make_extractor(
            self._format, lambda: self._chunker.inside_string
        )

    @property
    def program(self) -> str:
        """The code text so far; another thread than the one that feeds may ask."""
        return "".join(self._pieces)

    @property
    def left_out(self) -> LeftOut:
        """What of the text is no part of the program, as far as that is known."""
        return self._left_out + self._extractor.left_out

    def feed(self, text: str) -> Iterator[Found]:
        """Take a delta.

        Parameters
        ----------
        text
            The delta; it may be empty.

        Returns
        -------
        Iterator[Found]
            What is in it, in order. Lazy: exhaust it before the next call.

        Raises
        ------
        LimitError
            The program is longer than allowed; what came before that was returned.
        """
        yield from self._read(self._extractor.feed(text))
        if self._extractor.held > self._max_chars:
            raise self._too_long()

    def end(self, finish_reason: str | None = None) -> Iterator[Found | Tail]:
        """Take the end of the text.

        Parameters
        ----------
        finish_reason
            Why the model ended; None if that is not known.

        Returns
        -------
        Iterator[Found or Tail]
            What the end made certain, and at last what it completed. The chunks of the `Tail` may
            be no whole statements.

        Raises
        ------
        LimitError
            As `feed`.
        """
        yield from self._read(self._extractor.close())
        if self._repeats is not None and (rest := self._repeats.close()):
            yield self._code(rest)
        tail = self._chunker.close()
        if self._in_block and finish_reason in CUT_OFF_REASONS:
            yield Tail(unfinished=tuple(c for c in tail if c.has_statement), cut_off=True)
        else:
            yield Tail(self._judge(tail))

    def write_on(self, executed: list[Chunk]) -> Found | None:
        """Cut the program back to what has run; the text that comes next goes on from there.

        Parameters
        ----------
        executed
            The chunks that have run, from the first on.

        Returns
        -------
        Found or None
            The end of the last line, if the program has to get one; None if not.
        """
        self._gate.cut_back(executed)
        self._left_out = self.left_out
        self._begin()
        self._in_block = False
        for chunk in executed:
            # Where a block ended is not known any more; each chunk is complete as it is.
            self._chunker.feed(chunk.source)
            self._chunker.end_block()
        self._repeats = Repeats(executed)
        self.put_back(executed)
        return self._code("\n") if self._lacks_line_end else None

    def put_back(self, executed: Iterable[Chunk], rest: str = "") -> None:
        """Have the program be these chunks and `rest`, which nothing has replaced."""
        self._pieces = [*(chunk.source for chunk in executed), *([rest] if rest else [])]
        self.chars = sum(map(len, self._pieces))

    @property
    def _lacks_line_end(self) -> bool:
        return bool(self._pieces) and not self._pieces[-1].endswith(("\n", "\r"))

    def _read(self, events: Iterator[Event]) -> Iterator[Found]:
        repeats = self._repeats
        for event in events:
            match event:
                case Code(text):
                    yield self._code(text if repeats is None else repeats.feed(text))
                case BlockOpen():
                    self._in_block = True
                    if self._lacks_line_end:
                        yield self._code("\n")
                case BlockClose():
                    self._in_block = False
                    if repeats is not None and (rest := repeats.end_block()):
                        yield self._code(rest)
                    yield Found("", self._judge(self._chunker.end_block()))

    def _code(self, text: str) -> Found:
        if self.chars + len(text) > self._max_chars:
            raise self._too_long()
        self.chars += len(text)
        if text:
            self._pieces.append(text)
        return Found(text, self._judge(self._chunker.feed(text)))

    def _judge(self, chunks: list[Chunk]) -> tuple[Judged, ...]:
        return tuple((chunk, self._verdict_on(chunk)) for chunk in chunks)

    def _verdict_on(self, chunk: Chunk) -> Verdict:
        try:
            return self._gate.judge(chunk)
        except Exception as error:  # noqa: BLE001 - a program may have broken what it judges with
            why = f"the gate could not judge it: {type(error).__name__}"
            return Verdict("hold", "dynamic", why, chunk.first_line)

    def _too_long(self) -> LimitError:
        return LimitError(
            f"the program is longer than {self._max_chars:,} characters; "
            "raise EagerRun.max_program_chars to run longer ones"
        )
