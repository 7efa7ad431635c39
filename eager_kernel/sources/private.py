"""A process that has a key, among others of the same user that must not read it."""

from __future__ import annotations

import ctypes
import sys
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


_PR_SET_DUMPABLE: Final = 4
