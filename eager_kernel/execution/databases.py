"""Databases of SQLite, whose audit events do not tell all that a connection does.

A connection in memory raises no event for the file that ``ATTACH`` or ``VACUUM INTO`` adds, but
SQLite asks whoever authorises its actions. And what `sqlite3.connect` tells is a name, not whether
it is a URI.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dis import get_instructions
from types import FrameType
from typing import Any, Final

from eager_kernel.core.effects.table import IN_MEMORY, Arguments, adds_database, reads_only
from eager_kernel.errors import EffectHeld


def watch(connection: Any, attempt: Callable[[str, str | None], None]) -> None:
    """Have a connection wait before it adds a database.

    Parameters
    ----------
    connection
        A new connection; until its program sets an authoriser of its own.
    attempt
        Returns when that may happen, given what it is and the name of the database, which is None
        where it is unknown.
    """

    def authorise(action: int, first: str | None, *_: str | None) -> int:
        if action == _ATTACH and first not in IN_MEMORY:
            try:
                attempt(adds_database(first), first)
            except EffectHeld:
                return sqlite3.SQLITE_DENY  # an error of SQLite's, which is taken for what it is
        return sqlite3.SQLITE_OK

    with suppress(sqlite3.Error):  # it has been closed, or is another thread's
        sqlite3.Connection.set_authorizer(connection, authorise)


def says_uri(stack: Iterator[FrameType], arguments: Arguments) -> bool:
    """Whether a database is opened by a URI with which nothing can be written.

    Parameters
    ----------
    stack
        Frames, the innermost first, from the barrier's own on.
    arguments
        Of the event ``sqlite3.connect``.
    """
    if not reads_only(arguments[0] if arguments else None):
        return False
    for frame in stack:
        if not str(frame.f_globals.get("__name__")).startswith("eager_kernel."):
            return _calls_with_true(frame, "uri")
    return False


def _calls_with_true(frame: FrameType, keyword: str) -> bool:
    """Whether the call that a frame is in has ``keyword=True``, as far as its code shows."""
    before: list[Any] = []
    for instruction in get_instructions(frame.f_code):
        if instruction.offset == frame.f_lasti:
            break
        if instruction.opname not in _BETWEEN:
            before.append(instruction)
    else:
        return False
    if sys.version_info < (3, 13) and before and before[-1].opname == "KW_NAMES":
        names = frame.f_code.co_consts[before.pop().arg]
    elif instruction.opname == "CALL_KW" and before:
        names = before.pop().argval
    else:
        return False
    if not isinstance(names, tuple) or keyword not in names:
        return False
    after = names[names.index(keyword) :]
    values = before[-len(after) :]
    # Each of these puts one value on the stack.
    return values[0].argval is True and all(value.opname in _PLAIN for value in values)


_ATTACH: Final = 24
_BETWEEN: Final = ("CACHE", "PRECALL", "EXTENDED_ARG")
_PLAIN: Final = ("LOAD_CONST", "LOAD_NAME", "LOAD_FAST", "LOAD_SMALL_INT")
