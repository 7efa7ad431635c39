"""A program on its way in: model text becomes chunks, chunks wait for the pump.

One thread feeds, one thread takes; any thread may stop. Everything shared is behind one lock,
which is never held while something slow or foreign runs.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal
from weakref import WeakSet

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.chunker import Chunker
from eager_kernel.core.extract import (
    NOTHING_LEFT_OUT,
    BlockClose,
    BlockOpen,
    Code,
    Event,
    Extractor,
    LeftOut,
    make_extractor,
)
from eager_kernel.core.gate import Gate, Verdict
from eager_kernel.core.progress import Cursor, News
from eager_kernel.core.queue import Pending, PendingQueue
from eager_kernel.core.repeats import Repeats
from eager_kernel.core.report import Report
from eager_kernel.core.timeline import Timeline
from eager_kernel.errors import EagerError, LimitError
from eager_kernel.execution.barrier import INTERRUPTED, Barrier, Wait
from eager_kernel.execution.syntax import Fault, first_fault

State = Literal["ready", "deferred", "held", "running", "done", "failed", "skipped"]
StopReason = Literal["error", "cancelled", "interrupted", "limit", "protocol"]

DOES_NOT_PARSE: Final = "the program does not parse"
"""Why an effect of such a program may not happen."""

CUT_OFF_REASONS: Final = frozenset({"length", "max_tokens", "content_filter"})
"""Values of ``finish_reason`` that say that the model did not finish."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the text of a program ended.

    Parameters
    ----------
    kind
        ``complete``: as the model wanted. ``malformed``: that too, but some of it that has not
        run does not parse, so nothing more of it may. ``cut_off``: before that, so the last
        statement may be incomplete. ``stopped``: nothing more is wanted or can be trusted.
    reason
        The model's ``finish_reason``, or why the text was stopped.
    error
        What to tell the user, where the run itself did not.
    fault
        Where and how a malformed program does not parse.
    """

    kind: Literal["complete", "malformed", "cut_off", "stopped"]
    reason: str
    error: EagerError | None = None
    fault: Fault | None = None

    @property
    def why(self) -> str:
        """What to say at an effect that may not happen any more; empty where it may."""
        match self.kind:
            case "complete":
                return ""
            case "malformed":
                return DOES_NOT_PARSE
            case "cut_off":
                return f"generation was cut off ({self.reason})"
        # What the model had still written after an error is not waited for: the program ends
        # with the error, and what its threads do by then is its own. One of ours is no end.
        if self.reason == "error" and self.error is None:
            return ""
        return {"interrupted": INTERRUPTED}.get(self.reason, f"the run was stopped ({self.reason})")


class Intake:
    """Takes the text of one program and hands out what may run.

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
    on_state
        Told whenever a chunk changes state, from the thread that changed it.
    on_code
        Told each piece of code text as it comes, on the feeding thread.
    on_stop
        Told the reason and a message as soon as no more text is wanted before its end.
    clock
        Seconds of a monotonic clock.
    """

    def __init__(
        self,
        text_format: str = "auto",
        gate: Gate | None = None,
        barrier: Barrier | None = None,
        *,
        max_chars: int = 4_000_000,
        repairable: bool = False,
        on_state: Callable[[Pending, State], None] | None = None,
        on_code: Callable[[str], None] | None = None,
        on_stop: Callable[[StopReason, str], None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._format = text_format
        self._chunker = Chunker()
        self._extractor = self._make_extractor()
        self._left_out_before = NOTHING_LEFT_OUT  # of texts that have been cut back
        self._gate = gate or Gate()
        self.barrier = barrier
        self._max_chars = max_chars
        self.repairable = repairable
        self._on_state = on_state or (lambda pending, state: None)
        self._on_code = on_code or (lambda text: None)
        self._on_stop = on_stop or (lambda reason, message: None)
        self._clock = clock
        self._timeline = Timeline(clock())
        self._changed = threading.Condition()
        self._telling = threading.RLock()
        self._queue = PendingQueue()
        self._not_run: deque[Chunk] = deque()
        self.executed: list[Chunk] = []
        """The chunks that have run, in order."""
        self._paused = False
        self._repeats: Repeats | None = None
        self._running: Pending | None = None
        self._finished = -1
        self._in_batch = False
        self._told_wait: Wait | None = None
        self._told_held = False
        self._noted_waits = 0
        self._streaming = False
        self._approved = False
        self._flags = 0
        self._pieces: list[str] = []
        self._chars = 0
        self._in_block = False
        self._unfinished: list[Chunk] = []
        self._ending: Ending | None = None
        self.begun = False
        """Whether any of the program runs, or has run."""
        self.caught_up = True
        """Whether all text is here that had come when the program's cell began."""
        self._listener: Callable[[], None] | None = None
        self.cancelled: EagerError | None = None
        """What to say of chunks that were not run because the client cancelled them."""
        _LIVING.add(self)

    def _make_extractor(self) -> Extractor:
        return make_extractor(self._format, lambda: self._chunker.inside_string)

    # The thread that feeds ------------------------------------------------------------------

    def feed(self, text: str) -> None:
        """Take a delta.

        Raises
        ------
        LimitError
            When the program is longer than allowed; what came before that is kept.
        """
        if self._ending is not None or self._paused:
            return
        with self._changed:
            self._timeline.delta(self._clock())
        self._accept(self._extractor.feed(text))
        if self._extractor.held > self._max_chars:
            raise self._too_long()

    def end(self, finish_reason: str | None = None) -> None:
        """Say that no more text comes."""
        if self._ending is not None or self._paused:
            return
        self._accept(self._extractor.close())
        if self._repeats is not None:
            self._put(self._code(self._repeats.close()))
        tail = self._chunker.close()
        if finish_reason in CUT_OFF_REASONS and self._in_block:
            self._unfinished = [chunk for chunk in tail if chunk.has_statement]
            self._finish(Ending("cut_off", finish_reason or ""))
        else:
            self._complete(tail, finish_reason or "stop")

    def _complete(self, tail: list[Chunk], reason: str) -> None:
        """End a text that is all there; whatever waits for that may go on if it parses.

        This is the feeding thread's work: the taking one may wait at an effect, whatever locks
        it holds. So nothing here imports, logs or takes a foreign lock.
        """
        checked, fault = False, None
        while True:
            with self._changed:
                # Where nothing has run, it will run as one cell, whose error is the shell's.
                if checked or not (self._streaming or self.repairable):
                    if fault is None:
                        self._put(tail)
                        self._finish(Ending("complete", reason))
                    else:
                        self._finish(Ending("malformed", reason, fault=fault))
                        self._put(tail)
                    return
                rest = [*self._not_run, *tail]
            fault, checked = first_fault(rest, self._flags), True

    def begin_again(self) -> None:
        """Cut the program back to what has run; the text that comes now goes on from there.

        Called after `pause`.
        """
        with self._changed:
            if self._ending is not None:  # stopped meanwhile
                return
            executed = list(self.executed)
            self._queue = PendingQueue()
            self._not_run.clear()
            self._timeline.cut_back(len(executed))
            self._finished = len(executed) - 1
            self._unfinished, self._in_block = [], False
            self._approved = False  # of a text that the user has not seen yet
        self._gate.cut_back(executed)
        self._left_out_before = self.left_out
        self._chunker, self._extractor = Chunker(), self._make_extractor()
        for chunk in executed:
            # Where a block ended is not known any more; each chunk is complete as it is.
            self._chunker.feed(chunk.source)
            self._chunker.end_block()
        self._pieces = [chunk.source for chunk in executed]
        self._chars = sum(map(len, self._pieces))
        self._repeats = Repeats(executed)
        if self._pieces and not self._pieces[-1].endswith(("\n", "\r")):
            self._put(self._code("\n"))  # what followed on this line is gone
        if self.barrier is not None:
            self.barrier.hold_again()
        self._paused = False

    def put_back(self, count: int, text: str) -> None:
        """Have the program be its first `count` chunks and `text`, which nothing has replaced.

        Called when the text has ended, on the thread that takes.
        """
        del self.executed[count:]
        self._pieces = [*(chunk.source for chunk in self.executed), text]
        self._chars = sum(map(len, self._pieces))

    def catch_up(self) -> None:
        """Say that all text is here that had come when the program's cell began."""
        self.caught_up = True
        self._notify()

    def _accept(self, events: Iterator[Event]) -> None:
        for event in events:
            self._put(self._chunks_of(event))

    def _chunks_of(self, event: Event) -> list[Chunk]:
        repeats = self._repeats
        match event:
            case Code(text):
                return self._code(text if repeats is None else repeats.feed(text))
            case BlockOpen():
                self._in_block = True
                if self._pieces and not self._pieces[-1].endswith(("\n", "\r")):
                    return self._code("\n")
            case BlockClose():
                self._in_block = False
                new = [] if repeats is None else self._code(repeats.end_block())
                return new + self._chunker.end_block()
        return []

    def _code(self, text: str) -> list[Chunk]:
        if self._chars + len(text) > self._max_chars:
            raise self._too_long()
        self._chars += len(text)
        if text:
            self._pieces.append(text)
            self._on_code(text)
        return self._chunker.feed(text)

    def _too_long(self) -> LimitError:
        return LimitError(
            f"the program is longer than {self._max_chars:,} characters; "
            "raise EagerRun.max_program_chars to run longer ones"
        )

    def _put(self, chunks: list[Chunk]) -> None:
        if not chunks:
            return
        judged = [Pending(chunk, self._judge(chunk)) for chunk in chunks]
        with self._changed:
            now = self._clock()
            for pending in judged:
                self._timeline.ready(pending, now)
                self._queue.put(pending)
                self._not_run.append(pending.chunk)
                self._on_state(pending, self._state_of(pending))
        self._notify()

    def _judge(self, chunk: Chunk) -> Verdict:
        try:
            return self._gate.judge(chunk)
        except Exception as error:  # noqa: BLE001 - a program may have broken what it judges with
            why = f"the gate could not judge it: {type(error).__name__}"
            return Verdict("hold", "dynamic", why, chunk.first_line)

    def _state_of(self, waiting: Pending) -> State:
        held = waiting.verdict.action == "hold" and not self._approved
        return "held" if held else _STATES[waiting.verdict.action]

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
            if self._finish(Ending("stopped", reason, error)):
                self._on_stop(reason, message or (str(error) if error is not None else ""))

    def settle(self) -> None:
        """Wait until the client has been told of the stop, if there is one to be told now.

        Whoever sees the text's end may be faster than the thread that ended it, and the result
        is the last that a client hears.
        """
        with self._telling:
            pass

    def pause(self, reason: StopReason, message: str) -> bool:
        """Take no more text and hand out nothing more until `begin_again`.

        Parameters
        ----------
        reason, message
            What to tell the client, whose text is not wanted any more.

        Returns
        -------
        bool
            False: the run has been stopped, so it can't go on.
        """
        with self._changed:
            ended = self._ending is not None
            if self.cancelled is not None or (self._ending and self._ending.kind == "stopped"):
                return False
            self._ending, self._paused = None, True
        if not ended:
            self._on_stop(reason, message)
        return True

    def cancel(self, error: EagerError) -> None:
        """Hand out nothing more, even of a text that has ended.

        Parameters
        ----------
        error
            What to tell the user, if that left anything undone.
        """
        self.stop("cancelled", error)
        with self._changed:
            self.cancelled = self.cancelled or error
        self._notify()

    def approve(self) -> None:
        """Hold nothing of this run any more: the user wants it to run without waiting.

        Held chunks may run and effects may happen, those that wait and those to come, although
        the text has not ended. What the text then turns out to be can't take them back. Does
        nothing where nothing more may run.
        """
        with self._changed:
            if self._approved or not self.wanted:
                return
            self._approved = True
            for pending in self._queue.approve():
                self._on_state(pending, "ready")
        if self.barrier is not None:
            self.barrier.release()
        self._notify()

    @property
    def approved(self) -> bool:
        """Whether the user wants nothing of this run to be held."""
        return self._approved

    @property
    def ending(self) -> Ending | None:
        """How the text ended; None while it may go on."""
        return self._ending

    def _finish(self, ending: Ending) -> bool:
        with self._changed:
            if self._ending is not None:
                return False
            if self._paused and ending.kind != "stopped":
                return False  # of text that is not wanted any more
            self._ending = ending
            if ending.kind == "complete":
                self._queue.release()
            elif ending.kind == "cut_off":
                self._queue.flush()
        if self.barrier is not None:
            if ending.why:
                self.barrier.deny(ending.why)
            else:
                self.barrier.release()
        self._notify()
        return True

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()
            listener = self._listener
        if listener is not None:
            listener()

    # The thread that takes ------------------------------------------------------------------

    def listen(self, listener: Callable[[], None] | None) -> None:
        """Have `listener` called, from any thread, whenever there is something new."""
        with self._changed:
            self._listener = listener
        if listener is not None:
            listener()

    def start_streaming(self, flags: int) -> bool:
        """Say that the program will run chunk by chunk.

        Parameters
        ----------
        flags
            Of `compile`, from the shell's ``__future__`` imports.

        Returns
        -------
        bool
            False: the text has ended by now, so the program can run as one cell.
        """
        with self._changed:
            self._flags = flags
            self._streaming = self._ending is None or self.repairable
            return self._streaming

    def take(self) -> list[Pending]:
        """Everything that may run now, as one batch."""
        with self._changed:
            return self._queue.take() if self.wanted and not self._paused else []

    def peek(self) -> Chunk | None:
        """The chunk that would run first, if one may run."""
        with self._changed:
            pending = self._queue.first_runnable
        return pending.chunk if pending is not None else None

    @property
    def wanted(self) -> bool:
        """Whether what was taken may still run."""
        if self.cancelled is not None:
            return False
        return self._ending is None or self._ending.kind in ("complete", "cut_off")

    @property
    def waiting(self) -> int:
        """How many chunks were not taken yet."""
        with self._changed:
            return len(self._queue)

    def waiting_states(self) -> list[tuple[Pending, State]]:
        """The chunks that were not taken yet, and how they wait."""
        with self._changed:
            return [(pending, self._state_of(pending)) for pending in self._queue]

    def drop(self) -> list[Pending]:
        """Give up what has not been taken, and return it."""
        with self._changed:
            dropped = self._queue.drop()
        self.skip(dropped)
        return dropped

    def skip(self, pendings: list[Pending]) -> None:
        """Note that chunks will not run."""
        for pending in pendings:
            self._on_state(pending, "skipped")

    def wait_for_news(self) -> None:
        """Block until something may run, or the text has ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._ending is not None or self._has_work)

    @property
    def _has_work(self) -> bool:
        return not self._paused and self._queue.first_runnable is not None

    def wait_for_end(self) -> None:
        """Block until the text has ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._ending is not None)

    @property
    def chars(self) -> int:
        """Characters of code text so far."""
        return self._chars

    @property
    def program(self) -> str:
        """The code text so far."""
        return "".join(self._pieces)

    @property
    def left_out(self) -> LeftOut:
        """What of the text is no part of the program, as far as that is known."""
        return self._left_out_before + self._extractor.left_out

    @property
    def unfinished(self) -> list[Chunk]:
        """What was being written when the model was cut off; it is never run."""
        return self._unfinished

    def forked(self) -> None:
        """Go on in a child process, which tells nobody and has none of the other threads.

        One of them may have held a lock at the fork: there it would be held for ever.
        """
        self._changed = threading.Condition()
        self._telling = threading.RLock()
        self._listener = None
        self._on_code = lambda text: None
        self._on_state = lambda pending, state: None
        self._on_stop = lambda reason, message: None

    # The pump's notes -----------------------------------------------------------------------

    def batch_started(self) -> None:
        """Note that the pump runs a batch."""
        self.begun = True
        with self._changed:
            self._in_batch = True
            self._timeline.batch_started(self._clock())

    def batch_finished(self) -> None:
        """Note that the pump is free."""
        with self._changed:
            if self._in_batch:
                self._in_batch = False
                self._timeline.batch_finished(self._clock())

    def started(self, pending: Pending) -> None:
        """Note that a chunk begins to execute."""
        with self._changed:
            self._timeline.started(pending.chunk.index, self._clock())
            self._running = pending
        self._on_state(pending, "running")

    def finished(self, pending: Pending, state: State) -> None:
        """Note that a chunk has executed."""
        index = pending.chunk.index
        with self._changed:
            if index <= self._finished:
                return  # a failed one, whose error was shown when the text had ended
            self._finished = index
            self._running, self._told_held = None, False
            self._note_waits(index)
            self._timeline.finished(index, self._clock())
            if state == "done":
                self.executed.append(pending.chunk)
                while self._not_run and self._not_run[0].index <= index:
                    self._not_run.popleft()
        self._on_state(pending, state)

    def _note_waits(self, index: int) -> None:
        """Enter in the timeline where a chunk stands or stood still."""
        waits = self.barrier.main_waits if self.barrier is not None else []
        for wait in waits[self._noted_waits :]:
            if self._told_wait is not wait:
                self._told_wait = wait
                self._timeline.wait_started(index, wait.effect, wait.line or 0, wait.start)
            if wait.finish is None:
                return
            self._timeline.wait_finished(index, wait.finish)
            self._noted_waits += 1

    def look(self) -> None:
        """Tell it if the running chunk has begun to wait at an effect, or has ceased to.

        Called now and then by a thread that never waits itself: the one that does may hold
        any lock.
        """
        if self.barrier is None:
            return
        self.barrier.beat()
        with self._changed:
            running, wait = self._running, self.barrier.waiting
            if running is None or (wait is not None) == self._told_held:
                return
            self._told_held = wait is not None
            self._note_waits(running.chunk.index)
            if wait is None:
                self._on_state(running, "running")
            else:
                line = wait.line or running.chunk.first_line
                reason = f"line {line} {wait.effect}, which waits until generation has ended"
                verdict = Verdict("hold", "external-effect", reason, line)
                self._on_state(replace(running, verdict=verdict), "held")

    def skip_running(self, pendings: list[Pending]) -> None:
        """Note that chunks of the running batch were not come to."""
        with self._changed:
            for pending in pendings:
                self._timeline.skipped(pending.chunk.index)
        self.skip(pendings)

    def report(self) -> Report:
        """Sum the run up as of now."""
        with self._changed:
            if self._running is not None:
                self._note_waits(self._running.chunk.index)
            return self._timeline.report(self._clock())

    def news(self, told: Cursor) -> News | None:
        """What the run has taken so far, as `Progress.news`: as exact as its report."""
        with self._changed:
            if self._running is not None:
                self._note_waits(self._running.chunk.index)
            return self._timeline.news(self._clock(), told)


_STATES: Final[dict[str, State]] = {"run": "ready", "defer": "deferred", "hold": "ready"}
"""Of chunks that nothing holds, by the gate's action."""

_LIVING: Final[WeakSet[Intake]] = WeakSet()


def _after_fork() -> None:
    for intake in list(_LIVING):
        intake.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
