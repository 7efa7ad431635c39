"""How a session works: what its user may say, and what that comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Literal, TypedDict

from eager_kernel.client.options import OnError
from eager_kernel.client.questions import OnInput
from eager_kernel.core.conversation.context import CONTEXT_CHARS
from eager_kernel.core.conversation.steps import Budget
from eager_kernel.core.gate import Mode
from eager_kernel.sources.source import Options


class SessionOptions(TypedDict, total=False):
    """How a session works.

    Parameters
    ----------
    steps
        Programs that the model may write for one prompt; 10, if nobody says otherwise.
    budget_tokens
        Tokens that all answers to one prompt may cost, in and out. None: any number.
    budget_seconds
        Seconds that they may take. Then the model is stopped; a statement that runs is not. None:
        any number.
    system
        What the model is told before everything else, with which functions it may call.
    api_base, credential
        Address of a compatible server; name of the key, never the key itself.
    extra
        What only one provider knows, for example ``{"device": "cuda"}``.
    max_tokens, temperature
        The longest answer wanted; how the model writes. None: as its server has it.
    first_timeout, stall_timeout
        Seconds that a model may take to its first text, and between two pieces of it.
    figures
        Whether the model is shown the figures of its programs. ``auto``: if it is known to see.
    context_chars
        Characters of earlier prompts, and of all that came of them, that the model is told again;
        24,000, if nobody says otherwise; about four make a token. The latest are kept. 0: each
        prompt stands alone.
    longest_output
        Characters of a program's output that the model is told; what is too much is left out in
        its middle. If nobody says otherwise, a quarter of `context_chars`, or 1,000.
    gate, on_error, on_input, max_bytes, max_characters
        As of `AsyncEagerClient.open`, for each step.
    """

    steps: int
    budget_tokens: int | None
    budget_seconds: float | None
    system: str
    api_base: str | None
    credential: str | None
    extra: Mapping[str, Any]
    max_tokens: int | None
    temperature: float | None
    first_timeout: float
    stall_timeout: float
    figures: Literal["auto", "send", "omit"]
    context_chars: int
    longest_output: int
    gate: Mode | None
    on_error: OnError
    on_input: OnInput | None
    max_bytes: int
    max_characters: int | None


def budget_of(options: SessionOptions) -> Budget:
    """What may be spent on a prompt.

    Raises
    ------
    ValueError
        A budget is none.
    """
    budget = Budget(
        options.get("steps", _STEPS), options.get("budget_tokens"), options.get("budget_seconds")
    )
    for name, value in (("steps", budget.steps), ("budget_tokens", budget.tokens)):
        if value is not None and value < 1:
            raise ValueError(f"{name}: {value} is below 1")
    if budget.seconds is not None and not budget.seconds > 0:
        raise ValueError(f"budget_seconds: {budget.seconds} is not above 0")
    return budget


def context_of(options: SessionOptions) -> int:
    """Characters of earlier prompts that the model is told again.

    Raises
    ------
    ValueError
        It is below 0.
    """
    context = options.get("context_chars", CONTEXT_CHARS)
    if context < 0:
        raise ValueError(f"context_chars: {context} is below 0")
    return context


def reach_of(options: SessionOptions) -> Options:
    """How the model is reached."""
    reach = Options(
        options.get("api_base"), options.get("credential"), extra=dict(options.get("extra", {}))
    )
    return replace(
        reach,
        first_timeout=options.get("first_timeout", reach.first_timeout),
        stall_timeout=options.get("stall_timeout", reach.stall_timeout),
    )


def limits_of(options: SessionOptions) -> dict[str, Any]:
    """What a step's outputs may take, as `AsyncEagerClient.open` has it."""
    limits: dict[str, Any] = {"max_characters": options.get("max_characters")}
    if "max_bytes" in options:
        limits["max_bytes"] = options["max_bytes"]
    return limits


_STEPS: Final = 10
