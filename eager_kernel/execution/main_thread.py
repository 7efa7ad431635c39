"""What the main thread does during a run, and what an interrupt does to that."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, current_task, get_running_loop, sleep
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from types import FrameType
from typing import Any, Final

from eager_kernel.execution.notifier import LOOK_UP


class Doing(Enum):
    """What the main thread does now."""

    KERNEL = "the kernel's own code runs, or the event loop turns"
    WAITING = "it stands still until more of the program may run"
    PROGRAM = "code of the program runs, or is awaited"
    EFFECT = "it stands still at an effect of the program"


class MainThread:
    """The main thread during one run: what it does, and the task and loop that it does it in."""

    def __init__(self) -> None:
        self.doing = Doing.KERNEL
        self.interrupted = False
        """Whether the run is to end because of an interrupt."""
        self.signalled = False
        """Whether SIGINT came during the run."""
        self.loop: asyncio.AbstractEventLoop | None = None
        """The loop that the run is on; None before its beginning."""
        self._task: asyncio.Task[Any] | None = None
        self._told = False
        self._news: asyncio.Future[None] | None = None

    def begin(self) -> None:
        """The run begins, in the task that calls this."""
        self.loop = get_running_loop()
        self._task = current_task()

    @contextmanager
    def at(self, doing: Doing) -> Iterator[None]:
        """Do something; afterwards the kernel's own code runs."""
        # A generator: a signal may raise where `__exit__` of a class would begin, and what that is
        # to do would be left undone.
        try:
            self.doing = doing
            yield
        finally:
            self.doing = Doing.KERNEL

    @property
    def in_program(self) -> bool:
        """Whether code of the program runs, or waits at an effect."""
        return self.doing in (Doing.PROGRAM, Doing.EFFECT)

    @property
    def in_own_task(self) -> bool:
        """Whether it is in the run's own task, not in another one's turn."""
        return self._task is not None and current_task(self.loop) is self._task

    # News -----------------------------------------------------------------------------------

    def wake(self) -> None:
        """Have `wait` return; from any thread."""
        assert self.loop is not None
        # The class's own: a program may have put something else in its place.
        type(self.loop).call_soon_threadsafe(self.loop, self._tell)

    def _tell(self) -> None:
        self._told = True
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def wait(self) -> None:
        """Let the loop turn until there is something new, or it is time to look for signals."""
        if not self._told:
            assert self.loop is not None
            self._news = self.loop.create_future()
            look_up = self.loop.call_later(LOOK_UP, self._tell)
            try:
                await self._news
            finally:
                look_up.cancel()
            self._news = None
        self._told = False

    # Interrupts -----------------------------------------------------------------------------

    def on_sigint(self, signum: int, frame: FrameType | None) -> bool:
        """Handle SIGINT, on the main thread, in whatever the run is doing.

        A program that awaits is cancelled; a run that waits for text stops waiting. Nothing here
        takes a lock.

        Returns
        -------
        bool
            Whether Python code of the program runs, which is to get a `KeyboardInterrupt`. It is
            not raised here, as this frame would show in its traceback.
        """
        self.signalled = True
        loop, task = self.loop, self._task
        if loop is None or task is None:
            self.interrupted = True  # seen as soon as the run begins
            return False
        match self.doing:
            case Doing.WAITING:
                raise KeyboardInterrupt
            case Doing.KERNEL:
                self.interrupted = True
                loop.call_soon_threadsafe(self._tell)
                return False
        own = self.in_own_task
        if not own:
            loop.call_soon_threadsafe(task.cancel)
        if self.doing is Doing.EFFECT:
            self.interrupted = True
            raise KeyboardInterrupt  # to the barrier, which lets the program go
        return own

    def check(self) -> None:
        """Raise for a signal that came just before there was code to raise it in.

        Raises
        ------
        KeyboardInterrupt
            One came.
        """
        if self.interrupted:
            raise KeyboardInterrupt

    @property
    def was_interrupted(self) -> bool:
        """Whether an interrupt came, of whatever kind."""
        return self.interrupted or self.signalled

    # The task, which a program may have cancelled ---------------------------------------------

    def settle(self) -> None:
        """What has come as an error is over; what has not is for the next `await`."""
        if self._task is not None and not getattr(self._task, "_must_cancel", False):
            while self._task.cancelling():
                self._task.uncancel()

    async def outlive(self) -> bool:
        """Have the reply sent, whatever the program has done to the loop and to our task.

        A cell without `await` runs in no task of its own: a cancellation that the program has
        asked for, and not awaited, would be that of the reply here. And there, the loop stops when
        the reply has been sent.

        Returns
        -------
        bool
            Whether the loop is to be stopped then.
        """
        loop, stops = self.loop, False
        if getattr(loop, "_stopping", False):
            loop._stopping = False  # type: ignore[union-attr]
            stops = True
        own = getattr(loop, "__dict__", {})
        for name in _OF_THE_LOOP & own.keys():
            if not callable(own[name]):
                del own[name]
        while getattr(self._task, "_must_cancel", False):
            with suppress(CancelledError):
                await sleep(0)
        while self._task is not None and self._task.cancelling():
            self._task.uncancel()
        return stops


_OF_THE_LOOP: Final = frozenset(
    {"call_at", "call_later", "call_soon", "call_soon_threadsafe", "create_future", "create_task"}
)
