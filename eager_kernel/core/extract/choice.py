"""Which blocks of an answer are its program.

Blocks that say that they are Python are the program, as they come: fenced ones, or those in tags,
or the calls of tools, whichever comes first. A fenced block without a language, and JSON in a
fence, can only be judged when the answer has ended: it is the program where nothing comes that
says so, and if it is Python. So its code is kept until then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from eager_kernel.core.chunker import Chunker
from eager_kernel.core.extract.answer import BlockReader
from eager_kernel.core.extract.call import Calls
from eager_kernel.core.extract.events import (
    BlockClose,
    BlockOpen,
    Code,
    Event,
    outside_string,
)
from eager_kernel.core.extract.fence import is_json
from eager_kernel.core.extract.left_out import LeftOut
from eager_kernel.core.extract.likeness import is_program
from eager_kernel.core.extract.rules import (
    FENCES_ONLY,
    BlockEvent,
    Closed,
    Forget,
    Kind,
    Opened,
    Rules,
    Text,
)
from eager_kernel.core.extract.unfenced import Unfenced


class Choice:
    """Reads an answer, and gives what is code of its program.

    Parameters
    ----------
    rules
        What the answer may have.
    inside_string
        Tells whether the code text given so far ends inside a string literal.
    """

    def __init__(self, rules: Rules, inside_string: Callable[[], bool] = outside_string) -> None:
        self._rules = rules
        self._inside_string = inside_string
        self._reader = BlockReader(rules, self._is_inside_string)
        self._kind: Kind | None = None  # of the blocks that are the program
        self._open: Candidate | None = None  # the block that is open, if it is not given at once
        self._given = False  # the open block is
        self._calls: Calls | None = None  # the open block may hold some
        self._calls_opened = Opened("fence", "", python=False)
        self._candidates: list[Candidate] = []
        self._left_out: dict[str, int] = {}

    def feed(self, text: str) -> Iterator[Event]:
        """Take the next delta; see `Extractor.feed`."""
        for event in self._reader.feed(text):
            if isinstance(event, Text) and self._given and self._calls is None:
                yield Code(event.text)  # as most are
            else:
                yield from self._take(event)

    def close(self) -> Iterator[Event]:
        """Take the end of the answer; see `Extractor.close`."""
        for event in self._reader.close():
            yield from self._take(event)
        candidates, self._candidates = self._candidates, []
        for candidate in candidates:
            if not candidate.is_program:
                if candidate.counts:
                    self._leave_out(candidate.language)
                continue
            yield BlockOpen(candidate.language)
            yield Code(candidate.code)
            if candidate.is_closed:
                yield BlockClose()

    @property
    def left_out(self) -> LeftOut:
        """What is not in the program, as far as it is known."""
        reader = self._reader
        return LeftOut(
            tuple(self._left_out.items()),
            reader.prose_lines,
            reader.reasoning_lines,
            reader.json_values,
        )

    @property
    def held(self) -> int:
        """How many characters are kept because it is not decided what they are."""
        sizes = (candidate.size for candidate in self._candidates)
        return self._reader.held + sum(sizes)

    def _take(self, event: BlockEvent) -> Iterator[Event]:
        match event:
            case Opened():
                yield from self._begin(event)
            case Text(text):
                if self._calls is not None:
                    for inner in self._calls.feed(text):
                        yield from self._take_call(inner)
                elif self._given:
                    yield Code(text)
                elif self._open is not None:
                    self._open.take(text)
            case Closed():
                if self._given:
                    self._given = False
                    yield BlockClose()
                elif self._open is not None:
                    self._open.is_closed = True
                    self._open = None
                self._end_calls()
            case Forget():
                self._drop()

    def _begin(self, opened: Opened) -> Iterator[Event]:
        self._open = self._calls = None
        self._given = False
        kind: Kind = "fence" if opened.kind == "bare" else opened.kind
        if opened.python and self._kind in (None, kind):
            self._kind = kind
            self._given = True
            self._drop()
            yield BlockOpen(opened.language)
        elif opened.python is None and self._kind is None:
            self._open = Candidate(opened.language)
            self._candidates.append(self._open)
        elif self._kind in (None, "json") and self._rules.json and is_json(opened.language):
            self._calls, self._calls_opened = Calls(self._rules, self._unfenced), opened
        else:
            self._leave_out(opened.language)

    def _unfenced(self) -> Unfenced:
        reader = BlockReader(FENCES_ONLY, self._is_inside_string)
        return Unfenced(Opened("json", "python", python=True), reader)

    def _take_call(self, event: BlockEvent) -> Iterator[Event]:
        """Take what is said of a call in a fence."""
        match event:
            case Opened() if self._calls_opened.is_first or self._kind == "json":
                # The whole answer is the call, so nothing else can be the program.
                self._kind, self._given = "json", True
                self._drop()
                yield BlockOpen(event.language)
            case Opened():
                self._open = Candidate(event.language, is_sure=True)
                self._candidates.append(self._open)
            case Text(text) if self._given:
                yield Code(text)
            case Closed() if self._given:
                self._given = False
                yield BlockClose()
            case Text(text) if self._open is not None:
                self._open.take(text)
            case Closed() if self._open is not None:
                self._open.is_closed = True
                self._open = None

    def _end_calls(self) -> None:
        if self._calls is not None and not self._calls.found:
            self._leave_out(self._calls_opened.language)
        self._calls = None

    def _drop(self) -> None:
        """Leave out what could have been the program."""
        for candidate in self._candidates:
            if candidate.counts:
                self._leave_out(candidate.language)
        self._candidates.clear()
        self._open = None

    def _leave_out(self, language: str) -> None:
        self._left_out[language] = self._left_out.get(language, 0) + 1

    def _is_inside_string(self) -> bool:
        return self._inside_string() if self._open is None else self._open.in_string


class Candidate:
    """A block that is the program if nothing comes that says that it is one.

    Parameters
    ----------
    language
        As the answer names it.
    is_sure
        Whether it is Python, whatever it looks like.
    """

    def __init__(self, language: str, *, is_sure: bool = False) -> None:
        self.language = language
        self.is_closed = False
        """Whether the answer closes it."""
        self.size = 0
        """Its length in characters."""
        self._is_sure = is_sure
        self._pieces: list[str] = []
        self._chunker = Chunker()  # knows where strings are

    def take(self, text: str) -> None:
        """Take some of its text."""
        self.size += len(text)
        self._pieces.append(text)
        self._chunker.feed(text)

    @property
    def in_string(self) -> bool:
        """Whether its text ends inside a string literal, if it is Python."""
        return self._chunker.inside_string

    @property
    def code(self) -> str:
        """Its text."""
        return "".join(self._pieces)

    @property
    def counts(self) -> bool:
        """Whether there is anything in it."""
        return any(piece.strip() for piece in self._pieces)

    @property
    def is_program(self) -> bool:
        """Whether it can be the program."""
        return self.counts and (self._is_sure or is_program(self.code))
