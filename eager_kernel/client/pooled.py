"""A client of a pool's kernel: it is taken, used, and given back by being closed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from eager_kernel.client.aio import AsyncEagerClient
from eager_kernel.client.sync import EagerClient
from eager_kernel.errors import KernelConnectionError

GiveBack = Callable[["Pooled"], None]


class Pooled(AsyncEagerClient):
    """A client whose kernel belongs to a pool; see `AsyncEagerClient` for what it does."""

    tenant: str | None = None
    """For whom it was taken; None: for nobody in particular."""
    _give_back: GiveBack | None = None
    _watch: Watch

    def belong(self, give_back: GiveBack) -> None:
        """Have a pool look after it, whom it is given back to when it is closed."""
        self._give_back = give_back
        self._transport = self._watch = Watch(self._transport)

    async def close(self) -> None:
        """Give the kernel back. It is ended: whoever takes one next gets a fresh one."""
        if self._give_back is not None:
            self._give_back(self)

    # For the pool ---------------------------------------------------------------------------

    @property
    def idle(self) -> float:
        """Seconds for which nothing has been asked of the kernel; 0 while it is waited for."""
        return self._watch.idle

    async def check(self) -> None:
        """See that the kernel is there.

        Raises
        ------
        KernelConnectionError
            It is not.
        """
        await self._watch.check()

    def process(self) -> int | None:
        """The kernel's process, of a kernel of this machine."""
        return self._watch.process()

    async def end(self, why: str) -> None:
        """End the kernel; whoever uses it hears why."""
        self.deny(why)
        await self._end(why)

    def deny(self, why: str) -> None:
        """Let nobody use it any more; whoever does hears why."""
        self._watch.end(why)


class Watch:
    """A transport, and when it was used last.

    Parameters
    ----------
    transport
        What does the work.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._waiting = 0
        self._last = time.monotonic()
        self._ended = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    @property
    def idle(self) -> float:
        """Seconds since it was used; 0 while somebody waits for a message."""
        return 0.0 if self._waiting else time.monotonic() - self._last

    async def ready(self, timeout: float) -> None:
        """Connect, unless it has ended."""
        self._look()
        await self._transport.ready(timeout)

    def send(self, *message: Any, **options: Any) -> None:
        """Send a message; once the kernel has ended, to nobody."""
        self._last = time.monotonic()
        if not self._ended:
            self._transport.send(*message, **options)

    async def receive(self, *channel: Any, **options: Any) -> Any:
        """Wait for a message."""
        self._look()
        self._waiting += 1
        try:
            return await self._transport.receive(*channel, **options)
        except asyncio.CancelledError:
            self._look()  # to close a socket cancels who waits there
            raise
        finally:
            self._waiting -= 1
            self._last = time.monotonic()

    async def check(self) -> None:
        """See that the kernel is there."""
        self._look()
        await self._transport.check()

    def end(self, why: str) -> None:
        """Say from now on that it has ended, and why."""
        self._ended = self._ended or why

    def process(self) -> int | None:
        """The kernel's process, if that is known."""
        manager = getattr(self._transport, "_manager", None)
        pid = getattr(getattr(manager, "provisioner", None), "pid", None)
        return pid if isinstance(pid, int) else None

    def _look(self) -> None:
        if self._ended:
            raise KernelConnectionError(self._ended)


class PooledClient(EagerClient):
    """The same for programs without an event loop; see `EagerClient` for what it does."""

    def close(self) -> None:
        """Give the kernel back. It is ended: whoever takes one next gets a fresh one."""
        if not self._loop.loop.is_closed():  # the loop is the pool's, and goes on
            self._loop.call(self._client.close())
