"""A loopback server whose bytes a test decides, and which sees its clients go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

TIMEOUT = 60


@dataclass
class Asked:
    """One request."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Connection:
    """What the server says to one request."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    asked: Asked
    chunked: bool = True
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def begin(self, *, chunked: bool = True) -> None:
        """Begin a stream of events."""
        self.chunked = chunked
        length = "Transfer-Encoding: chunked" if chunked else "Connection: close"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{length}\r\n\r\n"
        self.writer.write(head.encode())
        await self.writer.drain()

    async def send(self, data: bytes) -> None:
        """Send a piece of the body, in a packet of its own."""
        self.writer.write(b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data)
        await self.writer.drain()
        await asyncio.sleep(0.01)  # or two pieces would be read as one

    async def end(self) -> None:
        """End the body."""
        if self.chunked:
            self.writer.write(b"0\r\n\r\n")
            await self.writer.drain()

    async def refuse(self, status: int, body: Any, **headers: str) -> None:
        """Answer with an error."""
        data = json.dumps(body).encode() if not isinstance(body, bytes) else body
        lines = [f"HTTP/1.1 {status} No", f"Content-Length: {len(data)}"]
        lines += ["Content-Type: application/json"] * (not isinstance(body, bytes))
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + data)
        await self.writer.drain()

    async def until_gone(self) -> None:
        """Wait until the client closes the connection."""
        async with asyncio.timeout(TIMEOUT):
            while await self.reader.read(1000):
                pass
        self.gone.set()


Handler = Callable[[Connection], Awaitable[None]]


class Server:
    """Serves what `handler` sends, one request a connection."""

    def __init__(self, handler: Handler) -> None:
        self.asked: list[Asked] = []
        self.gone = asyncio.Event()
        self._handler = handler

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            asked = Asked(first.split()[1], headers, json.loads(body))
            self.asked.append(asked)
            connection = Connection(reader, writer, asked, gone=self.gone)
            await self._handler(connection)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            writer.close()


def event(data: Any, name: str | None = None) -> bytes:
    """Make one server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()
