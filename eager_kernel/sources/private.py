"""A process that has a key, among others of the same user that must not read it."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping
from typing import Final

VARIABLE: Final = "EAGER_PRIVATE"
"""Set in the environment of a model's process that is to be private."""


def hide_memory() -> bool:
    """Have Linux keep other processes of this user from this one's memory and environment.

    They could read them in ``/proc`` otherwise, or by a debugger. There are no core dumps then.
    Processes that this one starts are not hidden; root sees everything.

    Returns
    -------
    bool
        Whether it is done; False on other systems.
    """
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)


def take_keys(keys: Mapping[str, str]) -> None:
    """Put keys into ``os.environ``, from where libraries take them, and nowhere else.

    What a process began with is in ``/proc`` for others to read, so keys come later. What it
    gives to its children is C's environment, which these are not in: a library that asks another
    program what system this is must not show it the keys. Who means to pass them on does so, with
    ``env=dict(os.environ)``.
    """
    # Its own methods would call C's `putenv`.
    data, encode = os.environ._data, os.environ.encodekey  # type: ignore[attr-defined]
    for name, value in keys.items():
        data[encode(name)] = os.environ.encodevalue(value)


_PR_SET_DUMPABLE: Final = 4
