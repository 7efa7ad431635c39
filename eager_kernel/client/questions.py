"""Answers to `input()`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from eager_kernel.client.transport import Transport

OnInput = Callable[[str, bool], str]
"""Answers `input()`: takes the prompt and whether it is for a password. Runs in a thread."""


class Questions:
    """What a program asks, in order, and the answers.

    Parameters
    ----------
    on_input
        Answers.
    transport
        Where questions come from and answers go.
    """

    def __init__(self, on_input: OnInput, transport: Transport) -> None:
        self._on_input = on_input
        self._transport = transport
        self._open: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()
        self._heard = 0
        self._answers: list[dict[str, Any]] = []

    async def take(self) -> None:
        """Take questions as they come."""
        while True:
            message = await self._transport.receive("stdin")
            if isinstance(message, dict) and message["header"]["msg_type"] == "input_request":
                content = message["content"]
                self._hear(content["prompt"], password=content["password"])

    async def answer(self) -> None:
        """Have them answered."""
        while True:
            prompt, password = await self._open.get()
            value = await asyncio.to_thread(self._on_input, prompt, password)
            answer = self._transport.session.msg("input_reply", {"value": value})
            self._answers.append(answer)
            self._transport.send("stdin", answer)

    def hear_again(self, number: int, prompt: str, password: bool) -> None:
        """Hear which question was asked last: it, or its answer, may have been lost.

        Parameters
        ----------
        number
            Of the question, from 1.
        prompt, password
            The question.
        """
        if number > self._heard:
            self._hear(prompt, password=password)
        elif number == len(self._answers):
            # If it had come, this is one that nobody waits for: the kernel drops it.
            self._transport.send("stdin", self._answers[-1])

    def _hear(self, prompt: str, *, password: bool) -> None:
        self._heard += 1
        self._open.put_nowait((prompt, password))
