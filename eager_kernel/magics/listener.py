"""What a program prints and displays, as text for its model."""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

from eager_kernel.sources.source import IMAGE_TYPES, MOST_IMAGES, Image


class Listener:
    """Notes what the main thread prints and displays, until it is closed.

    What there is more than a model would be told is not kept.

    Parameters
    ----------
    shell
        The IPython shell.
    """

    def __init__(self, shell: Any) -> None:
        self._pieces: list[str] = []
        self._images: list[Image] = []
        self._size = 0
        self._exit = ExitStack()
        for stream in (sys.stdout, sys.stderr):
            self._tap(stream)
        for publisher in (shell.display_pub, shell.displayhook):
            # Where there is no kernel, and in older ones, displays can't be heard.
            if hasattr(publisher, "register_hook"):
                publisher.register_hook(self._hear)
                self._exit.callback(publisher.unregister_hook, self._hear)

    @property
    def text(self) -> str:
        """What was heard, since the last `take`."""
        return "".join(self._pieces)

    def take(self) -> tuple[str, tuple[Image, ...]]:
        """What was heard since the last time, as text and pictures."""
        heard = self.text, tuple(self._images)
        self._pieces, self._images, self._size = [], [], 0
        return heard

    def close(self) -> None:
        """Listen no longer."""
        self._exit.close()

    def _tap(self, stream: Any) -> None:
        write: Callable[..., Any] = stream.write

        def tapped(text: Any, *more: Any, **named: Any) -> Any:
            result = write(text, *more, **named)
            if isinstance(text, str):
                self._note(text)
            return result

        own = vars(stream).get("write")
        stream.write = tapped
        if own is None:
            self._exit.callback(_untap, stream, tapped)
        else:
            self._exit.callback(setattr, stream, "write", own)

    def _hear(self, message: dict[str, Any]) -> dict[str, Any]:
        data = message["content"].get("data", {})
        if message["header"]["msg_type"] in _SHOWN and _VIEW not in data:
            self._note_image(data)
            text = data.get("text/plain")
            if isinstance(text, str):
                before = "" if not self._pieces or self._pieces[-1].endswith("\n") else "\n"
                self._note(f"{before}{text}\n")
        return message

    def _note_image(self, data: dict[str, Any]) -> None:
        for mime in IMAGE_TYPES:
            picture = data.get(mime)
            if isinstance(picture, bytes):
                picture = b64encode(picture).decode("ascii")
            if isinstance(picture, str) and len(self._images) < MOST_IMAGES:
                self._images.append(Image(mime, "".join(picture.split())))
                return

    def _note(self, text: str) -> None:
        if self._size < _MOST:
            self._pieces.append(text[: _MOST - self._size])
            self._size += len(text)


def _untap(stream: Any, tapped: Any) -> None:
    # The program may have put something of its own there.
    if vars(stream).get("write") is tapped:
        del stream.write


_SHOWN: Final = frozenset({"display_data", "execute_result"})
_VIEW: Final = "application/vnd.jupyter.widget-view+json"
_MOST: Final = 200_000
