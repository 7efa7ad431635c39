"""One open stream: a comm, the program that comes over it, and what the client is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from eager_kernel.core.extract.spoken import spoken
from eager_kernel.core.figures.progress import Cursor
from eager_kernel.core.ledger import Entry
from eager_kernel.errors import ProtocolError, RunCancelledError
from eager_kernel.execution.held import HeldPump
from eager_kernel.execution.intake import Intake
from eager_kernel.execution.options import CellOptions
from eager_kernel.execution.pump import Outcome, Pump
from eager_kernel.execution.reader import Reader
from eager_kernel.execution.repair import Repair
from eager_kernel.execution.steps import SteppedPump
from eager_kernel.protocol import (
    Cancel,
    ChunkMessage,
    ChunkState,
    Delta,
    End,
    ErrorContent,
    OpenOptions,
    ResultMessage,
    StopMessage,
    StopReason,
    runs_after,
)

Runs = Pump | SteppedPump | HeldPump
"""What runs a stream in a cell."""


class Observer(Protocol):
    """Hears of a run in its own process, as a view of it does."""

    def hear(self, event: dict[str, Any]) -> None:
        """Take an event, on any thread; only notes it.

        Parameters
        ----------
        event
            What the client is told, or ``delta`` with code text as it comes; see
            `eager_kernel.widget.record.Event`.
        """

    def flush(self) -> None:
        """Show what is new; on the stream thread, at most 20 times a second."""


class Publish(Protocol):
    """Tells whoever sent the stream; callable from any thread."""

    parent: Any
    """The message that what is told answers."""

    def __call__(self, kind: str, data: dict[str, Any]) -> None:
        """Tell it data, as a message of a type of the protocol."""


@dataclass(frozen=True, slots=True)
class Again:
    """The program is cut back to what has run, and written on from there."""


class Stream:
    """The kernel's end of one comm.

    Parameters
    ----------
    comm_id
        The comm's id.
    options
        What the client asked for.
    publish
        Sends to the client.
    now
        Seconds of a monotonic clock, when the comm was opened.
    make_intake
        Makes the program's intake, given whom to tell of stops.
    """

    def __init__(
        self,
        comm_id: str,
        options: OpenOptions,
        publish: Publish,
        now: float,
        make_intake: Callable[..., Intake],
    ) -> None:
        self.comm_id = comm_id
        self.options = options
        self.opened = self.last_heard = now
        """When the comm was opened, and when the client's last message came."""
        self.awaited = False
        """A cell that attaches it is queued."""
        self.attached = False
        """A cell owns the run."""
        self.closed = False
        self.patient = False
        """It may be silent as long as it likes: somebody else watches over its text."""
        self.repair: Repair | None = None
        """Has the program written on when it fails; None: it ends."""
        self.outcome: Outcome | None = None
        """How the run ended; None until then."""
        self.observers: list[Observer] = []
        """Told what the client is told, and the program's text and its times as they come."""
        self._shows_running = False  # whether a chunk runs, by what the client was told last
        self._times_told = Cursor()
        self._publish = publish
        self._received = 0
        self._answer: list[str] = []
        self._lock = threading.Lock()
        self.intake = make_intake(on_stop=self.tell_stop)
        self._reader = Reader(self.intake, self._tell_code)

    def attach(self, parent: Any, now: float) -> None:
        """Give the run to a cell, whose request is the parent of what is told from now on."""
        self.attached = True
        self.last_heard = now
        self._publish.parent = parent

    def watch(self, observer: Observer) -> None:
        """Tell an observer what came before it, and then all that comes.

        On the stream thread, before any of the program runs.
        """
        self.tell_chunks()
        observer.hear({"type": "delta", "text": self.intake.program})
        for entry in self.intake.notes.waiting():
            observer.hear(_chunk_message(entry))
        if self.intake.ending is not None:
            observer.hear({"type": "end"})
        self._times_told = Cursor()
        self.observers.append(observer)

    def make_pump(self, pump_class: Callable[..., Pump], shell: Any, cell: CellOptions) -> Runs:
        """Make what runs the stream's program in a cell.

        Parameters
        ----------
        pump_class
            Makes a pump, as `Pump` itself.
        shell
            The IPython shell.
        cell
            What the cell's request asked for.
        """
        return pump_class(shell, self.intake, cell, self.options.on_error, self.repair)

    def turn_to(self, intake: Intake, event: dict[str, Any]) -> None:
        """Take the text of another program from now on; on the stream thread.

        Parameters
        ----------
        intake
            Takes it.
        event
            What those who observe are told of that, after all of the program before.
        """
        self.tell_chunks()
        self._tell_times()
        self.tell_observers(event)
        self._times_told = Cursor()
        self._answer, self._received = [], 0
        self.intake, self._reader = intake, Reader(intake, self._tell_code)

    @property
    def answer(self) -> str:
        """What the model has written for the last program, or what is kept of it."""
        return "".join(self._answer)

    # Client → kernel ------------------------------------------------------------------------

    def handle(self, message: Delta | End | Cancel | Again, at: float | None = None) -> None:
        """Act on a message; on the stream thread, in the order of arrival.

        Parameters
        ----------
        message
            The message.
        at
            When it came, in seconds of `time.perf_counter`; None: now.

        Raises
        ------
        ProtocolError, LimitError
            The stream can't go on.
        """
        match message:
            case Delta(text, offset):
                if offset is not None and offset != self._received:
                    raise ProtocolError(
                        "data.offset",
                        f"{offset} where {self._received} was expected: text was lost or "
                        "repeated on the way",
                    )
                self._received += len(text)
                self._reader.feed(text, at)
                if self._received - len(text) < _LONGEST_ANSWER:
                    self._answer.append(text[:_LONGEST_ANSWER])
            case End(finish_reason):
                self._reader.end(finish_reason)
                self._tell_times()
                self.tell_observers({"type": "end"})
            case Again():
                self._reader.write_on()
            case Cancel(why):
                self.intake.cancel(RunCancelledError(why or "the client cancelled the run"))

    @property
    def words(self) -> str:
        """What the text says to its reader, in Markdown, if it held no program; else empty."""
        return "" if self.intake.program.strip() else spoken(self.answer)

    # Kernel → client ------------------------------------------------------------------------

    def tell_stop(self, reason: StopReason, message: str) -> None:
        """Have the client stop generating."""
        if not self.closed:
            self._tell(dict(StopMessage(type="stop", reason=reason, message=message)))

    @property
    def is_outdated(self) -> bool:
        """Whether the client was told that a chunk runs, and nothing is left to run."""
        return self._shows_running and self.intake.hungry

    def tell_chunks(self) -> None:
        """Send the states that changed since the last call: the latest of each chunk.

        Of a burst, the chunks that are ready, running, done or skipped are told by the last one
        of each: order never changes, so those before it are as far. Many run at once where a
        program runs as one cell.
        """
        changed = self.intake.notes.changes()
        if len(changed) > _BURST:
            last_of = {entry.state: entry for entry in changed}
            changed = [
                entry
                for entry in changed
                if entry.state not in _TOLD_BY_LAST or last_of[entry.state] is entry
            ]
        for entry in changed:
            self._shows_running = runs_after(entry.state, self._shows_running)
            self._tell(_chunk_message(entry))

    def tell_result(self, outcome: Outcome, traceback: list[str]) -> None:
        """Send the result, and close the comm."""
        self.outcome = outcome
        error: ErrorContent | None = None
        if outcome.error is not None:
            error = ErrorContent(
                ename=type(outcome.error).__name__,
                evalue=str(outcome.error),
                traceback=traceback,
                lines=list(outcome.error_lines) if outcome.error_lines is not None else None,
            )
        self.intake.settle()
        self.tell_chunks()
        self._tell_times()
        result = dict(
            ResultMessage(
                type="result",
                status=outcome.status,
                execution_count=outcome.execution_count,
                error=error,
                program=outcome.program,
                executed_lines=outcome.executed_lines,
                left_out=outcome.left_out.to_dict(no_code=outcome.status == "no_code"),
                report=outcome.report.to_dict(),
            )
        )
        self._publish("comm_msg", result)
        more = {"stopped": outcome.interrupted, "words": self.words}
        self.tell_observers({**result, **more})
        self.close()

    def close(self) -> None:
        """Close the comm."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
        self._publish("comm_close", {})

    def look(self) -> None:
        """Tell what is new; called at most 20 times a second."""
        self.intake.notes.look()
        self.tell_chunks()
        self._tell_times()
        for observer in self.observers:
            observer.flush()

    def _tell(self, data: dict[str, Any]) -> None:
        """Tell the client, and those who observe."""
        self._publish("comm_msg", data)
        self.tell_observers(data)

    def tell_observers(self, event: dict[str, Any]) -> None:
        """Tell those who observe; see `Observer.hear`."""
        for observer in self.observers:
            observer.hear(event)

    def _tell_times(self) -> None:
        """Tell those who observe what the run has taken, if there is anything new."""
        if not self.observers:
            return
        with self._lock:
            news = self.intake.notes.news(self._times_told)
            if news is not None:
                self.tell_observers({"type": "times", "news": news})

    def _tell_code(self, text: str) -> None:
        self.tell_observers({"type": "delta", "text": text})


def _chunk_message(entry: Entry) -> dict[str, Any]:
    chunk, verdict = entry.chunk, entry.told
    return dict(
        ChunkMessage(
            type="chunk",
            index=chunk.index,
            lines=[chunk.first_line, chunk.last_line],
            state=entry.state,
            category=verdict.category,
            reason=verdict.reason,
        )
    )


_BURST: Final = 100
_LONGEST_ANSWER: Final = 100_000
"""Characters of an answer that are kept, in case there is no program in it."""
_TOLD_BY_LAST: Final[frozenset[ChunkState]] = frozenset({"ready", "running", "done", "skipped"})
