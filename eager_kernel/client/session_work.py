"""What has come of one prompt of a session so far: its steps, its time and its cost."""

from __future__ import annotations

import time

from eager_kernel.client.run import OnEvent
from eager_kernel.client.session_result import SessionResult, SessionStep
from eager_kernel.core.conversation.steps import (
    Budget,
    Ended,
    Spent,
    Step,
    StepEnd,
    as_one,
    what_follows,
)
from eager_kernel.core.cost import Tokens
from eager_kernel.sources.source import Progress


class Work:
    """What has come of a prompt so far.

    Parameters
    ----------
    budget
        What may come of it.
    on_event
        Hears of it.
    """

    def __init__(self, budget: Budget, on_event: OnEvent) -> None:
        self.tell = on_event
        self.steps: list[SessionStep] = []
        self.answer = ""
        self.ended_by: Ended | None = None
        self.out_of_time = False
        self.left_out = ""
        self._budget = budget
        self._begun = time.perf_counter()
        self._timed: list[Step] = []

    def tell_progress(self, progress: Progress) -> None:
        """Tell how far the model is before its text."""
        self.tell({"type": "progress", "text": progress.text, "fraction": progress.fraction})

    @property
    def seconds(self) -> float:
        """Seconds since the prompt was given."""
        return time.perf_counter() - self._begun

    @property
    def left(self) -> float | None:
        """Seconds that the model may still take."""
        if self._budget.seconds is None:
            return None
        return max(0.0, self._budget.seconds - self.seconds)

    @property
    def tokens(self) -> Tokens:
        """What all answers have cost."""
        return sum((step.tokens for step in self.steps), Tokens())

    @property
    def spent(self) -> Spent:
        """What has been spent of the budget."""
        return Spent(len(self.steps), self.tokens.spent, self.seconds)

    def add(self, step: SessionStep, begun: float, end: StepEnd) -> None:
        """Take a step that has ended, and decide whether another follows."""
        self.steps.append(step)
        result = step.result
        if result.report is not None:
            begin = begun - self._begun if self._timed else 0.0
            status = result.status
            self._timed.append(Step(begin, result.program, result.report, step.tokens, status))
        self.ended_by = (
            "seconds" if self.out_of_time else what_follows(end, self._budget, self.spent)
        )

    def result(self) -> SessionResult:
        """What the prompt has led to; where it has not ended, as of one that was lost."""
        return SessionResult(
            tuple(self.steps),
            self.answer,
            self.ended_by or "lost",
            as_one(self._timed, self.seconds) if self._timed else None,
            self.tokens,
            self._budget,
            self.left_out,
        )
