"""Interrupts of a program as the stock kernel has them: without a frame of ours."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

OnSigint = Callable[[int, FrameType | None], bool]
"""Handles SIGINT; returns whether the code that was interrupted is to get `KeyboardInterrupt`."""


def as_handler(on_sigint: OnSigint) -> Callable[[int, FrameType | None], Any]:
    """Make a handler of signals that raises where Python's own would, and as it does.

    A function of Python that raises would show in the traceback, and in what a program that catches
    its interrupt prints of it. So the handler is a class: `__new__` asks whether to raise, and only
    if it makes an instance does Python go on to `__init__`, which is Python's own handler: no
    function of Python, so it has no frame.
    """

    class Handler:
        def __new__(cls, signum: int, frame: FrameType | None) -> Any:
            return super().__new__(cls) if on_sigint(signum, frame) else None

        __init__ = signal.default_int_handler

    handler: Any = Handler
    return handler  # type: ignore[no-any-return]
