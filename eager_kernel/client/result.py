"""What a run gives."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any, Literal

from eager_kernel.client.images import Image, images_of
from eager_kernel.client.reading import text_of, value_of
from eager_kernel.core.extract import NOTHING_LEFT_OUT, LeftOut
from eager_kernel.core.report import Report


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
    """How a run or an ordinary cell ended, and what it gave.

    Parameters
    ----------
    status
        ``ok``, ``error``, ``cancelled``, or ``no_code`` where there was no Python in the text.
    outputs
        The outputs in order, as nbformat output dicts.
    error
        What went wrong; None if nothing did.
    program
        The code text as the kernel read it; of an ordinary cell, its text.
    executed_lines
        Lines 1 to this one of the program have run. 0 for an ordinary cell of which that is not
        known: see `AsyncEagerClient.execute`.
    report
        The timings; None for an ordinary cell.
    execution_count
        The cell's number; None where it never began.
    stop_reason
        Why the kernel told the model to stop; empty where it did not.
    reply
        The content of the `execute_reply`.
    left_out
        What of the text is no part of the program.
    source_error
        What the deltas raised after the kernel said stop, or on being closed; it changed
        nothing about the run.
    dropped
        What came from the kernel, or from its program in the kernel's name, and was not taken:
        what was wrong with it, and how often it came; of text above `max_characters`, how many
        characters.
    usage
        What the deltas say that they cost, in their attribute ``usage`` at their end or when they
        were closed early; None where they have none.

    Notes
    -----
    `executed`, `failing` and `rest` are whole lines, as Python counts them, and concatenate to
    `program`. A line that holds an executed and the failing statement counts as failing.
    """

    status: Literal["ok", "error", "cancelled", "no_code"]
    outputs: list[dict[str, Any]]
    error: RunError | None = None
    program: str = ""
    executed_lines: int = 0
    report: Report | None = None
    execution_count: int | None = None
    stop_reason: str = ""
    reply: dict[str, Any] = field(default_factory=dict)
    left_out: LeftOut = NOTHING_LEFT_OUT
    source_error: Exception | None = None
    dropped: dict[str, int] = field(default_factory=dict)
    usage: dict[str, Any] | None = None

    def text(self, limit: int | None = None) -> str:
        """Say what a model, or a log, is to read of this.

        Parameters
        ----------
        limit
            Characters that it may have; None: any number.

        Returns
        -------
        str
            What streams, displays and the last value show, in order and without what colours a
            terminal; progress bars as they were last. Then, if something went wrong: the error,
            with the frames of the program alone, and which lines have run, failed, and did not
            run. What is too long is shortened in the middle, and says by how much.
        """
        return text_of(self, limit)

    @property
    def value(self) -> str | None:
        """The last expression's value as text; None if there was none to show."""
        return value_of(self.outputs)

    @property
    def images(self) -> list[Image]:
        """The pictures that were shown, in order: the type and content of each."""
        return images_of(self.outputs)

    @property
    def message(self) -> str:
        """What to tell a user of `left_out`; empty where there is nothing to say."""
        return self.left_out.describe(no_code=self.status == "no_code")

    @property
    def executed(self) -> str:
        """The lines that have run; all of the program where nothing went wrong."""
        return self._parts[0]

    @property
    def failing(self) -> str:
        """The lines of the statement that failed, or that was cut off.

        With them, what stands between it and the lines that have run: where a program does not
        parse, statements that had to wait. Empty where no statement is to blame.
        """
        return self._parts[1]

    @property
    def rest(self) -> str:
        """The lines that were not come to."""
        return self._parts[2]

    @property
    def _parts(self) -> tuple[str, str, str]:
        if self.status == "ok":
            return self.program, "", ""
        lines = _lines(self.program)
        ran = done = min(self.executed_lines, len(lines))
        if self.error is not None and self.error.lines is not None:
            first, last = self.error.lines
            ran = min(ran, first - 1)
            done = max(ran, last)
        return "".join(lines[:ran]), "".join(lines[ran:done]), "".join(lines[done:])


def _lines(text: str) -> list[str]:
    # `str.splitlines` would also split at form feeds and at Unicode's separators.
    return io.StringIO(text, newline="").readlines()
