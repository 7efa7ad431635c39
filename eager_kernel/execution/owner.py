"""Whose an effect is: the program's, that of another cell, or the kernel's own."""

from __future__ import annotations

import sys
import threading
from _thread import get_ident
from collections.abc import Callable
from threading import enumerate as enumerate_threads
from typing import Any, Final
from weakref import WeakSet

from eager_kernel.execution import hook
from eager_kernel.execution.callers import frames, is_of_user, runs
from eager_kernel.execution.main_thread import MainThread


class Owner:
    """Finds out whether what a thread does is a program's, and whether it may wait there.

    Parameters
    ----------
    is_kernel_thread
        Whether a thread belongs to the kernel, so that it never waits.
    """

    def __init__(self, is_kernel_thread: Callable[[threading.Thread], bool]) -> None:
        self.filename = ""
        """What the program's code calls its file; empty until some of it runs."""
        self.namespace: dict[str, Any] = {}
        """The globals of the user's code."""
        self._is_kernel_thread = is_kernel_thread
        self._main = MainThread()
        self._in_helper = _no
        self._before: WeakSet[threading.Thread] = WeakSet()
        self._idents_before: frozenset[int] = frozenset()

    def watch(
        self, main: MainThread, namespace: dict[str, Any], in_helper: Callable[[], bool]
    ) -> None:
        """Take threads that begin from now on for the program's; see `Barrier.armed`."""
        self._main, self.namespace, self._in_helper = main, namespace, in_helper
        self._before = WeakSet(enumerate_threads())
        _of_kernel.update(thread for thread in self._before if thread.name in _KERNEL_THREADS)
        # Threads that Python did not start, too, as of C libraries.
        self._idents_before = frozenset(sys._current_frames())

    def forget(self) -> None:
        """Keep nothing of the run: the hook may keep this, to know the program's code."""
        self._main, self._in_helper = MainThread(), _no
        self._before, self._idents_before = _NOBODY, frozenset()

    def owns_main(self, *, marked: bool, fresh: bool) -> bool | None:
        """Whether what the main thread does may wait; None: it isn't the program's.

        Parameters
        ----------
        marked
            Whether it runs in a context of the program's.
        fresh
            Whether it runs in a context that was made anew.
        """
        if marked:
            return True
        if not self.filename:
            return None  # nothing of the program has run
        if self._main.in_own_task:
            if self._main.in_program:
                return True  # in a context that it made anew
            # Something of the program's runs in the midst of the kernel's own code, as a finaliser
            # does: that may hold any lock of ours.
            return False if self._of_program() else None
        if not self._main.in_program:
            return None
        if runs(self.filename, depth=3) or (fresh and self._of_program()):
            return True
        return None

    def owns_thread(self, *, marked: bool) -> bool | None:
        """The same, of this thread, which is not the main one."""
        thread = hook.active_threads().get(get_ident())
        if self.is_left(get_ident(), thread) or self._in_helper():
            return True
        # On the kernel's own others depend; the one that reads streams is in no list.
        if thread is None or self.is_of_kernel(thread):
            ours = marked or (self.filename and self._of_program(otherwise=False))
            return False if ours else None
        return True if marked or (self.filename and runs(self.filename, depth=3)) else None

    def is_left(self, ident: int, thread: threading.Thread | None) -> bool:
        """Whether a thread was started by the program.

        Parameters
        ----------
        ident, thread
            Its number, and what Python knows of it; None: Python did not start it.
        """
        if thread is None:
            return ident not in self._idents_before
        return thread not in self._before and not self._is_kernel_thread(thread)

    def is_of_kernel(self, thread: threading.Thread | None) -> bool:
        """Whether a thread is the kernel's, so that others depend on it."""
        return thread is not None and (thread in _of_kernel or self._is_kernel_thread(thread))

    @property
    def has_threads(self) -> bool:
        """Whether threads of the program run."""
        return any(
            self.is_left(ident, thread) for ident, thread in list(hook.active_threads().items())
        )

    def _of_program(self, *, otherwise: bool = True) -> bool:
        """Whether the innermost code of the user's is the program's, not another cell's.

        Parameters
        ----------
        otherwise
            What to say where there is none, as where a function of a library was registered.
        """
        for frame in frames(3):
            if is_of_user(frame, self.namespace):
                # What is made of text by `exec` may be anybody's.
                return frame.f_code.co_filename in (self.filename, "<string>")
        return otherwise


def _no() -> bool:
    return False


# The kernel's plain threads, which were there before a program, and what they are called.
_of_kernel: Final[WeakSet[threading.Thread]] = WeakSet()
_KERNEL_THREADS: Final = ("IOPub", "eager-introduction", "eager-stream")
_NOBODY: Final[WeakSet[threading.Thread]] = WeakSet()
