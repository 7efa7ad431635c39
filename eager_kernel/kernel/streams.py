"""The open streams, and the thread that reads them.

The thread cuts the streams' text, tells who listens, and watches the time-outs. It never runs a
line of a program, and never waits for one.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic, perf_counter, thread_time
from typing import Any, Final, Protocol

from eager_kernel.core.gate import Gate, Mode
from eager_kernel.errors import (
    EagerError,
    LimitError,
    ProtocolError,
    RunCancelledError,
    UnknownStreamError,
)
from eager_kernel.execution.barrier import Barrier
from eager_kernel.kernel.stream import Again, Observer, Stream
from eager_kernel.kernel.unlisted import UnlistedThread
from eager_kernel.protocol import TARGET, Cancel, Delta, End, Limits, StopReason
from eager_kernel.protocol.words import LONGEST_ID, MOST_GONE


class Gates(Protocol):
    """What makes gates and barriers: `eager_kernel.kernel.config.EagerGate`."""

    def make_gate(self, mode: Mode) -> Gate:
        """A gate for one program."""

    def make_barrier(self, mode: Mode, cell: str = "") -> Barrier | None:
        """An effect barrier for one run; None in a mode that has none.

        Parameters
        ----------
        mode
            The run's.
        cell
            What tells the cell from others that the run is one step of; empty: it is a cell's only
            one.
        """


class Streams:
    """Keeps the open streams and reads what comes for them.

    Parameters
    ----------
    limits
        What a stream may cost.
    log
        Where faults of our own go.
    on_open
        Told of each new stream, on the thread that opens it.
    prepare
        Done first of all on the stream thread; see `UnlistedThread`.
    note_run
        Told the gate's mode of each stream that a cell takes, on the thread of that cell.
    """

    def __init__(
        self,
        limits: Limits,
        log: Any,
        on_open: Callable[[Stream], None] = lambda stream: None,
        prepare: Callable[[], None] = lambda: None,
        note_run: Callable[[Mode], None] = lambda mode: None,
    ) -> None:
        self.limits = limits
        self._log = log
        self._on_open = on_open
        self._note_run = note_run
        self._lock = threading.RLock()
        self._streams: dict[str, Stream] = {}
        self._gone: dict[str, str | EagerError] = {}
        self._unread: dict[str, int] = {}
        self._inbox: deque[_Mail | None] = deque()
        self._bell = threading.Event()
        self._late = False  # whether something has been put there without the bell
        self._cpu_s = [0.0, 0.0]  # of the thread that receives text, and of the stream thread
        self._prepare = prepare
        self._thread: threading.Thread | None = None

    # Any thread -----------------------------------------------------------------------------

    def open(self, comm_id: str, make: Callable[[], Stream]) -> Stream:
        """Add a stream.

        Parameters
        ----------
        comm_id
            Its id.
        make
            Makes it, if there may be one more.

        Raises
        ------
        ProtocolError
            The id is too long, or taken.
        LimitError
            Too many are open.
        """
        with self._lock:
            if len(comm_id) > LONGEST_ID:
                raise ProtocolError("comm_id", f"longer than {LONGEST_ID} characters")
            if comm_id in self._streams:
                raise ProtocolError("comm_id", f"{comm_id} is open already")
            if len(self._streams) >= self.limits.max_streams:
                raise LimitError(
                    f"{self.limits.max_streams} streams are open; end some, or raise "
                    "EagerRun.max_streams"
                )
            stream = self._streams[comm_id] = make()
            self._unread[comm_id] = 0
            if self._thread is None:
                self._thread = UnlistedThread(self._run, "eager-stream", self._prepare)
                self._thread.start()
        self._bell.set()  # for the time-outs
        self._on_open(stream)
        return stream

    def deliver(self, comm_id: str, message: Message, *, text: bool = False) -> bool:
        """Have the stream thread act on a message. False: there is no such stream.

        Parameters
        ----------
        comm_id
            The stream's id.
        message
            The message, or makes it there: what a client sent is checked on the stream thread.
        text
            Whether it is no more than text. While a statement runs, that can start nothing, and
            each time that it is read, the program stands still; so it is read a few times a second,
            and as soon as there is nothing more to run.
        """
        with self._lock:
            stream = self._streams.get(comm_id)
            if stream is None:
                return False
            stream.last_heard = monotonic()
            self._unread[comm_id] += 1
            unread, limit = self._unread[comm_id], self.limits.max_pending_deltas
        if unread > limit:
            error = LimitError(
                f"more than {limit:,} deltas wait to be read; send fewer, longer ones, or "
                "raise EagerRun.max_pending_deltas"
            )
            self.fail(stream, error)
            return True
        self._inbox.append(_Mail(stream, message, perf_counter()))
        if text and not stream.intake.hungry and 2 * unread < limit:
            self._late = True
            if not stream.intake.hungry:  # or it may have asked in this moment
                return True
        self._bell.set()
        return True

    def hurry(self) -> None:
        """Have what has come be read now, and what the client has gathered meanwhile be sent."""
        if self._late or any(stream.is_outdated for stream in list(self._streams.values())):
            self._bell.set()

    def note_receipt(self) -> None:
        """Note that the thread that calls this has received text."""
        self._cpu_s[0] = thread_time()

    def read_for(self) -> float:
        """The CPU seconds that receiving and reading text have taken so far."""
        return sum(self._cpu_s)

    def fail(self, stream: Stream, error: EagerError) -> None:
        """End a stream that can't go on; its cell, if it has one, shows the error."""
        reason = _REASONS.get(type(error), "error")
        stream.intake.stop(reason, error)
        with self._lock:
            if not stream.attached:
                self._drop(stream, error)

    def hang_up(self, comm_id: str) -> bool:
        """Have the stream thread end a stream whose client closed it. False: there is none."""
        return self.deliver(comm_id, _closed)

    def expect(self, comm_id: str) -> None:
        """Keep a stream whose cell has to wait for other cells."""
        stream = self._streams.get(comm_id)
        if stream is not None:
            stream.awaited = True

    def refuse(self, comm_id: str, why: str) -> None:
        """Remember why there is no such stream."""
        with self._lock:
            if comm_id not in self._streams:
                self._bury(comm_id, why)

    def get(self, comm_id: str) -> Stream | None:
        """An open stream; None where there is none of this id."""
        return self._streams.get(comm_id)

    def is_open(self, comm_id: str) -> bool:
        """Whether there is such a stream."""
        return comm_id in self._streams

    def was_open(self, comm_id: str) -> bool:
        """Whether there was one lately; late messages for it are normal."""
        return comm_id in self._gone

    @property
    def attached(self) -> list[Stream]:
        """The streams that cells own now."""
        with self._lock:
            return [stream for stream in self._streams.values() if stream.attached]

    def interrupt(self, interrupt_main: Callable[[], None]) -> bool:
        """Stop what cells run now, and its text with it. False: nothing runs.

        Parameters
        ----------
        interrupt_main
            Sends SIGINT to the main thread.
        """
        # The signal first: a run that only waits for text would otherwise be over before it
        # comes, and it would hit whatever the kernel does next. By then the next cell may have
        # begun, which nobody wants to stop.
        attached = self.attached
        if attached:
            interrupt_main()
        self.interrupted(attached)
        return bool(attached)

    def interrupted(self, attached: list[Stream]) -> None:
        """Stop the text of streams whose cells have been sent SIGINT.

        Parameters
        ----------
        attached
            Those that were attached before it was sent.
        """
        for stream in attached:
            stream.intake.stop("interrupted", message="the user interrupted the kernel")

    def forget(self, comm_id: str) -> None:
        """Drop a stream whose cell will not run."""
        with self._lock:
            stream = self._streams.get(comm_id)
            if stream is not None and not stream.attached:
                self.fail(stream, RunCancelledError("its cell was aborted"))

    def close(self) -> None:
        """Tell the clients that the kernel ends, and end the stream thread."""
        with self._lock:
            streams = list(self._streams.values())
        for stream in streams:
            stream.intake.stop("interrupted", message="the kernel shuts down")
            stream.close()
        self._inbox.append(None)
        self._bell.set()

    # The main thread ------------------------------------------------------------------------

    def find(self, comm_id: str) -> Stream:
        """A stream that a cell may claim.

        Raises
        ------
        EagerError
            As `claim`.
        """
        with self._lock:
            self.explain(comm_id)
            return self._streams[comm_id]

    def claim(self, comm_id: str, parent: Any, observer: Observer | None = None) -> Stream:
        """Give a stream to the cell that attaches it.

        Parameters
        ----------
        comm_id
            The stream's comm.
        parent
            The cell's `execute_request`; the client hears with it as the parent.
        observer
            Is told what came so far, and then all that comes.

        Raises
        ------
        EagerError
            What ended the stream before its cell came, as a cell would have shown it that came
            earlier.
        UnknownStreamError
            There is no such stream, or a cell has it already; says why.
        """
        with self._lock:
            stream = self.find(comm_id)
            stream.attach(parent, monotonic())
            # What arrived before the cell is read before the cell begins.
            stream.intake.caught_up = False
            self._unread[comm_id] += 1
            attached = _attached if observer is None else partial(stream.watch, observer)
            self._inbox.append(_Mail(stream, attached, perf_counter()))
            self._bell.set()
        self._note_run(stream.options.gate)
        return stream

    def explain(self, comm_id: str) -> None:
        """Raise the error that `claim` would raise, if it would raise one.

        Raises
        ------
        EagerError
            As `claim`.
        """
        with self._lock:
            stream = self._streams.get(comm_id)
            if stream is not None and not stream.attached:
                return
            gone = self._gone.get(comm_id) if stream is None else None
            if isinstance(gone, EagerError):
                raise gone.with_traceback(None)
            raise UnknownStreamError(self._why_not(comm_id, stream))

    def _why_not(self, comm_id: str, stream: Stream | None) -> str:
        shown = comm_id if len(comm_id) <= 60 else comm_id[:60] + "…"
        if stream is not None:
            return f"stream {shown!r} is attached to a cell already"
        if comm_id in self._gone:
            return f"stream {shown!r} is closed: {self._gone[comm_id]}"
        return f"there is no stream {shown!r}: open a comm to {TARGET!r} and attach its id"

    def release(self, stream: Stream, why: str = "its run has ended") -> None:
        """Forget a stream whose cell has ended."""
        self._drop(stream, why)

    # The stream thread ----------------------------------------------------------------------

    def _run(self) -> None:
        next_tick = 0.0
        while True:
            self._cpu_s[1] = thread_time()
            self._bell.wait(_TICK if self._streams else None)
            self._bell.clear()
            self._late = False
            while True:
                now = monotonic()
                if now >= next_tick:
                    next_tick = now + _TICK
                    self._tick(now)
                else:
                    self._tell_outdated()
                if not self._inbox:
                    break
                mail = self._inbox.popleft()
                if mail is None:
                    return
                self._read(mail)

    def _read(self, mail: _Mail) -> None:
        stream = mail.stream
        with self._lock:
            if stream.comm_id in self._unread:
                self._unread[stream.comm_id] -= 1
        try:
            message = mail.message() if callable(mail.message) else mail.message
            if message is None:
                stream.intake.catch_up()
                return
            stream.handle(message, mail.at)
            if isinstance(message, Cancel):
                self.fail(stream, RunCancelledError(message.message or "the client cancelled it"))
        except EagerError as error:
            self.fail(stream, error)
        except Exception as error:  # noqa: BLE001 - ours: it ends its own stream only, and is seen
            self._give_up(stream, error)

    def _give_up(self, stream: Stream, error: Exception) -> None:
        """End a stream that we fail at; this thread goes on for the others."""
        try:
            self._log.error("Reading a stream failed", exc_info=error)
            self.fail(stream, EagerError(f"internal error: {error!r}; this is a bug"))
        except Exception as again:  # noqa: BLE001 - a program may have broken logging, and messages
            stream.intake.stop("error", EagerError(f"internal error: {error!r}; {again!r}"))

    def _tell(self, stream: Stream, tell: Callable[[], None]) -> None:
        """Have a stream tell what is new of its program."""
        try:
            tell()
        except Exception as error:  # noqa: BLE001 - a program may have broken what tells of it
            self._give_up(stream, error)

    def _tell_outdated(self) -> None:
        for stream in list(self._streams.values()):
            if stream.is_outdated:
                self._tell(stream, stream.tell_chunks)

    def _tick(self, now: float) -> None:
        with self._lock:
            streams = list(self._streams.values())
        limits = self.limits
        for stream in streams:
            self._tell(stream, stream.look)
            if not stream.attached:
                if not stream.awaited and now - stream.opened >= limits.attach_timeout:
                    self.fail(
                        stream,
                        LimitError(
                            f"no cell attached the stream within {limits.attach_timeout:g} s; "
                            "raise EagerRun.attach_timeout to wait longer"
                        ),
                    )
            elif (
                not stream.patient
                and stream.intake.ending is None
                and now - stream.last_heard >= limits.delta_timeout
            ):
                self.fail(
                    stream,
                    LimitError(
                        f"no text came for {limits.delta_timeout:g} s, so the model or the "
                        "client is taken for gone; raise EagerRun.delta_timeout to wait longer"
                    ),
                )

    def _drop(self, stream: Stream, why: str | EagerError) -> None:
        with self._lock:
            if self._streams.pop(stream.comm_id, None) is not None:
                self._unread.pop(stream.comm_id, None)
                stream.close()
                self._bury(stream.comm_id, why)

    def _bury(self, comm_id: str, why: str | EagerError) -> None:
        if len(comm_id) <= LONGEST_ID:
            self._gone[comm_id] = why
        while len(self._gone) > MOST_GONE:
            self._gone.pop(next(iter(self._gone)))


Message = Delta | End | Cancel | Callable[[], Delta | End | Cancel | Again | None]


@dataclass(frozen=True, slots=True)
class _Mail:
    stream: Stream
    message: Message
    at: float


def _attached() -> None:
    """Stands where a cell came; there is no message."""


def _closed() -> Cancel:
    raise RunCancelledError("the client closed the stream before its end")


_TICK: Final = 0.05  # at most 20 updates a second
_REASONS: Final[dict[type[EagerError], StopReason]] = {
    LimitError: "limit",
    ProtocolError: "protocol",
    RunCancelledError: "cancelled",
}
