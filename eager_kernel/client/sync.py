"""The synchronous client: the asynchronous one on a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from eager_kernel.client.aio import AsyncEagerClient
from eager_kernel.client.result import RunResult
from eager_kernel.client.run import OnEvent
from eager_kernel.client.usage import usage_of

T = TypeVar("T")


class EagerClient:
    """Streams programs into one kernel; see `AsyncEagerClient`.

    The deltas are iterated in the calling thread, so a model's client that blocks is fine; see
    `run` for when it is closed.

    Make one with `start` or `connect`, and use it in a ``with`` statement.
    """

    def __init__(self, loop: _LoopThread, client: AsyncEagerClient) -> None:
        self._loop = loop
        self._client = client

    @classmethod
    def start(
        cls,
        kernel_name: str = "eager_python",
        *,
        url: str | None = None,
        token: str | None = None,
        timeout: float = 60.0,
        **options: Any,
    ) -> Self:
        """Start a kernel of one's own; see `AsyncEagerClient.start`."""
        return cls._make(
            AsyncEagerClient.start(kernel_name, url=url, token=token, timeout=timeout, **options)
        )

    @classmethod
    def connect(
        cls,
        connection_file: str | Path | None = None,
        *,
        url: str | None = None,
        token: str | None = None,
        kernel_id: str | None = None,
        timeout: float = 60.0,
    ) -> Self:
        """Talk to a kernel that runs already; see `AsyncEagerClient.connect`."""
        return cls._make(
            AsyncEagerClient.connect(
                connection_file, url=url, token=token, kernel_id=kernel_id, timeout=timeout
            )
        )

    @classmethod
    def _make(cls, making: Coroutine[Any, Any, AsyncEagerClient]) -> Self:
        loop = _LoopThread()
        try:
            return cls(loop, loop.call(making))
        except BaseException:
            loop.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect; shut down a kernel that this client started."""
        try:
            self._loop.call(self._client.close())
        finally:
            self._loop.close()

    def interrupt(self) -> None:
        """Interrupt what the kernel runs; from any thread."""
        self._loop.call(self._client.interrupt())

    def execute(self, code: str, **options: Any) -> RunResult:
        """Run an ordinary cell; see `AsyncEagerClient.execute`."""
        return self._loop.call(self._client.execute(code, **options))

    def run(
        self, deltas: Iterable[str], *, on_event: OnEvent | None = None, **options: Any
    ) -> RunResult:
        """Run a program while it arrives; see `AsyncEagerClient.run`.

        When the kernel says stop, the iterator of `deltas` is closed as soon as it gives its
        next delta. Until then it can't be: Python closes no iterator that another thread is
        waiting in. For a model that may be silent for long, use `AsyncEagerClient`, or end the
        wait from `on_event`, which hears ``{"type": "stop"}`` at once, in another thread: what
        the iterator raises from then on is the result's ``source_error``.
        """
        iterator = iter([deltas] if isinstance(deltas, str) else deltas)
        bridge = _Bridge(self._loop.loop, on_event)
        running = self._loop.begin(self._client.run(bridge, on_event=bridge.hear, **options))
        failure: Exception | None = None
        try:
            try:
                for text in iterator:
                    if bridge.closed.is_set() or running.done():
                        break
                    bridge.put(text)
                bridge.finish(getattr(deltas, "finish_reason", None))
            except Exception as error:  # noqa: BLE001 - the run is over before it goes on
                failure = error
                if not bridge.closed.is_set():
                    bridge.fail(error)
            finally:
                # Now: the run's end may take its time.
                failure = failure or _close(iterator)
            with suppress(_SourceError):
                result: RunResult = running.result()
                return replace(result, source_error=failure, usage=usage_of(deltas))
            assert failure is not None
            raise failure
        except BaseException as error:
            if not isinstance(error, Exception):
                if isinstance(error, KeyboardInterrupt):
                    self.interrupt()
                bridge.fail(error)
                running.exception()
            raise


class _Bridge:
    """Deltas on their way from the calling thread to the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_event: OnEvent | None) -> None:
        self.closed = threading.Event()
        """Whether no more deltas are wanted."""
        self.finish_reason: str | None = None
        self._loop = loop
        self._on_event = on_event or (lambda event: None)
        self._queue: asyncio.Queue[str | BaseException | None] = asyncio.Queue()

    def put(self, item: str | BaseException | None) -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, item)

    def finish(self, reason: str | None) -> None:
        self.finish_reason = reason
        self.put(None)

    def fail(self, error: BaseException) -> None:
        self.put(_SourceError(error))

    def hear(self, event: dict[str, Any]) -> None:
        if event.get("type") == "stop":
            self.closed.set()  # before whoever hears of it makes the iterator raise
        self._on_event(event)

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        item = await self._queue.get()
        if item is None:
            raise StopAsyncIteration
        if isinstance(item, BaseException):
            raise item
        return item

    async def aclose(self) -> None:
        self.closed.set()


class _SourceError(Exception):
    """The deltas' iterator raised; the original goes on in the calling thread."""


def _close(iterator: object) -> Exception | None:
    close = getattr(iterator, "close", None)
    try:
        if close is not None:
            close()
    except Exception as error:  # noqa: BLE001 - the run has its result; this goes along
        return error
    return None


class _LoopThread:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self.loop.run_forever, name="eager-client", daemon=True
        )
        self._thread.start()

    def begin(self, work: Coroutine[Any, Any, T]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        result: T = self.begin(work).result()
        return result

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
