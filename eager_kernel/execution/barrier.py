"""The effect barrier: outside effects wait, at the effect, until the program is known.

An audit hook sees an effect itself, whatever alias, `getattr` or library led to it. In a
streamed program, the thread that attempts one waits there until generation has ended and the
whole program has parsed. If it ends otherwise, `EffectHeld` is raised there and the effect never
happens. The barrier decides *when* an effect happens. It is no sandbox.
"""

from __future__ import annotations

import logging
import math
import os
import site
import sys
import sysconfig
import threading
import time
from _thread import LockType, allocate_lock, get_ident
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet

from eager_kernel.core.effects import Arguments, Caller, Effects
from eager_kernel.errors import EffectHeld


class Barrier:
    """Holds the outside effects of one run until it is told how the program ended.

    Parameters
    ----------
    effects
        Which audit events are effects.
    is_kernel_thread
        Whether a thread belongs to the kernel, so that it never waits.
    clock
        Seconds of a monotonic clock.

    Notes
    -----
    A waiting thread may hold any lock of its program's, and an effect may come in the middle
    of anything, as in a finaliser. So nothing here takes a lock that another thread needs:
    each wait has a lock of its own, and lists are only appended to.
    """

    def __init__(
        self,
        effects: Effects,
        is_kernel_thread: Callable[[threading.Thread], bool] = lambda thread: False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.waits: list[Wait] = []
        """All waits of the run so far, the oldest first."""
        self.in_program: Callable[[], bool] = lambda: False
        """Whether the main thread runs code of the program now."""
        self.in_own_task: Callable[[], bool] = lambda: True
        """Whether the main thread is in the run's own task, not in another one's turn."""
        self.in_helper: Callable[[], bool] = lambda: False
        """Whether this thread, started by an earlier cell, works for the main one."""
        self.filename = ""
        """What the program's code calls its file."""
        self.lines_before = 0
        """Empty lines at the program's beginning, which its code does not count."""
        self.namespace: dict[str, Any] = {}
        """The globals of the user's code."""
        self._effects = effects
        self._is_kernel_thread = is_kernel_thread
        self._clock = clock
        self._decision: str | None = None  # empty: go on
        self._before: WeakSet[threading.Thread] = WeakSet()
        self._idents_before: frozenset[int] = frozenset()

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Watch the process for effects of the run."""
        global _armed, _watched  # noqa: PLW0603 - a process has one audit hook
        _install()
        _watched = self._effects.table
        self._before = WeakSet(threading.enumerate())
        # Threads that Python did not start, too, as of C libraries.
        self._idents_before = frozenset(sys._current_frames())
        _armed = self
        try:
            yield
        finally:
            _armed = None
            if self._decision != "":
                self.deny("the run has ended")
                _strays.update({t: self for t in threading.enumerate() if self._started(t)})

    @contextmanager
    def program(self) -> Iterator[None]:
        """Mark what runs as the program's, tasks included that it leaves behind."""
        token = _RUN.set(self)
        try:
            yield
        finally:
            _RUN.reset(token)

    # Any thread -----------------------------------------------------------------------------

    def release(self) -> None:
        """Let effects happen: generation has ended and the whole program has parsed."""
        self._decide("")

    def deny(self, why: str) -> None:
        """Let no effect happen any more.

        Parameters
        ----------
        why
            How generation ended, for the message of `EffectHeld`.
        """
        self._decide(why)

    def hold_again(self) -> None:
        """Hold effects anew: the program is written on, so its end is unknown again."""
        self._decision = None

    def _decide(self, decision: str) -> None:
        if self._decision is None:
            self._decision = decision
            for wait in list(self.waits):  # later ones see the decision
                wait.end()

    @property
    def denied(self) -> bool:
        """Whether no effect may happen any more."""
        return bool(self._decision)

    @property
    def waiting(self) -> Wait | None:
        """The wait that the main thread is in; None if it is in none."""
        waits = (w for w in self.waits if w.finish is None and w.thread == _MAIN)
        return next(waits, None)

    @property
    def main_waits(self) -> list[Wait]:
        """Where the main thread has stood still, without waits in the midst of others."""
        waits: list[Wait] = []
        for wait in self.waits:
            # A signal handler or a finaliser may come to an effect during a wait.
            nested = waits and wait.start < (waits[-1].finish or math.inf)
            if wait.thread == _MAIN and not nested:
                waits.append(wait)
        return waits

    # The thread that attempts an effect -----------------------------------------------------

    def attempt(self, event: str, arguments: Arguments) -> None:
        """Return when the effect may happen.

        Raises
        ------
        EffectHeld
            It may never happen.
        """
        if self._decision == "":
            return
        effect = self._effects.describe(event, arguments)
        if effect is None:
            return
        caller, module, line = self._look_around(sys._getframe(2))
        try:
            cwd = os.getcwd()  # noqa: PTH109 - the plain call; a program may patch pathlib
        except OSError:
            cwd = ""  # it is gone
        if self._effects.spares(event, arguments, caller, module, cwd):
            return
        if self._decision is None:
            self._wait(effect, line)
        if self._decision:
            raise EffectHeld(effect, self._decision, line)

    def _wait(self, effect: str, line: int | None) -> None:
        wait = Wait(effect, line, get_ident(), self._clock())
        try:
            _warm_logging()
            self.waits.append(wait)
            if self._decision is None:
                wait.wait()
        except KeyboardInterrupt:
            # Not the program's to handle: whatever it did next could not have effects either.
            self.deny(INTERRUPTED)
        finally:
            wait.finish = self._clock()

    def owns_thread(self) -> bool:
        """Whether this thread, not the main one, was started by the program."""
        thread = _active_threads().get(get_ident())
        if thread is None:
            return get_ident() not in self._idents_before
        return self._started(thread) or self.in_helper()

    def owns_main(self) -> bool:
        """Whether what the main thread does is the program's."""
        if not self.in_program():
            return False
        if self.in_own_task() or _RUN.get(None) is self:
            return True
        return any(frame.f_code.co_filename == self.filename for frame in _frames(2))

    def _started(self, thread: threading.Thread) -> bool:
        return thread not in self._before and not self._is_kernel_thread(thread)

    def _look_around(self, frame: FrameType | None) -> tuple[Caller, str, int | None]:
        """Tell who causes the event, the innermost module, and the line of the program."""
        caller: Caller | None = None
        module: str | None = None
        while frame is not None:
            file, name = frame.f_code.co_filename, str(frame.f_globals.get("__name__"))
            if module is None and name not in _THROUGH:
                module = "importlib._bootstrap" if file.startswith(_IMPORT_SYSTEM) else name
                # Modules that lie beside the notebook are the user's code.
                if frame.f_globals is self.namespace or not file.startswith(_LIBRARIES):
                    caller = "program"
            if caller is None:
                if file.startswith(_IMPORT_SYSTEM):
                    caller = "import"
                elif frame.f_globals is self.namespace:
                    caller = "library"
            if file == self.filename:
                line = frame.f_lineno + self.lines_before
                return caller or "library", module or "", line
            frame = frame.f_back
        return caller or "library", module or "", None


INTERRUPTED: Final = "the run was interrupted"


@dataclass(slots=True)
class Wait:
    """One wait at an effect.

    Parameters
    ----------
    effect
        What it waits for, for a person.
    line
        1-based line of the program; None where no line of it led there.
    thread
        Ident of the waiting thread.
    start, finish
        Seconds of the barrier's clock; ``finish`` is None while it waits.
    """

    effect: str
    line: int | None
    thread: int
    start: float
    finish: float | None = None
    _lock: LockType = field(default_factory=allocate_lock)

    def __post_init__(self) -> None:
        self._lock.acquire()

    def wait(self) -> None:
        """Block until `end`; the main thread answers signals meanwhile."""
        # Where a wait without limit can't be interrupted (Windows), one with a limit can.
        while not self._lock.acquire(timeout=_LOOK_UP):
            pass

    def end(self) -> None:
        """Let the thread go on."""
        if self._lock.locked():
            self._lock.release()


# The process's hook ---------------------------------------------------------------------------


def _hook(event: str, arguments: Arguments) -> None:
    if event not in _watched:
        return
    if get_ident() != _MAIN:
        barrier = _armed
        if barrier is None or not barrier.owns_thread():
            barrier = _strays.get(_active_threads().get(get_ident())) if _strays else None
    elif _armed is not None and _armed.owns_main():
        barrier = _armed
    else:
        barrier = _RUN.get(None)  # a task that outlived its run
    if barrier is not None:
        barrier.attempt(event, arguments)


def _install() -> None:
    """Add the hook, once a process: it can't be removed."""
    global _installed  # noqa: PLW0603 - as above
    if not _installed:
        _installed = True
        sys.addaudithook(_hook)


_installed = False
_armed: Barrier | None = None
_watched: Container[str] = ()
# Threads that outlived a run that ended badly.
_strays: WeakKeyDictionary[threading.Thread | None, Barrier] = WeakKeyDictionary()
_RUN: Final[ContextVar[Barrier | None]] = ContextVar("eager_run")
_MAIN: Final = threading.main_thread().ident
_LOOK_UP: Final = 0.5


def _frames(depth: int) -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _active_threads() -> dict[int, threading.Thread]:
    # `current_thread` makes an object for a thread that has none, and `enumerate` takes a lock.
    return threading._active  # type: ignore[attr-defined,no-any-return]


def _library_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {paths[name] + os.sep for name in names}
    # The code of a user's own packages, and of this one.
    folders.add(site.getusersitepackages() + os.sep)
    folders.add(str(Path(__file__).parents[1]) + os.sep)
    return ("<frozen ", *sorted(folders))


_LIBRARIES: Final = _library_folders()
_IMPORT_SYSTEM: Final = "<frozen importlib."

# Modules that only pass an effect on for whoever called them.
_THROUGH: Final = frozenset({"ctypes", "subprocess", "os", "io", "pathlib", "tempfile", "shutil"})


def _warm_logging() -> None:
    """Let the kernel's loggers know their levels.

    `logging.basicConfig(filename=…)` opens its file under the lock of the whole module. A
    logger takes that lock to find its level the first time, and kernel threads log.
    """
    loggers = logging.root.manager.loggerDict
    for name in _KERNEL_LOGGERS:
        logger = loggers.get(name)
        if isinstance(logger, logging.Logger):
            for level in _LEVELS:
                logger.isEnabledFor(level)


_LEVELS: Final = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
_KERNEL_LOGGERS: Final = (
    "EagerKernelApp",
    "IPKernelApp",
    "asyncio",
    "tornado.access",
    "tornado.application",
    "tornado.general",
    "traitlets",
)
