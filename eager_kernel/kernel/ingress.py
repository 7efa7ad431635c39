"""Streams on their way into the kernel, past its main thread.

Two threads meet here. The shell channel thread, which ipykernel 7 keeps free of user code,
picks out the messages of our comms; the stream thread cuts their text and tells the clients.
Neither ever runs a line of the program.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from functools import partial
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
from eager_kernel.execution.intake import Intake, StopReason
from eager_kernel.kernel.protocol import (
    TARGET,
    Cancel,
    OpenOptions,
    attached_comm,
    is_client_message,
    parse_message,
    parse_open,
)
from eager_kernel.kernel.stream import Stream


@dataclass(frozen=True, slots=True)
class Limits:
    """What a stream may cost.

    Parameters
    ----------
    max_program_chars
        Characters in a program.
    max_pending_deltas
        Deltas of a stream that have arrived but were not read yet.
    max_streams
        Streams that are open at once.
    delta_timeout
        Seconds without a message after which a client is taken for gone.
    attach_timeout
        Seconds from its opening within which a cell must ask for the stream.
    """

    max_program_chars: int
    max_pending_deltas: int
    max_streams: int
    delta_timeout: float
    attach_timeout: float


class Host(Protocol):
    """What the ingress needs of the kernel."""

    session: Any
    log: Any
    iopub_socket: Any
    comm_manager: Any


class Gates(Protocol):
    """What makes gates and barriers: `eager_kernel.kernel.config.EagerGate`."""

    def make_gate(self, mode: Mode) -> Gate:
        """A gate for one program."""

    def make_barrier(self, mode: Mode) -> Barrier | None:
        """An effect barrier for one run; None in a mode that has none."""


class Ingress:
    """Takes the messages of our comms and keeps the open streams.

    Parameters
    ----------
    host
        The kernel.
    limits
        What a stream may cost.
    defaults
        For what a client does not say.
    gates
        Makes the gate and the barrier of each stream.
    """

    def __init__(self, host: Host, limits: Limits, defaults: OpenOptions, gates: Gates) -> None:
        self._host = host
        self._limits = limits
        self._defaults = defaults
        self._gates = gates
        self._lock = threading.RLock()
        self._streams: dict[str, Stream] = {}
        self._gone: dict[str, str] = {}
        self._parents: dict[str, Any] = {}
        self._inbox: queue.SimpleQueue[_Mail | None] = queue.SimpleQueue()
        self._unread: dict[str, int] = {}
        self._thread: threading.Thread | None = None

    # The shell channel thread ---------------------------------------------------------------

    def take(self, frames: list[Any]) -> bool:
        """Take a message off the shell channel if it is ours.

        Parameters
        ----------
        frames
            The ZMQ frames, as they came.

        Returns
        -------
        bool
            False: the message is not ours, and was not touched.
        """
        try:
            kind, content = self._look_at(frames)
        except (ValueError, IndexError, AttributeError):
            return False  # not a Jupyter message: ipykernel says so in its log
        if kind == "execute_request":
            self._note_request(content)
            return False
        if not self._is_ours(kind, content):
            return False
        session = self._host.session
        try:
            _, parts = session.feed_identities(frames, copy=False)
            message = session.deserialize(parts, content=True, copy=False)
        except ValueError as error:  # a wrong or repeated signature, as for any message
            self._host.log.error("Invalid message on comm %s: %s", TARGET, error)
            return True
        comm_id = message["content"]["comm_id"]
        if kind == "comm_open":
            self._open(comm_id, message)
        else:
            self._deliver(comm_id, kind, message)
        self._publish_idle(message)
        return True

    def _look_at(self, frames: list[Any]) -> tuple[str, Any]:
        """Read the type and, where it may concern us, the content of a message.

        Nothing is deserialised: that registers the signature, and ipykernel would then take
        the message that we pass on for a replay.
        """
        session = self._host.session
        _, parts = session.feed_identities(frames, copy=False)
        header, content = bytes(parts[1].buffer), bytes(parts[4].buffer)
        if b'"comm_' in header or (b'"execute_request"' in header and b"%eager" in content):
            return session.unpack(header).get("msg_type"), session.unpack(content)
        return "", None

    def _note_request(self, content: Any) -> None:
        """Keep a stream whose cell has to wait for other cells."""
        comm_id = attached_comm(content.get("code") if isinstance(content, dict) else None)
        stream = self._streams.get(comm_id or "")
        if stream is not None:
            stream.awaited = True

    def _is_ours(self, kind: str, content: Any) -> bool:
        if (
            not kind.startswith("comm_")
            or not isinstance(content, dict)
            or not isinstance(content.get("comm_id"), str)
        ):
            return False
        comm_id = content["comm_id"]
        if kind == "comm_open":
            return bool(content.get("target_name") == TARGET)
        if comm_id in self._streams or comm_id in self._gone:
            return True
        # Text for a comm that nobody has is meant for us, and its sender should know.
        return is_client_message(content.get("data")) and (
            comm_id not in self._host.comm_manager.comms
        )

    def _open(self, comm_id: str, message: Any) -> None:
        publish = self._publisher(comm_id)
        limits = self._limits
        with self._lock:
            self._parents[comm_id] = message
            try:
                if len(comm_id) > _LONGEST_ID:
                    raise ProtocolError("comm_id", f"longer than {_LONGEST_ID} characters")
                if comm_id in self._streams:
                    raise ProtocolError("comm_id", f"{comm_id} is open already")
                if len(self._streams) >= limits.max_streams:
                    raise LimitError(
                        f"{limits.max_streams} streams are open; end some, or raise "
                        "EagerRun.max_streams"
                    )
                options = parse_open(message["content"].get("data"), self._defaults)
            except (ProtocolError, LimitError) as error:
                reason = "protocol" if isinstance(error, ProtocolError) else "limit"
                publish("comm_msg", {"type": "stop", "reason": reason, "message": str(error)})
                if comm_id not in self._streams:
                    publish("comm_close", {})
                    self._bury(comm_id, f"it was refused: {error}")
                return
            intake = partial(
                Intake,
                options.text_format,
                self._gates.make_gate(options.gate),
                self._gates.make_barrier(options.gate),
                max_chars=limits.max_program_chars,
            )
            self._streams[comm_id] = Stream(comm_id, options, publish, time.monotonic(), intake)
            self._unread[comm_id] = 0
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=_THREAD, daemon=True)
                self._thread.start()

    def _deliver(self, comm_id: str, kind: str, message: Any) -> None:
        with self._lock:
            stream = self._streams.get(comm_id)
            if stream is None:
                if comm_id not in self._gone:  # late messages of an ended stream are normal
                    self._parents[comm_id] = message
                    text = f"comm_id: {comm_id} is not open; open a comm to {TARGET} first"
                    stop = {"type": "stop", "reason": "protocol", "message": text}
                    self._publisher(comm_id)("comm_msg", stop)
                    self._bury(comm_id, "it was never opened")
                return
            stream.last_heard = time.monotonic()
            self._unread[comm_id] += 1
            full = self._unread[comm_id] > self._limits.max_pending_deltas
        if full:
            limit = self._limits.max_pending_deltas
            error = LimitError(
                f"more than {limit:,} deltas wait to be read; send fewer, longer ones, or "
                "raise EagerRun.max_pending_deltas"
            )
            self._fail(stream, error)
            return
        data = message["content"].get("data")
        self._inbox.put(_Mail(stream, None if kind == "comm_close" else data, kind))

    def _publish_idle(self, message: Any) -> None:
        # JupyterLab waits for an "idle" to every comm message, but a plain one would flip the
        # kernel's indicator while a cell runs; it ignores those of comm_info requests.
        header = {**message["header"], "msg_type": "comm_info_request"}
        self._host.session.send(
            self._host.iopub_socket,
            "status",
            {"execution_state": "idle"},
            parent={"header": header},
            ident=b"status",
        )

    # The stream thread ----------------------------------------------------------------------

    def _run(self) -> None:
        next_tick = 0.0
        while True:
            try:
                mail = self._inbox.get(timeout=_TICK if self._streams else None)
            except queue.Empty:
                pass
            else:
                if mail is None:
                    return
                self._read(mail)
            now = time.monotonic()
            if now >= next_tick:
                next_tick = now + _TICK
                self._tick(now)

    def _read(self, mail: _Mail) -> None:
        stream = mail.stream
        with self._lock:
            if stream.comm_id in self._unread:
                self._unread[stream.comm_id] -= 1
        if mail.kind == "attach":
            stream.intake.catch_up()
            return
        if mail.kind == "comm_close":
            gone = RunCancelledError("the client closed the stream before its end")
            self._fail(stream, gone)
            return
        try:
            message = parse_message(mail.data)
            stream.handle(message)
            if isinstance(message, Cancel):
                self._fail(stream, RunCancelledError("the client cancelled it"))
        except EagerError as error:
            self._fail(stream, error)
        except Exception as error:
            # A fault of ours must end its own stream only, and be seen.
            self._host.log.exception("Reading a stream failed")
            self._fail(stream, EagerError(f"internal error: {error!r}; this is a bug"))

    def _tick(self, now: float) -> None:
        with self._lock:
            streams = list(self._streams.values())
        for stream in streams:
            stream.intake.look()
            if stream.has_news:
                stream.tell_chunks()
            limits = self._limits
            if not stream.attached:
                if not stream.awaited and now - stream.opened >= limits.attach_timeout:
                    self._fail(
                        stream,
                        LimitError(f"no cell attached it within {limits.attach_timeout:g} s"),
                    )
            elif stream.intake.ending is None and now - stream.last_heard >= limits.delta_timeout:
                self._fail(
                    stream,
                    LimitError(
                        f"no text came for {limits.delta_timeout:g} s, so the model or the "
                        "client is taken for gone; raise EagerRun.delta_timeout to wait longer"
                    ),
                )

    def _fail(self, stream: Stream, error: EagerError) -> None:
        """End a stream that can't go on; its cell, if it has one, shows the error."""
        reason = _REASONS.get(type(error), "error")
        stream.intake.stop(reason, error)
        with self._lock:
            if not stream.attached:
                self._drop(stream, str(error))

    def _drop(self, stream: Stream, why: str) -> None:
        with self._lock:
            if self._streams.pop(stream.comm_id, None) is not None:
                self._unread.pop(stream.comm_id, None)
                stream.close()
                self._bury(stream.comm_id, why)

    def _bury(self, comm_id: str, why: str) -> None:
        self._parents.pop(comm_id, None)
        if len(comm_id) <= _LONGEST_ID:
            self._gone[comm_id] = why
        while len(self._gone) > _REMEMBERED:
            self._gone.pop(next(iter(self._gone)))

    # The main thread ------------------------------------------------------------------------

    def claim(self, comm_id: str, parent: Any) -> Stream:
        """Give a stream to the cell that attaches it.

        Parameters
        ----------
        comm_id
            The stream's comm.
        parent
            The cell's `execute_request`; the client hears with it as the parent.

        Raises
        ------
        UnknownStreamError
            There is no such stream, or a cell has it already; says why.
        """
        with self._lock:
            self.explain(comm_id)
            stream = self._streams[comm_id]
            stream.attached = True
            stream.last_heard = time.monotonic()
            self._parents[comm_id] = parent
            # What arrived before the cell is read before the cell begins.
            stream.intake.caught_up = False
            self._unread[comm_id] += 1
            self._inbox.put(_Mail(stream, None, "attach"))
            return stream

    def explain(self, comm_id: str) -> None:
        """Raise the error that `claim` would raise, if it would raise one.

        Raises
        ------
        UnknownStreamError
            As `claim`.
        """
        with self._lock:
            stream = self._streams.get(comm_id)
            if stream is None or stream.attached:
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

    @property
    def attached(self) -> list[Stream]:
        """The streams that cells own now; from any thread."""
        with self._lock:
            return [stream for stream in self._streams.values() if stream.attached]

    def forget(self, comm_id: str) -> None:
        """Drop a stream whose cell will not run."""
        with self._lock:
            stream = self._streams.get(comm_id)
            if stream is not None and not stream.attached:
                self._fail(stream, RunCancelledError("its cell was aborted"))

    def close(self) -> None:
        """Tell the clients that the kernel ends, and end the stream thread."""
        with self._lock:
            streams = list(self._streams.values())
        for stream in streams:
            stream.intake.stop("interrupted", message="the kernel shuts down")
            stream.close()
        self._inbox.put(None)

    # Sending --------------------------------------------------------------------------------

    def _publisher(self, comm_id: str) -> Any:
        host = self._host
        topic = f"comm-{comm_id}".encode("utf-8", "replace")

        def publish(kind: str, data: dict[str, Any]) -> None:
            content = {"comm_id": comm_id, "data": data}
            parent = self._parents.get(comm_id)
            try:
                host.session.send(host.iopub_socket, kind, content, parent=parent, ident=topic)
            except UnicodeEncodeError:
                # Half a surrogate pair, from a model or a broken client, can't be sent.
                host.session.send(
                    host.iopub_socket, kind, _sendable(content), parent=parent, ident=topic
                )

        return publish


@dataclass(frozen=True, slots=True)
class _Mail:
    stream: Stream
    data: object
    kind: str


_THREAD: Final = "eager-stream"
_TICK: Final = 0.05  # at most 20 updates a second
_REMEMBERED: Final = 256
_LONGEST_ID: Final = 256
_REASONS: Final[dict[type[EagerError], StopReason]] = {
    LimitError: "limit",
    ProtocolError: "protocol",
    RunCancelledError: "cancelled",
}


def _sendable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _sendable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_sendable(item) for item in value]
    return value
