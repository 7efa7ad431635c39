"""Streams on their way into the kernel, past its main thread.

The shell channel thread, which ipykernel 7 keeps free of user code, picks out the messages of
our comms here. The stream thread (`eager_kernel.kernel.streams`) reads them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Protocol

from ipykernel.jsonutil import json_clean

from eager_kernel.errors import LimitError, ProtocolError
from eager_kernel.execution.intake import Intake
from eager_kernel.kernel import introduction
from eager_kernel.kernel.checks import parse_message, parse_open, parse_resume
from eager_kernel.kernel.introduction import Introduction
from eager_kernel.kernel.journal import Journals, RecordingSocket, unpack
from eager_kernel.kernel.pages import Pages
from eager_kernel.kernel.stream import Stream
from eager_kernel.kernel.streams import Gates, Streams
from eager_kernel.protocol import (
    TARGET,
    AgainMessage,
    Cancel,
    Delta,
    End,
    OpenOptions,
    QuestionContent,
    ResumedMessage,
    StopMessage,
    StopReason,
    attached_comm,
    is_client_message,
    is_delta,
    is_resume,
)
from eager_kernel.protocol.models import TARGETS, ErrorMessage
from eager_kernel.widget.channels import CHANNELS


class Host(introduction.Host, Protocol):
    """What the ingress needs of the kernel."""

    iopub_socket: Any
    iopub_thread: Any


class Ingress:
    """Takes the messages of our comms off the shell channel.

    Parameters
    ----------
    host
        The kernel.
    streams
        The open streams.
    defaults
        For what a client does not say.
    gates
        Makes the gate and the barrier of each stream.
    interrupt_main
        Sends SIGINT to the main thread.
    journals
        What is kept for clients whose connections may break.
    pages
        The pages that offer the models of their server.
    """

    def __init__(
        self,
        host: Host,
        streams: Streams,
        defaults: OpenOptions,
        gates: Gates,
        interrupt_main: Callable[[], None],
        *,
        journals: Journals,
        pages: Pages,
    ) -> None:
        self._host = host
        self._streams = streams
        self._introduction = Introduction(host)
        self._defaults = defaults
        self._gates = gates
        self._interrupt_main = interrupt_main
        self._journals = journals
        self._pages = pages

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
            header, content = self._look_at(frames)
            kind = str(header.get("msg_type"))
        except (ValueError, IndexError, AttributeError):
            return False  # not a Jupyter message: ipykernel says so in its log
        if kind == "execute_request":
            return self._note_request(header.get("msg_id"), content)
        question = self._is_question(kind, content)
        if not question and not self._is_ours(kind, content):
            return False
        session = self._host.session
        try:
            ident, parts = session.feed_identities(frames, copy=False)
            message = session.deserialize(parts, content=True, copy=False)
        except ValueError as error:  # a wrong or repeated signature, as for any message
            if _REPEATED in str(error):
                # From a client that is back, and does not know what had arrived.
                self._publish_idle({"header": header})
            else:
                self._host.log.error("Invalid message on comm %s: %s", TARGET, error)
            return True
        if question:
            self._introduction.answer(message, ident)
            self._publish_idle(message)
            return True
        comm_id = message["content"]["comm_id"]
        if message["content"].get("target_name") in TARGETS or self._pages.knows(comm_id):
            self._hear_page(comm_id, kind, message)
        elif kind == "comm_open":
            self._open(comm_id, message)
        elif kind == "comm_msg" and CHANNELS.takes(comm_id, message["content"].get("data")):
            self._tell_view(comm_id, message["content"]["data"])
        elif kind == "comm_msg" and is_resume(message["content"].get("data")):
            self._resume(comm_id, message)
        elif self._is_delta(kind, message):
            self._deliver_text(comm_id, message)
            return True
        else:
            self._deliver(comm_id, kind, message)
        self._publish_idle(message)
        return True

    def _look_at(self, frames: list[Any]) -> tuple[dict[str, Any], Any]:
        """Read the header and, where it may concern us, the content of a message.

        Nothing is deserialised: that registers the signature, and ipykernel would then take
        the message that we pass on for a replay.
        """
        session = self._host.session
        _, parts = session.feed_identities(frames, copy=False)
        header, content = bytes(parts[1].buffer), bytes(parts[4].buffer)
        if b'"comm_' in header or (b'"execute_request"' in header and b"%eager" in content):
            return session.unpack(header), session.unpack(content)
        if b'_info_request"' in header and self._is_asked_past_main:
            return session.unpack(header), {}
        return {}, None

    def _is_question(self, kind: str, content: Any) -> bool:
        """Whether a page asks what the main thread, which runs a program, can't tell it now."""
        return (
            isinstance(content, dict)
            and self._is_asked_past_main
            and self._introduction.answers(kind, content)
        )

    @property
    def _is_asked_past_main(self) -> bool:
        return bool(self._streams.attached) or self._pages.waiting

    def _note_request(self, msg_id: object, content: Any) -> bool:
        """Look at a cell that may concern us before its turn comes. True: it came before."""
        code = content.get("code") if isinstance(content, dict) else None
        comm_id = attached_comm(code)
        if comm_id is not None:
            self._streams.expect(comm_id)
            return not self._journals.expect(comm_id, str(msg_id))
        if isinstance(code, str) and code.strip() == "%eager stop":
            # Its turn comes only when the run has ended.
            self._streams.interrupt(self._interrupt_main)
        return False

    def _is_ours(self, kind: str, content: Any) -> bool:
        if (
            not kind.startswith("comm_")
            or not isinstance(content, dict)
            or not isinstance(content.get("comm_id"), str)
        ):
            return False
        comm_id = content["comm_id"]
        if kind == "comm_open":
            return content.get("target_name") == TARGET or content.get("target_name") in TARGETS
        if self._pages.knows(comm_id):
            return True
        if self._streams.is_open(comm_id) or self._streams.was_open(comm_id):
            return True
        if kind == "comm_msg" and CHANNELS.takes(comm_id, content.get("data")):
            return True
        # Text for a comm that nobody has is meant for us, and its sender should know.
        return is_client_message(content.get("data")) and (
            comm_id not in self._host.comm_manager.comms
        )

    def _open(self, comm_id: str, message: Any) -> None:
        publish = CommPublisher(self._host, comm_id, message)
        try:
            self._streams.open(comm_id, lambda: self._make_stream(comm_id, message, publish))
        except (ProtocolError, LimitError) as error:
            reason: StopReason = "protocol" if isinstance(error, ProtocolError) else "limit"
            publish("comm_msg", _stop(reason, str(error)))
            if not self._streams.is_open(comm_id):
                publish("comm_close", {})
                self._streams.refuse(comm_id, f"it was refused: {error}")

    def _make_stream(self, comm_id: str, message: Any, publish: CommPublisher) -> Stream:
        options = parse_open(message["content"].get("data"), self._defaults)
        if options.resume:
            self._journals.open(comm_id, message["header"]["msg_id"])
        intake = partial(
            Intake,
            options.text_format,
            self._gates.make_gate(options.gate),
            self._gates.make_barrier(options.gate),
            max_chars=self._streams.limits.max_program_chars,
            hurry=self._streams.hurry,
            read_for=self._streams.read_for,
        )
        return Stream(comm_id, options, publish, time.monotonic(), intake)

    def _tell_view(self, comm_id: str, data: Any) -> None:
        try:
            CHANNELS.deliver(comm_id, data)
        except Exception:  # it may be the caller's; this thread must go on
            self._host.log.exception("A view's message failed")

    def _hear_page(self, comm_id: str, kind: str, message: Any) -> None:
        """Take what a page, or a server for one, says of itself and of its models."""
        data = message["content"].get("data")
        publish = CommPublisher(self._host, comm_id, message)
        try:
            if kind == "comm_open":
                self._pages.open(message["content"]["target_name"], comm_id, data, publish)
            elif kind == "comm_msg":
                self._pages.take(comm_id, data)
            else:
                self._pages.close(comm_id)
        except ProtocolError as error:
            publish("comm_msg", dict(ErrorMessage(type="error", message=str(error))))

    def _is_delta(self, kind: str, message: Any) -> bool:
        return kind == "comm_msg" and is_delta(message["content"].get("data"))

    def _deliver_text(self, comm_id: str, message: Any) -> None:
        """Have a delta read, and its `idle` told by the thread that reads it."""
        stream = self._streams.get(comm_id)
        idle = stream is None or stream.options.idle

        def read() -> Delta | End | Cancel:
            if idle:
                self._publish_idle(message)
            return parse_message(message["content"]["data"])

        if not self._streams.deliver(comm_id, read, text=True):
            self._tell_unknown(comm_id, message)
            self._publish_idle(message)
        self._streams.note_receipt()

    def _deliver(self, comm_id: str, kind: str, message: Any) -> None:
        data = message["content"].get("data")
        if kind == "comm_close":
            known = self._streams.hang_up(comm_id)
        else:
            known = self._streams.deliver(comm_id, partial(parse_message, data))
        if not known:
            self._tell_unknown(comm_id, message)

    def _tell_unknown(self, comm_id: str, message: Any) -> None:
        """Tell a client that there is no such stream, if it may not know."""
        if self._streams.was_open(comm_id):
            return
        text = f"comm_id: {comm_id} is not open; open a comm to {TARGET} first"
        CommPublisher(self._host, comm_id, message)("comm_msg", _stop("protocol", text))
        self._streams.refuse(comm_id, "it was never opened")

    def _resume(self, comm_id: str, message: Any) -> None:
        """Tell a client that is back what it has not heard."""
        try:
            resume = parse_resume(message["content"]["data"])
        except ProtocolError as error:
            stop = _stop("protocol", str(error))
            CommPublisher(self._host, comm_id, message)("comm_msg", stop)
            return
        session, thread = self._host.session, self._host.iopub_thread

        def tell() -> None:
            # In one go, on the thread that sends: nothing of the run comes between.
            missed = self._journals.since(comm_id, resume.after)
            messages = list(_readable(session, missed.messages))
            question = missed.question
            data = ResumedMessage(
                type="resumed",
                number=resume.number,
                count=len(messages),
                more=missed.more,
                missing=missed.missing,
                reply=None if missed.reply is None else json_clean(missed.reply),
                input=None
                if question is None
                else QuestionContent(
                    number=question.number, prompt=question.prompt, password=question.password
                ),
            )
            socket = thread.socket
            real = socket.real if isinstance(socket, RecordingSocket) else socket
            topic = f"comm-{comm_id}".encode("utf-8", "replace")

            def send(data: Any, buffers: list[bytes]) -> None:
                content = {"comm_id": comm_id, "data": data}
                session.send(real, "comm_msg", content, message, topic, buffers)

            send(data, [])
            for again, buffers in messages:
                # Not as it was: others have heard it, and would take it for a forgery.
                send(AgainMessage(type="again", number=resume.number, message=again), buffers)

        thread.schedule(tell)

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


class CommPublisher:
    """Sends to one client, on its comm; callable from any thread.

    Parameters
    ----------
    host
        The kernel.
    comm_id
        The comm.
    parent
        The message that these messages answer.
    """

    def __init__(self, host: Host, comm_id: str, parent: Any) -> None:
        self._host = host
        self._comm_id = comm_id
        self._topic = f"comm-{comm_id}".encode("utf-8", "replace")
        self.parent = parent

    def __call__(self, kind: str, data: dict[str, Any]) -> None:
        """Send a message of a type with data."""
        content = {"comm_id": self._comm_id, "data": data}
        send, socket = self._host.session.send, self._host.iopub_socket
        try:
            send(socket, kind, content, parent=self.parent, ident=self._topic)
        except UnicodeEncodeError:
            # Half a surrogate pair, from a model or a broken client, can't be sent.
            send(socket, kind, _sendable(content), parent=self.parent, ident=self._topic)


def _readable(
    session: Any, messages: Iterable[list[bytes]]
) -> Iterator[tuple[dict[str, Any], list[bytes]]]:
    for frames in messages:
        try:
            yield unpack(session, frames)
        except (ValueError, RecursionError):
            continue  # a program has made it, in the kernel's name


def _stop(reason: StopReason, message: str) -> dict[str, Any]:
    return dict(StopMessage(type="stop", reason=reason, message=message))


_REPEATED = "Duplicate Signature"  # jupyter_client's words


def _sendable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _sendable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_sendable(item) for item in value]
    return value
