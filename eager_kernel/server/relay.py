"""A run whose prompt the kernel makes: the server asks its model for a cell of a page.

The page has had the server begin it, for one cell that its user runs. The kernel then says what the
model is to be asked: with the notebook's values, earlier prompts and what failed, which only it
knows. It may do so a few times, as often as the cell may be repaired, and not after its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

from eager_kernel.client.batching import Batcher
from eager_kernel.client.heard import UnfitError
from eager_kernel.client.transport import Broken, Transport
from eager_kernel.errors import (
    EagerError,
    KernelConnectionError,
    LimitError,
    ProtocolError,
    SourceError,
)
from eager_kernel.protocol import VERSION
from eager_kernel.protocol.models import ALIVE, MODELS_TARGET, AnswerDelta, ServesData
from eager_kernel.server.request import RunRequest, parse_generate
from eager_kernel.server.runs import Limits, Runs, ServerRun
from eager_kernel.server.text import ModelText
from eager_kernel.sources.source import Finish, Progress
from eager_kernel.sources.wire import error_to_dict, event_to_dict

Ask = Callable[[RunRequest, Callable[[Progress], None]], ModelText]
"""Asks the model what the kernel wants to know."""


class Relay(ServerRun):
    """The model of one cell, for its kernel.

    Parameters
    ----------
    owner
        Whose it is.
    request
        What the page wants: ``cell`` is ``kernel``.
    model
        The model's id.
    limits
        What it may cost.
    log
        The server's.
    """

    def __init__(
        self, owner: str, request: RunRequest, model: str, limits: Limits, log: Any
    ) -> None:
        super().__init__(owner, request, model, limits, log)
        self.comm_id = uuid4().hex
        self._left = request.requests
        self._answers: dict[Any, asyncio.Task[None]] = {}

    async def serve(self, transport: Transport, ask: Ask) -> None:
        """Tell the kernel that its cell may ask.

        Raises
        ------
        KernelConnectionError
            No EAGER kernel answers.
        """
        await self._reach(transport)
        self._transport, self._ask = transport, ask
        data = ServesData(version=VERSION, cell_id=self.request.cell_id)
        self._send("comm_open", dict(data), target_name=MODELS_TARGET)
        self._task = asyncio.create_task(self._live())

    async def cancel(self) -> None:
        """Stop the model at once; the kernel hears that nothing more comes."""
        self._cancelled = True
        await self.abort()

    async def _live(self) -> None:
        status = "ok"
        listening = asyncio.create_task(self._listen())
        watching = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(self._limits.run_timeout):
                await asyncio.wait({listening, watching}, return_when=asyncio.FIRST_COMPLETED)
            for task in (watching, listening):
                if task.done():
                    task.result()
        except TimeoutError:
            status = "error"
            self._tell("error", {"message": self._too_long()})
        except EagerError as error:
            status = "error"
            self._tell("error", {"message": f"{type(error).__name__}: {error}"})
        except asyncio.CancelledError:
            status = "cancelled"
        finally:
            tasks = [listening, watching, *self._answers.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._send("comm_close", {})
            # What is sent must be on its way before the connection ends.
            await asyncio.sleep(0)
            await self._transport.close()
            self._end("cancelled" if self._cancelled else status)

    # What the kernel says -------------------------------------------------------------------

    async def _listen(self) -> None:
        """Take what the kernel asks, until its cell has ended."""
        while True:
            message = await self._transport.receive("iopub", self._screen)
            if isinstance(message, Broken):
                raise KernelConnectionError("the connection to the kernel broke")
            if isinstance(message, UnfitError):
                continue  # of the kernel's program, which may send anything
            if message["content"].get("comm_id") != self.comm_id:
                continue
            kind, data = message["header"]["msg_type"], message["content"].get("data")
            if kind == "comm_close":
                return
            if kind == "comm_msg" and isinstance(data, dict):
                self._take(data)

    def _screen(self, kind: str, answers: str, content: bytes) -> bool:
        """Decide what is read: of what a kernel says, most is none of ours."""
        return kind in ("comm_msg", "comm_close") and self.comm_id.encode() in content

    def _take(self, data: dict[str, Any]) -> None:
        number = data.get("id")
        if not isinstance(number, int):
            return
        if data.get("type") == "cancel":
            answer = self._answers.pop(number, None)
            if answer is not None:
                answer.cancel()
        elif data.get("type") == "generate" and number not in self._answers:
            self._answers[number] = asyncio.create_task(self._answer(number, data))

    async def _watch(self) -> None:
        """See that the kernel is there, and let it know that we are."""
        while True:
            for _ in range(_CHECKS_A_BEAT):
                await asyncio.sleep(_CHECK)
                await self._transport.check()
            self._say({"type": ALIVE})

    # What it is told ------------------------------------------------------------------------

    async def _answer(self, number: int, data: dict[str, Any]) -> None:
        text: ModelText | None = None
        batcher = Batcher(lambda piece, offset: self._say_text(number, piece, offset), _INTERVAL)
        try:
            text = self._ask(
                self._check(data),
                lambda progress: self._say({**event_to_dict(progress), "id": number}),
            )
            async for piece in text:
                self._tell("delta", {"text": piece})
                batcher.add(piece)
            batcher.flush()
            end = Finish(text.finish_reason or "stop", text.usage)
            self._say({**event_to_dict(end), "id": number})
        except EagerError as error:
            batcher.flush()  # what came before is part of the answer
            self._tell("error", {"message": f"{type(error).__name__}: {error}"})
            self._say({**error_to_dict(error), "id": number})
        finally:
            self._answers.pop(number, None)
            if text is not None:
                await text.aclose()

    def _check(self, data: dict[str, Any]) -> RunRequest:
        """What the kernel wants to know, if it may."""
        if self._left <= 0:
            raise LimitError("the cell has asked as often as it may")
        self._left -= 1
        try:
            return parse_generate(data.get("request"), self.request, self._limits.max_prompt_chars)
        except ProtocolError as error:
            raise SourceError(f"the server does not take the request: {error}") from error

    def _say_text(self, number: int, text: str, offset: int) -> None:
        self._say(dict(AnswerDelta(type="delta", id=number, text=text, offset=offset)))

    def _say(self, data: dict[str, Any]) -> None:
        self._send("comm_msg", data)

    def _send(self, kind: str, data: dict[str, Any], **more: str) -> None:
        content = {"comm_id": self.comm_id, "data": data, **more}
        self._transport.send("shell", self._transport.session.msg(kind, content))


async def begin_relay(
    runs: Runs, owner: str, request: RunRequest, connect: Callable[[], Transport]
) -> Relay:
    """Begin a run whose prompt the kernel makes; as `Runs.begin`.

    Raises
    ------
    LimitError, UnknownModelError, SourceError, KernelConnectionError
        As there.
    """
    runs.admit(owner)
    model = runs.models.find(request.model or next(iter(runs.models.models), ""))
    process = runs.models.process(model)
    relay = Relay(owner, request, model.model_id, runs.limits, runs.log)

    def ask(wanted: RunRequest, on_progress: Callable[[Progress], None]) -> ModelText:
        asked = runs.complete(wanted, model)
        return ModelText(process, asked, runs.limits.max_answer_chars, on_progress)

    await runs.keep(relay, relay.serve(connect(), ask))
    return relay


_INTERVAL: Final = 0.015
_CHECK: Final = 1.0
_CHECKS_A_BEAT: Final = 8
