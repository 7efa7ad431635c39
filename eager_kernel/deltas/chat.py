"""Chunks of OpenAI's chat completions, which `litellm` and most servers have too."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from eager_kernel.deltas.fields import arguments, field, plain, text
from eager_kernel.deltas.joining import TEXT

Piece = tuple[Hashable, str]
"""A part of an answer, and a piece of its text."""


class ChatChunks:
    """Reads the chunks of one answer; of several that were asked for at once, the first."""

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self.usage: dict[str, Any] = {}
        self._calls: dict[int, tuple[int, str | None]] = {}  # by index: how many, the last one's id

    def take(self, chunk: Any) -> Iterator[Piece]:
        """Take a chunk; yield its pieces."""
        self.usage |= plain(field(chunk, "usage"))
        for choice in field(chunk, "choices") or ():
            if field(choice, "index"):
                continue
            delta = field(choice, "delta") or field(choice, "message")
            if delta is not None:
                yield from self._take(delta)
            else:  # of the older completions
                yield TEXT, text(field(choice, "text"))
            self.finish_reason = field(choice, "finish_reason") or self.finish_reason

    def _take(self, delta: Any) -> Iterator[Piece]:
        yield TEXT, text(field(delta, "content")) or text(field(delta, "refusal"))
        if (call := field(delta, "function_call")) is not None:
            yield "function_call", arguments(field(call, "arguments"))
        for call in field(delta, "tool_calls") or ():
            function, custom = field(call, "function"), field(call, "custom")
            part = self._part(call, field(function or custom, "name"))
            yield part, arguments(field(function, "arguments")) or text(field(custom, "input"))

    def _part(self, call: Any, name: str | None) -> Hashable:
        """Tell calls apart. Some servers give all of them the same index."""
        index, given = field(call, "index") or 0, field(call, "id") or None
        number, known = self._calls.get(index, (0, None))
        if name and given and known and given != known:
            number += 1
        self._calls[index] = number, given if name and given else known
        return index, number
