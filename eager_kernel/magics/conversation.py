"""What a model is told: the prompts so far, their programs, and what came of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

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


@dataclass(slots=True)
class Conversation:
    """The turns of a session, as messages within a budget.

    Parameters
    ----------
    budget
        Characters that earlier turns may take together. The latest are kept; one that does not
        fit, and all before it, are left out. An output takes at most a quarter of it.
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
        kept: list[Turn] = []
        left = self.budget
        for turn in reversed(self.turns):
            short = Turn(
                turn.prompt,
                turn.program,
                shortened(turn.output, self.budget // 4),
                shortened(turn.error, self.budget // 4),
                turn.ran,
                shortened(turn.words, self.budget // 4),
                turn.steps,
            )
            left -= short.size
            if left < 0:
                break
            kept.append(short)
        return kept[::-1]


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
        messages.append(Message("user", f"{what_failed(failure, text)}\n\n{ask}"))
        known = len(failure.executed)
    return tuple(messages)


def what_failed(failure: Failure, traceback: str) -> str:
    """Tell a model what of its program has run, and how it failed.

    Parameters
    ----------
    failure
        What failed.
    traceback
        As plain text.
    """
    count = failure.executed_lines
    if count == 0:
        ran = "Nothing of the program has run."
    else:
        lines = "Line 1 has" if count == 1 else f"Lines 1-{count} have"
        if not failure.executed.endswith(("\n", "\r")):
            end = failure.executed.splitlines()[-1].strip()
            lines += f" run, the last one as far as `{end}`"
        else:
            lines += " run"
        ran = f"{lines}; what they defined and did is in place, and they will not run again."
    where = "The program"
    if failure.lines is not None:
        first, last = failure.lines
        where = f"Line {first}" if first == last else f"The statement in lines {first}-{last}"
    return f"{ran} {where} failed:\n\n{shortened(traceback, _LONGEST_TRACEBACK)}"


def in_fence(program: str) -> str:
    """A program as a Markdown code block that it can't end by itself."""
    longest = max(map(len, _FENCES.findall(program)), default=0)
    fence = "`" * max(3, longest + 1)
    end = "" if program.endswith("\n") else "\n"
    return f"{fence}python\n{program}{end}{fence}"


def shortened(text: str, size: int) -> str:
    """Text of at most about `size` characters: what is too much is taken from its middle."""
    if len(text) <= size:
        return text
    half = size // 2
    left_out = len(text) - 2 * half
    return f"{text[:half]}\n[… {left_out:,} characters left out …]\n{text[len(text) - half :]}"


def plain(lines: Sequence[str]) -> list[str]:
    """Lines of a traceback without colours."""
    return [_COLOURS.sub("", line) for line in lines]


def _joined(told: str, prompt: str) -> str:
    return f"{told}\n\n{prompt}" if told else prompt


_FENCES: Final = re.compile(r"`+")
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LONGEST_TRACEBACK: Final = 4_000
