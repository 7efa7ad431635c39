"""What was said in a session, turn by turn, and how much of it its model is told again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from eager_kernel.client.hosting import HostFunction
from eager_kernel.core.conversation.context import latest
from eager_kernel.core.text.phrases import counted
from eager_kernel.sources.source import Image, Message


@dataclass(frozen=True, slots=True)
class Turn:
    """One prompt, and what came of it.

    Parameters
    ----------
    prompt
        As the model was asked, without what it was told of the turn before.
    functions
        Those of which the prompt tells.
    said
        What follows the prompt: the model's first answer, what it was told of it, and so on, to
        its last answer.
    outcome, figures
        What the model is to be told of that before the next prompt; empty after words.
    """

    prompt: str
    functions: frozenset[HostFunction] = frozenset()
    said: tuple[Message, ...] = ()
    outcome: str = ""
    figures: tuple[Image, ...] = ()

    @property
    def size(self) -> int:
        """Characters that it takes of the model's context."""
        return len(self.prompt) + sum(len(one.text) for one in self.said) + len(self.outcome)

    def brief(self) -> Turn:
        """The same without the steps before its last answer."""
        return replace(self, said=self.said[-1:])

    def answered(
        self, told: Message, answer: str, outcome: str, figures: tuple[Image, ...]
    ) -> Turn:
        """The same with another answer of the model, to what it was told."""
        before = (told,) if self.said else ()
        said = (*self.said, *before, Message("assistant", answer))
        return replace(self, said=said, outcome=outcome, figures=figures)


@dataclass(frozen=True, slots=True)
class Told:
    """The turns of which a model is told again with a prompt.

    Parameters
    ----------
    turns
        Those.
    missing
        How many before them it is not told of.
    shortened
        Of how many of `turns` it is told without their steps.
    """

    turns: Sequence[Turn]
    missing: int
    shortened: int

    @classmethod
    def of(cls, turns: Sequence[Turn], budget: int) -> Told:
        """What fits into a number of characters."""
        kept = latest(turns, budget)
        missing = len(turns) - len(kept)
        shortened = sum(one != whole for one, whole in zip(kept, turns[missing:], strict=True))
        return cls(kept, missing, shortened)

    def message(self, budget: int) -> str:
        """What is left out, for a person; empty where nothing is."""
        parts = []
        if self.missing:
            missing = "prompt" if self.missing == 1 else counted(self.missing, "prompt")
            parts.append(f"the first {missing}")
        if self.shortened:
            parts.append(f"the steps of {counted(self.shortened, 'earlier prompt')}")
        if not parts:
            return ""
        return (
            f"the model is no longer told {' and '.join(parts)}: what was said before may take "
            f"{budget:,} characters (context_chars)"
        )


def conversation(system: str, turns: Sequence[Turn]) -> list[Message]:
    """Turns as messages; what came of the last one is not among them.

    Parameters
    ----------
    system
        What is said before everything else; may be empty.
    turns
        The oldest first. Of what came of one that is left out, the model is not told either.
    """
    messages = [Message("system", system)] if system else []
    before: Turn | None = None
    for turn in turns:
        messages += [prompt_after(before, turn), *turn.said]
        before = turn
    return messages


def prompt_after(before: Turn | None, turn: Turn) -> Message:
    """A turn's prompt, after what came of the one before it."""
    if before is None:
        return Message("user", turn.prompt)
    text = "\n\n".join(filter(None, [before.outcome, turn.prompt]))
    return Message("user", text, before.figures)
