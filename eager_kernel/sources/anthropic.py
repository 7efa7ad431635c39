"""``anthropic/NAME``: Claude, with the `anthropic` client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Any, Final

from eager_kernel.errors import MissingExtraError
from eager_kernel.sources import tool
from eager_kernel.sources.cache_marks import MARK, is_marked, marked
from eager_kernel.sources.explain import explain, incomplete
from eager_kernel.sources.http import (
    CONNECT_TIMEOUT,
    closing,
    key_for,
    usual_keys,
    wait_only_shortly,
    where,
)
from eager_kernel.sources.needs import Needs, declares
from eager_kernel.sources.source import (
    Event,
    Finish,
    Message,
    Options,
    Progress,
    Request,
    Usage,
)


def _needs(name: str, options: Options) -> Needs:
    keys = usual_keys(options, _KEY)
    return Needs((*keys, "ANTHROPIC_CUSTOM_HEADERS"), ("ANTHROPIC_*",))


@declares(_needs, every_key=("ANTHROPIC_API_KEY", "ANTHROPIC_CUSTOM_HEADERS"))
def make_source(name: str, options: Options) -> AnthropicSource:
    """Make the source for the model id ``anthropic/NAME``."""
    return AnthropicSource(name, options)


class AnthropicSource:
    """Messages of Anthropic's API.

    Parameters
    ----------
    name
        The model's name there.
    options
        ``extra["tool"]``: answer by a call of `eager_kernel.sources.tool`. What else ``extra``
        holds goes into the request as it is.
    """

    def __init__(self, name: str, options: Options) -> None:
        self._name = name
        self._options = options
        self._who = f"anthropic/{name} at {where(options, 'api.anthropic.com')}"
        self._client: Any = None

    async def prepare(self) -> None:
        """Import the client."""
        await asyncio.to_thread(_import, self._name)

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        """Answer a request; see `eager_kernel.sources.source.Source`."""
        answer = _Answer(
            self._who, by_tool=tool.wanted(self._options), may_answer=request.may_answer
        )
        try:
            async with closing(await self._open(request)) as events:
                async for event in answer.events(events):
                    yield event
        except Exception as error:  # noqa: BLE001 - explained, whatever it is
            raise explain(error, self._who, begun=answer.begun) from None

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _open(self, request: Request) -> Any:
        client = self._client = self._client or self._make_client()
        system = "\n\n".join(m.text for m in request.messages if m.role == "system")
        marks = marked(request)
        given: dict[str, Any] = {
            "model": self._name,
            "max_tokens": request.max_tokens or _MAX_TOKENS,
            "messages": [
                {"role": m.role, "content": _content(m, marked=is_marked(m, marks))}
                for m in request.messages
                if m.role != "system"
            ],
            "stream": True,
            "extra_body": tool.other_extras(self._options) or None,
        }
        if system and marks:
            given["system"] = [{"type": "text", "text": system, "cache_control": MARK}]
        elif system:
            given["system"] = system
        if request.temperature is not None:
            given["temperature"] = request.temperature
        if tool.wanted(self._options):
            given["tools"] = [
                {
                    "name": tool.NAME,
                    "description": tool.DESCRIPTION,
                    "input_schema": tool.SCHEMA,
                    # Without this the server keeps the arguments until they are complete.
                    "eager_input_streaming": True,
                }
            ]
            named = {"type": "tool", "name": tool.NAME}
            choice = {"type": "auto"} if request.may_answer else named
            given["tool_choice"] = {**choice, "disable_parallel_tool_use": True}
        return await client.messages.create(**given)

    def _make_client(self) -> Any:
        anthropic = _import(self._name)
        return anthropic.AsyncAnthropic(
            api_key=key_for(self._options, _KEY, "Anthropic"),
            base_url=self._options.api_base,
            http_client=anthropic.DefaultAsyncHttpxClient(
                timeout=anthropic.Timeout(self._options.first_timeout, connect=CONNECT_TIMEOUT),
                event_hooks={"response": [wait_only_shortly]},
            ),
        )


def _content(message: Message, *, marked: bool) -> str | list[dict[str, Any]]:
    if not marked and not message.images:
        return message.text
    parts: list[dict[str, Any]] = [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": image.mime, "data": image.data},
        }
        for image in message.images
    ]
    parts.append({"type": "text", "text": message.text})
    if marked:
        parts[-1]["cache_control"] = MARK
    return parts


def _import(name: str) -> Any:
    try:
        import anthropic  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise MissingExtraError(f"the model anthropic/{name}", "anthropic") from None
    return anthropic


class _Answer:
    """Follows the events of one answer."""

    def __init__(self, who: str, *, by_tool: bool, may_answer: bool) -> None:
        self.begun = False
        self._who = who
        self._by_tool = by_tool
        self._may_answer = may_answer
        self._cached: int | None = None
        self._called: int | None = None  # the index of the block that is the call
        self._aside: list[str] = []
        self._reason: str | None = None
        self._input: int | None = None
        self._output: int | None = None

    async def events(self, stream: AsyncIterator[Any]) -> AsyncGenerator[Event, None]:
        async for event in stream:
            match event.type:
                case "message_start":
                    self._count(event.message.usage)
                case "content_block_start":
                    block = event.content_block
                    if block.type == "thinking":
                        yield Progress("thinking")
                    elif block.type == "tool_use" and self._by_tool and self._called is None:
                        tool.check_name(block.name)
                        self._called = event.index
                case "content_block_delta":
                    if text := self._text(event):
                        self.begun = True
                        yield text
                case "message_delta":
                    self._reason = event.delta.stop_reason or self._reason
                    self._count(event.usage)
                case "message_stop":
                    finish = self._finish()
                    if self._by_tool and self._called is None and self._aside:
                        yield "".join(self._aside)
                    await _end_of(stream)
                    yield finish
                    return
        raise incomplete(self._who)

    def _text(self, event: Any) -> str:
        match event.delta.type:
            case "text_delta" if self._by_tool:
                self._aside.append(event.delta.text)
            case "text_delta":
                return str(event.delta.text)
            case "input_json_delta" if event.index == self._called:
                return str(event.delta.partial_json)
        return ""

    def _count(self, usage: Any) -> None:
        if usage is not None:
            new = getattr(usage, "input_tokens", None)
            read = getattr(usage, "cache_read_input_tokens", None)
            if new is not None or read is not None:
                # What is read from the cache, or put there, is not among the input tokens.
                kept = getattr(usage, "cache_creation_input_tokens", None)
                self._input = ((new or 0) + (read or 0) + (kept or 0)) or self._input
                self._cached = read or self._cached
            self._output = getattr(usage, "output_tokens", None) or self._output

    def _finish(self) -> Finish:
        if self._reason is None:
            raise incomplete(self._who)
        if self._by_tool and self._called is None and not self._may_answer:
            raise tool.not_called("".join(self._aside))
        reason = _CUT_OFF.get(self._reason, self._reason)
        return Finish(reason, Usage(self._input, self._output, self._cached))


async def _end_of(stream: AsyncIterator[Any]) -> None:
    """Read an answer that is complete to the end of its body, so that its connection is kept.

    A server that keeps it open is not waited for.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_BYTES):
            async for _ in stream:
                pass


_KEY: Final = "ANTHROPIC_API_KEY"
_MAX_TOKENS: Final = 16_384
_LAST_BYTES: Final = 0.2
# Other words for an answer that is not complete.
_CUT_OFF: Final = {
    "refusal": "content_filter",
    "pause_turn": "length",
    "model_context_window_exceeded": "length",
}
