"""A run over a connection that breaks: nothing is lost, and nothing runs twice.

What the kernel has taken of what was sent is known by the `idle` status that it gives to each
message. The rest is sent again, byte for byte: the kernel knows by the signature what it has
already. What the kernel has told, it keeps, and tells again from where it was heard last.
"""

from __future__ import annotations

from typing import Any

from eager_kernel.client.checks import check_again, check_resumed
from eager_kernel.client.heard import UnfitError
from eager_kernel.client.transport import Channel, Transport
from eager_kernel.errors import KernelConnectionError
from eager_kernel.protocol import Resume, ResumedMessage


class Resuming:
    """What one run has sent and heard.

    Parameters
    ----------
    transport
        The connection to the kernel.
    comm_id
        The run's stream.
    """

    def __init__(self, transport: Transport, comm_id: str) -> None:
        self._transport = transport
        self._comm_id = comm_id
        self._unconfirmed: dict[str, tuple[Channel, dict[str, Any]]] = {}
        self._parents: set[str] = set()
        self._last: str | None = None
        self._kernel: str | None = None
        self._number = 0
        self._waiting = False
        self._broken = False
        self._to_come = 0
        self._more = False

    def note(self, channel: Channel, message: dict[str, Any]) -> bool:
        """Keep a message until the kernel has confirmed it. False: it is not to be sent now."""
        header = message["header"]
        if channel == "shell":
            self._unconfirmed[header["msg_id"]] = channel, message
        if header["msg_type"] in ("comm_open", "execute_request"):
            self._parents.add(header["msg_id"])
        # What was sent before goes first, when it is known what has come of it.
        return not self._broken

    def come_back(self) -> None:
        """Go on after the connection broke."""
        self._broken = True
        self._transport.mend()
        self.ask()

    @property
    def waiting(self) -> bool:
        """Whether it has asked, and no answer has come."""
        return self._waiting

    def ask(self) -> None:
        """Ask for what was told and not heard. What comes before the answer does not count."""
        self._number += 1
        self._waiting = True
        data = Resume(self._number, self._last).data()
        content = {"comm_id": self._comm_id, "data": data}
        self._transport.send("shell", self._transport.session.msg("comm_msg", content))

    def counts(self, message: dict[str, Any]) -> bool:
        """Whether an iopub message is to be acted on; otherwise it comes again."""
        header, parent = message["header"], message["parent_header"].get("msg_id")
        kind, content = header["msg_type"], message["content"]
        if kind != "status" or content.get("execution_state") == "idle":
            self._unconfirmed.pop(parent, None)
        if parent not in self._parents and content.get("comm_id") != self._comm_id:
            return True  # of others
        late = kind == "comm_msg" and _data_of(content).get("type") in ("again", "resumed")
        if self._waiting or late:
            return False
        self._kernel = header.get("session")
        self._heard(header["msg_id"])
        return True

    def _heard(self, msg_id: str) -> None:
        self._last = msg_id
        if self._to_come:
            self._to_come -= 1
            if not self._to_come and self._more:
                self.ask()

    def unwrap(self, message: dict[str, Any]) -> dict[str, Any]:
        """Take a message that the kernel tells again out of the one that brings it.

        Raises
        ------
        UnfitError
            There is none in it.
        """
        content = message["content"]
        if message["header"]["msg_type"] != "comm_msg" or content.get("comm_id") != self._comm_id:
            return message
        data = _data_of(content)
        if data.get("type") != "again" or data.get("number") != self._number or self._waiting:
            return message
        if not self._to_come:
            raise UnfitError("it tells again what nobody has missed")
        try:
            return check_again(data, message["buffers"])
        except UnfitError:
            # It is one of those that were to come, all the same.
            self._heard(_id_of(data) or self._last or "")
            raise

    def take_answer(self, message: dict[str, Any]) -> ResumedMessage | None:
        """Take the answer to what was asked last; None: the message is another one.

        Raises
        ------
        UnfitError
            It is none, or nothing was asked.
        KernelConnectionError
            What was not heard is lost.
        """
        content = message["content"]
        if message["header"]["msg_type"] != "comm_msg" or content.get("comm_id") != self._comm_id:
            return None
        data = _data_of(content)
        if data.get("type") != "resumed" or data.get("number") != self._number:
            return None
        if not self._waiting:
            raise UnfitError("it answers what nobody has asked")
        answer = check_resumed(data)
        if self._kernel not in (None, message["header"].get("session")):
            raise KernelConnectionError("the kernel was restarted, and the run ended with that")
        if answer["missing"] and self._last is not None:
            raise KernelConnectionError(
                "the connection broke, and what the program showed meanwhile is lost: the kernel "
                "keeps no more of it; see EagerRun.max_journal_bytes"
            )
        self._waiting = False
        self._to_come, self._more = answer["count"], answer["more"]
        if self._broken:
            self._broken = False
            for channel, sent in list(self._unconfirmed.values()):
                self._transport.send(channel, sent)
        return answer


def _id_of(data: dict[str, Any]) -> str | None:
    message = data.get("message")
    header = message.get("header") if isinstance(message, dict) else None
    msg_id = header.get("msg_id") if isinstance(header, dict) else None
    return msg_id if isinstance(msg_id, str) else None


def _data_of(content: dict[str, Any]) -> dict[str, Any]:
    data = content.get("data")
    return data if isinstance(data, dict) else {}
