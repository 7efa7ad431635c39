"""Which blocks of an answer are its program.

Blocks that say that they are Python are the program, as they come: fenced ones, or those in tags,
or the calls of tools, whichever comes first. A fenced block without a language, and JSON in a
fence, can only be judged when the answer has ended: it is the program where nothing comes that
says so, and if it is Python. So its code is kept until then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

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
        self._kept: list[Kept] = []
        self._kept_size = 0  # with the open block
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
        self._settle(closed=False)
        kept, self._kept = self._kept, []
        for block in kept:
            yield BlockOpen(block.language)
            yield Code(block.code)
            if block.is_closed:
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
        calls = self._calls.held if self._calls is not None else 0
        return self._reader.held + self._kept_size + calls

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
                    self._keep(text)
            case Closed():
                if self._given:
                    self._given = False
                    yield BlockClose()
                self._settle(closed=True)
                self._end_calls()
            case Forget():
                self._drop()

    def _begin(self, opened: Opened) -> Iterator[Event]:
        kind: Kind = "fence" if opened.kind == "bare" else opened.kind
        if opened.python and self._kind in (None, kind):
            self._kind = kind
            self._given = True
            self._drop()
            yield BlockOpen(opened.language)
        elif opened.python is None and self._kind is None:
            self._open = Candidate(opened.language)
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
            case Text(text) if self._given:
                yield Code(text)
            case Closed() if self._given:
                self._given = False
                yield BlockClose()
            case Text(text) if self._open is not None:
                self._keep(text)
            case Closed():
                self._settle(closed=True)

    def _end_calls(self) -> None:
        if self._calls is not None and not self._calls.found:
            self._leave_out(self._calls_opened.language)
        self._calls = None

    def _drop(self) -> None:
        """Leave out what could have been the program."""
        for block in self._kept:
            self._leave_out(block.language)
        self._kept.clear()
        self._kept_size = 0

    def _keep(self, text: str) -> None:
        """Keep some of the open block, which may be the program."""
        assert self._open is not None
        self._open.take(text)
        self._kept_size += len(text)

    def _settle(self, *, closed: bool) -> None:
        """Judge the block that was kept so far, and has ended."""
        block, self._open = self._open, None
        if block is None:
            return
        code = block.code
        if block.is_program:
            self._kept.append(Kept(block.language, code, closed))
            return
        self._kept_size -= len(code)
        if code.strip():
            self._leave_out(block.language)

    def _leave_out(self, language: str) -> None:
        name = language[:_LONGEST_NAME]
        if name not in self._left_out and len(self._left_out) >= _MOST_NAMES:
            name = "other"
        self._left_out[name] = self._left_out.get(name, 0) + 1

    def _is_inside_string(self) -> bool:
        return self._inside_string() if self._open is None else self._open.in_string


class Kept(NamedTuple):
    """A block that is the program if nothing comes that says that it is one.

    Attributes
    ----------
    language
        As the answer names it.
    code
        Its text.
    is_closed
        Whether the answer closes it.
    """

    language: str
    code: str
    is_closed: bool


class Candidate:
    """A block of which only the whole tells whether it is Python.

    Parameters
    ----------
    language
        As the answer names it.
    is_sure
        Whether it is Python, whatever it looks like.
    """

    def __init__(self, language: str, *, is_sure: bool = False) -> None:
        self.language = language
        self._is_sure = is_sure
        self._pieces: list[str] = []
        self._chunker = Chunker()  # knows where strings are

    def take(self, text: str) -> None:
        """Take some of its text."""
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
    def is_program(self) -> bool:
        """Whether it can be the program."""
        code = self.code
        return bool(code.strip()) and (self._is_sure or is_program(code))


_LONGEST_NAME: Final = 100
_MOST_NAMES: Final = 50
"""An answer with more languages is none. That bounds what its result has to say."""
