"""A program between the thread that reads it and the one that runs it.

One thread feeds (`eager_kernel.execution.reader`), one takes (`eager_kernel.execution.pump`), one
tells the client; any may stop. What they share is the ledger and the timeline, behind one lock,
which is never held while something slow or foreign runs.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, Literal
from weakref import WeakSet

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.extract import LeftOut
from eager_kernel.core.gate import Gate
from eager_kernel.core.ledger import Ending, Fault, Ledger, TextState
from eager_kernel.core.reading import MAX_CHARS, Judged, TextReader
from eager_kernel.core.report import Report
from eager_kernel.errors import EagerError
from eager_kernel.execution.barrier import Barrier
from eager_kernel.execution.endings import why_not
from eager_kernel.execution.notes import Notes
from eager_kernel.execution.notifier import Notifier
from eager_kernel.execution.supply import Supply
from eager_kernel.protocol import StopReason


class Intake:
    """The ledger and the timeline of one program, for all threads.

    Parameters
    ----------
    text_format
        Where the code is in the text; see `eager_kernel.core.extract`.
    gate
        Judges the chunks.
    barrier
        Holds the program's outside effects; None: they happen when they happen.
    max_chars
        The longest code text accepted, in characters.
    repairable
        Whether the program may be cut back and written on after an error. It then never runs
        as one cell, unless it has to.
    on_stop
        Told the reason and a message as soon as no more text is wanted before its end.
    hurry
        Has text that has come, and has not been read, be read now. Called on the thread that
        takes, where it has nothing to run.
    read_for
        The CPU seconds that the threads that read text have taken so far.
    clock
        Seconds of a monotonic clock.
    """

    def __init__(
        self,
        text_format: str = "auto",
        gate: Gate | None = None,
        barrier: Barrier | None = None,
        *,
        max_chars: int = MAX_CHARS,
        repairable: bool = False,
        on_stop: Callable[[StopReason, str], None] | None = None,
        hurry: Callable[[], None] = lambda: None,
        read_for: Callable[[], float] = lambda: 0.0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.reading = TextReader(text_format, gate, max_chars)
        """What makes chunks of the text; for the thread that feeds."""
        self.barrier = barrier
        self.repairable = repairable
        self.caught_up = True
        """Whether all text is here that had come when the program's cell began."""
        self._on_stop = on_stop or (lambda reason, message: None)
        self._notifier = Notifier(hurry)
        self._clock = clock
        self._ledger = Ledger()
        self.supply = Supply(self._ledger, self._notifier, repairable=repairable)
        """What of the program may run now; for the thread that takes."""
        self._telling = threading.RLock()
        self.notes = Notes(self._ledger, barrier, self._notifier.lock, clock, read_for)
        """What has run, and when."""
        _LIVING.add(self)

    # The thread that feeds ------------------------------------------------------------------

    def delta(self, at: float | None = None) -> None:
        """Note that text has come.

        Parameters
        ----------
        at
            When, in seconds of the clock; None: now.
        """
        with self._notifier.lock:
            self.notes.timeline.delta(self._clock() if at is None else at)

    def put(self, judged: Iterable[Judged]) -> None:
        """Add the program's next chunks."""
        with self._notifier.lock:
            now, count = self._clock(), len(self._ledger)
            for chunk, verdict in judged:
                self.notes.timeline.ready(chunk, verdict, now)
                self._ledger.put(chunk, verdict)
            if len(self._ledger) > count:
                self._notifier.notify()

    def complete(
        self, tail: Iterable[Judged], reason: str, parsed: Fault | Literal[False] | None = False
    ) -> list[Chunk] | None:
        """End a text that is all there; whatever waits for that may go on if it parses.

        Parameters
        ----------
        tail
            The last chunks.
        reason
            The model's ``finish_reason``.
        parsed
            What came of parsing; False where nothing has been parsed.

        Returns
        -------
        list or None
            What has to be parsed first, and then this is to be called again. None: the text has
            ended.
        """
        with self._notifier.lock:
            # Where nothing has run, it will run as one cell, whose error is the shell's.
            if parsed is False and (self.supply.streams or self.repairable):
                return [*self._ledger.not_executed, *(chunk for chunk, _ in tail)]
            self.put(tail)
            fault = parsed or None
            state = TextState.COMPLETE if fault is None else TextState.MALFORMED
            self.end(Ending(state, reason, fault=fault))
            return None

    def end(self, ending: Ending) -> bool:
        """Note how the text ends, and let what waits at effects go on, or not.

        Returns
        -------
        bool
            False: it has ended already, or is not wanted any more, and nothing was noted.
        """
        with self._notifier.lock:
            if not self._ledger.end(ending):
                return False
        self._settle_effects(ending)
        return True

    def write_on(self) -> list[Chunk] | None:
        """Cut the program back to what has run.

        Returns
        -------
        list or None
            The chunks that are left; None: the run was stopped, so it does not go on.
        """
        with self._notifier.lock:
            if self._ledger.text is not TextState.PAUSED:
                return None
            executed = self._ledger.write_on()
            self.notes.timeline.cut_back(len(executed))
        if self.barrier is not None:
            self.barrier.hold_again()
        return executed

    def catch_up(self) -> None:
        """Say that all text is here that had come when the program's cell began."""
        self.caught_up = True
        self._notifier.notify()

    # Any thread -----------------------------------------------------------------------------

    def stop(self, reason: StopReason, error: EagerError | None = None, message: str = "") -> None:
        """Take no more text; hand out nothing more. Does nothing after the text's end.

        Parameters
        ----------
        reason
            Why, as a word of the protocol.
        error
            What to tell the user, where the run itself does not.
        message
            What to tell the client; default: the error's.
        """
        with self._telling:
            if self.end(Ending(TextState.STOPPED, reason, error)):
                self._on_stop(reason, message or (str(error) if error is not None else ""))

    def cancel(self, error: EagerError) -> None:
        """Hand out nothing more, even of a text that has ended.

        Parameters
        ----------
        error
            What to tell the user, if that left anything undone.
        """
        ending = Ending(TextState.STOPPED, "cancelled", error)
        with self._telling:
            with self._notifier.lock:
                wanted = self.wants_text
                if not self._ledger.cancel(ending):
                    return
            self._settle_effects(ending)
            if wanted:
                self._on_stop("cancelled", str(error))

    def settle(self) -> None:
        """Wait until the client has been told of the stop, if there is one to be told now.

        Whoever sees the text's end may be faster than the thread that ended it, and the result
        is the last that a client hears.
        """
        with self._telling:
            pass

    def pause(self, reason: StopReason, message: str) -> bool:
        """Take no more text and hand out nothing more until `write_on`.

        Parameters
        ----------
        reason, message
            What to tell the client, whose text is not wanted any more.

        Returns
        -------
        bool
            False: the run has been stopped, so it can't go on.
        """
        with self._notifier.lock:
            was_reading = self._ledger.text is TextState.READING
            if not self._ledger.pause():
                return False
        if was_reading:
            self._on_stop(reason, message)
        return True

    def approve(self) -> None:
        """Hold nothing of this run any more: the user wants it to run without waiting.

        Held chunks may run and effects may happen, those that wait and those to come, although
        the text has not ended. What the text then turns out to be can't take them back. Does
        nothing where nothing more may run.
        """
        with self._notifier.lock:
            if not self._ledger.approve():
                return
        if self.barrier is not None:
            self.barrier.release()
        self._notifier.notify()

    @property
    def hungry(self) -> bool:
        """Whether the thread that takes has nothing to run: text that comes is read at once."""
        return self._notifier.hungry

    @property
    def approved(self) -> bool:
        """Whether the user wants nothing of this run to be held."""
        return self._ledger.approved

    @property
    def ending(self) -> Ending | None:
        """How the text ended; None while it may go on."""
        return self._ledger.ending

    @property
    def wants_text(self) -> bool:
        """Whether more text may come."""
        return self._ledger.text in (TextState.READING, TextState.PAUSED)

    @property
    def reads(self) -> bool:
        """Whether text that comes now is read."""
        return self._ledger.text is TextState.READING

    @property
    def begun(self) -> bool:
        """Whether any of the program runs, or has run."""
        return self.notes.timeline.begun

    @property
    def chars(self) -> int:
        """Characters of code text so far."""
        return self.reading.chars

    @property
    def program(self) -> str:
        """The code text so far."""
        return self.reading.program

    @property
    def left_out(self) -> LeftOut:
        """What of the text is no part of the program, as far as that is known."""
        return self.reading.left_out

    def _settle_effects(self, ending: Ending) -> None:
        if self.barrier is not None:
            if why := why_not(ending):
                self.barrier.deny(why)
            else:
                self.barrier.release()
        self._notifier.notify()

    # The thread that takes ------------------------------------------------------------------

    def listen(self, listener: Callable[[], None] | None) -> None:
        """Have `listener` called, from any thread, whenever there is something new."""
        self._notifier.listen(listener)

    def put_back(self, count: int, text: str) -> None:
        """Have the program be its first `count` chunks and `text`, which nothing has replaced.

        When the text has ended.
        """
        self.reading.put_back(self.supply.executed[:count], text)

    def report(self) -> Report:
        """Sum the run up as of now."""
        return self.notes.report()

    # A child process ------------------------------------------------------------------------

    def forked(self) -> None:
        """Go on in a child process, which tells nobody and has none of the other threads.

        One of them may have held a lock at the fork: there it would be held for ever.
        """
        self._notifier.forked()
        self.notes.lock = self._notifier.lock
        self._telling = threading.RLock()
        self._on_stop = lambda reason, message: None


_LIVING: Final[WeakSet[Intake]] = WeakSet()


def _after_fork() -> None:
    for intake in list(_LIVING):
        intake.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
