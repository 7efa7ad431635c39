"""Events of OpenAI's Responses API."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, Final

from eager_kernel.deltas.chat import Piece
from eager_kernel.deltas.fields import field, plain, text
from eager_kernel.deltas.joining import TEXT
from eager_kernel.errors import SourceError

PREFIX: Final = "response."
"""How the types of all events begin."""


class ResponseEvents:
    """Reads the events of one response."""

    def __init__(self) -> None:
        self.usage: dict[str, Any] = {}
        self._reason: str | None = None
        self._begun = False
        self._with_deltas: set[Hashable] = set()

    @property
    def finish_reason(self) -> str | None:
        """Why the response ended. One that never did was cut off."""
        return self._reason or ("length" if self._begun else None)

    def take(self, event: Any) -> Iterator[Piece]:
        """Take an event; yield its pieces.

        Raises
        ------
        SourceError
            It says that the response failed.
        """
        kind, response = str.removeprefix(field(event, "type"), PREFIX), field(event, "response")
        self.usage |= plain(field(response, "usage"))
        match kind:
            case "created" | "in_progress":
                self._begun = True
            case "output_text.delta" | "refusal.delta":
                yield TEXT, text(field(event, "delta"))
            case "function_call_arguments.delta" | "custom_tool_call_input.delta":
                part = _call(event)
                self._with_deltas.add(part)
                yield part, text(field(event, "delta"))
            case "function_call_arguments.done" if _call(event) not in self._with_deltas:
                yield _call(event), text(field(event, "arguments"))
            case "custom_tool_call_input.done" if _call(event) not in self._with_deltas:
                yield _call(event), text(field(event, "input"))
            case "completed":
                self._reason = "stop"
            case "incomplete":
                why = field(field(response, "incomplete_details"), "reason")
                self._reason = "content_filter" if why == "content_filter" else "length"
            case "failed" | "cancelled":
                error = field(field(response, "error"), "message") or "it does not say why"
                raise SourceError(f"the response has {kind}: {error}")

    def ended(self, event: Any) -> Hashable:
        """Say which part an event ends; None: none."""
        kind = field(event, "type")
        if kind.endswith((".function_call_arguments.done", ".custom_tool_call_input.done")):
            return _call(event)
        return None


def _call(event: Any) -> Hashable:
    return "call", field(event, "output_index"), field(event, "item_id")
