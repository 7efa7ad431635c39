"""A kernel of a Jupyter server, over its websocket: on this machine or another.

By tornado, the library that the servers themselves are written with and that `jupyter_client`
brings, so it costs nothing. `jupyter_kernel_client` has a thread and blocking queues for each
kernel, puts the token into the address, and loses what it sends while a connection breaks.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any, Final

from jupyter_client.session import Session
from tornado.httpclient import HTTPRequest
from tornado.iostream import StreamClosedError
from tornado.websocket import (
    WebSocketClientConnection,
    WebSocketClosedError,
    websocket_connect,
)

from eager_kernel.client.heard import MAX_MESSAGE, Screen, UnfitError
from eager_kernel.client.rest import REFUSALS, TIMEOUT, KernelsApi, explain
from eager_kernel.client.transport import BROKEN, Channel, Heard
from eager_kernel.client.websocket import V1, decode, encode
from eager_kernel.errors import KernelConnectionError


class RemoteTransport:
    """The websocket to one kernel, made anew when it breaks.

    Parameters
    ----------
    api
        The server.
    kernel_id
        The kernel.
    owned
        Whether the kernel ends with the connection.
    patience
        Seconds for which a broken connection is tried again.

    Notes
    -----
    The server knows a client by the id of its session, also over a new connection, so a reply or
    a question that comes later finds it. What is lost between two connections is the run's to
    find out, when `receive` gives `BROKEN`.
    """

    may_break = True

    def __init__(
        self, api: KernelsApi, kernel_id: str, *, owned: bool = False, patience: float = 60.0
    ) -> None:
        self.session = Session()
        self.kernel_id = kernel_id
        self._api = api
        self._owned = owned
        self._patience = patience
        self._queues: dict[str, asyncio.Queue[tuple[Heard | KernelConnectionError, int]]] = {}
        self._queued = 0
        self._taken = asyncio.Event()
        self._forget()
        self._socket: WebSocketClientConnection | None = None
        self._protocol: str | None = None
        self._broken = True
        self._speaks_jupyter = False
        self._died = False
        self._connected = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._failure: KernelConnectionError | None = None

    # The transport --------------------------------------------------------------------------

    async def open(self, timeout: float) -> None:
        """Connect, the first time."""
        if self._keeping is None:
            await self._connect(timeout)
            self._keeping = asyncio.create_task(self._keep())
            self.mend()

    async def ready(self, timeout: float) -> None:
        """Wait for the connection, and the first time for the kernel."""
        first = self._keeping is None or self._died
        try:
            async with asyncio.timeout(timeout):
                await self.open(timeout)
                await self._connected.wait()
                if first:
                    await self._hear_kernel()
        except TimeoutError:
            await self.check()
            raise KernelConnectionError(
                f"the kernel {self.kernel_id} did not answer within {timeout:g} s"
            ) from None
        await self.check()
        self._died = False
        self._forget()
        self.mend()

    def send(self, channel: Channel, message: dict[str, Any]) -> None:
        """Send a message; lost from when the connection broke until it is mended."""
        if self._broken or self._socket is None:
            return
        data = encode(self.session, channel, message, self._protocol)
        with contextlib.suppress(WebSocketClosedError, StreamClosedError):
            sent = self._socket.write_message(data, binary=isinstance(data, bytes))
            sent.add_done_callback(_ignore_breaking)

    def mend(self) -> None:
        """Send again, over the connection that there is by now."""
        self._broken = False

    async def receive(self, channel: Channel, screen: Screen | None = None) -> Heard:
        """Wait for a message, over this connection or the next."""
        heard, size = await self._queues[channel].get()
        self._queued -= size
        self._taken.set()
        if isinstance(heard, KernelConnectionError):
            raise heard
        return heard

    def renew(self) -> None:
        """Close the connection; another one is made in its place."""
        if self._socket is not None and self._failure is None:
            self._connected.clear()  # until the other one is made
            self._socket.close()

    async def interrupt(self) -> None:
        """Have the server interrupt the kernel."""
        await self._api.interrupt(self.kernel_id)

    async def restart(self, timeout: float) -> None:
        """Have the server start the kernel anew, also where it has died."""
        await self._api.restart(self.kernel_id, timeout)
        self._died = True  # what comes is the new one's, once it has answered
        await self.ready(timeout)

    async def check(self) -> None:
        """See that nothing has been heard of the kernel's death, nor of the server's."""
        if self._failure is not None:
            raise KernelConnectionError(str(self._failure)) from self._failure

    async def close(self) -> None:
        """Disconnect; shut down a kernel that was started for us."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        self._hang_up()
        try:
            if self._owned:
                self._owned = False
                await self._end_kernel()
        finally:
            self._api.close()

    async def _end_kernel(self) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                await self._api.end(self.kernel_id)
            except KernelConnectionError:
                # A server that is starting it anew can't end it at that moment, and fails.
                if not self._died or attempt == _ATTEMPTS - 1:
                    raise
                await asyncio.sleep(_FIRST_PAUSE * 2**attempt)
            else:
                return

    # The connection -------------------------------------------------------------------------

    async def _connect(self, timeout: float) -> None:
        address = self._api.address
        # A server answers a request for a websocket that it refuses with a page or with nothing;
        # here it says why.
        await self._api.look(self.kernel_id, min(timeout, TIMEOUT))
        request = HTTPRequest(
            address.websocket(self.kernel_id, self.session.session),
            headers=address.headers,
            connect_timeout=min(timeout, TIMEOUT),
            request_timeout=timeout,
        )
        connecting = asyncio.ensure_future(
            websocket_connect(
                request,
                subprotocols=[V1],
                # A connection that is dead, but has not been closed, is known by this.
                ping_interval=_PING_INTERVAL,
                ping_timeout=_PING_INTERVAL,
                max_message_size=_LARGEST,
            )
        )
        try:
            socket = await asyncio.shield(connecting)
        except asyncio.CancelledError:
            connecting.add_done_callback(_close_late)
            raise
        except REFUSALS as error:
            raise explain(error, address) from error
        # Once it is closed, as by a server that starts the kernel anew, it does not say.
        self._protocol = None if socket.protocol is None else socket.selected_subprotocol
        self._socket = socket
        self._connected.set()

    async def _keep(self) -> None:
        """Take messages, and connect anew, until the kernel is gone or we are."""
        try:
            while True:
                await self._take()
                self._hang_up()
                await self._come_back()
                self._queues["iopub"].put_nowait((BROKEN, 0))
        except KernelConnectionError as error:
            self._failure = error
            self._connected.set()  # whoever waits for it is to hear of the failure

    async def _take(self) -> None:
        """Take messages until the connection breaks."""
        assert self._socket is not None
        while (data := await self._socket.read_message()) is not None:
            channel = "iopub"
            heard: Heard | KernelConnectionError
            try:
                channel, heard = decode(self.session, data, self._protocol)
                if _says_that_it_died(heard):
                    # The server says so; but a program could, in its name: the next run asks.
                    self._died = True
                    channel, heard = "iopub", KernelConnectionError(_DIED)
                self._speaks_jupyter = True
            except UnfitError as unfit:
                if not self._speaks_jupyter:
                    raise KernelConnectionError(
                        f"{self._api.address.url} sent what is no Jupyter message: {unfit}"
                    ) from unfit
                heard = unfit  # of the kernel's program, as a rule: the next one is another's
            if channel in self._queues:
                await self._queue(channel, heard, len(data))

    async def _queue(self, channel: str, heard: Heard | KernelConnectionError, size: int) -> None:
        """Keep what came until it is taken; of what nobody takes, not much."""
        while self._queued + size > _MOST_QUEUED and self._queued:
            self._taken.clear()
            try:
                async with asyncio.timeout(_UNTIL_TAKEN):
                    await self._taken.wait()
            except TimeoutError:
                self._forget()  # nothing runs by us: what the kernel says is for others
        self._queued += size
        self._queues[channel].put_nowait((heard, size))

    async def _come_back(self) -> None:
        until = time.monotonic() + self._patience
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._connect(max(1.0, until - time.monotonic()))
            except KernelConnectionError as error:
                if _is_final(error) or time.monotonic() + pause > until:
                    raise
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return

    def _hang_up(self) -> None:
        self._connected.clear()
        self._broken = True
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.close()

    def _forget(self) -> None:
        for channel in ("shell", "iopub", "stdin"):
            queue = self._queues.get(channel)
            if queue is None:
                self._queues[channel] = asyncio.Queue()
                continue
            while not queue.empty():
                queue.get_nowait()
        self._queued = 0

    async def _hear_kernel(self) -> None:
        """Ask until the kernel answers, also one that the server has to start twice.

        On both its ways: a server that has started a kernel anew reaches its shell at once, and may
        hear of its outputs only later. What is printed between the two is lost.
        """
        asked: set[str] = set()
        round_trip = _FIRST_ROUND
        while True:
            await self._connected.wait()
            self.mend()
            request = self.session.msg("kernel_info_request", {})
            asked.add(request["header"]["msg_id"])
            self.send("shell", request)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(round_trip):
                    await self._hear_of("shell", asked)
                    await self._hear_of("iopub", asked)
                    return
            await self.check()
            round_trip = min(2 * round_trip, _LONGEST_PAUSE)
            if self._died:
                # As where one of its ports was taken when it was to be bound: the server chooses
                # others, but the connection stays with those there were.
                self.renew()

    async def _hear_of(self, channel: Channel, asked: set[str]) -> None:
        """Wait for what one of these requests has brought forth."""
        while True:
            # That the kernel died is noted; what is waited for is its answer once it is back.
            with contextlib.suppress(KernelConnectionError):
                if _is_reply(await self.receive(channel), asked):
                    return


def _says_that_it_died(message: dict[str, Any]) -> bool:
    state = message["content"].get("execution_state")
    return message["header"]["msg_type"] == "status" and state in ("restarting", "dead")


def _is_reply(heard: Heard, asked: set[str]) -> bool:
    return isinstance(heard, dict) and heard["parent_header"].get("msg_id") in asked


def _is_final(error: KernelConnectionError) -> bool:
    """Whether trying again is of no use: the server has answered."""
    code = getattr(error.__cause__, "code", None)
    return isinstance(code, int) and 400 <= code < 500


def _ignore_breaking(sent: asyncio.Future[None]) -> None:
    """Take what a message's sending raises: the reader sees the same, and acts."""
    if not sent.cancelled():
        sent.exception()


def _close_late(connecting: asyncio.Future[WebSocketClientConnection]) -> None:
    """Close a connection that nobody waits for any more."""
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().close()


_DIED: Final = (
    "the kernel died, and the run with it; its server starts it anew, or client.restart() does"
)
_PING_INTERVAL: Final = 20.0
_LARGEST: Final = 2 * MAX_MESSAGE
_MOST_QUEUED: Final = MAX_MESSAGE
_UNTIL_TAKEN: Final = 5.0
_ATTEMPTS: Final = 7
_FIRST_PAUSE: Final = 0.1
_FIRST_ROUND: Final = 1.0
_LONGEST_PAUSE: Final = 5.0
