"""Markdown's containers: the block quotes and list items that a line of an answer is in.

A fence may stand in any of them, and what is before it on its line is before each line of its
block, or indents it. The rules are CommonMark's (0.31, section 5).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

QUOTE: Final = -1
"""A block quote: each of its lines begins with ``>``. Any other container is a list item, and
stands for the width by which its lines are indented."""

Stack = tuple[int, ...]


class Place(NamedTuple):
    """Where the text of a line begins.

    Attributes
    ----------
    stack
        The containers that the line is in, the outermost first.
    text
        What follows their marks on the line.
    """

    stack: Stack
    text: str


class Prose:
    """Follows the containers of prose, line by line."""

    def __init__(self) -> None:
        self._stack: Stack = ()
        self._in_paragraph = False
        self._is_bare_item = False  # the last line opened an item, and that was all of it

    def place(self, line: str) -> Place:
        """Take the next line.

        Parameters
        ----------
        line
            A complete line without its ending.
        """
        if "\t" in line:
            line = line.expandtabs(4)
        if not self._stack and not _MAY_BEGIN.match(line):
            self._in_paragraph = self._is_text(line, is_new=False)
            return Place((), line)
        known, at = _enter(line, self._stack)
        stack = self._stack[:known]
        stack, at, is_new = self._open(line, at, stack)
        text = line[at:]
        blank = not text.strip()
        is_text = self._is_text(text, is_new=is_new)
        if known < len(self._stack) and not is_new and self._in_paragraph and is_text:
            stack = self._stack  # a line of the paragraph that only lacks the marks
        if blank and self._is_bare_item and not is_new and known == len(self._stack):
            stack = stack[:-1]  # an item begins with at most one blank line
        self._is_bare_item = blank and is_new and bool(stack) and stack[-1] != QUOTE
        self._stack = stack
        self._in_paragraph = is_text
        return Place(stack, text)

    def _is_text(self, text: str, *, is_new: bool) -> bool:
        """Whether a line, without the marks of its containers, is part of a paragraph."""
        if not text.strip() or _INTERRUPTS.match(text):
            return False
        # What is indented by four columns goes on in a paragraph, but begins none.
        return not text.startswith("    ") or (self._in_paragraph and not is_new)

    def leave(self, stack: Stack) -> None:
        """Go on after a block that was in containers, of which only `stack` is still open."""
        self._stack = stack
        self._in_paragraph = self._is_bare_item = False

    def _open(self, line: str, at: int, stack: Stack) -> tuple[Stack, int, bool]:
        """Open the containers that begin at a position."""
        is_new = False
        while len(stack) < _DEEPEST:
            found = _MARK.match(line, at)
            if found is None or _RULE.match(line, at):
                break
            if found["quote"]:
                stack, at = (*stack, QUOTE), found.end()
            else:
                interrupts = self._in_paragraph and not is_new and len(stack) == len(self._stack)
                if interrupts and (found["number"] not in (None, "1") or not found["rest"]):
                    break  # such a list can't begin in the middle of a paragraph
                gap = len(found["gap"])
                if gap > 4 or not found["rest"]:
                    gap = 1
                end = min(found.start("gap") + gap, len(line))
                stack, at = (*stack, found.start("gap") + gap - at), end
            is_new = True
        return stack, at, is_new


def _enter(line: str, stack: Stack) -> tuple[int, int]:
    """How many of the containers a line is in, and where it goes on after their marks."""
    at = 0
    blank = not line.strip()
    for known, container in enumerate(stack):
        if container == QUOTE:
            found = _QUOTE.match(line, at)
            if found is None:
                return known, at
            at = found.end()
        elif line[at : at + container].strip(" ") == "" and len(line) >= at + container:
            at += container
        elif blank:
            at = len(line)
        else:
            return known, at
    return len(stack), at


class Start(NamedTuple):
    """The beginning of a line of a block that stands in containers.

    Attributes
    ----------
    inside
        Whether the line is in all of the block's containers; None where that can't be told yet.
    stack
        The containers that it is in.
    at
        Where the block's text begins on the line; for a line outside, its first character that
        is not blank.
    pad
        Spaces to put before the text: what is left of a tab that is cut in two.
    """

    inside: bool | None
    stack: Stack
    at: int
    pad: int


def enter_block(text: str, pos: int, stack: Stack, indent: int) -> Start:
    """Read the beginning of a line of a block.

    Parameters
    ----------
    text
        Where the line is; what has come of it.
    pos
        Where it begins.
    stack
        The containers that the block is in.
    indent
        The width by which its fence is indented in them: so much is taken from each line.
    """
    column, left = 0, 0  # `left`: columns of a tab that are not used up yet
    at = pos

    def skip(width: int) -> bool | None:
        """Go on over blanks of a width; False where there are not so many, None if yet."""
        nonlocal at, column, left
        while width:
            if left:
                used = min(left, width)
                left, width = left - used, width - used
                continue
            if at == len(text):
                return None
            if text[at] == " ":
                at, column, width = at + 1, column + 1, width - 1
            elif text[at] == "\t":
                left = 4 - column % 4
                at, column = at + 1, column + left
            else:
                return False
        return True

    for known, container in enumerate(stack):
        if container == QUOTE:
            for _ in range(3):
                if skip(1) is not True:
                    break
            if at == len(text):
                return Start(None, stack[:known], at, 0)
            if text[at] != ">" or left:
                return Start(False, stack[:known], at, 0)
            at, column = at + 1, column + 1
            if skip(1) is None:
                return Start(None, stack[:known], at, 0)
            continue
        enough = skip(container)
        if enough is None:
            return Start(None, stack[:known], at, 0)
        if not enough:
            if text[at] in "\r\n":
                return Start(True, stack, at, 0)  # a blank line ends no list item
            return Start(False, stack[:known], at, 0)
    if skip(indent) is None:
        return Start(None, stack, at, 0)
    return Start(True, stack, at, left)


_DEEPEST: Final = 40
"""Containers that are followed; more are text. No answer is nested so deeply."""

_MAY_BEGIN: Final = re.compile(r" {0,3}(?:>|[-+*](?: |$)|\d{1,9}[.)](?: |$))")
_QUOTE: Final = re.compile(r" {0,3}> ?")
_MARK: Final = re.compile(
    r" {0,3}(?:(?P<quote>>) ?|(?:[-+*]|(?P<number>\d{1,9})[.)])(?P<gap> +|$)(?P<rest>.?))"
)
_RULE: Final = re.compile(r" {0,3}(?:(?:- *){3,}|(?:\* *){3,})$")
_INTERRUPTS: Final = re.compile(r" {0,3}(?:`{3,}[^`]*$|~{3}|#{1,6}(?: |$)|(?:[-_*] *){3,}$)")
