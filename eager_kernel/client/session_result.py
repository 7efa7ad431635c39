"""What a prompt has led to: the steps of its model, and the answer."""

from __future__ import annotations

from dataclasses import dataclass

from eager_kernel.client.result import RunError, RunResult
from eager_kernel.core.conversation.steps import Budget, Ended, said_of
from eager_kernel.core.cost import Tokens
from eager_kernel.core.report import Report


@dataclass(frozen=True, slots=True)
class SessionStep:
    """One answer of the model, and what came of it.

    Parameters
    ----------
    text
        What the model wrote.
    result
        How its program ran; its status is ``no_code`` where there was none.
    told
        What the model is told of it.
    tokens
        What it cost; estimated where the answer was stopped before the model could say.
    """

    text: str
    result: RunResult
    told: str
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class SessionResult:
    """What a prompt has led to.

    Parameters
    ----------
    steps
        The model's answers, in order.
    answer
        What the model said in the end, in Markdown; empty where it did not. It is a model's text:
        do not show it as HTML.
    ended_by
        Why no step followed: ``answered``, ``silent`` (the model wrote nothing more), ``stopped``
        (by `cancel`, or an interrupt), ``lost`` (the last program ended the kernel's work, as
        `exit` does), or the budget that is spent: ``steps``, ``tokens``, ``seconds``.
    report
        The timings of all steps, as of one run; None where there was none.
    tokens
        What all answers cost.
    budget
        What they might have cost.
    left_out
        What of the earlier conversation the model was not told any more, in words; empty where it
        was told all of it.
    """

    steps: tuple[SessionStep, ...]
    answer: str
    ended_by: Ended
    report: Report | None
    tokens: Tokens
    budget: Budget
    left_out: str = ""

    @property
    def message(self) -> str:
        """Why no step followed, in words."""
        return said_of(self.ended_by, self.budget)

    @property
    def error(self) -> RunError | None:
        """The error of the last step; None where it had none: the model has gone on from others."""
        return self.steps[-1].result.error if self.steps else None

    @property
    def programs(self) -> tuple[str, ...]:
        """The code text of each step that had some."""
        programs = (step.result.program for step in self.steps)
        return tuple(program for program in programs if program.strip())
