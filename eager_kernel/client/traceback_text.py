"""IPython's tracebacks: what they say, and that in short.

IPython sends a traceback as a list of texts: a header, one text for each frame, the message, its
notes, and before the next exception of a chain the sentence that joins the two. Which texts these
are depends on ``%xmode`` and on colours, and on nothing that a program prints.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from eager_kernel.client.plain_text import without_escapes
from eager_kernel.client.shortening import shorten


@dataclass(slots=True)
class Frame:
    """One frame of a traceback.

    Parameters
    ----------
    cell
        Number of the cell that it is in; None: it is in a file.
    file
        The file; empty for a cell.
    line
        Line of the cell or file.
    function
        What it is called, as IPython writes it; empty for the statements of a cell or module.
    source
        The line's text; empty where it is not known.
    """

    cell: int | None
    file: str
    line: int
    function: str = ""
    source: str = ""

    @property
    def is_of_program(self) -> bool:
        """Whether somebody who wrote cells, and modules of their own, wrote this."""
        if self.cell is not None:
            return True
        if self.file.startswith("<"):
            return self.file in _EXECUTED
        return self.file.endswith(".py") and not _LIBRARY.search(self.file)


@dataclass(slots=True)
class Raised:
    """One exception of a traceback.

    Parameters
    ----------
    joint
        What joins it to the one before; empty for the first.
    frames
        The outermost first; also, as texts, what stands between frames.
    message
        Its name, its message, its notes.
    of_syntax
        Whether the message is all there is: a text that does not compile has no frames.
    """

    joint: str = ""
    frames: list[Frame | str] = field(default_factory=list)
    message: list[str] = field(default_factory=list)
    of_syntax: bool = False


def shorten_traceback(traceback: Sequence[str], ename: str, evalue: str) -> str:
    """Say what a traceback says in as few lines as will do.

    Parameters
    ----------
    traceback, ename, evalue
        As in a notebook's error output. May be anything: a program can send what it likes.

    Returns
    -------
    str
        A line for each frame of the program, with the source of that line, then the message.
        Frames in libraries are left out; so is an exception that has no others, where a later one
        only repeats its message.
    """
    chain = read_traceback(traceback)
    own = next((f.cell for f in _frames(chain[-1:]) if f.cell is not None), None)
    parts: list[str] = []
    for place, raised in enumerate(chain):
        shown = [item for item in raised.frames if isinstance(item, str) or item.is_of_program]
        while shown and isinstance(shown[0], str):
            del shown[0]  # of frames before it that are left out
        if not shown and any(raised.message == later.message for later in chain[place + 1 :]):
            continue
        if raised.joint and parts:
            parts.append(raised.joint)
        lines = [item if isinstance(item, str) else _describe(item, own) for item in shown]
        if len(lines) > _FIRST + _LAST:
            left_out = f"… {len(lines) - _FIRST - _LAST} frames left out …"
            lines[_FIRST:-_LAST] = [left_out]
        message = "\n".join(raised.message)
        parts += [f"  {shorten(line, _LONGEST_LINE)}" for line in lines]
        parts.append(_shorten_message(message, lines_too=raised.of_syntax))
    text = "\n".join(part for part in parts if part)
    return text or _shorten_message(without_escapes(f"{ename}: {evalue}".removesuffix(": ")))


def failing_frame(traceback: Sequence[str]) -> tuple[int, bool] | None:
    """Find where in its cell a traceback's exception comes from.

    Returns
    -------
    tuple or None
        The line, as IPython counts lines, and whether the exception says that the cell does not
        compile there. None: it says no line of a cell.
    """
    chain = read_traceback(traceback)
    last = chain[-1] if chain else Raised()
    frames = [frame for frame in last.frames if isinstance(frame, Frame)]
    line = next((frame.line for frame in frames if frame.cell is not None), None)
    if line is not None:
        return line, False
    if last.of_syntax and (found := _CELL.match(last.message[0])):
        return _number(found["line"]), True
    return None


def read_traceback(traceback: Sequence[str]) -> list[Raised]:
    """Read a traceback; returns its exceptions, the first one first."""
    chain: list[Raised] = []
    joint = ""
    for text in map(without_escapes, traceback):
        first, _, rest = text.strip("\n").partition("\n")
        if text.strip() in _JOINTS:
            joint = text.strip()
        elif not first.strip("- ") or first.startswith(_ABOUT_TB):
            continue
        elif _HEADER.search(first):
            chain.append(Raised(joint))
            joint = ""
        else:
            if joint or not chain:  # modes without a header
                chain.append(Raised(joint))
                joint = ""
            _take(chain[-1], first, rest)
    return chain


def _take(raised: Raised, first: str, rest: str) -> None:
    if raised.message:
        raised.message += [first, *rest.splitlines()]  # notes
    elif (found := _CELL.match(first) or _FILE.match(first)) is not None:
        if _OF_SYNTAX.search(rest):
            raised.message = [first, *rest.splitlines()]
            raised.of_syntax = True
            return
        parts = found.groupdict()
        raised.frames.append(
            Frame(
                _number(parts["cell"]) if "cell" in parts else None,
                parts.get("file", ""),
                _number(parts["line"]),
                parts["function"] or "",
                _source(rest),
            )
        )
    elif _SKIPPED.match(first):
        raised.frames.append(first.strip())
    else:
        raised.message = [first, *rest.splitlines()]


def _source(rest: str) -> str:
    lines = rest.splitlines()
    arrow = next((found for line in lines if (found := _ARROW.match(line))), None)
    if arrow is None:  # in the mode `Plain`, the line is alone
        return lines[0].strip() if len(lines) == 1 and _NO_SOURCE not in lines[0] else ""
    return "" if _NO_SOURCE in arrow["source"] else arrow["source"].strip()


def _describe(frame: Frame, own: int | None) -> str:
    where = f"line {frame.line}"
    if frame.cell is None:
        where = f"{frame.file}, {where}"
    elif frame.cell != own:
        where = f"Cell In[{frame.cell}], {where}"
    where += f", in {frame.function}" if frame.function else ""
    return f"{where}: {frame.source}" if frame.source else where


def _shorten_message(message: str, *, lines_too: bool = False) -> str:
    if lines_too:
        message = "\n".join(shorten(line, _LONGEST_LINE) for line in message.splitlines())
    return shorten(message, _LONGEST_MESSAGE)


def _frames(chain: Sequence[Raised]) -> list[Frame]:
    return [item for raised in chain for item in raised.frames if isinstance(item, Frame)]


def _number(digits: str) -> int:
    return int(digits[:9])


_LONGEST_MESSAGE: Final = 600
_LONGEST_LINE: Final = 200
_FIRST: Final = 5
_LAST: Final = 10
_JOINTS: Final = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
_ABOUT_TB: Final = "An exception has occurred, use %tb"
_HEADER: Final = re.compile(r"Traceback \(most recent call last\):?\s*$")
_CELL: Final = re.compile(
    r"\s*(?:Cell|Input) In ?\[(?P<cell>\d+)\], line (?P<line>\d+)(?:,? in (?P<function>.*))?$"
)
_FILE: Final = re.compile(r"\s*File (?P<file>\S.*?):(?P<line>\d+)(?:,? in (?P<function>.*))?$")
_OF_SYNTAX: Final = re.compile(r"^(?:SyntaxError|IndentationError|TabError)\b", re.MULTILINE)
_SKIPPED: Final = re.compile(r"\s*\[\.\.\. (?:skipping|\d+ skipped)")
_ARROW: Final = re.compile(r"-+> ?(?:\d+(?: |$))?(?P<source>.*)$")
_NO_SOURCE: Final = "'Could not get source, probably"
_EXECUTED: Final = ("<string>", "<stdin>", "<timed exec>", "<timed eval>", "<magic-timeit>")
_LIBRARY: Final = re.compile(
    r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib(?:64)?[/\\]python\d|[/\\]Lib[/\\]"
)
