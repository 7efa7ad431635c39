"""What an answer says to its reader: all but reasoning, and the marks of templates."""

from __future__ import annotations

import re
from typing import Final

from eager_kernel.core.extract.marks import MARK_BEGINS, Mark, Role, end_of_skipped, read_mark
from eager_kernel.core.extract.skipped import Head


def spoken(answer: str) -> str:
    """The words of an answer in which there is no program.

    Parameters
    ----------
    answer
        All of it.

    Returns
    -------
    str
        Without reasoning, the heads of messages and the tokens of templates. Other tags stay, as
        they are text: of HTML, for instance, that the answer speaks of.
    """
    parts: list[str] = []
    at = 0
    while (found := _BEGIN.search(answer, at)) is not None:
        start = found.start()
        parts.append(answer[at:start])
        mark = read_mark(answer, start, frozenset())
        if mark is None or not _counts(answer, start, mark):
            parts.append(answer[start])
            at = start + 1
        elif mark.role is Role.REASONING_END:
            parts.clear()  # it was opened in the prompt
            at = mark.end
        else:
            at = _after(answer, mark)
    return "".join([*parts, answer[at:]]).strip()


def _counts(answer: str, start: int, mark: Mark) -> bool:
    """Whether a mark is one, and not a part of the text."""
    if mark.role is Role.REASONING:
        line = answer[answer.rfind("\n", 0, start) + 1 : start]
        # Prose may speak of reasoning; it is some where nothing else is on the line.
        return not line.strip() or _REST_IS_BLANK.match(answer, mark.end) is not None
    return mark.role in (Role.REASONING_END, Role.COMMENT) or not mark.name[0].isalpha()


def _after(answer: str, mark: Mark) -> int:
    """Where the text goes on after a mark, and after what it opens."""
    if mark.role is Role.CHANNEL:
        head = Head()
        for _ in head.read(answer, mark.end):
            pass
        message = _MESSAGE.search(answer, mark.end, mark.end + _LONGEST_HEAD)
        begin = message.end() if message is not None else mark.end
        if not head.is_reasoning:
            return begin
        end = end_of_skipped(mark).search(answer, begin)
        return end.start() if end is not None else len(answer)
    if mark.role not in (Role.REASONING, Role.COMMENT, Role.HEAD):
        return mark.end
    end = end_of_skipped(mark).search(answer, mark.end)
    if end is None:
        return len(answer)
    return end.start() if mark.name == "<|start|>" else end.end()


_BEGIN: Final = re.compile(f"[{re.escape(MARK_BEGINS)}]")
_REST_IS_BLANK: Final = re.compile(r"[ \t]*(?:[\r\n]|$)")
_MESSAGE: Final = re.compile(r"<\|message\|>", re.IGNORECASE)
_LONGEST_HEAD: Final = 300
