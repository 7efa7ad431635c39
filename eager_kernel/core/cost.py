"""What a model's answers cost, in tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eager_kernel.core.text.phrases import seconds


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one or more answers.

    Parameters
    ----------
    input, output, cached
        Tokens of the prompts, of the answers, and of the prompts that were not computed anew;
        None where nobody has said.
    estimated
        Whether a part of it is estimated: an answer that is stopped early has no bill.
    """

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    estimated: bool = False

    @property
    def spent(self) -> int:
        """What counts for a budget."""
        return (self.input or 0) + (self.output or 0)

    @property
    def known(self) -> bool:
        """Whether anybody has said anything."""
        return self.input is not None or self.output is not None

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            _sum(self.input, other.input),
            _sum(self.output, other.output),
            _sum(self.cached, other.cached),
            self.estimated or other.estimated,
        )

    def __str__(self) -> str:
        if not self.known:
            return "tokens unknown"
        about = "about " if self.estimated else ""
        cached = f" ({self.cached:,} cached)" if self.cached else ""
        known = "?" if self.input is None else f"{self.input:,}"
        return f"{about}{known} tokens in{cached}, {self.output or 0:,} out"


def bill(took: float, tokens: str) -> str:
    """What something took, in seconds and tokens.

    Parameters
    ----------
    took
        Seconds.
    tokens
        A `Tokens`, in words; empty where nobody knows.
    """
    return f"{seconds(took)}; {tokens}" if tokens else seconds(took)


def estimate(prompt_chars: int, answer_chars: int) -> Tokens:
    """The tokens of an answer of which nobody has said what it cost."""
    return Tokens(prompt_chars // _CHARS_A_TOKEN, answer_chars // _CHARS_A_TOKEN, estimated=True)


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one + (other or 0)


_CHARS_A_TOKEN: Final = 4
