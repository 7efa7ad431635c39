"""The blocks of code in a model's answer: where each opens, what is in it, where it closes.

`BlockReader` reads an answer as it comes. It knows Markdown's fences and containers, tags, the
JSON of tool calls, reasoning, and answers that are nothing but a program. It says of each block
what it is; which of them are the program is decided elsewhere (`choice.py`).

It reads prose itself, line by line, and leaves what prose can hold to a part that reads until its
own end: a `CodeBlock`, a `Call`, what is `Skipped`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from typing import Final

from eager_kernel.core.extract.beginning import Beginning, Decision
from eager_kernel.core.extract.call import Call
from eager_kernel.core.extract.code_block import RUN, After, CodeBlock, TagBlock
from eager_kernel.core.extract.containers import Prose, Stack
from eager_kernel.core.extract.events import outside_string
from eager_kernel.core.extract.fence import (
    BLANK,
    INVISIBLE,
    LINE_END,
    Opening,
    find_opening,
    find_whole,
    is_markdown,
    is_python,
    language_of,
    open_span,
    without_invisible,
)
from eager_kernel.core.extract.likeness import (
    Likeness,
    is_bare_program,
    likeness_of_line,
    program_in_prose,
)
from eager_kernel.core.extract.marks import (
    MARK_BEGINS,
    Mark,
    Role,
    end_of_skipped,
    language_of_tag,
    may_become_mark,
    read_mark,
    without_marks,
)
from eager_kernel.core.extract.rules import (
    FENCES_ONLY,
    BlockEvent,
    Closed,
    Forget,
    Kind,
    Opened,
    Reading,
    Rules,
    Text,
)
from eager_kernel.core.extract.skipped import Head, Skipped
from eager_kernel.core.extract.tag_line import Place, TagLine, in_string_or_comment
from eager_kernel.core.extract.tagged_call import TaggedCall
from eager_kernel.core.extract.unfenced import Unfenced


class BlockReader:
    """Finds the blocks of an answer.

    Parameters
    ----------
    rules
        What the answer may have.
    inside_string
        Tells whether the text of the open block, as given so far, ends inside a string literal.
        Asked only of a block that is, or may be, Python.
    """

    def __init__(self, rules: Rules, inside_string: Callable[[], bool] = outside_string) -> None:
        self._rules = rules
        self._inside_string = inside_string
        self._part: CodeBlock | Call | Head | Skipped | TagLine | None = None  # None: prose
        self._held = ""  # what can't be read yet; short, as it is read again with each delta
        self._again = ""  # what is to be read once more, before what follows it
        self._came = 0  # characters of the answer
        self._has_ended = False
        self._is_last = False  # nothing follows what is read
        self._is_fresh = True  # nothing has come but blanks and reasoning
        self._has_python = False  # a block that says so has opened
        self._beginning = Beginning() if rules.bare else None
        self._containers = Prose()
        self._line: list[str] = []
        self._line_size = 0
        self._begun = False  # the line has more than blanks and the marks of containers
        self._after_fence = False  # the line goes on behind a fence that has closed a block
        self._is_html = False  # <pre> comes before
        self._call = TaggedCall()
        self._last_line = ""  # of those that have more than blanks
        self._kept = _Kept() if rules.bare else None
        self._outer: Opening | None = None  # a fence around another one, of which only that counts
        self._call_from = 0  # where in the answer JSON may begin again
        self._prose_lines = 0  # those of JSON among them
        self._data_lines = 0
        self.reasoning_lines = 0
        """Lines of reasoning so far, without blank ones."""
        self.json_values = 0
        """Values of JSON so far that held no code."""

    @property
    def prose_lines(self) -> int:
        """Lines of prose so far, without blank ones."""
        return max(0, self._prose_lines - self._data_lines)

    @property
    def held(self) -> int:
        """How many characters are kept because it is not decided what they are."""
        size = len(self._held) + self._line_size
        if self._kept is not None:
            size += self._kept.size
        if self._beginning is not None:
            size += self._beginning.size
        return size + (self._part.held if isinstance(self._part, CodeBlock | Call) else 0)

    def feed(self, text: str) -> Iterator[BlockEvent]:
        """Take the next delta.

        Parameters
        ----------
        text
            The delta; it may be empty.

        Returns
        -------
        Iterator[BlockEvent]
            What it makes certain. Lazy: act on each event before asking for the next.
        """
        if not text or self._has_ended:
            return
        self._came += len(text)
        part = self._part
        # Most deltas are nothing but text of a line.
        if not self._held and part is None and not _PROSE_STOP.search(text):
            self._add(text)
            return
        if not self._held and isinstance(part, CodeBlock) and part.is_plain(text):
            yield from part.give(text)
            return
        text, self._held = self._held + text, ""
        yield from self._read(text)

    def close(self) -> Iterator[BlockEvent]:
        """Take the end of the answer."""
        while not self._has_ended:
            rest, self._held = self._held, ""
            if self._part is None and rest and not self._is_last:
                self._again = rest  # what nothing follows may be something else
            elif self._part is None:
                yield from self._close_prose(rest)
            else:
                yield from self._close_part(rest)
            if not self._again:
                return
            self._is_last = True
            text, self._again = self._again, ""
            yield from self._read(text)

    def _read(self, text: str) -> Iterator[BlockEvent]:
        while not self._has_ended:
            pos = 0
            while pos < len(text) and not self._held and not self._has_ended:
                if self._part is None:
                    pos = yield from self._prose(text, pos)
                else:
                    pos = yield from self._go_on(text, pos)
            if not self._again:
                return
            text, self._again, self._held = self._again, "", ""

    # Parts ----------------------------------------------------------------------------------

    def _go_on(self, text: str, pos: int) -> Reading:
        """Go on in the part that is open."""
        part = self._part
        assert part is not None
        begin = pos
        pos = yield from part.read(text, pos)
        if not part.done:
            if isinstance(part, Skipped):
                self._count_skipped(part)
            self._held = text[pos:]
            return len(text)
        self._part = None
        match part:
            case CodeBlock():
                yield from self._leave_block(part)
            case Skipped():
                self._count_skipped(part)
            case Head():
                yield from self._leave_head(part)
            case TagLine():
                yield from self._leave_tag_line(part)
            case Call():
                return self._leave_call(part, text, begin, pos)
        return pos

    def _close_part(self, rest: str) -> Iterator[BlockEvent]:
        """Take the end of the answer in a part; what is to be read again is then prose."""
        part, self._part = self._part, None
        match part:
            case CodeBlock():
                self._has_ended = True
                yield from part.close(rest)
            case Skipped():
                part.count(rest)
                self._count_skipped(part)
                self._has_ended = True
            case Head():
                self._has_ended = True
            case TagLine():
                part.close(rest)
                yield from self._leave_tag_line(part)
                self._again = part.rest
                if not self._again:
                    yield from self.close()
            case Call():
                yield from part.close()
                if part.found:
                    self._has_ended = True
                else:
                    # It is no JSON, as it is not whole. Nor is what begins in it.
                    self._call_from = self._came
                    self._again = part.raw

    def _leave_block(self, block: CodeBlock) -> Iterator[BlockEvent]:
        self._containers.leave(block.stack)
        match block.after:
            case After.FENCE:
                self._after_fence = True
            case After.OUTER:
                self._outer = block.opening
            case After.CHANNEL:
                self._begin_channel()
            case After.FORGET:
                yield from self._forget()
            case After.NOTHING:
                self._has_ended = True

    def _leave_call(self, call: Call, text: str, begin: int, end: int) -> int:
        """Go on after what looked like JSON. Returns the position from which on."""
        if call.found:
            self._leave_line()
            self._add(call.unread)
            return end
        raw = call.raw
        if call.is_json:
            if call.is_data:
                self.json_values += 1
                self._data_lines += sum(bool(line.strip()) for line in raw.split("\n"))
            self._put(raw)
            self._begun = True
            return end
        # It is prose, or Python. All of it is read again, and no JSON begins in it any more, so
        # that nothing is read more than twice.
        self._call_from = self._came - len(text) + end + 1
        if len(raw) <= end:
            return end - len(raw)
        self._again = raw + text[end:]
        return len(text)

    def _count_skipped(self, skipped: Skipped) -> None:
        if skipped.is_reasoning:
            self.reasoning_lines += skipped.lines
        else:
            self._prose_lines += skipped.lines
        skipped.lines = 0

    # Prose ----------------------------------------------------------------------------------

    def _prose(self, text: str, pos: int) -> Reading:
        """Go on to the end of the line, or to a mark, or to JSON."""
        found = _PROSE_STOP.search(text, pos)
        at = found.start() if found else len(text)
        self._add(text[pos:at])
        if found is None:
            return at
        char = text[at]
        if char in "\r\n":
            if found[0] == "\r" and found.end() == len(text):
                return self._hold(text, at)  # its LF may follow
            return (yield from self._end_line(found[0], text, found.end()))
        if char in MARK_BEGINS:
            mark = read_mark(text, at, self._rules.tags)
            if mark is not None:
                return (yield from self._take_mark(mark, text, at))
            if may_become_mark(text, at, self._rules.tags):
                return self._hold(text, at)
        if char in "{[" and self._call_may_begin(self._came - len(text) + at):
            self._part = Call(self._rules, lambda: self._unfenced("json"))
            return at
        self._add(char)
        return at + 1

    def _add(self, text: str) -> None:
        if self._is_fresh and not self._line:
            text = text.lstrip(INVISIBLE)
        if not text:
            return
        self._put(text)
        self._begun = self._begun or _TEXT.search(text) is not None

    def _put(self, text: str) -> None:
        """Keep some of the line, until it ends."""
        self._line.append(text)
        self._line_size += len(text)

    def _take_line(self) -> str:
        """What has come of the line, whose start the reader is at again then."""
        line = "".join(self._line)
        if self._begun:
            self._last_line = line
        self._line.clear()
        self._line_size = 0
        self._begun = self._after_fence = False
        return line

    @property
    def _last_text(self) -> str:
        """The last line that has more than blanks, or what has come of it, if it is not long."""
        if not self._begun:
            return self._last_line
        return "".join(self._line) if self._line_size < _LONGEST_LINE else ""

    def _hold(self, text: str, at: int) -> int:
        self._held = text[at:]
        return len(text)

    def _call_may_begin(self, at: int) -> bool:
        """Whether the JSON of a call may begin here, at a position in the answer."""
        if not self._rules.json or at < self._call_from:
            return False
        if self._beginning is not None and self._beginning.in_statement:
            return False
        return self._rules.json_anywhere or not self._begun

    def _leave_line(self) -> None:
        """Go on as at the start of a line."""
        if self._begun:
            self._is_fresh = False
            self._prose_lines += 1
        self._take_line()

    def _end_line(self, ending: str, text: str, end: int) -> Reading:
        """Take the line's end, after which `text` goes on at `end`."""
        after_fence = self._after_fence
        line = self._take_line()
        beginning = self._beginning
        if after_fence:
            yield from self._read_after_fence(line)
            return end
        if self._rules.fences and (beginning is None or beginning.may_be_fence):
            place = self._containers.place(line)
            opening = find_opening(place.text)
            if opening is not None:
                yield from self._open_fence(opening, place.stack)
                return end
            if whole := find_whole(place.text):
                yield from self._whole_fence(*whole)
                return end
        if beginning is None:
            self._note_prose(line + ending)
            return end
        decision = beginning.take(line + ending)
        if decision is Decision.PROGRAM:
            self._again = yield from self._open_bare(beginning.program, text[end:])
            return len(text)
        if decision is Decision.PROSE:
            if self._is_fresh and _CHANNEL_WITHOUT_MARKS.match(line):
                self._beginning = None
                for earlier in beginning.lines[:-1]:
                    self._note_prose(earlier)
                self._part = Skipped(end_of_skipped(_ANALYSIS), is_reasoning=True)
                again = line + ending
            else:
                again = self._leave_as_prose(beginning, line + ending)
            if again:
                self._again = again + text[end:]
                return len(text)
        return end

    def _note_prose(self, line: str) -> None:
        if self._kept is not None:
            self._kept.add(line)
            if self._kept.size > _MOST_KEPT:
                self._kept = None
        if line.strip():
            self._is_fresh = self._is_html = False
            self._prose_lines += 1

    def _read_after_fence(self, line: str) -> Iterator[BlockEvent]:
        """Read what follows the fence that has closed a block of Python, on its line."""
        run = RUN.match(line)
        assert run is not None
        rest = line[run.end() :]
        info = without_marks(without_invisible(rest)).strip()
        language, directive = language_of(info)
        if info and (is_python(language) or _LANGUAGE_ALONE.fullmatch(rest)):
            yield from self._open_fence(Opening(0, run[0], language, directive), ())
        elif info:
            self._note_prose(info)

    def _close_prose(self, rest: str) -> Iterator[BlockEvent]:
        """Take the end of an answer that ends in prose, and so the end of its last line."""
        ending = rest if rest == "\r" else ""
        self._add(rest[len(ending) :])
        if self._line or ending:
            yield from self._end_line(ending, "", 0)
            if self._again or self._part is not None:
                return
        self._has_ended = True
        beginning, kept = self._beginning, self._kept
        program = ""
        if beginning is not None and is_bare_program(beginning.program):
            program = beginning.program
            if not beginning.has_statement and _MAY_HAVE_MARK.search(program):
                self._has_ended = False  # headings, or so
                self._beginning, self._again = None, program
                return
        elif beginning is None and kept is not None:
            program = program_in_prose(kept.text)
        if program:
            self._has_ended = False
            self._prose_lines = 0
            self._again = yield from self._open_bare(program, "")
        elif beginning is not None:
            self._prose_lines += beginning.count

    # Marks ----------------------------------------------------------------------------------

    def _take_mark(self, mark: Mark, text: str, at: int) -> Reading:
        """Do what a mark says. Returns where the text goes on."""
        if mark.role is Role.ARGUMENT:
            mark = mark._replace(role=self._call.role_of(mark, self._last_text))
        if self._beginning is not None and not self._beginning.may_be_fence:
            self._add(text[at : mark.end])  # in a string that goes on
            return mark.end
        if self._beginning is not None and self._begun:
            # In the middle of what may be Python, only what no Python has counts.
            if self._line_size < _LONGEST_LINE and self._ends_beginning(mark, text, at):
                return (yield from self._end_beginning(mark, text, at))
            self._add(text[at : mark.end])
            return mark.end
        counts = self._counts(mark, text)
        if counts is None:
            return self._hold(text, at)
        if not counts:
            self._add(text[at : mark.end])
            return mark.end
        match mark.role:
            case Role.CODE:
                yield from self._take_code_tag(mark)
            case Role.ARGUMENT:
                self._leave_beginning()
                self._beginning = self._kept = None  # a call is no program
                self._skip(Skipped(end_of_skipped(mark)))
            case Role.REASONING:
                self._leave_beginning()
                self._skip(Skipped(end_of_skipped(mark), is_reasoning=True))
            case Role.COMMENT:
                self._skip(Skipped(end_of_skipped(mark)))
            case Role.HEAD:
                self._skip(Skipped(end_of_skipped(mark), keeps_end=mark.name == "<|start|>"))
                self._after_mark()
            case Role.CHANNEL:
                self._begin_channel()
            case Role.REASONING_END:
                yield from self._forget()
            case Role.ANSWER_END:
                self._leave_line()
                yield from self._end_answer()
            case _:
                is_in_line = self._begun
                self._leave_line()
                self._after_mark()
                self._is_html = mark.name == "pre"
                self._call.take(mark, is_in_line=is_in_line)
        return mark.end

    def _ends_beginning(self, mark: Mark, text: str, at: int) -> bool:
        """Whether a mark counts in a line that may be Python."""
        line = "".join(self._line)
        if in_string_or_comment(line):
            return False
        if mark.name == "[args]":
            return self._call.expects_arguments
        if mark.name == "[tool_calls]":
            return _INDEXED.search(line) is None
        if mark.opens_call:
            return not mark.attributes.strip() or "=" in mark.attributes
        return mark.is_token or mark.role is Role.ANSWER_END or text.startswith("</", at)

    def _counts(self, mark: Mark, text: str) -> bool | None:
        """Whether a mark counts where it stands; None where that can't be told yet."""
        # Prose may speak of marks.
        is_in_span = self._is_in_span(text, mark.end)
        if is_in_span is not False:
            return None if is_in_span is None else False
        if mark.is_argument and mark.role in (Role.CODE, Role.ARGUMENT):
            return self._call.is_open or not self._begun
        if mark.role is Role.COMMENT:
            return not self._begun
        if mark.role is not Role.REASONING or not self._begun:
            return True
        # Prose may speak of reasoning; it is some where nothing else follows on the line.
        rest = _BLANKS.match(text, mark.end)
        assert rest is not None
        if rest.end() == len(text) < mark.end + _MANY_BLANKS:
            return None
        if rest.end() == mark.end + _MANY_BLANKS:
            return False
        return text[rest.end()] in "\r\n"

    def _is_in_span(self, text: str, end: int) -> bool | None:
        """Whether a mark is in a span of code of its line; None where that can't be told yet."""
        if self._after_fence or self._line_size >= _LONGEST_LINE:
            return False
        line = "".join(self._line)
        ticks = open_span(line)
        if not ticks or line.lstrip().startswith("```"):
            return False
        rest = text[end : end + _LONGEST_SPAN]
        line_end = LINE_END.search(rest)
        is_whole = line_end is not None or len(rest) == _LONGEST_SPAN or self._is_last
        if line_end is not None:
            rest = rest[: line_end.start()]
        for run in RUN.finditer(rest):
            if not is_whole and run.end() == len(rest):
                return None  # it may be longer
            if run[0] == ticks:
                return True
        return False if is_whole else None

    def _after_mark(self) -> None:
        if self._beginning is not None and not self._beginning.has_text:
            self._beginning = Beginning(after_mark=True)

    def _skip(self, skipped: Skipped) -> None:
        self._leave_line()
        self._part = skipped

    def _begin_channel(self) -> None:
        self._leave_line()
        self._part = Head()

    def _leave_head(self, head: Head) -> Iterator[BlockEvent]:
        """Go on after the head of a message, as it says."""
        if head.is_python:
            yield from self._open_tag(Mark(Role.CODE, "<|message|>", 0, ""))
        elif head.is_reasoning:
            self._leave_beginning()
            end = end_of_skipped(Mark(Role.CHANNEL, "<|channel|>", 0, ""))
            self._part = Skipped(end, keeps_end=True, is_reasoning=True)
        else:
            self._after_mark()

    def _forget(self) -> Iterator[BlockEvent]:
        """Take what came so far for reasoning."""
        self._leave_line()
        if self._beginning is not None:
            self._prose_lines += self._beginning.count
        self.reasoning_lines += self._prose_lines
        self._prose_lines = self._data_lines = self.json_values = 0
        self._outer = None
        if not self._has_python:
            self._is_fresh = True
            self._beginning = Beginning(after_mark=True) if self._rules.bare else None
            self._kept = _Kept() if self._rules.bare else None
        yield Forget()

    def _end_answer(self) -> Iterator[BlockEvent]:
        """Take the end of the answer where the model says it, whatever it writes behind that."""
        yield from self._close_prose("")
        if self._again:
            text, self._again = self._again, ""
            yield from self._read(text)
            rest, self._held = self._held, ""
            yield from self._close_part(rest)
        self._has_ended = True

    # What opens -----------------------------------------------------------------------------

    def _leave_beginning(self) -> None:
        """What came so far is no program: it is prose, if it is anything."""
        beginning = self._beginning
        if beginning is None:
            return
        self._prose_lines += beginning.count
        self._beginning = None if beginning.has_text else Beginning(after_mark=True)
        if beginning.has_text:
            self._kept = None

    def _end_beginning(self, mark: Mark, text: str, at: int) -> Reading:
        """Decide what the answer is at a mark that ends code."""
        line = "".join(self._line)
        beginning = self._beginning
        assert beginning is not None
        if f"<{mark.name}" in line.lower():
            self._add(text[at : mark.end])
            return mark.end
        self._take_line()
        decision = beginning.take(line)
        if (decision is Decision.PROGRAM and not mark.opens_call) or (
            decision is Decision.NOTHING
            and not mark.belongs_to_call  # or it is the name of the tool
            and is_bare_program(beginning.program)
        ):
            self._again = yield from self._open_bare(beginning.program, text[at:])
            return len(text)
        self._again = self._leave_as_prose(beginning, line) + text[at:]
        return len(text)

    def _leave_as_prose(self, beginning: Beginning, line: str) -> str:
        """What came so far, up to a line, is prose. Returns what of that is to be read again."""
        # In a line that may be Python, marks do not count.
        self._beginning = None
        lines = beginning.lines
        for earlier in lines[:-1] if lines and lines[-1] == line else lines:
            self._note_prose(earlier)
        if _MAY_HAVE_MARK.search(line) or not line.endswith(("\n", "\r")):
            return line
        self._note_prose(line)
        return ""

    def _open_bare(self, program: str, rest: str) -> Generator[BlockEvent, None, str]:
        """Open the program that the answer is. Returns what is to be read as its text."""
        self._beginning = None
        self._data_lines = self.json_values = 0
        self._part = CodeBlock(True, self._inside_string, self._rules.tags)
        yield self._opened("bare", "python", python=True)
        return program + rest

    def _opened(self, kind: Kind, language: str, *, python: bool | None) -> Opened:
        opened = Opened(kind, language, python, self._is_fresh)
        self._is_fresh = False
        if python is not False:
            self._kept = None
        self._has_python = self._has_python or python is True
        return opened

    def _open_fence(self, opening: Opening, stack: Stack) -> Iterator[BlockEvent]:
        self._leave_beginning()
        self._beginning = None
        language = opening.language
        if self._outer is not None and not language and opening.fence[0] == self._outer.fence[0]:
            self._outer = None  # closes the one around the block
            return
        if is_markdown(language) and self._is_fresh:
            self._outer = opening  # the whole answer is in a fence
            return
        python = True if is_python(language) else None if not language else False
        if python is None and self._rules.unnamed_is_python:
            python = True
        self._part = CodeBlock(python, self._inside_string, self._rules.tags, opening, stack)
        yield self._opened("fence", language, python=python)

    def _whole_fence(self, language: str, code: str) -> Iterator[BlockEvent]:
        """Take a fenced block that is a line."""
        if not language and likeness_of_line(code) is not Likeness.PYTHON:
            self._note_prose(code)
            return
        self._leave_beginning()
        self._beginning = None
        yield self._opened("fence", language, python=True if language else None)
        yield Text(code)
        yield Closed()

    def _take_code_tag(self, tag: Mark) -> Iterator[BlockEvent]:
        if self._rules.tags_anywhere or tag.is_token:
            yield from self._open_tag(tag)
        else:
            self._part = TagLine(tag, in_prose=self._begun)

    def _leave_tag_line(self, line: TagLine) -> Iterator[BlockEvent]:
        if line.place is not Place.INLINE:
            yield from self._open_tag(line.tag)
            if line.place is Place.LINE:
                block, self._part = self._part, None
                assert isinstance(block, TagBlock)
                yield from block.take_whole(line.code)
            return
        self._leave_beginning()
        self._beginning = None
        self._begun = True
        if likeness_of_line(line.code) is Likeness.PYTHON:
            yield self._opened("tag", "", python=None)
            yield Text(line.code)
            yield Closed()

    def _open_tag(self, tag: Mark) -> Iterator[BlockEvent]:
        stack = () if self._begun else self._containers.place("".join(self._line) + "<").stack
        self._leave_line()
        self._leave_beginning()
        self._beginning = None
        language = language_of_tag(tag)
        python = not language or is_python(language)
        self._part = TagBlock(
            tag,
            self._unfenced("tag", language, python=python),
            self._inside_string,
            self._rules.tags,
            stack,
            is_html=self._is_html,
        )
        self._is_html = False
        yield from ()

    def _unfenced(self, kind: Kind, language: str = "python", *, python: bool = True) -> Unfenced:
        self._leave_beginning()
        self._beginning = None
        reader = BlockReader(FENCES_ONLY, self._inside_string)
        return Unfenced(self._opened(kind, language, python=python), reader)


class _Kept:
    """Prose, kept while it may be a program with a mistake: there is no other code."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self.size = 0

    def add(self, line: str) -> None:
        """Keep another line."""
        self._lines.append(line)
        self.size += len(line)

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self._lines)


_MOST_KEPT: Final = 64_000
"""More prose is no program with a mistake."""
_LONGEST_LINE: Final = 2_000
"""In a longer first line, no mark ends code. That bounds what has to be looked at again."""
_MANY_BLANKS: Final = 100
_LONGEST_SPAN: Final = 200
"""So far the end of a span of code is looked for."""
_ANALYSIS: Final = Mark(Role.REASONING, "analysis", 0, "")

_PROSE_STOP: Final = re.compile(r"\r\n|\n|\r|[<\[◁{]")
_TEXT: Final = re.compile(rf"[^ \t>*+\-\d.){BLANK}]")
_BLANKS: Final = re.compile(rf"[ \t]{{0,{_MANY_BLANKS}}}")
_LANGUAGE_ALONE: Final = re.compile(r"[a-z][\w+#-]*[ \t]*")
_INDEXED: Final = re.compile(r"[\w\])]$")
_MAY_HAVE_MARK: Final = re.compile(r"[<\[◁]")
# The head of such a message, where special tokens are left out when tokens are decoded.
_CHANNEL_WITHOUT_MARKS: Final = re.compile(r"analysis(?=[A-Z])")
