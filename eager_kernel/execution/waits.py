"""Where threads of a program wait at its outside effects, and what the timeline knows of it."""

from __future__ import annotations

import logging
from _thread import LockType, allocate_lock
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from eager_kernel.core.figures.timeline import Timeline


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


class Waiting(Protocol):
    """Where threads wait: `eager_kernel.execution.barrier.Barrier`."""

    @property
    def main_waits(self) -> Sequence[Wait]:
        """Where the main thread has stood still, the oldest first."""


class WaitNotes:
    """Enters the main thread's waits in the timeline, each once.

    Parameters
    ----------
    timeline
        The run's.
    waiting
        Where threads wait; None: nowhere.
    """

    def __init__(self, timeline: Timeline, waiting: Waiting | None) -> None:
        self._timeline = timeline
        self._waiting = waiting
        self._finished = 0
        self._open: Wait | None = None

    def note(self, index: int) -> None:
        """Enter what is new, as of the chunk that runs.

        Parameters
        ----------
        index
            Its index.
        """
        waits = self._waiting.main_waits if self._waiting is not None else ()
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
_LOOK_UP: Final = 0.5
