"""The synchronous client: the asynchronous one on a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from eager_kernel.client.aio import AsyncEagerClient, F
from eager_kernel.client.eager_run import EagerRun
from eager_kernel.client.iterating import check_deltas, close_now
from eager_kernel.client.local import Sandbox
from eager_kernel.client.options import CellOptions, RunOptions
from eager_kernel.client.result import RunResult
from eager_kernel.client.run import told
from eager_kernel.client.session import AsyncEagerSession
from eager_kernel.client.session_options import SessionOptions
from eager_kernel.client.session_sync import EagerSession
from eager_kernel.client.usage import usage_of
from eager_kernel.sources.source import Source

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
        warm: bool = False,
        sandbox: Sandbox = False,
        **options: Any,
    ) -> Self:
        """Start a kernel of one's own; see `AsyncEagerClient.start`."""
        return cls._make(
            lambda: AsyncEagerClient.start(
                kernel_name,
                url=url,
                token=token,
                timeout=timeout,
                warm=warm,
                sandbox=sandbox,
                **options,
            )
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
            lambda: AsyncEagerClient.connect(
                connection_file, url=url, token=token, kernel_id=kernel_id, timeout=timeout
            )
        )

    @classmethod
    def _make(cls, make: Callable[[], Coroutine[Any, Any, AsyncEagerClient]]) -> Self:
        loop = _LoopThread()
        making = make()
        try:
            return cls(loop, loop.call(making))
        except BaseException:
            loop.close()
            making.close()  # an interrupt may have come before it began
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
        if self._loop.loop.is_closed():
            return  # it has been closed before
        try:
            self._loop.call(self._client.close())
        finally:
            self._loop.close()

    def interrupt(self) -> None:
        """Interrupt what the kernel runs; from any thread."""
        self._loop.call(self._client.interrupt())

    def restart(self, timeout: float = 60.0) -> None:
        """Start the kernel anew; see `AsyncEagerClient.restart`. From any thread."""
        self._loop.call(self._client.restart(timeout))

    def expose(self, function: F, *, name: str | None = None, effects: bool = True) -> F:
        """Let programs in the kernel call a function; see `AsyncEagerClient.expose`.

        It is called in a thread; an asynchronous one on the client's own loop.
        """
        return self._client.expose(function, name=name, effects=effects)

    def reset(self) -> None:
        """Forget all names that programs have made; see `AsyncEagerClient.reset`."""
        self._loop.call(self._client.reset())

    def execute(self, code: str, **options: Unpack[CellOptions]) -> RunResult:
        """Run an ordinary cell; see `AsyncEagerClient.execute`."""
        begun = self._loop.call(self._client.begin_cell(code, **options))
        run = EagerRun(begun, self._loop.call)
        with _given_up_with(run):
            return run.result()

    def open(self, **options: Unpack[RunOptions]) -> EagerRun:
        """Begin a run whose text is pushed; see `AsyncEagerClient.open`."""
        return EagerRun(self._loop.call(self._client.open(**options)), self._loop.call)

    def session(self, *, model: str | Source, **options: Unpack[SessionOptions]) -> EagerSession:
        """Have a model write programs until it answers; see `AsyncEagerClient.session`.

        A source of one's own is asked on the client's loop.
        """

        async def make() -> AsyncEagerSession:
            return self._client.session(model=model, **options)

        return EagerSession(self._loop.call(make()), self._loop.begin)

    def run(self, deltas: Iterable[str | None], **options: Unpack[RunOptions]) -> RunResult:
        """Run a program while it arrives; see `AsyncEagerClient.run`.

        When the kernel says stop, the iterator of `deltas` is closed as soon as it gives its
        next delta. Until then it can't be: Python closes no iterator that another thread is
        waiting in. For a model that may be silent for long, use `AsyncEagerClient`, or end the
        wait from `on_event`, which hears ``{"type": "stop"}`` at once, in another thread: what
        the iterator raises from then on is the result's ``source_error``.
        """
        check_deltas(deltas)
        iterator = iter([deltas] if isinstance(deltas, str) else deltas)
        run = self.open(**options)
        failure: Exception | None = None
        with _given_up_with(run):
            try:
                for text in iterator:
                    if not run.feed(text):
                        break
                else:
                    run.end(getattr(deltas, "finish_reason", None))
            except Exception as error:  # noqa: BLE001 - the run is over before it goes on
                failure = error
            finally:
                # Now: the run's end may take its time.
                failure = failure or close_now(iterator)
            if failure is not None and not run.stopped.is_set():
                run.cancel(told(failure), interrupt=False)
                run.result()
                raise failure
            return replace(run.result(), source_error=failure, usage=usage_of(deltas))


@contextmanager
def _given_up_with(run: EagerRun) -> Iterator[None]:
    """Give a run up with whoever waits for it, as by Ctrl-C, and see it end."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception):
            run.cancel()
            run.wait()
        raise


async def _end_tasks() -> None:
    """Cancel all other tasks of the loop, and wait for their ends."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _run_loop(made: Future[asyncio.AbstractEventLoop]) -> None:
    """Make a loop, and run it: here, as an interrupt of the main thread would leave half of one."""
    loop = asyncio.new_event_loop()
    made.set_result(loop)
    loop.run_forever()


class _LoopThread:
    """An event loop in a thread."""

    def __init__(self) -> None:
        made: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(
            target=_run_loop, args=(made,), name="eager-client", daemon=True
        )
        self._thread.start()
        self.loop = made.result()

    def begin(self, work: Coroutine[Any, Any, T]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        result: T = self.begin(work).result()
        return result

    def close(self) -> None:
        # What an interrupt has left behind is to be ended, not forgotten: a kernel that starts.
        self.begin(_end_tasks()).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
