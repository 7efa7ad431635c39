"""A run whose text is pushed: from callbacks, tasks and threads."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from eager_kernel.client.result import RunError, RunResult
from eager_kernel.client.run import LeavingError, Run, Stop, check_delta
from eager_kernel.errors import KernelConnectionError

if TYPE_CHECKING:
    from eager_kernel.client.iterating import Deltas
    from eager_kernel.client.transport import Transport


class AsyncEagerRun:
    """A program on its way to the kernel; from `AsyncEagerClient.open`.

    ``async with`` it: at the block's end the text ends; where the block raises, the run is
    cancelled. `feed`, `end` and `cancel` may be called in any thread.

    Parameters
    ----------
    run
        What is sent and heard.
    transport
        The connection to the kernel.
    timeout
        Seconds that the run may take; None: as many as it wants.
    over
        Called when the next run may begin.
    """

    def __init__(
        self, run: Run, transport: Transport, timeout: float | None, over: Callable[[], None]
    ) -> None:
        self._run = run
        self._transport = transport
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._came: deque[Callable[[], None]] = deque()
        self._has_ended = False
        self._abandoned = ""
        self._interrupts = asyncio.Event()
        self._task: asyncio.Task[RunResult] = asyncio.create_task(self._live(over))
        # Whoever gave the run up does not ask how it went.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    @property
    def stopped(self) -> Stop:
        """Whether more text is wanted: an `asyncio.Event` that is set when the kernel says stop.

        Its ``reason`` is that of the protocol: ``error``, ``cancelled``, ``interrupted``,
        ``limit`` or ``protocol``; empty where the run ended without. ``message`` says it in a
        sentence.
        """
        return self._run.stopped

    def feed(self, text: str | None) -> bool:
        """Take the next delta.

        Parameters
        ----------
        text
            Any piece of the model's text; empty and None are nothing.

        Returns
        -------
        bool
            Whether more is wanted. What comes after a stop is dropped.

        Raises
        ------
        TypeError
            `text` is no text; bytes are none.
        ValueError
            The text has ended.
        """
        if self._has_ended:
            raise ValueError("the text of this run has ended")
        if check_delta(text) and not self.stopped.is_set():
            self._do(lambda: self._run.feed(text))
        return not self.stopped.is_set()

    def end(self, finish_reason: str | None = None) -> None:
        """Take the end of the text.

        Parameters
        ----------
        finish_reason
            Why the model ended, as it says: after ``"length"`` the last statement may be cut off,
            and does not run.
        """
        if not self._has_ended:
            self._has_ended = True
            self._do(lambda: self._run.end_text(finish_reason))

    def cancel(self, why: str = "", *, interrupt: bool = True) -> None:
        """Give the run up: take no more text, and run nothing that is not running.

        Parameters
        ----------
        why
            What the error says, which the cell shows; empty: that the client cancelled the run.
        interrupt
            Whether the statement that runs is interrupted, too; else the run ends with it.
        """

        def cancel() -> None:
            self._run.cancel(why)
            self.stopped.set()
            if interrupt:
                self._interrupts.set()

        self._do(cancel)

    async def _result(self) -> RunResult:
        try:
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            self._check_abandoned()
            raise

    async def result(self) -> RunResult:
        """Wait for the end of the run. The text has to end for that.

        Raises
        ------
        KernelConnectionError
            The kernel died, its server can't be reached any more, or the program does not let
            itself be interrupted.
        Exception
            What ``on_event`` or ``on_input`` raised; the run was cancelled then.

        Notes
        -----
        Where the task that awaits this is cancelled, the run goes on.
        """
        try:
            return await self._result()
        except LeavingError as leaving:
            raise leaving.why from None

    async def pull(self, deltas: Deltas) -> RunResult:
        """Take the text from an iterable, and wait for the end; see `AsyncEagerClient.run`."""
        try:
            return await self._run.stream(deltas, self._task)
        except LeavingError as leaving:
            raise leaving.why from None
        except asyncio.CancelledError:
            self._check_abandoned()
            self.cancel()
            raise

    def _check_abandoned(self) -> None:
        """Tell a run that was abandoned from one whose waiting task was cancelled."""
        if self._abandoned and self._task.cancelled():
            raise KernelConnectionError(self._abandoned) from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.end()
            await self.result()
        else:
            self.cancel()
            await self.wait()

    async def wait(self) -> None:
        """Wait for the end of the run, however it ends."""
        await asyncio.wait({self._task})

    async def abandon(self, why: str) -> None:
        """End it without the kernel: whoever waits for the result gets a `KernelConnectionError`.

        Parameters
        ----------
        why
            Its message.
        """
        self._abandoned = why
        self._task.cancel()
        await self.wait()

    def _do(self, what: Callable[[], None]) -> None:
        """Do it on the loop, in the order in which it came; nothing once the run is over."""
        if self._task.done():
            return
        if threading.get_ident() == self._thread and not self._came:
            what()
            return
        self._came.append(what)
        self._loop.call_soon_threadsafe(self._catch_up)

    def _catch_up(self) -> None:
        while self._came:
            self._came[0]()
            self._came.popleft()

    # Its life -------------------------------------------------------------------------------

    async def _live(self, over: Callable[[], None]) -> RunResult:
        waiting = asyncio.create_task(self._run.wait())
        ends = [
            waiting,
            asyncio.create_task(self._interrupts.wait()),
            asyncio.create_task(self._run.gave_up.wait()),
        ]
        try:
            await asyncio.wait(ends, timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
            if any(task.done() for task in ends):
                await self._interrupt_until(waiting)
                return await waiting
            self._run.give_up("timeout", self._too_long)
            await self._interrupt_until(waiting)
            if not waiting.done():
                raise KernelConnectionError(
                    f"{self._too_long}; nothing of it has run, as the kernel was busy with "
                    "another cell"
                )
            return self._timed_out(await waiting)
        finally:
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
            self.stopped.set()
            over()

    async def _interrupt_until(self, waiting: asyncio.Task[Any]) -> None:
        """Interrupt what the kernel runs of it until that ends; nothing if it has not begun."""
        # What was cancelled ends by itself, if no statement runs. An interrupt that comes just then
        # would be lost, or hit the kernel at work.
        await asyncio.wait({waiting}, timeout=_UNTIL_INTERRUPT)
        for pause in _PAUSES:
            if waiting.done() or not self._run.begun:
                return
            await self._transport.interrupt()
            await asyncio.wait({waiting}, timeout=pause)
        if not waiting.done():
            raise KernelConnectionError(
                f"the program has not ended {sum(_PAUSES):g} s after it was interrupted; "
                "client.restart() starts the kernel anew"
            )

    @property
    def _too_long(self) -> str:
        return f"the run took longer than its time limit of {self._timeout:g} s"

    def _timed_out(self, result: RunResult) -> RunResult:
        if result.error is None:
            return result  # it ended in that moment
        error = RunError(
            "RunTimeoutError",
            f"{self._too_long}, and was interrupted",
            result.error.traceback,
            result.error.lines,
        )
        return replace(result, status="error", error=error, stop_reason="timeout")


class EagerRun:
    """A program on its way to the kernel; from `EagerClient.open`. See `AsyncEagerRun`.

    All of it may be used in any thread. ``with`` it: at the block's end the text ends; where the
    block raises, the run is cancelled.

    Parameters
    ----------
    run
        The run, on the client's loop.
    call
        Runs what is to be awaited there.
    """

    def __init__(self, run: AsyncEagerRun, call: Callable[[Any], Any]) -> None:
        self._run = run
        self._call = call

    @property
    def stopped(self) -> StopSeen:
        """Whether more text is wanted; see `AsyncEagerRun.stopped`."""
        return StopSeen(self._run.stopped, self._call)

    def feed(self, text: str | None) -> bool:
        """Take the next delta; see `AsyncEagerRun.feed`."""
        return self._run.feed(text)

    def end(self, finish_reason: str | None = None) -> None:
        """Take the end of the text; see `AsyncEagerRun.end`."""
        self._run.end(finish_reason)

    def cancel(self, why: str = "", *, interrupt: bool = True) -> None:
        """Give the run up; see `AsyncEagerRun.cancel`."""
        self._run.cancel(why, interrupt=interrupt)

    def result(self) -> RunResult:
        """Wait for the end of the run; see `AsyncEagerRun.result`."""
        try:
            result: RunResult = self._call(self._run._result())
        except LeavingError as leaving:
            raise leaving.why from None
        return result

    def wait(self) -> None:
        """Wait for the end of the run, however it ends."""
        self._call(self._run.wait())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._call(self._run.__aexit__(kind, error, trace))


class StopSeen:
    """A `Stop` as other threads see it.

    Parameters
    ----------
    stop
        The event, on the client's loop.
    call
        Runs what is to be awaited there.
    """

    def __init__(self, stop: Stop, call: Callable[[Any], Any]) -> None:
        self._stop = stop
        self._call = call

    def is_set(self) -> bool:
        """Whether no more text is wanted."""
        return self._stop.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until no more is wanted; False if `timeout` seconds have passed first."""

        async def wait() -> bool:
            try:
                async with asyncio.timeout(timeout):
                    return await self._stop.wait()
            except TimeoutError:
                return False

        seen: bool = self._call(wait())
        return seen

    @property
    def reason(self) -> str:
        """Why the kernel said stop; empty if it did not."""
        return self._stop.reason

    @property
    def message(self) -> str:
        """The same in a sentence."""
        return self._stop.message


_UNTIL_INTERRUPT: Final = 0.25
"""Seconds that a run which was given up has to end by itself."""
_PAUSES: Final = (2.0, 3.0, 5.0)
"""Seconds between two interrupts of a program that goes on."""
