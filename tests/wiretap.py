"""A TCP proxy on loopback that notes when its connections open and close, and who closed them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

Side = Literal["client", "server"]


@dataclass
class Connection:
    """One connection through a `Wiretap`; times are of ``time.monotonic()``."""

    opened_at: float
    closed_at: float | None = None
    closed_by: Side | None = None
    asked: bytes = b""
    answered: bytes = b""
    closed: threading.Event = field(default_factory=threading.Event)

    def close(self, by: Side) -> None:
        """Note the first close."""
        if self.closed_at is None:
            self.closed_at, self.closed_by = time.monotonic(), by
            self.closed.set()


class Wiretap:
    """Passes bytes on to a server, unchanged, and keeps note.

    Parameters
    ----------
    port
        The server's, on loopback.

    Attributes
    ----------
    port : int
        Ours.
    connections : list of Connection
        In the order in which they were opened.
    """

    def __init__(self, port: int) -> None:
        self.connections: list[Connection] = []
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            connection = Connection(time.monotonic())
            self.connections.append(connection)
            try:
                server = socket.create_connection(("127.0.0.1", self._server))
            except OSError:
                client.close()
                connection.close("server")
                continue
            for way in (
                (client, server, connection, "asked"),
                (server, client, connection, "answered"),
            ):
                threading.Thread(target=self._pass, args=way, daemon=True).start()

    def _pass(
        self,
        source: socket.socket,
        target: socket.socket,
        connection: Connection,
        way: Literal["asked", "answered"],
    ) -> None:
        here: Side = "client" if way == "asked" else "server"
        there: Side = "server" if way == "asked" else "client"
        closed_by = here
        with contextlib.suppress(OSError):  # reset, or closed by the thread of the other way
            while data := source.recv(65536):
                setattr(connection, way, getattr(connection, way) + data)
                closed_by = there  # if this can't be sent
                target.sendall(data)
                closed_by = here
        connection.close(closed_by)
        for end in (source, target):
            with contextlib.suppress(OSError):  # it is closed already
                end.shutdown(socket.SHUT_RDWR)
            end.close()
