"""What a model says, and the calls that it makes, one after the other."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Final

TEXT: Final = "text"
"""The part that is what the model says."""


class Joiner:
    """Puts the parts of an answer one after the other, also where their pieces come mixed.

    The part that began first goes on at once, as its pieces come. The others wait until it is
    complete, so that no JSON has another in its middle.
    """

    def __init__(self) -> None:
        self._current: Hashable = None
        self._pieces: list[str] = []
        self._waiting: dict[Hashable, list[str]] = {}
        self._ended: set[Hashable] = set()

    def add(self, part: Hashable, piece: str) -> str:
        """Take a piece of a part; return the text that is to go on now."""
        if not piece:
            return ""
        self._waiting.setdefault(part, []).append(piece)
        return self._take()

    def end(self, part: Hashable) -> str:
        """Take note that a part is complete, whatever it looks like."""
        self._ended.add(part)
        return self._take()

    def close(self) -> str:
        """Take note that all parts are complete."""
        self._ended.update(self._waiting)
        self._ended.add(self._current)
        return self._take()

    def _take(self) -> str:
        taken: list[str] = []
        while self._waiting:
            if self._current not in self._waiting:
                if self._current is not None:
                    if not self._is_complete():
                        break
                    taken.append("\n")
                self._current = next(iter(self._waiting))
                self._pieces = []
            pieces = self._waiting.pop(self._current)
            self._pieces += pieces
            taken += pieces
        return "".join(taken)

    def _is_complete(self) -> bool:
        if self._current == TEXT or self._current in self._ended:
            return True
        if not self._pieces[0].lstrip().startswith("{"):
            return True  # a tool that takes any text
        if not self._pieces[-1].rstrip().endswith("}"):
            return False
        try:
            json.loads("".join(self._pieces))
        except (ValueError, RecursionError):
            return False
        return True
