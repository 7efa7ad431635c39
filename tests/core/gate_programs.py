"""Judge the statements of a text, for the tests of the gate."""

from __future__ import annotations

from eager_kernel.core.chunker import Chunker
from eager_kernel.core.gate import Gate, Mode, Policy, Verdict

NO_DEFER = Policy(defer=False)


def judge(text: str, mode: Mode = "effect", policy: Policy = NO_DEFER) -> list[Verdict]:
    """A verdict for every statement."""
    chunker = Chunker()
    chunks = [*chunker.feed(text), *chunker.close()]
    gate = Gate(mode, policy)
    verdicts = [(chunk, gate.judge(chunk)) for chunk in chunks]
    for chunk, verdict in verdicts:
        assert chunk.first_line <= verdict.line <= chunk.last_line
        assert bool(verdict.reason) == (verdict.action != "run")
    return [verdict for chunk, verdict in verdicts if chunk.has_statement]


def held(text: str, mode: Mode = "effect", policy: Policy = NO_DEFER) -> list[int]:
    """Which statements are held, counted from 0."""
    verdicts = judge(text, mode, policy)
    return [index for index, verdict in enumerate(verdicts) if verdict.action == "hold"]


def category(text: str, mode: Mode = "effect") -> str:
    """The category of the last statement."""
    return judge(text, mode)[-1].category
