"""Answers to `input()`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from eager_kernel.client.checks import check_question
from eager_kernel.client.heard import UnfitError
from eager_kernel.client.transport import Heard, Transport

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
    drop
        Told what is no question.
    fail
        Told what `on_input` raises. The program goes on waiting.
    """

    def __init__(
        self,
        on_input: OnInput,
        transport: Transport,
        drop: Callable[[UnfitError], None],
        fail: Callable[[Exception], None],
    ) -> None:
        self._on_input = on_input
        self._transport = transport
        self._drop = drop
        self._fail = fail
        self._open: asyncio.Queue[tuple[str, bool]] = asyncio.Queue(_MOST)
        self._heard = 0
        self._answered = 0
        self._last_answer: dict[str, Any] = {}

    async def take(self) -> None:
        """Take questions as they come."""
        while True:
            message = await self._transport.receive("stdin")
            try:
                self._take(message)
            except UnfitError as unfit:
                self._drop(unfit)

    def _take(self, message: Heard) -> None:
        if isinstance(message, UnfitError):
            raise message
        if isinstance(message, dict) and message["header"]["msg_type"] == "input_request":
            question = check_question(message["content"])
            if self._open.full():
                raise UnfitError("there are more questions than a program can ask at once")
            self._hear(**question)

    async def answer(self) -> None:
        """Have them answered."""
        while True:
            prompt, password = await self._open.get()
            try:
                value = await asyncio.to_thread(self._on_input, prompt, password)
            except Exception as error:  # noqa: BLE001 - raised when the run has ended
                self._fail(error)
                continue
            answer = self._transport.session.msg("input_reply", {"value": value})
            self._answered += 1
            self._last_answer = answer
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
        if number > self._heard and not self._open.full():
            self._hear(prompt, password=password)
        elif number == self._answered:
            # If it had come, this is one that nobody waits for: the kernel drops it.
            self._transport.send("stdin", self._last_answer)

    def _hear(self, prompt: str, *, password: bool) -> None:
        self._heard += 1
        self._open.put_nowait((prompt, password))


_MOST: Final = 16
