"""What is said between whoever wants a kernel, a template, and the fork that becomes the kernel.

Each request has a connection of its own. The request itself is read by the fork: the template
never sees it, so nothing of one kernel's environment or keys is in the memory of the next.

What comes back are JSON objects, a message each:

=============  ==========================================================================
``stale``      by the template: why it takes no more requests; ask a new one
``error``      by the fork: why it can't become the kernel
``pid``        by the fork: the kernel's process; its ``pidfd`` comes with it
``exit``       by the template: the kernel's exit code, as `subprocess.Popen.returncode`
=============  ==========================================================================
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A kernel that is wanted.

    Parameters
    ----------
    argv
        Its arguments, without interpreter and module.
    cwd
        Its working folder.
    env
        Its whole environment.
    umask, niceness, affinity
        As `os.umask`, `os.nice` and `os.sched_setaffinity` have them.
    limits
        Soft and hard limit of each resource, by the numbers of `resource`.
    ports
        Of the listening sockets that come along, in their order.
    independent
        Whether it outlives whoever wants it.
    sandbox
        How it is to be locked in (`eager_kernel.sandbox.enter`); None: it is not.
    """

    argv: list[str]
    cwd: str
    env: dict[str, str]
    umask: int = 0o022
    niceness: int = 0
    affinity: list[int] = field(default_factory=list)
    limits: dict[str, list[int]] = field(default_factory=dict)
    ports: list[int] = field(default_factory=list)
    independent: bool = False
    sandbox: dict[str, Any] | None = None

    def to_bytes(self) -> bytes:
        """The request as it is sent."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The request that `to_bytes` made `data` of."""
        return cls(**json.loads(data))


@dataclass(frozen=True, slots=True)
class Handles:
    """The file descriptors that go with a request.

    Parameters
    ----------
    streams
        What is to be the kernel's stdin, stdout and stderr.
    life
        Can be read from when whoever wants the kernel is gone.
    sockets
        Listen already; one for each of the request's ports.
    rooms
        The namespaces of its sandbox, as `eager_kernel.sandbox.enter` wants them, and a pidfd of
        the first process there.
    """

    streams: tuple[int, int, int]
    life: int
    sockets: tuple[int, ...] = ()
    rooms: tuple[int, ...] = ()


def send_request(connection: socket.socket, request: Request, handles: Handles) -> None:
    """Ask for a kernel; the file descriptors stay open here, too.

    Raises
    ------
    OSError
        The template has gone away.
    """
    body = os.memfd_create("eager-request", os.MFD_CLOEXEC)
    try:
        with open(body, "wb", closefd=False) as file:
            file.write(request.to_bytes())
        counts = f"{len(handles.sockets)} {len(handles.rooms)}".encode()
        fds = [body, *handles.streams, handles.life, *handles.sockets, *handles.rooms]
        socket.send_fds(connection, [counts], fds)
    finally:
        os.close(body)


def receive_request(connection: socket.socket) -> tuple[Request, Handles]:
    """Take a request.

    Raises
    ------
    OSError
        None comes, or none that is whole.
    """
    counts, fds = _receive(connection)
    words = counts.split()
    if len(words) != 2 or len(fds) != 5 + sum(map(int, words)):
        raise OSError("the request did not come whole")
    sockets, rooms = map(int, words)
    body, streams, life = fds[0], fds[1:4], fds[4]
    os.lseek(body, 0, os.SEEK_SET)
    with open(body, "rb") as file:  # noqa: PTH123
        request = Request.from_bytes(file.read())
    return request, Handles(
        (streams[0], streams[1], streams[2]),
        life,
        tuple(fds[5 : 5 + sockets]),
        tuple(fds[5 + sockets : 5 + sockets + rooms]),
    )


def tell(connection: socket.socket, message: dict[str, Any], fds: Sequence[int] = ()) -> None:
    """Send a message; nobody need hear it any more.

    Parameters
    ----------
    connection
        To whoever wants the kernel.
    message
        The message.
    fds
        File descriptors that go with it.
    """
    data = json.dumps(message).encode()
    with suppress(BrokenPipeError, ConnectionResetError):
        socket.send_fds(connection, [data], list(fds))


def hear(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Take the next message, with its file descriptors.

    Raises
    ------
    EOFError
        There will be no more.
    OSError
        As the connection: `BlockingIOError` where there is none yet, and it does not wait.
    """
    try:
        data, fds = _receive(connection)
    except ConnectionResetError as error:
        raise EOFError from error
    if not data:
        raise EOFError
    return json.loads(data), fds


def _receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    data, fds, _, _ = socket.recv_fds(connection, _MESSAGE, _MOST)
    for fd in fds:
        os.set_inheritable(fd, False)  # or each process that is started has them, too
    return data, fds


_MESSAGE: Final = 1 << 16
_MOST: Final = 64
