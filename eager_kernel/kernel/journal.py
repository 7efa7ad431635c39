"""What the kernel has told of a run, for a client whose connection broke.

iopub is a broadcast: what is sent while a client is not connected, it never hears. A client that
comes by way of a server, over connections that may break, asks for a journal as it opens its
stream. When it is back, it says what it heard last, and is told the rest.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from eager_kernel.protocol.words import MOST_AGAIN


@dataclass(frozen=True, slots=True)
class Question:
    """A call of `input()`."""

    number: int
    """1 for the first question of the run."""
    prompt: str
    password: bool


@dataclass(slots=True)
class Journal:
    """What one client is told of one run."""

    parents: set[bytes]
    """Ids of the messages that what belongs to the run answers."""
    request: str = ""
    """Id of the owning cell's request."""
    entries: deque[tuple[str, list[bytes]]] = field(default_factory=deque)
    """Id and frames of each message, in the order in which they were sent."""
    size: int = 0
    dropped: bool = False
    """Whether the oldest messages had to go."""
    reply: dict[str, Any] | None = None
    """The content of the cell's reply, when it has ended."""
    question: Question | None = None
    """The last one. It may have its answer."""
    outputs_only: bool = False
    """Whether messages on comms are left out."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A part of what a client has not heard."""

    messages: list[list[bytes]]
    """Frames, in order."""
    more: bool
    """Whether this is not all."""
    missing: bool
    """Whether messages are gone for good."""
    reply: dict[str, Any] | None = None
    question: Question | None = None


class Journals:
    """The journals of the streams whose clients want one.

    Parameters
    ----------
    max_bytes
        What one journal may hold, and what those of ended runs may hold together.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._journals: dict[str, Journal] = {}

    def open(self, comm_id: str, opening: str, *, outputs_only: bool = False) -> None:
        """Begin a journal for a stream that was opened by the message `opening`."""
        with self._lock:
            self._make_room()
            self._journals[comm_id] = Journal({opening.encode()}, outputs_only=outputs_only)

    def knows(self, comm_id: str) -> bool:
        """Whether a stream has a journal."""
        return comm_id in self._journals

    def forget(self, comm_id: str) -> None:
        """Nobody will ask for a stream's journal."""
        with self._lock:
            self._journals.pop(comm_id, None)

    def expect(self, comm_id: str, request: str) -> bool:
        """Note the request that attaches a stream. False: it has come before."""
        with self._lock:
            journal = self._journals.get(comm_id)
            if journal is None:
                return True
            if journal.request == request:
                return False
            if not journal.request:
                journal.request = request
                journal.parents.add(request.encode())
            return True

    def record(self, frames: Sequence[Any]) -> None:
        """Keep a message that goes out on iopub, if it belongs to a run with a journal."""
        if not self._journals:
            return
        with self._lock:
            journal = self._journal_of(frames)
            if journal is None or (journal.outputs_only and _is_of_comm(frames)):
                return
            # Buffers may be memory of the program's, which it may change.
            kept = [bytes(memoryview(frame)) for frame in frames]
            try:
                msg_id = json.loads(kept[kept.index(_DELIMITER) + 2])["msg_id"]
            except (ValueError, LookupError, TypeError, RecursionError):
                return  # of the program's own making: what is no message need not be told again
            journal.entries.append((str(msg_id), kept))
            journal.size += _size(kept)
            while journal.size > self._max_bytes and journal.entries:
                _, oldest = journal.entries.popleft()
                journal.size -= _size(oldest)
                journal.dropped = True

    def _journal_of(self, frames: Sequence[Any]) -> Journal | None:
        parent = b""
        for index, frame in enumerate(frames):
            if frame == _DELIMITER and index + 3 < len(frames):
                parent = bytes(memoryview(frames[index + 3]))
                break
        for journal in self._journals.values():
            if any(b'"%b"' % known in parent for known in journal.parents):
                return journal
        return None

    def since(self, comm_id: str, after: str | None) -> Missed:
        """Collect what follows a message.

        Parameters
        ----------
        comm_id
            The stream.
        after
            Id of the last message that the client has heard; None: it has heard nothing.
        """
        with self._lock:
            journal = self._journals.get(comm_id)
            if journal is None:
                return Missed([], more=False, missing=True)
            entries = list(journal.entries)
            ids = [msg_id for msg_id, _ in entries]
            known = after is None or after in ids
            rest = entries[ids.index(after) + 1 :] if after is not None and known else entries
            missing = journal.dropped if after is None else not known
            part: list[list[bytes]] = []
            size = 0
            for _, frames in rest:
                if part and (len(part) >= MOST_AGAIN or size > _MOST_BYTES):
                    break
                part.append(frames)
                size += _size(frames)
            more = len(part) < len(rest)
            if more:
                return Missed(part, more, missing)
            return Missed(part, more, missing, journal.reply, journal.question)

    def note_reply(self, comm_id: str, reply: dict[str, Any]) -> None:
        """Keep how the owning cell ended."""
        with self._lock:
            journal = self._journals.get(comm_id)
            if journal is not None:
                journal.reply = reply

    def ask(self, request: str, prompt: str, *, password: bool) -> None:
        """Note that the cell of a request asks its user."""
        with self._lock:
            for journal in self._journals.values():
                if journal.request == request:
                    number = 1 if journal.question is None else journal.question.number + 1
                    journal.question = Question(number, prompt, password)

    def _make_room(self) -> None:
        ended = [name for name, journal in self._journals.items() if journal.reply is not None]
        size = sum(self._journals[name].size for name in ended)
        for name in ended:
            if size <= self._max_bytes and len(self._journals) < _MOST_JOURNALS:
                break
            size -= self._journals.pop(name).size
        idle = [name for name, journal in self._journals.items() if not journal.request]
        for name in idle[: max(0, len(self._journals) - _MOST_JOURNALS + 1)]:
            del self._journals[name]  # no cell has attached them


class RecordingSocket:
    """The iopub socket, with what is sent kept in journals. Used by the iopub thread alone.

    Parameters
    ----------
    socket
        The ZMQ socket.
    journals
        Where messages are kept.
    """

    def __init__(self, socket: Any, journals: Journals) -> None:
        self.real = socket
        """The socket itself: what is sent on it is not kept."""
        self._journals = journals

    def send_multipart(self, frames: Sequence[Any], *rest: Any, **more: Any) -> Any:
        """Send a message, and keep it."""
        sent = self.real.send_multipart(frames, *rest, **more)
        self._journals.record(frames)
        return sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def note_questions(session: Any, journals: Journals) -> None:
    """Have journals know what a kernel asks its user.

    Not by the kernel's `raw_input`: a frame of ours would show in the traceback of an `input()`
    that is interrupted.

    Parameters
    ----------
    session
        The kernel's session, which sends its questions.
    journals
        Where they are noted.
    """
    send = session.send

    def send_and_note(
        stream: Any, kind: Any, content: Any = None, parent: Any = None, *rest: Any, **more: Any
    ) -> Any:
        if kind == "input_request":
            request = (parent or {}).get("header", {}).get("msg_id", "")
            journals.ask(request, content["prompt"], password=content["password"])
        return send(stream, kind, content, parent, *rest, **more)

    session.send = send_and_note


def unpack(session: Any, frames: Sequence[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Read a message that was kept; returns it, and its buffers.

    Parameters
    ----------
    session
        Which has sent it.
    frames
        Its frames.

    Raises
    ------
    ValueError, RecursionError
        A program has made it, and it can't be read.
    """
    first = frames.index(_DELIMITER) + 2
    names = ("header", "parent_header", "metadata", "content")
    parts = dict(zip(names, map(session.unpack, frames[first : first + 4]), strict=True))
    return parts, list(frames[first + 4 :])


def _is_of_comm(frames: Sequence[Any]) -> bool:
    header = next(i for i, frame in enumerate(frames) if frame == _DELIMITER) + 2
    return b'"msg_type":"comm_' in bytes(memoryview(frames[header])).replace(b'": "', b'":"')


def _size(frames: Sequence[bytes]) -> int:
    return sum(map(len, frames))


_DELIMITER: Final = b"<IDS|MSG>"
_MOST_JOURNALS: Final = 96
# A publisher drops what a subscriber is too slow for, 1,000 messages by default; and a Jupyter
# server stops passing outputs on above a megabyte a second.
_MOST_BYTES: Final = 500_000
