"""A link with latency: a proxy on the loopback interface that passes bytes on later."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final


@contextmanager
def slow_link(ports: Sequence[int], delay: float) -> Iterator[list[int]]:
    """Open a port in front of each of `ports`, through which bytes take longer.

    Parameters
    ----------
    ports
        Where servers listen on 127.0.0.1.
    delay
        Seconds that bytes take more, each way. Bandwidth is not limited.

    Yields
    ------
    list of int
        The ports to connect to, in the order of `ports`.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="slow-link", daemon=True)
    thread.start()
    link = _Link(delay)
    try:
        yield asyncio.run_coroutine_threadsafe(link.open(ports), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(link.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Link:
    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, ports: Sequence[int]) -> list[int]:
        for port in ports:
            server = await asyncio.start_server(self._accept(port), "127.0.0.1", 0)
            self._servers.append(server)
        return [server.sockets[0].getsockname()[1] for server in self._servers]

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, port: int) -> _Accept:
        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._connect(port, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return connected

    async def _connect(
        self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()  # as a server that is not there: who called will call again
            return
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(reader, back))
                both.create_task(self._pass(there, writer))
        finally:
            writer.close()
            back.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass bytes on, each after the delay, however many are on their way."""
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        async def arrive() -> None:
            while True:
                due, data = await on_the_way.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not data:
                    if writer.can_write_eof():
                        writer.write_eof()
                    return
                writer.write(data)
                await writer.drain()

        async def depart() -> None:
            data = b" "
            while data:
                try:
                    data = await reader.read(_MOST)
                except ConnectionError:
                    data = b""
                on_the_way.put_nowait((loop.time() + self._delay, data))

        try:
            await asyncio.gather(arrive(), depart())
        except (ConnectionError, OSError):
            writer.close()  # one end has gone


_Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]
_MOST: Final = 1 << 16
