"""What a conversation keeps of an answer that was stopped: what has run, and what failed.

The text behind that was cut somewhere, by chance. A model that reads it takes it for its own, and
a server that reads cut JSON refuses the whole conversation.
"""

from __future__ import annotations

import json
from typing import Any

from eager_kernel.client import RunResult


def written(result: RunResult) -> str:
    """Give the program up to the end of the statement that stopped it."""
    return result.executed + result.failing


class FirstLine:
    """Takes line breaks behind an opening tag away, so that line 1 is the first line of code.

    Parameters
    ----------
    tag
        The tag; empty: nothing is taken away.
    """

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self._seen = ""
        self._given = 0

    def take(self, text: str) -> str:
        """Give what is to be fed of the next piece."""
        if not self._tag:
            return text
        self._seen += text
        tag_at = self._seen.find(self._tag, max(0, self._given - len(self._tag)))
        if tag_at < 0:
            self._given = len(self._seen)
            return text
        code_at = tag_at + len(self._tag)
        code = self._seen[code_at:].lstrip("\r\n")
        fed = self._seen[self._given : code_at]
        self._given = max(self._given, code_at)
        if code:
            self._tag = ""
        return fed + code


def arguments(program: str, key: str, raw: str = "") -> dict[str, Any]:
    """Give a tool call's arguments, whole, with this program for its code.

    Parameters
    ----------
    program
        The code.
    key
        The argument that has it.
    raw
        The JSON as it came, cut anywhere; arguments that stand before the code are kept.
    """
    return {**_whole_arguments(raw, key), key: program}


def _whole_arguments(raw: str, key: str) -> dict[str, Any]:
    """Read the members of a cut JSON object that are before the code, as far as they are whole."""
    decoder = json.JSONDecoder()
    found: dict[str, Any] = {}
    at = raw.find("{") + 1
    while at:
        try:
            name, at = decoder.raw_decode(raw, _skip(raw, at))
            value, at = decoder.raw_decode(raw, _skip(raw, _skip(raw, at, ":")))
        except (ValueError, IndexError):
            break
        if not isinstance(name, str) or name == key:
            break
        found[name] = value
        at = _skip(raw, at, ",")
    return found


def _skip(text: str, at: int, mark: str = "") -> int:
    """Give the place behind blanks, and behind a mark that may stand there."""
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    if mark and text[at : at + 1] == mark:
        return at + 1
    return at
