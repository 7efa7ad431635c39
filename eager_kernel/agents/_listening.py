"""A model of Pydantic AI that is listened to while it writes the arguments of a tool call."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    ToolCallPart,
    ToolCallPartDelta,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from eager_kernel.agents._history import arguments, written
from eager_kernel.agents._session import Session, outcome
from eager_kernel.client import RunResult
from eager_kernel.client.eager_run import EagerRun
from eager_kernel.errors import KernelConnectionError


class ListeningModel(WrapperModel):
    """Runs the code of a tool call while the model writes it.

    Parameters
    ----------
    wrapped
        The model.
    session
        Where code runs.
    tool_name
        The tool that takes it.
    """

    def __init__(self, wrapped: Model, session: Session, tool_name: str) -> None:
        super().__init__(wrapped)
        self._session = session
        self._tool_name = tool_name

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Ask for a whole answer; by a stream, if code may be in it."""
        if not self._may_call(model_request_parameters) or not _streams(self.wrapped):
            return await self.wrapped.request(messages, model_settings, model_request_parameters)
        async with self.request_stream(
            messages, model_settings, model_request_parameters
        ) as response:
            async for _ in response:
                pass
            return response.get()

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Ask for an answer piece by piece."""
        self._session.forget()
        async with self.wrapped.request_stream(
            messages, model_settings, model_request_parameters, run_context
        ) as response:
            if not self._may_call(model_request_parameters):
                yield response
                return
            listened_to = _ListenedTo(response, self._session, self._tool_name)
            try:
                yield listened_to
            finally:
                listened_to.leave()

    def _may_call(self, parameters: ModelRequestParameters) -> bool:
        # One of the kind "unapproved" waits for a person.
        return any(
            tool.name == self._tool_name and tool.kind == "function"
            for tool in parameters.function_tools
        )


def _streams(model: Model) -> bool:
    """Whether it can be asked for pieces."""
    while isinstance(model, WrapperModel):
        model = model.wrapped
    if type(model).request_stream is Model.request_stream:
        return False
    # A FunctionModel has one of two functions, or both.
    return getattr(model, "stream_function", model) is not None


class _ListenedTo(StreamedResponse):
    """An answer, of which the first tool call is fed to the kernel, if it is one of code.

    Parameters
    ----------
    response
        The model's.
    session
        Where code runs.
    tool_name
        The tool that takes it.
    """

    def __init__(self, response: StreamedResponse, session: Session, tool_name: str) -> None:
        super().__init__(response.model_request_parameters)
        self._response = response
        self._session = session
        self._tool_name = tool_name
        self._event_iterator: AsyncIterator[ModelResponseStreamEvent] | None = None
        self._first_chunk_monotonic: float | None = None
        self._first_call: int | None = None
        self._raw = ""
        self._run: EagerRun | None = None
        self._has_ended = False
        self._stopped: RunResult | None = None

    def __aiter__(self) -> AsyncIterator[ModelResponseStreamEvent]:
        if self._event_iterator is None:
            self._event_iterator = self._listen()
        return self._event_iterator

    async def _listen(self) -> AsyncGenerator[ModelResponseStreamEvent]:
        async for event in self._response:
            if self._first_chunk_monotonic is None:
                self._first_chunk_monotonic = time.perf_counter()
            self.final_result_event = self._response.final_result_event
            await self._take(event)
            yield event
            if not self.cancelled and await self._has_stopped():
                break
        else:
            self._end(self._response.finish_reason)
            self._finished = True
            return
        await self._response.cancel()
        self._end("stop")
        yield PartEndEvent(index=self._first_call or 0, part=self._call(self.get()))

    async def _has_stopped(self) -> bool:
        """Whether the program has ended, and so wants no more text."""
        if self._run is None or self._has_ended or not self._run.stopped.is_set():
            return False
        try:
            self._stopped = await outcome(self._run)
        except KernelConnectionError:
            # The model writes on, so that the history is whole; its tool says what happened.
            return False
        return True

    async def _take(self, event: ModelResponseStreamEvent) -> None:
        """Feed what there is of code in an event."""
        if isinstance(event, PartStartEvent) and isinstance(event.part, ToolCallPart):
            if self._first_call is not None:
                return
            # What comes after another tool's call is to run after that tool.
            is_code = event.part.tool_name == self._tool_name
            self._first_call = event.index if is_code else -1
            if is_code:
                await self._feed(event.part.args)
        elif isinstance(event, PartDeltaEvent) and event.index == self._first_call:
            if isinstance(event.delta, ToolCallPartDelta):
                await self._feed(event.delta.args_delta)
        elif (
            isinstance(event, PartEndEvent)
            and event.index == self._first_call
            and event.next_part_kind is not None
        ):
            self._end("stop")

    async def _feed(self, args: str | dict[str, Any] | None) -> None:
        # A dict is all of it at once, which runs when the tool is called.
        if not isinstance(args, str) or not args:
            return
        if self._run is None:
            self._run = await self._session.begin("json:code")
        self._raw += args
        self._run.feed(args)

    def _end(self, finish_reason: str | None) -> None:
        """Let the text of the program end; its tool asks for the outcome."""
        if self._run is not None and not self._has_ended:
            self._has_ended = True
            self._run.end(finish_reason)
            self._session.keep(self._call(self._response.get()).tool_call_id, self._run)

    def leave(self) -> None:
        """Give up a program whose text has not come to its end."""
        if self._run is not None and not self._has_ended:
            self._run.cancel()

    def _call(self, response: ModelResponse) -> ToolCallPart:
        """Give the call that was listened to."""
        return next(part for part in response.parts if isinstance(part, ToolCallPart))

    def get(self) -> ModelResponse:
        """Give what was written; of a call that was stopped, up to the statement that did it."""
        response = self._response.get()
        if self._stopped is None:
            return response
        program = written(self._stopped) or self._stopped.program
        parts = list(response.parts)
        call = self._call(response)
        at = parts.index(call)
        parts[at:] = [replace(call, args=arguments(program, "code", self._raw))]
        return replace(response, parts=parts, state="complete", finish_reason="tool_call")

    # What the wrapped answer knows ------------------------------------------------------------

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        async for event in self._listen():
            yield event

    async def cancel(self) -> None:
        """End the answer, and the program with it."""
        self.leave()
        await self._response.cancel()

    async def close_stream(self) -> None:
        """End the model's stream."""
        await self._response.close_stream()

    @property
    def cancelled(self) -> bool:
        """Whether whoever reads the answer has ended it."""
        return self._stopped is None and self._response.cancelled

    @property
    def usage(self) -> RequestUsage:
        """What it cost, as far as the model has said."""
        return self._response.usage

    @property
    def model_name(self) -> str:
        """The model's name."""
        return self._response.model_name

    @property
    def provider_name(self) -> str | None:
        """The provider's name."""
        return self._response.provider_name

    @property
    def provider_url(self) -> str | None:
        """The provider's address."""
        return self._response.provider_url

    @property
    def timestamp(self) -> datetime:
        """When it began."""
        return self._response.timestamp
