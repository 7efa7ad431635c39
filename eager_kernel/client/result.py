"""What a run gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from eager_kernel.core.timeline import Report


@dataclass(frozen=True, slots=True)
class RunError:
    """What went wrong in a run.

    Parameters
    ----------
    ename, evalue, traceback
        As in a notebook's error output.
    lines
        First and last line of the statement that failed or was cut off; None where no
        statement is to blame.
    """

    ename: str
    evalue: str
    traceback: list[str]
    lines: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended, and what it gave.

    Parameters
    ----------
    status
        ``ok``, ``error`` or ``cancelled``.
    outputs
        The outputs in order, as nbformat output dicts.
    error
        What went wrong; None if nothing did.
    program
        The code text as the kernel read it.
    executed_lines
        Lines 1 to this one of the program have run.
    report
        The timings; None for an ordinary cell.
    execution_count
        The cell's number; None where it never began.
    stop_reason
        Why the kernel told the model to stop; empty where it did not.
    reply
        The content of the `execute_reply`.
    """

    status: Literal["ok", "error", "cancelled"]
    outputs: list[dict[str, Any]]
    error: RunError | None = None
    program: str = ""
    executed_lines: int = 0
    report: Report | None = None
    execution_count: int | None = None
    stop_reason: str = ""
    reply: dict[str, Any] = field(default_factory=dict)
