"""Kernels that are ready before somebody wants one."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from eager_kernel.client.local import Sandbox
from eager_kernel.client.pooled import Pooled, PooledClient
from eager_kernel.client.sync import _LoopThread
from eager_kernel.errors import EagerError, KernelConnectionError, PoolError


class AsyncEagerPool:
    """Keeps some kernels ready, gives each to one taker, and ends it when it comes back.

    Parameters
    ----------
    size
        How many are kept ready.
    most
        How many there may be at once, ready and taken; None: as many as are taken, and `size` more.
        Who wants one more waits until one is given back.
    per_tenant
        How many one tenant may have at once; None: as many as there are.
    memory
        MiB that a taken kernel may have of its own, with what it shares with no other process; one
        that has more is ended. None: not watched. Of kernels of this machine, on Linux.
    idle
        Seconds after which a kernel is ended that was taken and is not used; None: never.
    kernel_name, url, token, sandbox
        As of `AsyncEagerClient.start`. With `url`, the kernels are those of a Jupyter server, or of
        a gateway that starts them on other machines.
    warm
        Whether kernels are forked from a template; None: they are on this machine.
    timeout
        Seconds that a kernel may take to start.
    options
        More of `AsyncEagerClient.start`, as ``cwd`` or ``env``; the same for all.

    Examples
    --------
    >>> async with AsyncEagerPool(size=4) as pool:          # doctest: +SKIP
    ...     async with await pool.take() as client:
    ...         result = await client.run(deltas)
    """

    def __init__(
        self,
        size: int = 4,
        *,
        most: int | None = None,
        per_tenant: int | None = None,
        memory: float | None = None,
        idle: float | None = 1800.0,
        kernel_name: str = "eager_python",
        url: str | None = None,
        token: str | None = None,
        warm: bool | None = None,
        sandbox: Sandbox = False,
        timeout: float = 60.0,
        **options: Any,
    ) -> None:
        for name, value in (("size", size), ("most", most), ("per_tenant", per_tenant)):
            if value is not None and value < 1:
                raise PoolError(f"{name}: must be at least 1, not {value}")
        if most is not None and most < size:
            raise PoolError(f"most: must not be less than size, {size}, but is {most}")
        if memory is not None and (url is not None or sys.platform != "linux"):
            raise PoolError("memory: can be watched of kernels of this machine, on Linux")
        self._size, self._most, self._per_tenant = size, most, per_tenant
        self._memory, self._idle = memory, idle
        local = {"timeout": timeout, "warm": url is None if warm is None else warm}
        self._start: dict[str, Any] = options | local | {"url": url, "token": token}
        self._start |= {"kernel_name": kernel_name, "sandbox": sandbox}
        self._ready: deque[Pooled] = deque()
        self._taken: set[Pooled] = set()
        self._waiting: deque[_Taker] = deque()
        self._starting = self._ending = self._failures = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeper: asyncio.Task[None] | None = None
        self._is_open = False

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Start kernels, and wait for the first.

        Raises
        ------
        EagerError
            There can be none.
        """
        self._is_open = True
        self._keeper = asyncio.create_task(self._look_after())
        try:
            self._put_back(await self.take(timeout=None))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End all kernels, also those that are taken."""
        self._is_open = False
        for taker in self._waiting:
            taker.fail(PoolError("the pool is closed"))
        self._waiting.clear()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        for kernel in [*self._ready, *self._taken]:
            self._end(kernel, "the pool is closed")
        while self._tasks:  # one that starts a kernel ends it, too
            await asyncio.gather(*self._tasks)

    async def take(self, *, tenant: str | None = None, timeout: float | None = None) -> Pooled:
        """Take a kernel that nobody has used.

        Parameters
        ----------
        tenant
            For whom; tenants' kernels are counted. None: for nobody in particular.
        timeout
            Seconds to wait for one; None: as long as it takes.

        Returns
        -------
        Pooled
            A client, an `AsyncEagerClient`; its `close` gives the kernel back.

        Raises
        ------
        PoolError
            There was none in time, or the pool is closed.
        Exception
            What starting a kernel raises, as `AsyncEagerClient.start`.
        """
        try:
            async with asyncio.timeout(timeout):
                while True:
                    kernel = await self._next(tenant)
                    try:
                        await kernel.check()
                    except KernelConnectionError:
                        self._end(kernel, "the kernel died")  # while it was waiting here
                    else:
                        return kernel
        except TimeoutError:
            counts = self.counts
            raise PoolError(
                f"no kernel within {timeout:g} s: {counts['taken']} are taken, "
                f"{counts['starting']} start, {counts['waiting']} more are waited for"
            ) from None

    @property
    def counts(self) -> dict[str, int]:
        """How many kernels are ready, taken, starting and ending, and how many takers wait."""
        return {
            "ready": len(self._ready),
            "taken": len(self._taken),
            "starting": self._starting,
            "ending": self._ending,
            "waiting": len(self._waiting),
        }

    # What goes on ---------------------------------------------------------------------------

    async def _next(self, tenant: str | None) -> Pooled:
        """Wait for the next kernel."""
        if not self._is_open:
            raise PoolError("the pool is not open: use it in a with statement")
        taker = _Taker(tenant)
        self._waiting.append(taker)
        self._go_on()
        try:
            return await taker.kernel
        except BaseException:
            if taker in self._waiting:
                self._waiting.remove(taker)
            elif (kernel := taker.given()) is not None:
                self._put_back(kernel)  # nobody waits for it any more
            raise

    def _go_on(self) -> None:
        """Give kernels to whoever waits, and start others."""
        if not self._is_open:
            return
        while self._ready and (taker := self._whose_turn()) is not None:
            self._waiting.remove(taker)
            kernel = self._ready.popleft()
            kernel.tenant = taker.tenant
            self._taken.add(kernel)
            taker.kernel.set_result(kernel)
        wanted = self._size + sum(map(self._may_have, self._waiting)) - len(self._ready)
        if self._most is not None:
            there = len(self._ready) + len(self._taken) + self._ending
            wanted = min(wanted, self._most - there)
        for _ in range(min(wanted, _AT_ONCE) - self._starting):
            self._starting += 1
            self._begin(self._start_one())

    def _whose_turn(self) -> _Taker | None:
        """Who has waited longest, of those who may have one more."""
        return next((taker for taker in self._waiting if self._may_have(taker)), None)

    def _may_have(self, taker: _Taker) -> bool:
        if self._per_tenant is None or taker.tenant is None:
            return True
        return sum(k.tenant == taker.tenant for k in self._taken) < self._per_tenant

    async def _start_one(self) -> None:
        try:
            kernel = await Pooled.start(**self._start)
        except Exception as error:  # noqa: BLE001 - whoever waits for it gets it
            if self._waiting:
                self._waiting.popleft().fail(error)
            elif self._is_open:
                _log.warning("a kernel of the pool did not start: %s", error)
            self._failures += 1
            if self._is_open:
                await asyncio.sleep(min(_PAUSE * 2**self._failures, _LONGEST_PAUSE))
            self._starting -= 1
        else:
            self._starting -= 1
            self._failures = 0
            kernel.belong(self._take_back)
            self._ready.append(kernel)
            if not self._is_open:
                self._end(kernel, "the pool is closed")
        self._go_on()

    def _take_back(self, kernel: Pooled) -> None:
        if kernel in self._taken:
            self._end(kernel, "this kernel was given back to its pool; take another one")

    def _put_back(self, kernel: Pooled) -> None:
        """Have a kernel again that nobody has used."""
        self._taken.discard(kernel)
        kernel.tenant = None
        self._ready.appendleft(kernel)
        self._go_on()

    def _end(self, kernel: Pooled, why: str) -> None:
        """End a kernel, and have a fresh one in its place."""
        self._taken.discard(kernel)
        with suppress(ValueError):
            self._ready.remove(kernel)
        kernel.deny(why)
        self._ending += 1
        self._begin(self._finish(kernel, why))

    async def _finish(self, kernel: Pooled, why: str) -> None:
        try:
            await kernel.end(why)
        except (EagerError, OSError) as error:
            _log.warning("a kernel of the pool may not have ended: %s", error)
        finally:
            self._ending -= 1
            self._go_on()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look_after(self) -> None:
        """Replace kernels that have died, and end those that take too much."""
        while True:
            await asyncio.sleep(_LOOK_UP)
            for kernel in list(self._ready):
                try:
                    await kernel.check()
                except KernelConnectionError:
                    if kernel in self._ready:
                        self._end(kernel, "the kernel died")
            for kernel in list(self._taken):
                if self._idle is not None and kernel.idle > self._idle:
                    self._end(kernel, f"the pool ended a kernel that was idle for {self._idle:g} s")
                elif self._memory is not None and own_memory(kernel.process()) > self._memory:
                    self._end(
                        kernel,
                        f"the pool ended a kernel that took more than {self._memory:g} MiB of "
                        "memory (its option memory)",
                    )


class _Taker:
    """Somebody who waits for a kernel."""

    def __init__(self, tenant: str | None) -> None:
        self.tenant = tenant
        self.kernel: asyncio.Future[Pooled] = asyncio.get_running_loop().create_future()

    def fail(self, error: Exception) -> None:
        if not self.kernel.done():
            self.kernel.set_exception(error)

    def given(self) -> Pooled | None:
        """The kernel that was given, be it that nobody has come for it."""
        kernel = self.kernel
        if not kernel.done() or kernel.cancelled() or kernel.exception() is not None:
            return None
        return kernel.result()


class EagerPool:
    """Keeps some kernels ready; see `AsyncEagerPool`, whose parameters it has.

    Its clients may be used in any thread, each by one at a time.

    Examples
    --------
    >>> with EagerPool(size=4) as pool:                      # doctest: +SKIP
    ...     with pool.take() as client:
    ...         result = client.run(deltas)
    """

    def __init__(self, size: int = 4, **options: Any) -> None:
        self._pool = AsyncEagerPool(size, **options)
        self._loop: _LoopThread | None = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def open(self) -> None:
        """Start kernels, and wait for the first; see `AsyncEagerPool.open`."""
        self._loop = loop = _LoopThread()
        try:
            loop.call(self._pool.open())
        except BaseException:
            self._loop = None
            loop.close()
            raise

    def close(self) -> None:
        """End all kernels, also those that are taken."""
        loop, self._loop = self._loop, None
        if loop is not None:
            try:
                loop.call(self._pool.close())
            finally:
                loop.close()

    def take(self, *, tenant: str | None = None, timeout: float | None = None) -> PooledClient:
        """Take a kernel that nobody has used; see `AsyncEagerPool.take`.

        Returns
        -------
        PooledClient
            A client, an `EagerClient`; its `close` gives the kernel back.
        """
        if self._loop is None:
            raise PoolError("the pool is not open: use it in a with statement")
        client = self._loop.call(self._pool.take(tenant=tenant, timeout=timeout))
        return PooledClient(self._loop, client)

    @property
    def counts(self) -> dict[str, int]:
        """How many kernels are ready, taken, starting and ending, and how many takers wait."""
        return self._pool.counts


def own_memory(pid: int | None) -> float:
    """MiB that a process shares with no other one; 0 where that can't be told."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0.0
    lines = (line.split() for line in text.splitlines())
    return sum(int(line[1]) for line in lines if line[0].startswith("Private_")) / 1024


_log = logging.getLogger("eager_kernel.client")
_AT_ONCE: Final = 4
_LOOK_UP: Final = 1.0
_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 30.0
