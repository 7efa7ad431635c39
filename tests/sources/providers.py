"""The protocols of OpenAI and Anthropic, as their servers speak them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.sources.server import event


class OpenAI:
    """Chat completions."""

    path = "/v1/chat/completions"
    cut_off = "length"

    def begin(self) -> list[bytes]:
        return [self._chunk({"role": "assistant", "content": ""})]

    def text(self, text: str) -> bytes:
        return self._chunk({"content": text})

    def call(self, pieces: Iterable[str]) -> list[bytes]:
        first = {"index": 0, "id": "c1", "type": "function"}
        calls = [{**first, "function": {"name": "run_python", "arguments": ""}}]
        calls += [{"index": 0, "function": {"arguments": piece}} for piece in pieces]
        return [self._chunk({"tool_calls": [call]}) for call in calls]

    def end(self, reason: str = "stop") -> list[bytes]:
        usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
        last: dict[str, Any] = {"choices": [], "usage": usage}
        return [self._chunk({}, reason), event(self._base() | last), event("[DONE]")]

    def error(self, message: str, kind: str) -> dict[str, Any]:
        return {"error": {"message": message, "type": kind, "code": kind}}

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return event(self._base() | {"choices": [choice]})

    def _base(self) -> dict[str, Any]:
        return {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}


class Anthropic:
    """Messages."""

    path = "/v1/messages"
    cut_off = "max_tokens"

    def begin(self) -> list[bytes]:
        message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": []}
        message |= {"stop_reason": None, "usage": {"input_tokens": 7, "output_tokens": 1}}
        block = {"index": 0, "content_block": {"type": "text", "text": ""}}
        return [
            self._event("message_start", message=message),
            self._event("content_block_start", **block),
            self._event("ping"),
        ]

    def text(self, text: str) -> bytes:
        return self._delta(0, type="text_delta", text=text)

    def call(self, pieces: Iterable[str]) -> list[bytes]:
        block = {"type": "tool_use", "id": "t1", "name": "run_python", "input": {}}
        return [
            self._event("content_block_start", index=1, content_block=block),
            *(self._delta(1, type="input_json_delta", partial_json=p) for p in pieces),
            self._event("content_block_stop", index=1),
        ]

    def end(self, reason: str = "end_turn") -> list[bytes]:
        delta = {"stop_reason": reason, "stop_sequence": None}
        return [
            self._event("content_block_stop", index=0),
            self._event("message_delta", delta=delta, usage={"output_tokens": 3}),
            self._event("message_stop"),
        ]

    def error(self, message: str, kind: str) -> dict[str, Any]:
        return {"type": "error", "error": {"type": kind, "message": message}}

    def _delta(self, index: int, **delta: str) -> bytes:
        return self._event("content_block_delta", index=index, delta=delta)

    def _event(self, name: str, **data: Any) -> bytes:
        return event({"type": name, **data}, name)
