"""How the threads of a run wake each other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

LOOK_UP: Final = 0.5
"""Seconds for which the main thread blocks at a time.

A signal that comes between Python's last look for one and the wait in C does not end that wait. On
a busy machine, where the thread may lose its core just there, an interrupt would be lost until text
comes. On Windows, a wait without a limit ends by no signal at all.
"""


class Notifier:
    """Tells whoever runs a program that there is something new of it.

    Parameters
    ----------
    hurry
        Has text that has come, and has not been read, be read now. Called on the thread that
        waits.
    """

    def __init__(self, hurry: Callable[[], None]) -> None:
        self.lock = threading.Condition()
        """Shields what is new; never held while something slow or foreign runs."""
        self.hungry = True
        """Whether the thread that runs the program has nothing to run: text is read at once."""
        self._hurry = hurry
        self._listener: Callable[[], None] | None = None

    def notify(self) -> None:
        """Say, on any thread, that there is something new."""
        with self.lock:
            self.lock.notify_all()
            listener = self._listener
        if listener is not None:
            listener()

    def listen(self, listener: Callable[[], None] | None) -> None:
        """Have `listener` called, from any thread, whenever there is something new, and now."""
        with self.lock:
            self._listener = listener
        if listener is not None:
            listener()

    def wait_for(self, wanted: Callable[[], bool]) -> None:
        """Block until something is so.

        Parameters
        ----------
        wanted
            Says whether it is; called with the lock held.
        """
        self.hungry = True
        self._hurry()
        with self.lock:
            while not self.lock.wait_for(wanted, LOOK_UP):
                pass

    def forked(self) -> None:
        """Go on in a child process, which has none of the threads that may hold the lock."""
        self.lock = threading.Condition()
        self._listener = None
        self._hurry = lambda: None
