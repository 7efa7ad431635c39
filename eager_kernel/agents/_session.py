"""The kernel of one run of an asynchronous agent, and the program that is on its way to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, wait
from typing import Any, Final

from eager_kernel.agents._kernel import AgentKernel
from eager_kernel.agents._tools import offer
from eager_kernel.client import AsyncEagerClient, EagerClient, RunResult
from eager_kernel.client.eager_run import EagerRun
from eager_kernel.client.run import OnEvent
from eager_kernel.errors import EagerError, KernelConnectionError


class Session:
    """Runs the programs of one run of an agent, one at a time.

    What waits for the kernel waits in a thread, so it may be used on any event loop. The methods
    whose names end with ``_here`` wait where they are called, for agents without a loop.

    Parameters
    ----------
    client, url, token, kernel
        As of `AgentKernel`; `kernel` are its options.
    tools
        Functions that programs may call.
    without_effects
        Which of them change nothing, so that a call need not wait.
    timeout
        Seconds that a program may take; None: any number.
    on_event
        As of `EagerClient.open`.
    """

    def __init__(
        self,
        client: EagerClient | AsyncEagerClient | None = None,
        *,
        url: str | None = None,
        token: str | None = None,
        kernel: Mapping[str, Any] | None = None,
        tools: Mapping[str, Callable[..., Any]] | None = None,
        without_effects: Collection[str] = (),
        timeout: float | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        self._kernel = AgentKernel(client, url=url, token=token, **(kernel or {}))
        self._tools = self._unoffered = dict(tools or {})
        self._without_effects = without_effects
        self._timeout = timeout
        self._on_event = on_event
        self._streamed: dict[str, EagerRun] = {}
        self._last_call: Future[None] | None = None
        self._queued: dict[str, Future[None]] = {}
        self._run: EagerRun | None = None
        self._is_closed = False
        self.context: Any = None
        """What was given to `begin` with the program that runs."""
        self.loop: asyncio.AbstractEventLoop | None = None
        """Where whoever waits for it runs; None if that is no loop."""

    def prepare(self) -> None:
        """Begin to start the kernel, if that is to be done."""
        self._kernel.prepare()

    async def begin(self, text_format: str, context: Any = None) -> EagerRun:
        """Begin a program; `context` is for the tools that it calls."""
        opening = asyncio.ensure_future(asyncio.to_thread(self._open, text_format))
        try:
            run = await asyncio.shield(opening)
        except asyncio.CancelledError:
            # Else the kernel would wait for the text of a run that nobody knows.
            opening.add_done_callback(_cancel_opened)
            raise
        self._take_up(run, context, asyncio.get_running_loop())
        return run

    def begin_here(self, text_format: str, context: Any = None) -> EagerRun:
        """Begin a program, as `begin` does."""
        run = self._open(text_format)
        self._take_up(run, context, None)
        return run

    def keep(self, call_id: str, run: EagerRun) -> None:
        """Keep a program that has been streamed until its tool is called."""
        self._streamed[call_id] = run

    async def result(
        self, call_id: str, code: str, context: Any = None, after: Collection[str] = ()
    ) -> RunResult:
        """Give the outcome of a call: of what was streamed, or of the code.

        Where the task that awaits this is cancelled, so is the run.

        Parameters
        ----------
        call_id, code
            The call, and its code.
        context
            For the tools that the code calls.
        after
            Calls that come before it in the same answer, where a framework may begin them in any
            order.

        Raises
        ------
        EagerError
            The kernel died, and was started anew; the message is for the model.
        KernelConnectionError
            A kernel that is somebody else's died, or one does not start any more.
        """
        streamed = self._streamed.pop(call_id, None)
        for each in after:
            await asyncio.wait({asyncio.wrap_future(self._queuing(each))}, timeout=UNTIL_CALLED)
        before, this = self._queue(call_id)
        try:
            if before is not None:
                await asyncio.shield(asyncio.wrap_future(before))
            if streamed is not None:
                result = await outcome(streamed)
                if result.status != "no_code":
                    return result
            run = await self.begin("python", context)
            run.feed(code)
            run.end()
            return await outcome(run)
        except KernelConnectionError as error:
            raise await asyncio.to_thread(self._revived, error) from error
        finally:
            this.set_result(None)

    def result_here(
        self, call_id: str, code: str, context: Any = None, after: Collection[str] = ()
    ) -> RunResult:
        """Give the outcome of a call, as `result` does."""
        streamed = self._streamed.pop(call_id, None)
        wait([self._queuing(each) for each in after], timeout=UNTIL_CALLED)
        before, this = self._queue(call_id)
        try:
            if before is not None:
                before.result()
            if streamed is not None:
                result = outcome_here(streamed)
                if result.status != "no_code":
                    return result
            run = self.begin_here("python", context)
            run.feed(code)
            run.end()
            return outcome_here(run)
        except KernelConnectionError as error:
            raise self._revived(error) from error
        finally:
            this.set_result(None)

    def cancel(self) -> None:
        """Give up what runs; the statement that runs is interrupted. From any thread."""
        if (run := self._run) is not None:
            run.cancel()

    def forget(self) -> None:
        """Give up what was streamed for a call that has not come."""
        while self._streamed:
            self._streamed.popitem()[1].cancel()

    async def close(self) -> None:
        """Give up what runs, and end the kernel, if it is the agent's own.

        A model's request that is being cancelled may still write for a moment: its run, too, is
        over.
        """
        await asyncio.shield(asyncio.to_thread(self.close_here))

    def close_here(self) -> None:
        """Give up what runs, and end the kernel, as `close` does."""
        self._is_closed = True
        self.forget()
        self.cancel()
        self._kernel.close()

    def _take_up(self, run: EagerRun, context: Any, loop: asyncio.AbstractEventLoop | None) -> None:
        self._run, self.context, self.loop = run, context, loop
        if self._is_closed:
            run.cancel()

    def _queuing(self, call_id: str) -> Future[None]:
        """Give what is done when a call has its place in the queue."""
        return self._queued.setdefault(call_id, Future())

    def _queue(self, call_id: str) -> tuple[Future[None] | None, Future[None]]:
        """Give the end of the call before this one, and that of this one.

        Frameworks run the calls of an answer at once; their code is to run one after the other.
        """
        before, this = self._last_call, Future[None]()
        self._last_call = this
        if not (queuing := self._queuing(call_id)).done():
            queuing.set_result(None)
        return before, this

    def _revived(self, error: KernelConnectionError) -> EagerError:
        """Start a kernel anew that has died; gives what to tell the model."""
        said = self._kernel.revive(error)
        self._unoffered = dict(self._tools)
        return EagerError(said)

    def _open(self, text_format: str) -> EagerRun:
        client = self._kernel.client
        offer(client, self._unoffered, self._without_effects)
        self._unoffered = {}
        return client.open(format=text_format, timeout=self._timeout, on_event=self._on_event)


async def outcome(run: EagerRun) -> RunResult:
    """Wait for a run; if whoever waits is cancelled, so is the run."""
    try:
        return await asyncio.to_thread(run.result)
    except asyncio.CancelledError:
        run.cancel()
        raise


def outcome_here(run: EagerRun) -> RunResult:
    """Wait for a run; if whoever waits is interrupted, it is cancelled."""
    try:
        return run.result()
    except KeyboardInterrupt:
        run.cancel()
        raise


def _cancel_opened(opening: asyncio.Future[EagerRun]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().cancel()


UNTIL_CALLED: Final = 5.0
"""Seconds in which a framework calls a tool whose arguments are whole; it takes milliseconds. One
that is not called by then was refused, or its agent's run has ended."""
