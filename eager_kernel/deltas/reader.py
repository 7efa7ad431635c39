"""An answer, of whichever provider."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Final, Literal

from eager_kernel.deltas.chat import ChatChunks, Piece
from eager_kernel.deltas.fields import field
from eager_kernel.deltas.joining import TEXT, Joiner
from eager_kernel.deltas.messages import EVENTS, MessageEvents
from eager_kernel.deltas.responses import PREFIX, ResponseEvents
from eager_kernel.errors import SourceError

Only = Literal["text", "calls"]

KNOWN: Final = (
    "What is known: streams of openai (chat completions, responses), anthropic (messages) and "
    "litellm, and iterables of text"
)


class AnswerReader:
    """Reads the items of one stream.

    Parameters
    ----------
    only
        As of `eager_kernel.deltas.code`.
    """

    def __init__(self, only: Only | None = None) -> None:
        self._only = only
        self._joiner = Joiner()
        self._chat = ChatChunks()
        self._messages = MessageEvents()
        self._responses = ResponseEvents()
        self._recognised = False

    @property
    def finish_reason(self) -> str | None:
        """Why the answer ended; see `eager_kernel.deltas.code`."""
        kinds = (self._chat, self._messages, self._responses)
        return next((kind.finish_reason for kind in kinds if kind.finish_reason), None)

    @property
    def usage(self) -> dict[str, Any] | None:
        """What it cost."""
        return self._chat.usage or self._messages.usage or self._responses.usage or None

    def take(self, item: Any) -> str:
        """Take the stream's next item; return the text that it brings.

        Raises
        ------
        TypeError
            It is bytes, or the stream is none that is known.
        SourceError
            It says that the provider failed.
        """
        if item is None or item == "":
            return ""
        if isinstance(item, (bytes, bytearray)):
            raise TypeError("deltas must be text, not bytes: decode them first")
        kind = field(item, "type")
        kind = kind if isinstance(kind, str) else ""
        if kind == "chunk" and field(item, "chunk") is not None:  # a helper of openai
            return self.take(field(item, "chunk"))
        if isinstance(item, str):
            pieces: Iterable[Piece] = [(TEXT, item)]
        elif isinstance(field(item, "choices"), (list, tuple)):
            pieces = self._chat.take(item)
        elif kind.startswith(PREFIX):
            return self._taken(self._responses.take(item), self._responses.ended(item))
        elif kind in EVENTS:
            return self._taken(self._messages.take(item), self._messages.ended(item))
        elif kind == "error":
            error = field(item, "error") or item
            raise SourceError(f"the model's provider failed: {field(error, 'message') or error}")
        elif self._recognised:
            return ""  # newer than this
        else:
            name = type(item).__name__ + (f" of type {kind!r}" if kind else "")
            raise TypeError(f"the stream begins with a {name}, which is not known. {KNOWN}")
        return self._taken(pieces)

    def end(self) -> str:
        """Take note that the stream has ended; return the text that still waited."""
        return self._joiner.close()

    def _taken(self, pieces: Iterable[Piece], ended: Hashable = None) -> str:
        self._recognised = True
        texts = [
            self._joiner.add(part, piece)
            for part, piece in pieces
            if self._only is None or (self._only == "text") == (part == TEXT)
        ]
        if ended is not None:
            texts.append(self._joiner.end(ended))
        return "".join(texts)
