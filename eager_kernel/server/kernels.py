"""The way to a kernel of this server."""

from __future__ import annotations

from typing import Any, Final

from jupyter_client.asynchronous.client import AsyncKernelClient

from eager_kernel.client.address import parse_address
from eager_kernel.client.remote import RemoteTransport
from eager_kernel.client.rest import KernelsApi
from eager_kernel.client.transport import LocalTransport, Transport
from eager_kernel.errors import KernelConnectionError


def way_to(manager: Any) -> Transport:
    """Make a connection to a kernel.

    Parameters
    ----------
    manager
        Of the kernel; of a server whose kernels are a gateway's, its stand-in for one there.

    Raises
    ------
    KernelConnectionError
        The kernel has not been started yet.
    """
    from jupyter_server.gateway.gateway_client import GatewayClient  # noqa: PLC0415 - slow
    from jupyter_server.gateway.managers import GatewayKernelManager  # noqa: PLC0415

    if isinstance(manager, GatewayKernelManager):
        gateway = GatewayClient.instance()
        api = KernelsApi(parse_address(gateway.url or "", gateway.auth_token or ""))
        return RemoteTransport(api, str(manager.kernel_id))
    # A session of its own: the manager's is that of other clients too, by which the kernel would
    # take us for them.
    client = AsyncKernelClient()
    try:
        client.load_connection_file(manager.connection_file)
    except OSError as error:
        raise KernelConnectionError("the kernel has not been started yet") from error
    return ServerTransport(client, manager)


class ServerTransport(LocalTransport):
    """ZMQ sockets to a kernel of this server, which the server may restart.

    Parameters
    ----------
    client
        A client of the kernel.
    manager
        Of the kernel.
    """

    def __init__(self, client: AsyncKernelClient, manager: Any) -> None:
        super().__init__(client, max_message=_MAX_MESSAGE)
        self._kernels = manager
        self._process = self._process_now

    @property
    def _process_now(self) -> int | None:
        """The process of a kernel of this machine; elsewhere its heart has to do."""
        return getattr(self._kernels.provisioner, "pid", None)

    async def check(self) -> None:
        """See that the kernel is still the one to which the stream was opened."""
        # A new one answers at the same address, and its heart beats as the old one's did.
        if self._process_now != self._process:
            raise KernelConnectionError("the kernel died or was restarted, and the run with it")
        await super().check()

    async def interrupt(self) -> None:
        """Interrupt by the manager."""
        await self._kernels.interrupt_kernel()


_MAX_MESSAGE: Final = 16_000_000
"""Bytes: while a message is read, nobody else is served."""
