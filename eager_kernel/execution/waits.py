"""Where threads of a program wait at its outside effects, and what the timeline knows of it."""

from __future__ import annotations

import logging
import math
from _thread import LockType, allocate_lock
from dataclasses import dataclass, field
from typing import Final

from eager_kernel.core.figures.timeline import Timeline
from eager_kernel.execution import hook
from eager_kernel.execution.notifier import LOOK_UP


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
        while not self._lock.acquire(timeout=LOOK_UP):
            pass

    def end(self) -> None:
        """Let the thread go on."""
        if self._lock.locked():
            self._lock.release()


class Waits:
    """The waits of one run. Threads only add to them: see `eager_kernel.execution.barrier`."""

    def __init__(self) -> None:
        self._all: list[Wait] = []

    def __len__(self) -> int:
        """How many there have been."""
        return len(self._all)

    def add(self, wait: Wait) -> None:
        """Note that a thread is about to wait."""
        self._all.append(wait)

    def end(self) -> None:
        """Let all go on that have been added."""
        for wait in list(self._all):
            wait.end()

    @property
    def open(self) -> Wait | None:
        """The wait that the main thread is in; None if it is in none."""
        waits = (wait for wait in self._all if wait.finish is None and wait.thread == hook.MAIN)
        return next(waits, None)

    @property
    def of_main(self) -> list[Wait]:
        """Where the main thread has stood still, without waits in the midst of others."""
        waits: list[Wait] = []
        for wait in self._all:
            # A signal handler or a finaliser may come to an effect during a wait.
            nested = waits and wait.start < (waits[-1].finish or math.inf)
            if wait.thread == hook.MAIN and not nested:
                waits.append(wait)
        return waits


class WaitNotes:
    """Enters the main thread's waits in the timeline, each once.

    Parameters
    ----------
    timeline
        The run's.
    waits
        The run's; None: nothing waits.
    """

    def __init__(self, timeline: Timeline, waits: Waits | None) -> None:
        self._timeline = timeline
        self._waits = waits
        self._finished = 0
        self._open: Wait | None = None

    def note(self, index: int) -> None:
        """Enter what is new, as of the chunk that runs.

        Parameters
        ----------
        index
            Its index.
        """
        waits = self._waits.of_main if self._waits is not None else []
        for wait in waits[self._finished :]:
            if self._open is not wait:
                self._open = wait
                self._timeline.wait_started(index, wait.effect, wait.line or 0, wait.start)
            if wait.finish is None:
                return
            self._timeline.wait_finished(index, wait.finish)
            self._finished += 1


def warm_logging() -> None:
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
