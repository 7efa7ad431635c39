"""An answer in the events of OpenAI's Responses, which the Agents SDK has for every model."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, Final

from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputItemDoneEvent,
    ResponseOutputMessage,
    ResponseOutputText,
)

from eager_kernel.agents._history import arguments, written
from eager_kernel.agents._session import outcome
from eager_kernel.client import RunResult
from eager_kernel.client.eager_run import EagerRun
from eager_kernel.errors import KernelConnectionError

Begin = Callable[[], Awaitable[EagerRun]]
Keep = Callable[[str, EagerRun], None]


class Answer:
    """An answer, of which the first tool call is fed to the kernel, if it is one of code.

    Parameters
    ----------
    begin
        Begins a program.
    keep
        Keeps a program, whose text has ended, until its call is run.
    tool_name
        The tool that takes code.
    may_stop
        Whether the model may be stopped when the program has ended.
    """

    def __init__(self, begin: Begin, keep: Keep, tool_name: str, *, may_stop: bool) -> None:
        self._begin = begin
        self._keep = keep
        self._tool_name = tool_name
        self._may_stop = may_stop
        self._response: Response | None = None
        self._items: dict[int, Any] = {}
        self._texts: dict[int, str] = {}
        self._at: int | None = None
        self._call: ResponseFunctionToolCall | None = None
        self._raw = ""
        self._run: EagerRun | None = None
        self._has_ended = False

    async def listen(self, events: AsyncIterator[Any]) -> AsyncGenerator[Any]:
        """Pass events on; if the program ends before the answer, end the answer there."""
        stopped: RunResult | None = None
        number = 0
        try:
            async for event in events:
                await self._take(event)
                number = getattr(event, "sequence_number", None) or number
                yield event
                if (stopped := await self._stopped()) is not None:
                    break
        finally:
            await _close(events)
            if stopped is None:
                self._leave()
        if stopped is not None:
            self._end("stop")
            for last in self._last_events(stopped, number):
                yield last

    async def _take(self, event: Any) -> None:
        """Feed what there is of code in an event, and keep what is whole."""
        match event.type:
            case "response.created" | "response.in_progress":
                self._response = event.response
            case "response.output_item.added":
                self._items[event.output_index] = event.item
                await self._take_item(event.output_index, event.item)
            case "response.output_text.delta":
                text = self._texts.get(event.output_index, "")
                self._texts[event.output_index] = text + event.delta
            case "response.function_call_arguments.delta":
                if event.output_index == self._at:
                    await self._feed(event.delta)
            case "response.output_item.done":
                self._texts.pop(event.output_index, None)
                self._items[event.output_index] = event.item
                if event.output_index == self._at:
                    self._end("stop")
            case "response.completed":
                self._end("stop")
            case "response.incomplete":
                self._end("length")

    async def _take_item(self, at: int, item: Any) -> None:
        if self._at is not None or item.type not in _CALLS:
            return
        # What comes after another tool's call is to run after that tool.
        is_code = item.type == "function_call" and item.name == self._tool_name
        self._at = at if is_code else -1
        if is_code:
            self._call = item
            await self._feed(item.arguments)

    async def _feed(self, text: str | None) -> None:
        if not text or self._has_ended:
            return
        if self._run is None:
            self._run = await self._begin()
        self._raw += text
        self._run.feed(text)

    async def _stopped(self) -> RunResult | None:
        """Give the outcome of a program that has ended, and so wants no more text."""
        run = self._run
        if run is None or self._has_ended or not self._may_stop or not run.stopped.is_set():
            return None
        try:
            return await outcome(run)
        except KernelConnectionError:
            # The model writes on, so that the history is whole; its tool says what happened.
            return None

    def _end(self, finish_reason: str) -> None:
        if self._run is not None and not self._has_ended:
            self._has_ended = True
            self._run.end(finish_reason)
            assert self._call is not None
            self._keep(self._call.call_id, self._run)

    def _leave(self) -> None:
        """Give up a program whose text has not come to its end."""
        if self._run is not None and not self._has_ended:
            self._run.cancel()

    # What a stopped answer ends with ------------------------------------------------------------

    def _last_events(self, result: RunResult, number: int) -> list[Any]:
        program = written(result) or result.program
        assert self._call is not None
        assert self._at is not None
        call = self._call.model_copy(
            update={
                "arguments": json.dumps(arguments(program, "code", self._raw)),
                "id": None,  # nobody has stored it
                "status": "completed",
            }
        )
        done = ResponseOutputItemDoneEvent(
            type="response.output_item.done",
            item=call,
            output_index=self._at,
            sequence_number=number + 1,
        )
        response = self._response or _nameless()
        response = response.model_copy(
            update={"output": [*self._before(), call], "status": "completed"}
        )
        completed = ResponseCompletedEvent.model_construct(
            type="response.completed", response=response, sequence_number=number + 2
        )
        return [done, completed]

    def _before(self) -> list[Any]:
        """Give what the answer has before the call."""
        assert self._at is not None
        items = [self._whole(at) for at in sorted(self._items) if at < self._at]
        return [item for item in items if item is not None]

    def _whole(self, at: int) -> Any:
        item = self._items[at]
        if item.type == "reasoning":
            # A server that keeps thoughts has thrown those of an answer away that was broken off.
            return item if getattr(item, "encrypted_content", None) else None
        if at not in self._texts:
            return item if item.type != "message" or item.content else None
        text = ResponseOutputText(type="output_text", text=self._texts[at], annotations=[])
        return ResponseOutputMessage(
            id=item.id, type="message", role="assistant", status="completed", content=[text]
        )


async def _close(events: AsyncIterator[Any]) -> None:
    """End the model's stream."""
    close = getattr(events, "aclose", None)
    if close is not None:
        await close()


def _nameless() -> Response:
    """Make a response of a model that does not say how its own begins."""
    return Response(
        id="resp_stopped",
        created_at=time.time(),
        model="",
        object="response",
        output=[],
        parallel_tool_calls=False,
        tool_choice="auto",
        tools=[],
    )


_CALLS: Final = frozenset(
    {
        "function_call",
        "custom_tool_call",
        "computer_call",
        "local_shell_call",
        "shell_call",
        "apply_patch_call",
    }
)
"""Calls that the agent's own process is to run."""
