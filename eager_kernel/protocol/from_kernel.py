"""What a kernel tells the client of a stream: the data of each message, as it is sent."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from eager_kernel.core.extract.left_out import LeftOutContent
from eager_kernel.protocol.words import Category, ChunkState, Status, StopReason

Fields = dict[str, Any]
"""The fields of a message, as JSON has them."""


class ChunkMessage(TypedDict):
    """A chunk changed its state.

    Attributes
    ----------
    index
        0-based, in the order of the program.
    lines
        First and last line of the program, 1-based.
    state, category
        See `ChunkState`, `Category`.
    reason
        Of the verdict, for a person; empty where there is nothing to say.
    """

    type: Literal["chunk"]
    index: int
    lines: list[int]
    state: ChunkState
    category: Category
    reason: str


def runs_after(state: ChunkState, ran: bool) -> bool:
    """Whether some chunk runs, by the state that was told last.

    Parameters
    ----------
    state
        Of whichever chunk.
    ran
        Whether one ran, by what was told before. Chunks that queue say nothing of that.
    """
    return state == "running" or (ran and state in ("ready", "deferred"))


class StopMessage(TypedDict):
    """No more text is wanted."""

    type: Literal["stop"]
    reason: StopReason
    message: str


class ErrorContent(TypedDict):
    """What went wrong, as in an `error` output, and where in the program.

    Attributes
    ----------
    lines
        First and last line of the statement to blame; None: there is none.
    """

    ename: str
    evalue: str
    traceback: list[str]
    lines: list[int] | None


class ResultMessage(TypedDict):
    """The run has ended. The comm is closed after it.

    Attributes
    ----------
    status
        See `Status`.
    execution_count
        The cell's number; None for a program of white space.
    error
        None where nothing went wrong.
    program
        The code text as the kernel read it.
    executed_lines
        Lines 1 to this one have run.
    left_out
        What else the text held.
    report
        The timings: `eager_kernel.core.report.Report.to_dict`.
    """

    type: Literal["result"]
    status: Status
    execution_count: int | None
    error: ErrorContent | None
    program: str
    executed_lines: int
    left_out: NotRequired[LeftOutContent]
    report: NotRequired[Fields]


class QuestionContent(TypedDict):
    """The last call of `input()`, which may have its answer."""

    number: int
    prompt: str
    password: bool


class ResumedMessage(TypedDict):
    """What the client has not heard follows.

    Attributes
    ----------
    number
        Of the request.
    count
        How many messages ``again`` follow.
    more
        Whether these are not all.
    missing
        Whether some are gone for good, or nothing is known of the stream.
    reply
        The content of the cell's ``execute_reply``; None: it has not ended, or `more` is True.
    input
        The last question of the program; None: there was none.
    """

    type: Literal["resumed"]
    number: int
    count: int
    more: bool
    missing: bool
    reply: Fields | None
    input: QuestionContent | None


class AgainMessage(TypedDict):
    """A message that the client has not heard; its buffers are this one's."""

    type: Literal["again"]
    number: int
    message: Fields
