"""An answer in chunks of LangChain, of which a tool call is run while it is written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableBinding

from eager_kernel.agents._history import arguments, written
from eager_kernel.agents._session import Session, outcome, outcome_here
from eager_kernel.client import RunResult
from eager_kernel.client.eager_run import EagerRun
from eager_kernel.errors import KernelConnectionError


class Answer:
    """An answer, of which the first tool call is fed to the kernel, if it is one of code.

    Parameters
    ----------
    session
        Where code runs.
    tool_name
        The tool that takes it.
    context
        The config of the agent's run, for tools that programs call.
    """

    def __init__(self, session: Session, tool_name: str, context: Any) -> None:
        self.session = session
        self.context = context
        self.run: EagerRun | None = None
        self._tool_name = tool_name
        self._first: tuple[Any, str | None] | None = None
        self._is_code = False
        self._raw = ""
        self._reason = "stop"
        self._has_ended = False
        self._result: RunResult | None = None

    def code_in(self, chunk: ChatGenerationChunk) -> str:
        """Take note of a chunk, and give what there is of code in it."""
        message = chunk.message
        code = ""
        for part in getattr(message, "tool_call_chunks", ()):
            place, call_id = part.get("index"), part.get("id")
            if self._first is None:
                # What comes after another tool's call is to run after that tool.
                self._first = (place, call_id)
                self._is_code = part.get("name") == self._tool_name
            elif place != self._first[0] or call_id not in (None, "", self._first[1]):
                self.end("stop")
                continue
            if self._is_code and not self._has_ended:
                code += part.get("args") or ""
        if (reason := _finish_reason(chunk)) is not None:
            self._reason = reason
        self._raw += code
        return code

    def end(self, finish_reason: str | None = None) -> None:
        """Let the text of the program end; its tool asks for the outcome."""
        if self.run is not None and not self._has_ended:
            self._has_ended = True
            self.run.end(finish_reason or self._reason)
            assert self._first is not None
            self.session.keep(self._first[1] or "", self.run)

    def leave(self) -> None:
        """Give up a program whose text has not come to its end."""
        if self.run is not None and not self._has_ended:
            self.run.cancel()

    @property
    def stopped(self) -> EagerRun | None:
        """The run, if the kernel has said stop while the text still came."""
        if self.run is None or self._has_ended or not self.run.stopped.is_set():
            return None
        return self.run

    def stop(self, result: RunResult) -> None:
        """End it, as the program has ended."""
        self._result = result
        self.end("stop")

    def mended(self, message: AIMessage) -> AIMessage:
        """Give what was written; of a call that was stopped, up to the statement that did it."""
        if self._result is None:
            return message
        assert self._first is not None
        program = written(self._result) or self._result.program
        call = {
            "type": "tool_call",
            "name": self._tool_name,
            "args": arguments(program, "code", self._raw),
            "id": self._first[1],
        }
        content = message.content
        if isinstance(content, list):
            # Providers have calls in here, too; theirs is cut.
            content = [part for part in content if _kind(part) not in _CALLS]
        additional = {k: v for k, v in message.additional_kwargs.items() if k not in _CALLS}
        return AIMessage(
            content=content,
            tool_calls=[call],
            id=message.id,
            name=message.name,
            additional_kwargs=additional,
            response_metadata=message.response_metadata,
            usage_metadata=message.usage_metadata,
        )


class ListeningModel(BaseChatModel):
    """A chat model that runs the code of a tool call while it writes it.

    Parameters
    ----------
    wrapped
        The model.
    answer
        The answer that it is asked for.
    """

    wrapped: Any
    answer: Any

    @classmethod
    def over(cls, wrapped: BaseChatModel, answer: Answer) -> ListeningModel:
        """Wrap a model, which stays traced and limited as it is. It is not cached."""
        taken = {name: getattr(wrapped, name, None) for name in _TAKEN}
        known = {name: value for name, value in taken.items() if value is not None}
        return cls(
            wrapped=wrapped,
            answer=answer,
            cache=False,  # an answer that was stopped is none to give again
            disable_streaming=wrapped.disable_streaming or not _streams(wrapped),
            **known,
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            return super().__getattr__(name)
        return getattr(self.wrapped, name)

    @property
    def _llm_type(self) -> str:
        return str(self.wrapped._llm_type)

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return dict(self.wrapped._identifying_params)

    def _get_ls_params(self, *args: Any, **kwargs: Any) -> Any:
        return self.wrapped._get_ls_params(*args, **kwargs)

    def bind_tools(self, tools: Any, **kwargs: Any) -> Runnable[Any, Any]:
        """Bind tools as the model does."""
        bound = self.wrapped.bind_tools(tools, **kwargs)
        if isinstance(bound, BaseChatModel):
            return ListeningModel.over(bound, self.answer)
        if isinstance(bound, RunnableBinding) and isinstance(bound.bound, BaseChatModel):
            return bound.model_copy(update={"bound": ListeningModel.over(bound.bound, self.answer)})
        return bound  # of a kind that is not known: its program runs when it is whole

    # Asked for an answer -------------------------------------------------------------------------

    def invoke(self, *args: Any, **kwargs: Any) -> AIMessage:
        """Ask for an answer; by a stream, if the model has one."""
        try:
            return self.answer.mended(super().invoke(*args, **kwargs))
        finally:
            self.answer.leave()

    async def ainvoke(self, *args: Any, **kwargs: Any) -> AIMessage:
        """Ask for an answer; by a stream, if the model has one."""
        try:
            return self.answer.mended(await super().ainvoke(*args, **kwargs))
        finally:
            self.answer.leave()

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kw: Any) -> Any:
        if self._streaming_is_off(kw):
            return self.wrapped._generate(messages, stop, run_manager, **kw)
        return _joined(list(self._stream(messages, stop, run_manager, **kw)))

    async def _agenerate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kw: Any
    ) -> Any:
        if self._streaming_is_off(kw):
            return await self.wrapped._agenerate(messages, stop, run_manager, **kw)
        stream = self._astream(messages, stop, run_manager, **kw)
        return _joined([chunk async for chunk in stream])

    def _streaming_is_off(self, kwargs: dict[str, Any]) -> bool:
        off = self.disable_streaming
        return bool(kwargs.get("tools")) if off == "tool_calling" else bool(off)

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kw: Any
    ) -> Iterator[ChatGenerationChunk]:
        answer: Answer = self.answer
        stream = self.wrapped._stream(messages, stop=stop, run_manager=run_manager, **kw)
        try:
            for chunk in stream:
                if code := answer.code_in(chunk):
                    if answer.run is None:
                        answer.run = answer.session.begin_here("json:code", answer.context)
                    answer.run.feed(code)
                yield chunk
                if (run := answer.stopped) is not None:
                    try:
                        answer.stop(outcome_here(run))
                    except KernelConnectionError:
                        # The model writes on, so that the history is whole; its tool says what
                        # happened.
                        continue
                    return
            answer.end()
        finally:
            answer.leave()
            if hasattr(stream, "close"):
                stream.close()

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kw: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        answer: Answer = self.answer
        stream = self.wrapped._astream(messages, stop=stop, run_manager=run_manager, **kw)
        try:
            async for chunk in stream:
                if code := answer.code_in(chunk):
                    if answer.run is None:
                        answer.run = await answer.session.begin("json:code", answer.context)
                    answer.run.feed(code)
                yield chunk
                if (run := answer.stopped) is not None:
                    try:
                        answer.stop(await outcome(run))
                    except KernelConnectionError:
                        continue  # as above
                    return
            answer.end()
        finally:
            answer.leave()
            if hasattr(stream, "aclose"):
                await stream.aclose()


def _streams(model: BaseChatModel) -> bool:
    """Whether a model can be asked for chunks, and its user has not turned that off."""
    kind = type(model)
    has_stream = (
        kind._stream is not BaseChatModel._stream or kind._astream is not BaseChatModel._astream
    )
    is_off = "streaming" in model.model_fields_set and not getattr(model, "streaming", True)
    return has_stream and not is_off


def _joined(chunks: list[ChatGenerationChunk]) -> ChatResult:
    if not chunks:
        raise ValueError("the model's stream ended before its answer")
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    message: BaseMessage = whole.message
    if isinstance(message, AIMessageChunk):
        message = AIMessage(
            **{
                name: getattr(message, name)
                for name in type(message).model_fields
                if name in AIMessage.model_fields and name != "type"
            }
        )
    generation = whole.model_copy(update={"message": message})
    return ChatResult(generations=[generation])


def _finish_reason(chunk: ChatGenerationChunk) -> str | None:
    """Read why the model ended, which is in one of two places under one of two names."""
    for where in (chunk.generation_info, chunk.message.response_metadata):
        reason = (where or {}).get("finish_reason") or (where or {}).get("stop_reason")
        if isinstance(reason, str):
            return "length" if reason.lower() in ("length", "max_tokens") else reason
    return None


def _kind(part: Any) -> Any:
    return part.get("type") if isinstance(part, dict) else None


_CALLS: Final = frozenset(
    {"tool_use", "input_json_delta", "function_call", "tool_call", "tool_call_chunk", "tool_calls"}
)
"""Calls in what providers say, by their names."""
_TAKEN: Final = (
    "name", "callbacks", "tags", "metadata", "verbose", "rate_limiter", "output_version", "profile"
)  # fmt: skip
