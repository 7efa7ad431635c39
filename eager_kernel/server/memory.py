"""Memory that is free again, back to the system."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Have the C library give back what it keeps for later, where it can be told to (glibc).

    What a kernel sends waits in sockets, in hundreds of pieces. It is freed as it is read, but
    without this the server would stay as big as it was at its biggest.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
