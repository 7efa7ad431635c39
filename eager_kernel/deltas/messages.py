"""Events of Anthropic's messages: of `messages.create`, and of the helper `messages.stream`."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, Final

from eager_kernel.deltas.chat import Piece
from eager_kernel.deltas.fields import arguments, field, plain, text
from eager_kernel.deltas.joining import TEXT

EVENTS: Final = frozenset(
    {
        "message_start",
        "message_delta",
        "message_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "ping",
        # What the helper makes of these.
        "text",
        "input_json",
        "thinking",
        "signature",
        "citation",
    }
)


class MessageEvents:
    """Reads the events of one message."""

    def __init__(self) -> None:
        self.usage: dict[str, Any] = {}
        self._reason: str | None = None
        self._begun = False
        self._is_raw = False
        self._kinds: dict[int, str] = {}  # of the blocks
        self._inputs: dict[int, Any] = {}  # that came with the block's beginning

    @property
    def finish_reason(self) -> str | None:
        """Why the message ended. One that never did was cut off."""
        if self._reason is None:
            return "length" if self._begun else None
        return _REASONS.get(self._reason, self._reason)

    def take(self, event: Any) -> Iterator[Piece]:
        """Take an event; yield its pieces."""
        kind, index = field(event, "type"), field(event, "index") or 0
        match kind:
            case "message_start":
                self._begun = True
                self.usage |= plain(field(field(event, "message"), "usage"))
            case "message_delta":
                self._reason = field(field(event, "delta"), "stop_reason") or self._reason
                self.usage |= plain(field(event, "usage"))
            case "content_block_start":
                block = field(event, "content_block")
                self._kinds[index] = field(block, "type") or ""
                self._inputs[index] = field(block, "input")
                yield TEXT, text(field(block, "text"))
            case "content_block_delta":
                self._is_raw = True
                yield from self._take(index, field(event, "delta"))
            case "content_block_stop":
                if self._kinds.get(index) == "tool_use" and self._inputs.get(index):
                    yield _call(index), arguments(self._inputs[index])
            # The helper tells of each piece twice. Somebody may have taken the first one out.
            case "text" if not self._is_raw:
                yield TEXT, text(field(event, "text"))
            case "input_json" if not self._is_raw:
                last = max(self._kinds, default=0)
                if self._kinds.get(last, "tool_use") == "tool_use":
                    yield _call(last), text(field(event, "partial_json"))

    def _take(self, index: int, delta: Any) -> Iterator[Piece]:
        kind = field(delta, "type")
        if kind == "text_delta":
            yield TEXT, text(field(delta, "text"))
        # The provider runs the calls of other kinds of blocks itself.
        elif kind == "input_json_delta" and self._kinds.get(index, "tool_use") == "tool_use":
            self._inputs.pop(index, None)
            yield _call(index), text(field(delta, "partial_json"))

    def ended(self, event: Any) -> Hashable:
        """Say which part an event ends; None: none."""
        if field(event, "type") == "content_block_stop":
            return _call(field(event, "index") or 0)
        return None


def _call(index: int) -> Hashable:
    return "call", index


_REASONS: Final = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
