"""A block of code that is open: its text, and what ends it.

In code that is Python, some things outside strings can't be Python: a line that begins with three
backticks, ``</code>``, ``<|im_end|>``. They end the block, in whatever unusual way a model closes
it. A block in another language, or in none, ends as CommonMark has it, or where a fence opens
that names Python.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final

from eager_kernel.core.extract.containers import Stack, enter_block
from eager_kernel.core.extract.fence import (
    BLANK,
    LINE_END,
    LONGEST_INFO,
    Opening,
    is_markdown,
    is_python,
    language_of,
    without_invisible,
)
from eager_kernel.core.extract.marks import (
    Mark,
    Role,
    may_become_end,
    read_end,
    without_marks,
)
from eager_kernel.core.extract.names import names
from eager_kernel.core.extract.rules import BlockEvent, Closed, Reading, Text
from eager_kernel.core.extract.unfenced import Unfenced


class After(Enum):
    """How an answer goes on after a block."""

    PROSE = "with prose"
    FENCE = "with the fence that ended it, and what follows on its line"
    OUTER = "with prose, in the fence that was around this one"
    CHANNEL = "with the head of a message"
    FORGET = "as if nothing had come: it was reasoning"
    NOTHING = "not at all: the answer has ended"


class CodeBlock:
    """The text of an open block.

    Parameters
    ----------
    python
        Whether it is Python; None where nothing says so.
    inside_string
        Tells whether its text so far ends inside a string literal.
    code_tags
        The tags that open code.
    opening
        The fence that opened it; None where it was none.
    stack
        The containers that it is in.
    """

    def __init__(
        self,
        python: bool | None,
        inside_string: Callable[[], bool],
        code_tags: frozenset[str],
        opening: Opening | None = None,
        stack: Stack = (),
    ) -> None:
        self.python = python
        self.opening = opening
        self.stack = stack
        self.after: After | None = None
        """How the answer goes on; None while the block is open."""
        self._inside_string = inside_string
        self._code_tags = code_tags
        self._indent = opening.indent if opening is not None else 0
        self._at_start = True  # of a line
        self._waits = False  # for more to come, with what is not read yet
        self._is_empty = True  # no line with anything on it has come
        self._is_first_line = True
        self._is_foreign = False  # a cell magic says that it is another language's
        self._follows_containers = True  # its lines have all marks of its containers
        self._has_comment = False  # one may have begun on the line
        self._depth = 0  # of the fences that are open in it, if it is Markdown
        self._in_front_matter = False
        self._taken: list[str] = []
        self._stops = _LINE_STOP if python is False else _CODE_STOP

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.after is not None

    @property
    def held(self) -> int:
        """How many characters are kept because it is not decided what they are."""
        return 0

    def read(self, text: str, pos: int) -> Reading:
        """Go on. What is not read yet has to come again, with what follows it."""
        self._waits = False
        while pos < len(text) and self.after is None and not self._waits:
            pos = yield from (self._line_start if self._at_start else self._line)(text, pos)
        yield from self._flush()
        return pos

    def close(self, rest: str) -> Iterator[BlockEvent]:
        """Take the end of the answer.

        Parameters
        ----------
        rest
            What was not read yet.
        """
        if not rest:
            return
        if self._at_start:
            rest = rest[enter_block(rest, 0, self.stack, self._indent).at :]
            line = rest.lstrip(BLANK)
            if self._is_closing(line):
                yield Closed()
            elif rest and not (self._may_have_options and self._is_option(line)):
                yield from self.give(rest)
        elif self._is_half_a_mark(rest):
            yield Closed()
        else:
            yield from self.give(rest)

    def _wait(self, pos: int) -> int:
        self._waits = True
        return pos

    def is_plain(self, text: str) -> bool:
        """Whether what comes next is text of the open line, and nothing else can be in it."""
        if self._at_start or self._stops.search(text) is not None:
            return False
        self._has_comment = self._has_comment or "#" in text
        return True

    def give(self, text: str) -> Iterator[BlockEvent]:
        """Give text of the block."""
        return iter((Text(text),))

    def _take(self, text: str) -> None:
        """Note text of the block, to be given with what follows it."""
        self._taken.append(text)

    def _flush(self) -> Iterator[BlockEvent]:
        """Give what is noted: at the end of a delta, and before anybody is asked about it."""
        if self._taken:
            text = "".join(self._taken)
            self._taken.clear()
            yield from self.give(text)

    def _end(self, after: After) -> Iterator[BlockEvent]:
        yield from self._flush()
        self.after = after
        yield Closed()

    def _is_half_a_mark(self, rest: str) -> bool:
        """Whether an answer has ended within the mark that would have closed the block."""
        return rest.startswith(("</", "<|", "<\uff5c")) and not self._is_in_string

    @property
    def _is_in_string(self) -> bool:
        # Nobody follows the strings of another language.
        return self.python is not False and self._inside_string()

    # The start of a line --------------------------------------------------------------------

    def _line_start(self, text: str, pos: int) -> Reading:
        """Read the marks of containers, and what may end the block at the start of a line."""
        inside, stack, at, pad = enter_block(text, pos, self.stack, self._indent)
        if inside is None:
            return self._wait(pos)
        if not inside:
            yield from self._flush()
        if not inside and self._is_in_string:
            inside, at = True, pos
        begin = _skip_blanks(text, at)
        if begin is None:
            return self._wait(pos)
        # Indented quotes are a docstring's.
        fences = "`~" if self.opening is None or begin > at else "`~" + self.opening.fence[0]
        if text[begin] in fences and (inside or self.python):
            yield from self._flush()
            fence = self._read_fence(text, pos, begin)
            if fence is None:
                return self._wait(pos)
            if fence is not _Fence.TEXT:
                return (yield from self._end_at(fence, text, pos, begin))
        blank = text[begin] in "\r\n"
        if not inside:
            if blank or not self._is_first_line or self.python is False:
                yield from self._end(After.PROSE)  # with the quote or list item that it is in
                return pos
            # A model that does not indent the first line does not indent the others.
            self.stack, self._indent, self._follows_containers = stack, 0, False
            at, pad = enter_block(text, pos, stack, 0)[2:]
        if self._may_have_options and (self._in_front_matter or text[begin] in ":-"):
            end = LINE_END.search(text, begin, begin + LONGEST_INFO)
            if len(text) < begin + LONGEST_INFO and (end is None or _may_be_half(end, text)):
                return self._wait(pos)
            if end is not None and self._is_option(text[begin : end.start()]):
                return end.end()
        if self._is_empty and text[at] == "\ufeff":
            at += 1
        if self._is_empty and (magic := _CELL_MAGIC.match(text, begin)):
            if magic.end() == len(text):
                return self._wait(pos)
            self._is_foreign = magic[0].lower() in _FOREIGN
        self._is_empty = self._is_empty and blank
        self._is_first_line = False
        self._has_comment = self._at_start = False
        if pad:
            self._take(" " * pad)
        return at

    def _read_fence(self, text: str, pos: int, begin: int) -> _Fence | None:
        """What the backticks or tildes at a line's beginning are; None: more must come."""
        run = RUN.match(text, begin)
        assert run is not None
        unended = run.end() == len(text)
        if run[0][0] in _QUOTES:
            return self._read_quotes(text, begin)
        if self.python and run[0][0] == "`":
            if self._is_in_string or (len(run[0]) < 3 and not unended):
                return _Fence.TEXT
            return _Fence.END if len(run[0]) >= 3 else None
        if self.opening is None or (len(run[0]) < 3 and not unended):
            return _Fence.TEXT
        if len(run[0]) > LONGEST_INFO:
            return _Fence.TEXT
        base = enter_block(text, pos, self.stack, 0).at
        if len(text[base:begin].expandtabs(4)) > 3 and self._follows_containers:
            return _Fence.TEXT
        end = LINE_END.search(text, run.end(), run.end() + LONGEST_INFO)
        if end is None or _may_be_half(end, text):
            return None if len(text) < run.end() + LONGEST_INFO else _Fence.TEXT
        if self._is_in_string:
            return _Fence.TEXT
        return self._read_whole_fence(run[0], text[run.end() : end.start()])

    def _read_quotes(self, text: str, begin: int) -> _Fence | None:
        """What three quotes are to a block that three quotes have opened; None: more must come."""
        assert self.opening is not None
        end = LINE_END.search(text, begin, begin + LONGEST_INFO)
        if end is None or _may_be_half(end, text):
            return None if len(text) < begin + LONGEST_INFO else _Fence.TEXT
        # At its beginning it is a docstring's.
        closes = text[begin : end.start()].rstrip() == self.opening.fence and not self._is_empty
        return _Fence.END_OF_LINE if closes and not self._is_in_string else _Fence.TEXT

    def _read_whole_fence(self, run: str, rest: str) -> _Fence:
        """What a line with a fence is to a block that is not known to be Python."""
        assert self.opening is not None
        info = without_marks(without_invisible(rest)).strip()
        closes = run[0] == self.opening.fence[0] and len(run) >= len(self.opening.fence)
        if not info:
            if closes and self._depth:
                self._depth -= 1
                return _Fence.TEXT
            return _Fence.END_OF_LINE if closes else _Fence.TEXT
        if is_markdown(self.opening.language):
            self._depth += closes
            return _Fence.TEXT
        # In a block without a language, any such fence counts: it may be around the answer.
        counts = closes or (self.python is None and len(run) >= 3)
        names_python = "`" not in info and is_python(language_of(info)[0])
        return _Fence.OPENS if counts and names_python and not self.python else _Fence.TEXT

    def _end_at(self, fence: _Fence, text: str, pos: int, begin: int) -> Reading:
        """End the block at a fence. Returns where the text goes on."""
        if fence is _Fence.OPENS:
            around = self.python is None and self._is_empty
            yield from self._end(After.OUTER if around else After.PROSE)
            return pos
        if fence is _Fence.END:
            yield from self._end(After.FENCE)
            return begin
        yield from self._end(After.PROSE)
        end = LINE_END.search(text, begin)
        assert end is not None
        return end.end()

    def _is_closing(self, rest: str) -> bool:
        """Whether the last line of an answer, which has no end, is a fence that closes."""
        run = RUN.match(rest)
        if run is None or self._is_in_string:
            return False
        if run[0][0] in _QUOTES:
            return self.opening is not None and rest.rstrip() == self.opening.fence
        if self.python and run[0][0] == "`":
            return len(run[0]) >= 3
        if self.opening is None:
            return False
        return self._read_whole_fence(run[0], rest[run.end() :]) is _Fence.END_OF_LINE

    @property
    def _may_have_options(self) -> bool:
        """Whether lines may come that are no code, but options of the block's directive."""
        return self._is_empty and self.opening is not None and self.opening.directive

    def _is_option(self, line: str) -> bool:
        if line.startswith("---"):
            self._in_front_matter = not self._in_front_matter
            return True
        return self._in_front_matter or _OPTION.match(line) is not None

    # The rest of a line ---------------------------------------------------------------------

    def _line(self, text: str, pos: int) -> Reading:
        """Go on to the end of the line, or to what ends the block in it."""
        return (yield from self._line_up_to(len(text), text, pos))

    def _line_up_to(self, limit: int, text: str, pos: int) -> Reading:
        found = self._stops.search(text, pos, limit)
        at = found.start() if found else limit
        if found is not None and found[0][0] in "\r\n":
            if found[0] == "\r" and found.end() == len(text):
                if pos < at:
                    self._take(text[pos:at])
                return self._wait(at)  # its LF may follow
            self._at_start = True
            self._take(text[pos : found.end()])
            return found.end()
        if pos < at:
            self._has_comment = self._has_comment or "#" in text[pos:at]
            self._take(text[pos:at])
        if found is None:
            return at
        if found[0][0] == "`":
            return (yield from self._backticks(found, text))
        yield from self._flush()
        mark = read_end(text, at, self._code_tags)
        if mark is None and may_become_end(text, at, self._code_tags):
            return self._wait(at)
        if mark is None or not self._is_ended_by(mark) or self._is_in_string:
            end = at + 1 if mark is None else mark.end
            self._take(text[at:end])
            return end
        yield from self._end(_AFTER.get(mark.role, After.PROSE))
        return mark.end

    def _backticks(self, found: re.Match[str], text: str) -> Reading:
        """Read backticks in a line, which may close the block behind its last statement."""
        yield from self._flush()
        counts = self.python and not self._has_comment and not self._is_in_string
        if counts and len(found[0]) < 3 and found.end() == len(text):
            return self._wait(found.start())
        if not counts or len(found[0]) < 3:
            self._take(found[0])
            return found.end()
        yield from self._end(After.FENCE)
        return found.start()

    def _is_ended_by(self, mark: Mark) -> bool:
        """Whether a mark that no Python has outside strings and comments ends this block."""
        if self._is_foreign and not (mark.is_token or mark.role is Role.ANSWER_END):
            return False
        return not self._has_comment


class TagBlock(CodeBlock):
    """The text of a block that a tag has opened.

    Parameters
    ----------
    tag
        The tag.
    inner
        Takes the block's text, and gives its events.
    inside_string, code_tags, stack
        As of `CodeBlock`.
    is_html
        Whether characters are written as HTML has them, as in ``<pre><code>``.
    """

    def __init__(
        self,
        tag: Mark,
        inner: Unfenced,
        inside_string: Callable[[], bool],
        code_tags: frozenset[str],
        stack: Stack = (),
        *,
        is_html: bool = False,
    ) -> None:
        super().__init__(inner.opened.python, inside_string, code_tags, None, stack)
        self._tag = tag
        self._inner = inner
        self._is_html = is_html
        self._stops = _TAG_STOP
        self._is_empty = False

    @property
    def held(self) -> int:
        """See `CodeBlock.held`."""
        return self._inner.held

    def close(self, rest: str) -> Iterator[BlockEvent]:
        """Take the end of the answer; see `CodeBlock.close`."""
        half = self._is_half_a_mark(rest)
        if rest and not half:
            yield from self._inner.feed(rest)
        yield from self._inner.close(closed=half)

    def take_whole(self, code: str) -> Iterator[BlockEvent]:
        """Take all of its text, and its end."""
        yield from self._inner.feed(html.unescape(code) if self._is_html else code)
        yield from self._inner.close(closed=True)

    def _line_start(self, text: str, pos: int) -> Reading:
        """Read the marks of containers; a fence is for `Unfenced` to read."""
        yield from ()
        self._has_comment = False
        if not self.stack:
            self._at_start = False
            return pos
        inside, _, at, _ = enter_block(text, pos, self.stack, 0)
        if inside is None:
            return self._wait(pos)
        self._at_start = False
        return at if inside else pos

    def _line(self, text: str, pos: int) -> Reading:
        """Go on as any block; but ``&lt;`` may stand for a character."""
        if not self._is_html:
            return (yield from super()._line(text, pos))
        entity = _ENTITY.match(text, pos)
        if entity is None:
            limit = text.find("&", pos)
            return (yield from self._line_up_to(limit if limit >= 0 else len(text), text, pos))
        if entity.end() == len(text) and not entity[0].endswith(";"):
            return self._wait(pos)
        self._take(html.unescape(entity[0]))
        return entity.end()

    def is_plain(self, text: str) -> bool:
        """See `CodeBlock.is_plain`."""
        return not (self._is_html and "&" in text) and super().is_plain(text)

    def give(self, text: str) -> Iterator[BlockEvent]:
        """Give text of the block to what it is in there."""
        return self._inner.feed(text)

    def _end(self, after: After) -> Iterator[BlockEvent]:
        yield from self._flush()
        self.after = after
        yield from self._inner.close(closed=True)

    def _is_ended_by(self, mark: Mark) -> bool:
        if mark.local == self._tag.local or mark.role is Role.ANSWER_END:
            return True
        if self._has_comment:
            return mark.is_token and not mark.belongs_to_call
        return (
            mark.is_token
            or mark.local == "s"
            or (self._tag.is_argument and mark.is_around_arguments)
        )


class _Fence(Enum):
    """What a line that begins with a fence is to the block that is open."""

    TEXT = "text of it"
    END = "its end, and what follows on the line is no part of it"
    END_OF_LINE = "its end, and all that the line has"
    OPENS = "the beginning of another, before which it ends"


def _may_be_half(end: re.Match[str], text: str) -> bool:
    """Whether a line's end is a CR whose LF may follow."""
    return end[0] == "\r" and end.end() == len(text)


def _skip_blanks(text: str, at: int) -> int | None:
    """Where the first character stands that is not blank; None if none has come."""
    found = _NO_BLANK.search(text, at, at + _MANY_BLANKS)
    if found is not None:
        return found.start()
    return at + _MANY_BLANKS if len(text) > at + _MANY_BLANKS else None


RUN: Final = re.compile(r"`+|~+|'+|\"+")
"""The backticks, tildes or quotes of a fence."""
_QUOTES: Final = ("'", '"')

_MANY_BLANKS: Final = 100
"""A line that begins with more of them has no mark. That bounds what has to be looked at again."""

_CELL_MAGIC: Final = re.compile(r"%%?\w{0,20}")
_FOREIGN: Final = frozenset(
    f"%%{name}"
    for name in names(
        "bash cmd file html javascript js latex markdown perl ruby script sh sql svg system sx "
        "writefile"
    )
)
_OPTION: Final = re.compile(r":[\w-]+:")
_ENTITY: Final = re.compile(r"&#?\w{0,31};?")

_AFTER: Final = {
    Role.ANSWER_END: After.NOTHING,
    Role.REASONING_END: After.FORGET,
    Role.CHANNEL: After.CHANNEL,
}
_NO_BLANK: Final = re.compile(f"[^{BLANK}]")
_LINE_STOP: Final = LINE_END
_CODE_STOP: Final = re.compile(r"\r\n|\n|\r|`+|<(?=[/|\uff5ca-zA-Z]|\Z)")
_TAG_STOP: Final = re.compile(r"\r\n|\n|\r|<(?=[/|\uff5ca-zA-Z]|\Z)")
