"""What a model is told: the prompts so far, their programs, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from eager_kernel.core.conversation.context import latest
from eager_kernel.core.conversation.told import in_fence, plain, shortened, what_failed
from eager_kernel.execution.repair import Failure
from eager_kernel.sources.source import Message


@dataclass(slots=True)
class Turn:
    """One prompt, and what came of it.

    Parameters
    ----------
    prompt
        As the model was asked.
    program
        The code text of its answer; after a repair, the program that ran in the end.
    output
        What the program printed and displayed, as text.
    error
        How it failed; empty where it did not.
    ran
        Whether it was run at all.
    words
        What the model said instead of a program: a question back, for instance.
    steps
        What came before that, where the model wrote more than once: its answer, and what it was
        told of what came of it, each time.
    title
        What the user wrote, for lists of turns.
    """

    prompt: str
    program: str = ""
    output: str = ""
    error: str = ""
    ran: bool = True
    words: str = ""
    steps: tuple[tuple[Message, Message], ...] = ()
    title: str = ""

    @property
    def outcome(self) -> str:
        """What the model is told of it before the next prompt."""
        if self.words:
            return ""
        if not self.ran:
            return "The program was not run."
        parts = []
        if self.output.strip():
            parts.append(f"Output of the program:\n{self.output.strip()}")
        if self.error:
            parts.append(f"The program failed:\n{self.error.strip()}")
        return "\n\n".join(parts) or "The program ran without output."

    @property
    def answer(self) -> str:
        """The model's part of the conversation."""
        return self.words or in_fence(self.program)

    @property
    def size(self) -> int:
        """Characters that it takes in the context."""
        steps = sum(len(message.text) for step in self.steps for message in step)
        return len(self.prompt) + len(self.program) + len(self.words) + len(self.outcome) + steps

    def brief(self) -> Turn:
        """The same without the steps before its last answer."""
        return replace(self, steps=())


@dataclass(slots=True)
class Conversation:
    """The turns of a session, as messages within a budget.

    Parameters
    ----------
    budget
        Characters that earlier turns may take together; which are kept, `latest` says. An output
        takes at most a quarter of it.
    turns
        The turns, the oldest first.
    """

    budget: int
    turns: list[Turn] = field(default_factory=list)

    def messages(self, system: str, prompt: str) -> tuple[Message, ...]:
        """The messages that ask for a program.

        Parameters
        ----------
        system
            What is always said first; may be empty.
        prompt
            The request.
        """
        messages = [Message("system", system)] if system else []
        told = ""
        for turn in self.within_budget():
            messages.append(Message("user", _joined(told, turn.prompt)))
            messages += [message for step in turn.steps for message in step]
            messages.append(Message("assistant", turn.answer))
            told = turn.outcome
        messages.append(Message("user", _joined(told, prompt)))
        return tuple(messages)

    def within_budget(self) -> list[Turn]:
        """The turns that the model is told of, with their outputs shortened."""
        longest = self.budget // 4
        short = [
            replace(
                turn,
                output=shortened(turn.output, longest),
                error=shortened(turn.error, longest),
                words=shortened(turn.words, longest),
            )
            for turn in self.turns
        ]
        return latest(short, self.budget)


def repair_messages(
    asked: Sequence[Message], failures: Sequence[Failure], traceback: Sequence[str]
) -> tuple[Message, ...]:
    """The messages that ask for the rest of a failed program.

    They begin with those that asked for it before: only what is new is computed anew.

    Parameters
    ----------
    asked
        What was asked first.
    failures
        What has failed so far; the last one is to be repaired.
    traceback
        The last one's, as plain text.
    """
    messages, known = list(asked), 0
    for failure in failures:
        last = failure is failures[-1]
        text = "\n".join(traceback if last else plain(failure.traceback))
        count = failure.executed_lines
        again = (
            "Write the program." if count == 0 else f"Go on after line {count}: no more is kept."
        )
        ask = (
            f"{again} Write only the code that is to run from here on, in one code block: what "
            "replaces the statement that failed, and the rest."
        )
        wrote = failure.executed[known:] + failure.failing
        messages.append(Message("assistant", in_fence(wrote)))
        messages.append(
            Message("user", f"{what_failed(failure.executed, failure.lines, text)}\n\n{ask}")
        )
        known = len(failure.executed)
    return tuple(messages)


def _joined(told: str, prompt: str) -> str:
    return f"{told}\n\n{prompt}" if told else prompt
