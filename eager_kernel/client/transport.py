"""How messages reach a kernel and come from it: the seam between a run and its connection."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, Final, Literal, Protocol
from uuid import uuid4

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.session import Session

from eager_kernel.client.heard import MAX_MESSAGE, Screen, UnfitError, read_frames
from eager_kernel.client.readiness import hear_kernel
from eager_kernel.errors import KernelConnectionError
from eager_kernel.protocol import Resume

Channel = Literal["shell", "iopub", "stdin"]


class Broken:
    """Comes on iopub, in the place of messages that may be lost: the connection broke, and is
    back.
    """


BROKEN: Final = Broken()

Heard = dict[str, Any] | Broken | UnfitError


class Transport(Protocol):
    """A connection to one kernel."""

    session: Session
    """Makes the messages."""
    may_break: bool
    """Whether the connection may break and come back."""

    async def open(self, timeout: float) -> None:
        """Connect, if this is not done yet; the kernel need not answer.

        Raises
        ------
        KernelConnectionError
            There is nobody to connect to.
        """

    async def ready(self, timeout: float) -> None:
        """Connect and wait until the kernel answers; forget the messages that came before.

        Raises
        ------
        KernelConnectionError
            They can't be within `timeout` seconds.
        """

    def send(self, channel: Channel, message: dict[str, Any]) -> None:
        """Send a message. After the connection broke it is lost, until `mend` is called."""

    async def receive(self, channel: Channel, screen: Screen | None = None) -> Heard:
        """Wait for what comes: a message whose parts are those of one, or what is none.

        Parameters
        ----------
        channel
            On which.
        screen
            Decides what is not worth being read, if that can still be decided.
        """

    def mend(self) -> None:
        """Send again from now on: whoever takes `BROKEN` knows that the connection broke."""

    def renew(self) -> None:
        """Give a connection up over which nothing comes any more, and connect anew."""

    async def interrupt(self) -> None:
        """Interrupt what the kernel runs."""

    async def restart(self, timeout: float) -> None:
        """Have the kernel started anew, and wait until it answers.

        Raises
        ------
        KernelConnectionError
            It does not, or it is not ours to start.
        """

    async def check(self) -> None:
        """See that the kernel is there.

        Raises
        ------
        KernelConnectionError
            It is not, or can't be reached any more.
        """

    async def close(self) -> None:
        """Disconnect; end a kernel that was started with the connection."""


class DiedAtStartError(KernelConnectionError):
    """A kernel of ours that ended before it answered."""


class LocalTransport:
    """ZMQ sockets to a kernel, as a rule on this machine.

    Parameters
    ----------
    client
        A client of the kernel.
    manager
        The manager of a kernel that ends with the connection.
    max_message
        Bytes of the longest message that is read.
    """

    may_break = False

    def __init__(
        self,
        client: AsyncKernelClient,
        manager: AsyncKernelManager | None = None,
        *,
        max_message: int = MAX_MESSAGE,
    ) -> None:
        self._manager = manager
        self._max_message = max_message
        self._use(client)

    def _use(self, client: AsyncKernelClient) -> None:
        self.session: Session = client.session
        self._client = client
        # Of sockets that are made from now on. A kernel that sends more is hung up on.
        client.context.maxmsgsize = 2 * self._max_message
        self._is_open = self._is_ready = False

    async def open(self, timeout: float) -> None:
        """Start the channels."""
        if not self._is_open:
            self._is_open = True
            self._client.start_channels()

    async def ready(self, timeout: float) -> None:
        """Wait until the kernel answers, the first time."""
        if self._is_ready:
            return
        await self.open(timeout)
        try:
            await hear_kernel(self, timeout, self._check_start)
        except TimeoutError as error:
            await self._check_start()
            raise KernelConnectionError(
                f"the kernel did not answer within {timeout:g} s"
            ) from error
        self._is_ready = True

    async def _check_start(self) -> None:
        if self._manager is not None and not await self._manager.is_alive():
            why = self._explain() or "what it wrote on stderr says why"
            raise DiedAtStartError(f"the kernel ended before it answered; {why}")

    def _explain(self) -> str:
        """Why a kernel of ours has ended, if whoever started it knows."""
        provisioner: Any = self._manager.provisioner if self._manager is not None else None
        return str(provisioner.explain_exit()) if hasattr(provisioner, "explain_exit") else ""

    def send(self, channel: Channel, message: dict[str, Any]) -> None:
        """Send a message."""
        # Not by the channel's own `send`, which goes past the asynchronous socket: a reply that
        # comes at that moment would wake nobody.
        frames = self.session.serialize(message)
        getattr(self._client, f"{channel}_channel").socket.send_multipart(frames)

    async def receive(self, channel: Channel, screen: Screen | None = None) -> Heard:
        """Wait for a message."""
        # Not by the client's own methods, which read without limits, and raise.
        socket = getattr(self._client, f"{channel}_channel").socket
        while True:
            frames = await socket.recv_multipart()
            try:
                message = read_frames(self.session, frames, self._max_message, screen)
            except UnfitError as unfit:
                return unfit
            if message is not None:
                return message

    def mend(self) -> None:
        """Do nothing: it does not break."""

    def renew(self) -> None:
        """Do nothing: it is the kernel's own socket."""

    async def interrupt(self) -> None:
        """Interrupt by the manager, or by a message to a kernel that is not ours."""
        if self._manager is not None:
            await self._manager.interrupt_kernel()
        else:
            message = self.session.msg("interrupt_request", {})
            self._client.control_channel.send(message)

    async def restart(self, timeout: float) -> None:
        """Start a kernel of ours anew, also where it has died."""
        if self._manager is None:
            raise KernelConnectionError(
                "the kernel was not started by this client: restart it where it was started"
            )
        self._client.stop_channels()
        await self._manager.restart_kernel(now=True)
        self._use(self._manager.client())
        await self.ready(timeout)

    async def check(self) -> None:
        """See that the kernel's process, or its heart, is alive."""
        alive: Any = (self._manager or self._client).is_alive()
        if not (await alive if inspect.isawaitable(alive) else alive):
            why = self._explain()
            raise KernelConnectionError(
                "the kernel died, and the run with it"
                + (f": {why}" if why else "")
                + ("; client.restart() starts it anew" if self._manager is not None else "")
            )

    async def close(self) -> None:
        """Stop the channels; shut down a kernel of ours."""
        self._client.stop_channels()
        if self._manager is not None:
            await self._manager.shutdown_kernel(now=True)
            self._manager = None


async def hear_eager(transport: Transport, timeout: float) -> None:
    """Wait until an EAGER kernel answers, which it does also while it runs a cell.

    Parameters
    ----------
    transport
        Open, with nothing sent yet.
    timeout
        Seconds.

    Raises
    ------
    KernelConnectionError
        None does.
    """
    # To `resume` of a stream that nobody opened it says that it has nothing. Asked until it is
    # heard: a subscription to what the kernel says takes its time.
    comm_id = f"hello-{uuid4().hex}"
    content = {"comm_id": comm_id, "data": Resume(0).data()}
    try:
        async with asyncio.timeout(timeout):
            while True:
                transport.send("shell", transport.session.msg("comm_msg", content))
                try:
                    async with asyncio.timeout(_HELLO_INTERVAL):
                        while not _is_from(await transport.receive("iopub"), comm_id):
                            pass
                    return
                except TimeoutError:
                    continue
    except TimeoutError:
        raise KernelConnectionError(
            f"no EAGER kernel answers within {timeout:g} s: is it one, and of this version?"
        ) from None


def _is_from(message: Heard, comm_id: str) -> bool:
    return isinstance(message, dict) and message["content"].get("comm_id") == comm_id


_HELLO_INTERVAL: Final = 0.25
