"""A thread of the kernel's that programs do not find in `threading.enumerate`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from eager_kernel.execution.hook import unlisted


class UnlistedThread(threading.Thread):
    """A daemon that is in no list of `threading` while it works.

    A program may count the threads, or wait for all that are not its own: it finds those that are
    in ipykernel's kernel.

    Parameters
    ----------
    target
        What it does.
    name
        Its name, for who debugs the kernel.
    prepare
        Done first, while it is still listed: all that asks for the `threading.current_thread`, as
        the socket of iopub does once in each thread. Later that makes a new, listed object.
    """

    def __init__(
        self, target: Callable[[], None], name: str, prepare: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._work = target
        self._prepare = prepare

    def run(self) -> None:
        """Work; the end of the thread takes it out of the list, so it is put back before."""
        listed: dict[int, threading.Thread] = _threading._active
        ident = threading.get_ident()
        self._prepare()
        unlisted.add(ident)
        with _threading._active_limbo_lock:
            listed.pop(ident, None)
        try:
            self._work()
        finally:
            unlisted.discard(ident)
            with _threading._active_limbo_lock:
                listed[ident] = self


_threading: Any = threading
