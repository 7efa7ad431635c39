"""What happens to a program's chunks and when, as the threads note it and tell it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.figures.progress import Cursor, News
from eager_kernel.core.figures.timeline import Spent, Timeline
from eager_kernel.core.gate import Verdict
from eager_kernel.core.ledger import Entry, Ledger
from eager_kernel.core.report import Report
from eager_kernel.execution.barrier import Barrier
from eager_kernel.execution.waits import WaitNotes


class Notes:
    """Keeps the ledger and the timeline of one run in step.

    Parameters
    ----------
    ledger
        The program's.
    barrier
        Where threads wait at effects; None: nowhere.
    lock
        What shields the ledger; never held while something slow or foreign runs.
    clock
        Seconds of a monotonic clock.
    read_for
        The CPU seconds that reading the text has taken so far.
    """

    def __init__(
        self,
        ledger: Ledger,
        barrier: Barrier | None,
        lock: threading.Condition,
        clock: Callable[[], float],
        read_for: Callable[[], float],
    ) -> None:
        self.lock = lock
        self.timeline = Timeline(clock())
        self._ledger = ledger
        self._barrier = barrier
        self._clock = clock
        self._read_for = read_for
        self._waits = WaitNotes(self.timeline, None if barrier is None else barrier.waits)

    # The thread that tells ------------------------------------------------------------------

    def changes(self) -> list[Entry]:
        """The chunks whose states have changed since the last call, as they are now."""
        with self.lock:
            return self._ledger.changes()

    def waiting(self) -> list[Entry]:
        """The chunks that have not begun, and were not given up."""
        with self.lock:
            return self._ledger.waiting

    def look(self) -> None:
        """Note it if the running chunk has begun to wait at an effect, or has ceased to.

        Called now and then by a thread that never waits itself: the one that does may hold
        any lock.
        """
        if self._barrier is None:
            return
        self._barrier.beat()
        with self.lock:
            running, wait = self._ledger.running, self._barrier.waits.open
            if running is None or (wait is None) == (running.wait is None):
                return
            index = running.chunk.index
            self._waits.note(index)
            if wait is None:
                self._ledger.go_on(index)
            else:
                line = wait.line or running.chunk.first_line
                reason = f"line {line} {wait.effect}, which waits until generation has ended"
                self._ledger.wait(index, Verdict("hold", "external-effect", reason, line))

    def report(self) -> Report:
        """Sum the run up as of now."""
        with self.lock:
            self._note_waits()
            report = self.timeline.report(self._clock())
        return report if self._barrier is None else self._barrier.files.note(report)

    def news(self, told: Cursor) -> News | None:
        """What the run has taken so far, as `Progress.news`: as exact as its report."""
        with self.lock:
            self._note_waits()
            return self.timeline.news(self._clock(), told)

    def _note_waits(self) -> None:
        if (running := self._ledger.running) is not None:
            self._waits.note(running.chunk.index)

    # The thread that runs it ----------------------------------------------------------------

    def batch_started(self) -> None:
        """Note that the pump runs a batch."""
        with self.lock:
            self.timeline.batch_started(self._clock(), self._spent())

    def batch_finished(self) -> None:
        """Note that the pump is free. May be said twice."""
        with self.lock:
            self.timeline.batch_finished(self._clock(), self._spent())

    def _spent(self) -> Spent:
        return Spent(time.thread_time(), self._read_for())

    def started(self, chunk: Chunk) -> None:
        """Note that a chunk begins to execute."""
        with self.lock:
            self.timeline.started(chunk.index, self._clock())
            self._ledger.started(chunk.index)

    def finished(self, chunk: Chunk, state: Literal["done", "failed"]) -> None:
        """Note that a chunk has executed. May be said twice of one that failed."""
        index = chunk.index
        with self.lock:
            entry = self._ledger[index]
            if entry.state == "running" or entry.wait is not None:
                self._waits.note(index)
                self.timeline.finished(index, self._clock())
                self._ledger.finished(index, state)

    def skip_from(self, index: int) -> None:
        """Note that chunks of the running batch were not come to: that one, and all after it."""
        with self.lock:
            for entry in self._ledger.skip_from(index):
                self.timeline.skipped(entry.chunk.index)
