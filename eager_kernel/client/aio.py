"""The asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar, Unpack

from jupyter_client.asynchronous.client import AsyncKernelClient

from eager_kernel.client.address import parse_address
from eager_kernel.client.deadline import Deadline
from eager_kernel.client.eager_run import AsyncEagerRun
from eager_kernel.client.hosting import HostFunction, Hosting
from eager_kernel.client.iterating import Deltas
from eager_kernel.client.local import Sandbox, launch, make_manager, name_on_server
from eager_kernel.client.options import CellOptions, Mode, OnError, RunOptions
from eager_kernel.client.questions import OnInput
from eager_kernel.client.remote import RemoteTransport
from eager_kernel.client.rest import KernelsApi
from eager_kernel.client.result import RunResult
from eager_kernel.client.run import MAX_BYTES, OnEvent, Run
from eager_kernel.client.session import AsyncEagerSession
from eager_kernel.client.session_options import SessionOptions
from eager_kernel.client.transport import DiedAtStartError, LocalTransport, Transport
from eager_kernel.errors import KernelConnectionError
from eager_kernel.protocol import attach_code
from eager_kernel.sources.source import Source

F = TypeVar("F", bound=Callable[..., Any])


class AsyncEagerClient:
    """Streams programs into one kernel.

    Make one with `start` or `connect`, and use it in an ``async with`` statement.

    Parameters
    ----------
    transport
        The connection to the kernel.
    interval
        Seconds for which deltas are gathered into one message. While a kernel on this machine runs
        a statement, which each message slows, they are gathered for longer; not if this is 0.
    """

    def __init__(self, transport: Transport, *, interval: float = 0.015) -> None:
        self._transport = transport
        self._interval = interval
        self._one_at_a_time = asyncio.Lock()
        self._current: AsyncEagerRun | None = None
        self._hosting = Hosting()
        self._sessions: set[AsyncEagerSession] = set()

    @classmethod
    async def start(
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
        """Start a kernel of one's own; it ends with the client.

        Parameters
        ----------
        kernel_name
            Name of the kernelspec.
        url
            Address of the Jupyter server that is to start it; None: it starts here.
        token
            Lets us into the server; None: as in the address.
        timeout
            Seconds that all of it may take, until the kernel answers.
        warm
            Whether it is forked from a process that has imported everything (``docs/warm.md``).
        sandbox
            Whether it is locked in, or what it may do there, as ``{"network": True}``
            (``docs/sandbox.md``). With `url`, these two choose the server's kernelspec.
        options
            For `AsyncKernelManager.start_kernel`, for example ``cwd`` or ``env``. With `url`,
            fields of the server's request: ``path``, and ``env`` where the server allows it.

        Raises
        ------
        KernelConnectionError
            There is no such kernel, or it did not start in time.
        SandboxError
            It can't be locked in, and was not started.
        """
        deadline = Deadline.after(timeout)
        if url is not None:
            kernel_name = name_on_server(kernel_name, warm=warm, sandbox=sandbox)
            api = KernelsApi(parse_address(url, token))
            try:
                async with deadline.holds(
                    f"the Jupyter server at {api.address.url} has started no kernel"
                ):
                    kernel_id = await api.start(kernel_name, deadline.left, **options)
            except BaseException:
                api.close()
                raise
            return await cls._begin(RemoteTransport(api, kernel_id, owned=True), deadline)
        attempts = 0
        while True:
            attempts += 1
            manager = make_manager(kernel_name, warm=warm, sandbox=sandbox)
            async with deadline.holds("the kernel was not started"):
                await launch(manager, options)
            try:
                return await cls._begin(LocalTransport(manager.client(), manager), deadline)
            except DiedAtStartError:
                # As a rule, a port that was free when it was chosen was not when it was bound.
                if attempts == _ATTEMPTS:
                    raise

    @classmethod
    async def connect(
        cls,
        connection_file: str | Path | None = None,
        *,
        url: str | None = None,
        token: str | None = None,
        kernel_id: str | None = None,
        timeout: float = 60.0,
    ) -> Self:
        """Talk to a kernel that runs already; it goes on when the client is closed.

        Parameters
        ----------
        connection_file
            The kernel's connection file; for a kernel of this machine.
        url
            Address of the Jupyter server that has the kernel, as a browser shows it.
        token
            Lets us into the server; None: as in the address.
        kernel_id
            The kernel, of the server; None: the only one it has.
        timeout
            Seconds that all of it may take, until the kernel answers.

        Raises
        ------
        KernelConnectionError
            There is no such file or kernel, or the kernel does not answer.
        """
        if (connection_file is None) == (url is None):
            raise KernelConnectionError("give a connection_file, or the url of a Jupyter server")
        deadline = Deadline.after(timeout)
        if url is not None:
            api = KernelsApi(parse_address(url, token))
            try:
                async with deadline.holds(f"the Jupyter server at {api.address.url} said nothing"):
                    kernel_id = kernel_id if kernel_id is not None else await api.only()
            except BaseException:
                api.close()
                raise
            return await cls._begin(RemoteTransport(api, kernel_id), deadline)
        client = AsyncKernelClient()
        try:
            client.load_connection_file(str(connection_file))
        except OSError as error:
            raise KernelConnectionError(
                f"can't read the connection file {connection_file}: {error}"
            ) from error
        return await cls._begin(LocalTransport(client), deadline)

    @classmethod
    async def _begin(cls, transport: Transport, deadline: Deadline) -> Self:
        try:
            async with deadline.holds("the kernel did not answer"):
                await transport.ready(deadline.left)
        except BaseException:
            # A server that does not answer is not waited for once more. What it has been told to
            # do, it does.
            with suppress(TimeoutError, KernelConnectionError):
                async with asyncio.timeout(_PARTING):
                    await transport.close()
            raise
        return cls(transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Disconnect; shut down a kernel that this client started.

        A run that goes on is given up.
        """
        await self._end("the client was closed, and the run ended with that")

    async def _end(self, why: str) -> None:
        """Close it; whoever waits for a run hears why."""
        if self._current is not None:
            await self._current.abandon(why)
        for session in tuple(self._sessions):
            await session.aclose()
        await self._transport.close()

    async def interrupt(self) -> None:
        """Interrupt what the kernel runs."""
        await self._transport.interrupt()

    async def open(
        self,
        *,
        format: str = "auto",
        gate: Mode | None = None,
        on_error: OnError = "stop",
        model: str = "",
        on_event: OnEvent | None = None,
        on_input: OnInput | None = None,
        silent: bool = False,
        store_history: bool = True,
        user_expressions: dict[str, str] | None = None,
        max_bytes: int = MAX_BYTES,
        max_characters: int | None = None,
        timeout: float | None = None,
    ) -> AsyncEagerRun:
        """Begin a run whose text is pushed: by a framework's callback, a thread, a task.

        Parameters
        ----------
        format, gate, on_error, model
            As in the protocol's ``comm_open``; `gate` None: as the kernel is configured.
        on_event
            Called with everything that happens. If it raises, the run is cancelled, and whoever
            waits for the result gets what it raised.
        on_input
            Answers `input()`; without it the program gets `StdinNotImplementedError`. If it
            raises, as above.
        silent, store_history, user_expressions
            As in an `execute_request`.
        max_bytes
            Memory that the outputs may take; what comes above it is dropped, and the result says
            so.
        max_characters
            Characters that the text of the outputs may have, in all of its forms, errors excepted;
            what comes above it is cut off, and the result says how many. None: any number.
        timeout
            Seconds that the run may take, from now to its end. Then it is interrupted, and the
            result's error is a ``RunTimeoutError``. None: as many as it wants.

        Returns
        -------
        AsyncEagerRun
            As soon as the run before it is over: a client has one at a time.

        Raises
        ------
        KernelConnectionError
            The kernel died, or its server can't be reached any more.
        """
        run = await self._begin_run(on_event, on_input, max_bytes, max_characters)
        run.open(format=format, gate=gate, on_error=on_error, model=model)
        run.execute(
            attach_code(run.comm_id),
            silent=silent,
            store_history=store_history,
            user_expressions=user_expressions,
        )
        return self._follow(run, timeout)

    async def run(self, deltas: Deltas, **options: Unpack[RunOptions]) -> RunResult:
        """Run a program while it arrives.

        When the kernel says stop, the iterator of `deltas` is closed, which closes the model's
        stream. If it is waiting for the model by then, that is cancelled: a model that is
        silent is closed as soon as one that writes.

        Parameters
        ----------
        deltas
            The model's text, piece by piece; pieces that are empty or None are skipped. If it has
            an attribute ``finish_reason`` at its end, that is passed on, so that a program that
            was cut off is recognised. Its attribute ``usage``, a mapping, is the result's. A plain
            iterable must not block, as the event loop would with it; the synchronous client is for
            those that do.
        options
            As of `open`.

        Returns
        -------
        RunResult
            Also where the program failed.

        Raises
        ------
        KernelConnectionError
            The kernel died, its server can't be reached any more, or the program does not let
            itself be interrupted.
        TypeError
            A delta is no text.
        Exception
            Whatever `deltas` raises before the kernel says stop, or a callback; the run is
            cancelled first. What `deltas` raises after that, or on being closed, is the result's
            ``source_error``.

        Notes
        -----
        Where the task that awaits this is cancelled, so is the run: what has not run yet is
        dropped, and the statement that runs is interrupted. The next run waits for no more than
        that.
        """
        run = await self.open(**options)
        return await run.pull(deltas)

    async def execute(self, code: str, **options: Unpack[CellOptions]) -> RunResult:
        """Run an ordinary cell, as if it were typed; options as of `open`.

        The result's `program`, `executed_lines` and `error.lines` are found out from `code` and the
        traceback. Where that names no line of the cell (`SystemExit`, ``%xmode Minimal``), the
        last two are 0 and None.

        Raises
        ------
        KernelConnectionError, Exception
            As in `run`.
        """
        run = await self.begin_cell(code, **options)
        try:
            return await run.result()
        except asyncio.CancelledError:
            run.cancel()
            raise

    async def begin_cell(
        self,
        code: str,
        *,
        on_event: OnEvent | None = None,
        on_input: OnInput | None = None,
        silent: bool = False,
        store_history: bool = True,
        user_expressions: dict[str, str] | None = None,
        max_bytes: int = MAX_BYTES,
        max_characters: int | None = None,
        timeout: float | None = None,
    ) -> AsyncEagerRun:
        """Send an ordinary cell; options as of `open`. The run takes no text."""
        run = await self._begin_run(on_event, on_input, max_bytes, max_characters)
        run.execute(
            code, silent=silent, store_history=store_history, user_expressions=user_expressions
        )
        return self._follow(run, timeout)

    def session(
        self, *, model: str | Source, **options: Unpack[SessionOptions]
    ) -> AsyncEagerSession:
        """Have a model write programs, see what comes of them, and write on until it answers.

        Parameters
        ----------
        model
            A model's id, as ``openai/gpt-5``, or a source of one's own, which must not block.
        options
            How: see `SessionOptions`.

        Returns
        -------
        AsyncEagerSession
            At once; nothing has been asked. Functions that were exposed are its tools.

        Raises
        ------
        UnknownModelError
            There is no such model.
        ValueError
            A budget is none.
        """
        session = AsyncEagerSession(self, model, options)
        self._sessions.add(session)
        return session

    def _forget(self, session: AsyncEagerSession) -> None:
        """Need not close a session that is closed."""
        self._sessions.discard(session)

    def expose(self, function: F, *, name: str | None = None, effects: bool = True) -> F:
        """Let programs in the kernel call a function of this process.

        From the next run on, it is a name of theirs. Arguments and what it gives go by value:
        text, numbers, lists and dicts. What it raises is raised in the program, with its type's
        name and its message. Programs await an asynchronous one; a plain one is called in a
        thread, several at once.

        Parameters
        ----------
        function
            The function.
        name
            What programs call it; None: its own name.
        effects
            Whether it may change something. If so, a call waits as any other effect does, until
            the whole program is known. If not, it happens at once.

        Returns
        -------
        F
            `function`, so that this can be a decorator.

        Raises
        ------
        ValueError
            The name is none that a program could call.

        Notes
        -----
        A call ends with its run: an asynchronous function is cancelled then. A thread can't be;
        what it gives is dropped.
        """
        called = name if name is not None else getattr(function, "__name__", "")
        self._hosting.add(HostFunction(function, called, effects))
        return function

    async def reset(self) -> None:
        """Forget all names that programs have made; imported modules stay loaded.

        Raises
        ------
        KernelConnectionError
            As in `run`.
        """
        await self.execute("%reset -f", silent=True, store_history=False)
        self._hosting.forget_binding()

    async def restart(self, timeout: float = 60.0) -> None:
        """Start the kernel anew: one that has died, hangs, or has become unusable.

        Whoever waits for the run that goes on gets a `KernelConnectionError`.

        Parameters
        ----------
        timeout
            Seconds that it may take.

        Raises
        ------
        KernelConnectionError
            It does not start, or it is not this client's to start: it only connected to it, by its
            connection file.
        """
        if self._current is not None:
            await self._current.abandon("the kernel was started anew, and the run ended with that")
        async with self._one_at_a_time:
            await self._transport.restart(timeout)
            self._hosting.forget_binding()

    async def _begin_run(
        self,
        on_event: OnEvent | None,
        on_input: OnInput | None,
        max_bytes: int,
        max_characters: int | None,
    ) -> Run:
        await self._one_at_a_time.acquire()
        try:
            await self._transport.ready(_READY_TIMEOUT)
            if not self._hosting.is_bound:
                await self._bind()
            return self._make_run(on_event, on_input, max_bytes, max_characters)
        except BaseException:
            self._one_at_a_time.release()
            raise

    def _make_run(
        self,
        on_event: OnEvent | None,
        on_input: OnInput | None,
        max_bytes: int,
        max_characters: int | None = None,
    ) -> Run:
        return Run(
            self._transport,
            on_event,
            on_input,
            self._interval,
            max_bytes=max_bytes,
            max_characters=max_characters,
            hosting=self._hosting,
        )

    async def _bind(self) -> None:
        """Tell the kernel which functions its programs may call."""
        run = self._make_run(None, None, MAX_BYTES)
        run.execute(self._hosting.binding, silent=True, store_history=False)
        result = await run.wait()
        if result.error is not None:
            raise KernelConnectionError(
                "this kernel can't call functions of its clients, as one with eager_python can: "
                f"{result.error.ename}: {result.error.evalue}"
            )
        self._hosting.is_bound = True

    def _follow(self, run: Run, timeout: float | None) -> AsyncEagerRun:
        self._current = AsyncEagerRun(run, self._transport, timeout, self._one_at_a_time.release)
        return self._current


_READY_TIMEOUT: Final = 60.0
_ATTEMPTS: Final = 3
_PARTING: Final = 10.0
