"""One answer that a model's process gives, as the kernel sees it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Protocol

from eager_kernel.errors import SourceError
from eager_kernel.sources.answer import silence
from eager_kernel.sources.source import Event, Options, Progress

Hear = Callable[[Event | SourceError], None]
"""Takes what a generation gives."""


class Writer(Protocol):
    """The process that generates: `eager_kernel.sources.life.Life`."""

    def cancel(self, generation: Generation) -> None:
        """Pass it on that a generation is not wanted any more."""


class Generation:
    """One answer on its way. Made by `ModelProcess.generate`.

    Attributes
    ----------
    done : threading.Event
        Set when the answer has ended, or the model has confirmed that it was cancelled.
    cancelled_at : float or None
        When it was cancelled, by the monotonic clock.
    listening : bool
        Whether an event is being heard now.
    """

    def __init__(self, process: object, number: int, hear: Hear, options: Options) -> None:
        self.number = number
        self.done = threading.Event()
        self.cancelled_at: float | None = None
        self._process: object = process  # which ends when nobody needs it
        self._hear = hear
        self._options = options
        self._first_by = time.monotonic() + options.first_timeout
        self._heard_at: float | None = None
        self.listening = False
        self._writer: Writer | None = None

    def cancel(self) -> None:
        """Stop it, from any thread or signal handler. Nothing is heard after that."""
        if self.cancelled_at is None:
            self.cancelled_at = time.monotonic()
            if self._writer is not None:
                self._writer.cancel(self)

    # The threads of its process -------------------------------------------------------------

    def belongs_to(self, writer: Writer) -> None:
        """Note who generates it."""
        self._writer = writer

    def finish(self) -> None:
        """Nothing comes after this. Lets go of what it holds."""
        self._hear = _ignore
        self._process = None
        self.done.set()

    def take(self, event: Event | SourceError) -> None:
        """Pass an event on. Returns when it has been heard."""
        if self.cancelled_at is None:
            self.listening = True
            try:
                self._hear(event)
            except Exception:  # noqa: BLE001 - told as any thread's; other answers go on
                self.cancel()
                hook = threading.excepthook
                hook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))
            finally:
                self.listening = False
        if isinstance(event, str) or (isinstance(event, Progress) and self._heard_at is not None):
            self._heard_at = time.monotonic()

    def overdue(self, cancel_timeout: float) -> tuple[float, str]:
        """Tell when the process must be given up for this generation's sake, and why."""
        if self.cancelled_at is not None:
            return (
                self.cancelled_at + cancel_timeout,
                f"it did not stop within {cancel_timeout:g} s of being cancelled",
            )
        # The process watches over the times itself; this is for one that hangs altogether.
        begun = self._heard_at is not None
        if self._heard_at is not None:
            at = self._heard_at + self._options.stall_timeout
        else:
            at = self._first_by
        if self.listening:
            at = max(at, time.monotonic())
        return at + cancel_timeout, silence(self._options, begun=begun)


def _ignore(event: Event | SourceError) -> None:
    """Hear nothing."""
