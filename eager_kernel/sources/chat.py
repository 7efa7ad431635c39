"""Answers in the chunks of OpenAI's chat completions, as `openai` and `litellm` give them."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final

from eager_kernel.sources import tool
from eager_kernel.sources.cache_marks import MARK, is_marked, marked
from eager_kernel.sources.explain import incomplete, refused
from eager_kernel.sources.source import (
    Event,
    Finish,
    Message,
    Options,
    Progress,
    Request,
    Usage,
)


def arguments(request: Request, options: Options, *, with_marks: bool = False) -> dict[str, Any]:
    """Make the arguments of a chat completion that both clients take.

    Parameters
    ----------
    request
        What is asked.
    options
        How.
    with_marks
        Whether the messages say up to where the server is to keep what it has computed.
    """
    marks = marked(request) if with_marks else ()
    given: dict[str, Any] = {
        "messages": [
            {"role": m.role, "content": _content(m, marked=_is_marked(m, marks))}
            for m in request.messages
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.temperature is not None:
        given["temperature"] = request.temperature
    if tool.wanted(options):
        function = {
            "name": tool.NAME,
            "description": tool.DESCRIPTION,
            "parameters": tool.SCHEMA,
        }
        given["tools"] = [{"type": "function", "function": function}]
        named = {"type": "function", "function": {"name": tool.NAME}}
        given["tool_choice"] = "auto" if request.may_answer else named
    return given


def _is_marked(message: Message, marks: tuple[Message, ...]) -> bool:
    return is_marked(message, marks) or (bool(marks) and message.role == "system")


def _content(message: Message, *, marked: bool) -> str | list[dict[str, Any]]:
    """What a message says; with pictures or a mark, in parts."""
    if not message.images and not marked:
        return message.text
    pictures = [f"data:{image.mime};base64,{image.data}" for image in message.images]
    parts: list[dict[str, Any]] = [{"type": "text", "text": message.text}]
    parts += [{"type": "image_url", "image_url": {"url": url}} for url in pictures]
    if marked:
        parts[-1]["cache_control"] = MARK
    return parts


class ChatAnswer:
    """Follows the chunks of one answer.

    Parameters
    ----------
    who
        Who answers, for errors.
    by_tool
        Whether the answer is a call of the tool.
    may_answer
        Whether it may be words instead; they are told when the answer has ended without a call.

    Attributes
    ----------
    begun : bool
        Whether a part of the answer has come.
    """

    def __init__(self, who: str, *, by_tool: bool, may_answer: bool = False) -> None:
        self.begun = False
        self._who = who
        self._by_tool = by_tool
        self._may_answer = may_answer
        self._called = False
        self._aside: list[str] = []
        self._refusal: list[str] = []
        self._reason: str | None = None
        self._usage: Usage | None = None
        self._over = False
        self._said_thinking = -_THINKING_INTERVAL

    async def events(self, chunks: AsyncIterator[Any]) -> AsyncGenerator[Event, None]:
        """Yield the answer's events.

        Raises
        ------
        SourceError
            The chunks end before the answer does, or the model refuses, or does not call the
            tool.
        """
        async for chunk in chunks:
            if (usage := getattr(chunk, "usage", None)) is not None:
                details = getattr(usage, "prompt_tokens_details", None)
                self._usage = Usage(
                    getattr(usage, "prompt_tokens", None),
                    getattr(usage, "completion_tokens", None),
                    getattr(details, "cached_tokens", None),
                )
            for choice in chunk.choices or ():
                if not getattr(choice, "index", 0):
                    for event in self._take(choice):
                        self.begun = self.begun or isinstance(event, str)
                        yield event
            if self._over:
                break
        finish = self._finish()
        if self._by_tool and not self._called and self._aside:
            yield "".join(self._aside)
        yield finish

    def _take(self, choice: Any) -> list[Event]:
        delta = choice.delta
        events: list[Event] = []
        if delta is not None:
            if getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None):
                events += self._thinking()
            if text := getattr(delta, "content", None):
                if self._by_tool:
                    self._aside.append(text)
                else:
                    events.append(text)
            if text := getattr(delta, "refusal", None):
                self._refusal.append(text)
            if self._by_tool:
                for call in getattr(delta, "tool_calls", None) or ():
                    events += self._take_call(call)
        if choice.finish_reason:
            self._reason = choice.finish_reason
        return events

    def _take_call(self, call: Any) -> list[Event]:
        if getattr(call, "index", 0):  # a second call: the program is the first one's
            self._over = True
            return []
        tool.check_name(call.function.name)
        self._called = True
        return [call.function.arguments] if call.function.arguments else []

    def _thinking(self) -> list[Event]:
        # A sign of life. Now and then is enough.
        now = time.monotonic()
        if now - self._said_thinking < _THINKING_INTERVAL:
            return []
        self._said_thinking = now
        return [Progress("thinking")]

    def _finish(self) -> Finish:
        if self._refusal:
            raise refused(self._who, "".join(self._refusal))
        if self._over:
            return Finish("tool_calls", self._usage)
        if self._reason is None:
            raise incomplete(self._who)
        if self._by_tool and not self._called and not self._may_answer:
            raise tool.not_called("".join(self._aside))
        return Finish(self._reason, self._usage)


_THINKING_INTERVAL: Final = 1.0
