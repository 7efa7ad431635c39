"""What a refused program has scheduled on ipykernel's iopub thread."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from eager_kernel.errors import LeftEffectHeld


class Scheduled(deque[Callable[[], Any]]):
    """The thread's events, of which a refused effect ends no more than its own.

    What an event raises goes through the thread's stream, which then may miss that more has come:
    nothing would be published any more.
    """

    def popleft(self) -> Callable[[], Any]:
        """Take the next event."""
        return partial(_do, super().popleft())


def _do(event: Callable[[], Any]) -> None:
    try:
        event()
    except LeftEffectHeld as held:
        _LOG.error("Exception in a callback on the iopub thread: %s", held, exc_info=held)


_LOG: Final = logging.getLogger("tornado.application")
