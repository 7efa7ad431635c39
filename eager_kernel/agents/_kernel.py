"""The kernel of an agent: its own, which starts when it is needed, or one that it is given."""

from __future__ import annotations

import asyncio
import atexit
import threading
import weakref
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, Self, TypeVar

from eager_kernel.client import AsyncEagerClient, EagerClient
from eager_kernel.errors import KernelConnectionError

T = TypeVar("T")


class AgentKernel:
    """A kernel, reached from any thread.

    One that it started ends with `close`, when nothing refers to this any more, or with the
    process.

    Parameters
    ----------
    client
        Of a kernel that is somebody else's, and stays; None: it starts one of its own. An
        `AsyncEagerClient` is used on the event loop that runs now.
    url, token
        The Jupyter server that starts it; None: it starts here.
    options
        As of `EagerClient.start`.

    Raises
    ------
    TypeError
        A client is given, and what only a start needs, too; or an asynchronous client where no
        event loop runs.
    """

    def __init__(
        self,
        client: EagerClient | AsyncEagerClient | None = None,
        *,
        url: str | None = None,
        token: str | None = None,
        **options: Any,
    ) -> None:
        if client is not None and (url is not None or token is not None or options):
            raise TypeError("give the client of a kernel, or how to start one, not both")
        self.is_own = client is None
        """Whether it was started for this agent, and nobody else uses it."""
        self._options = {"url": url, "token": token, **options}
        self._given = _as_blocking(client) if client is not None else None
        self._life = _Life()
        if self.is_own:
            _at_exit.add(self._life)
            weakref.finalize(self, _Life.close_soon, self._life).atexit = False

    def prepare(self) -> None:
        """Begin to start it, if that is to be done."""
        if self._given is None:
            self._life.begin(self._options)

    @property
    def client(self) -> EagerClient:
        """Its client, as soon as it has started.

        Raises
        ------
        KernelConnectionError
            It does not start. The next call tries again.
        """
        if self._given is not None:
            return self._given
        return self._life.begin(self._options).result()

    def revive(self, error: KernelConnectionError) -> str:
        """Start it anew, as it has died, or does not let itself be interrupted.

        Returns
        -------
        str
            What to tell the model.

        Raises
        ------
        KernelConnectionError
            `error`, where the kernel is somebody else's; or it does not start.
        """
        if not self.is_own:
            raise error
        self.client.restart()
        return (
            f"{error}\nThe kernel has been started anew: variables, imports and definitions are "
            "gone, and have to be made again."
        )

    def close(self) -> None:
        """End it, if it is the agent's own; the next use starts another one."""
        self._life.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Life:
    """From a kernel's start to its end; knows nothing of whoever uses it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started: Future[EagerClient] | None = None

    def begin(self, options: dict[str, Any]) -> Future[EagerClient]:
        with self._lock:
            has_failed = (
                self._started is not None
                and self._started.done()
                and self._started.exception() is not None
            )
            if self._started is None or has_failed:
                self._started = Future()
                threading.Thread(
                    target=_start, args=(self._started, options), name="eager-start", daemon=True
                ).start()
            return self._started

    def close(self) -> None:
        with self._lock:
            started, self._started = self._started, None
        if started is not None and started.exception() is None:
            started.result().close()

    def close_soon(self) -> None:
        # Garbage is collected in any thread: also in the client's, which must not wait for itself.
        threading.Thread(target=self.close, name="eager-close", daemon=True).start()


def _start(started: Future[EagerClient], options: dict[str, Any]) -> None:
    try:
        started.set_result(EagerClient.start(**options))
    except BaseException as error:  # noqa: BLE001 - whoever waits for the kernel gets it
        started.set_exception(error)


_at_exit: weakref.WeakSet[_Life] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for life in list(_at_exit):
        life.close()


def _as_blocking(client: EagerClient | AsyncEagerClient) -> EagerClient:
    if isinstance(client, EagerClient):
        return client
    try:
        loop: Any = _RunningLoop(asyncio.get_running_loop())
    except RuntimeError:
        raise TypeError(
            "an AsyncEagerClient can be used where its event loop runs only; give an EagerClient"
        ) from None
    return EagerClient(loop, client)


class _RunningLoop:
    """The loop that a given client lives on; other threads than its own may wait for it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()
