"""A failed program that its model writes on, from where it failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Failure:
    """What a model has to know to write a program on.

    Parameters
    ----------
    error
        What went wrong.
    traceback
        As it would have been shown.
    executed
        The code text that has run; what it did stays.
    failing
        The statement that failed; of a program that does not parse, or that was cut off, all
        that has not run. It is no part of the program any more, though it may have run in part.
    lines
        First and last line, 1-based, of the statement that is to blame; None where none is.
    message
        The error in one line, not too long.
    """

    error: Exception
    traceback: list[str]
    executed: str
    failing: str
    lines: tuple[int, int] | None
    message: str

    @property
    def executed_lines(self) -> int:
        """Lines 1 to this one have run; 0 if none has."""
        lines = self.executed.count("\n")
        return lines if self.executed.endswith("\n") or not self.executed else lines + 1


class Repair(Protocol):
    """Has a failed program repaired."""

    def wants(self, error: Exception) -> bool:
        """Whether a program that failed so is to be repaired. Quick: the model still writes."""
        ...

    def ask(self, failure: Failure) -> None:
        """Have the model write on; the text comes by the `Intake`, which has been cut back.

        Returns at once. If there is no model to ask, it stops the `Intake`.
        """
        ...
