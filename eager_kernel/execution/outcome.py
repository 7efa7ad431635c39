"""How a run ended."""

from __future__ import annotations

import signal
from asyncio import CancelledError
from dataclasses import dataclass
from subprocess import CalledProcessError

from IPython.core.interactiveshell import ExecutionResult

from eager_kernel.core.extract import NOTHING_LEFT_OUT, LeftOut
from eager_kernel.core.report import Report
from eager_kernel.errors import RunCancelledError
from eager_kernel.execution.repair import Failure
from eager_kernel.protocol import Status
from eager_kernel.protocol.words import LONGEST_ERROR


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Parameters
    ----------
    status
        See `eager_kernel.protocol.Status`.
    execution_count
        The cell's number; None where the cell never began.
    error
        What went wrong, if anything.
    error_lines
        First and last line of the statement that failed, or that was cut off.
    program
        The whole code text.
    executed_lines
        Lines 1 to this one have run.
    report
        The timings.
    left_out
        What of the text is no part of the program.
    failures
        What was repaired on the way.
    interrupted
        Whether the user ended it, by an interrupt that came during the run.
    """

    status: Status
    execution_count: int | None
    error: BaseException | None
    error_lines: tuple[int, int] | None
    program: str
    executed_lines: int
    report: Report
    left_out: LeftOut = NOTHING_LEFT_OUT
    failures: tuple[Failure, ...] = ()
    interrupted: bool = False


def error_of(result: ExecutionResult) -> BaseException | None:
    """What went wrong in a cell. It can be shown as text: else it is what showing it raises."""
    error: BaseException | None = result.error_before_exec or result.error_in_exec
    try:
        str(error)  # as whoever makes the reply does
    except BaseException as failure:  # noqa: BLE001 - the program's own __str__
        error = result.error_in_exec = failure
        result.error_before_exec = None
    return error


def status_of(error: BaseException | None, program: str) -> Status:
    """How a run ended, by what went wrong in it and by its code text."""
    if isinstance(error, RunCancelledError):
        return "cancelled"
    if error is not None:
        return "error"
    return "ok" if program.strip() else "no_code"


def is_interrupt(error: BaseException | None) -> bool:
    """Whether `error` is what SIGINT leads to, in Python or in a process that was waited for."""
    if isinstance(error, CalledProcessError):
        return error.returncode == -signal.SIGINT
    return isinstance(error, (KeyboardInterrupt, CancelledError))


def describe(error: BaseException | None) -> str:
    """An error in one line, not too long; empty where there is none."""
    if error is None:
        return ""
    # Models raise what they like: a message is never longer than a client can show.
    try:
        text = f"{type(error).__name__}: {error}".removesuffix(": ")
    except BaseException:  # noqa: BLE001 - the program's own __str__
        return type(error).__name__
    return text if len(text) <= LONGEST_ERROR else text[:LONGEST_ERROR] + "…"


def lines_run(lines: int) -> str:
    """Say that lines 1 to this one have run."""
    if not lines:
        return "nothing has run"
    return "line 1 has run" if lines == 1 else f"lines 1-{lines} have run"
