"""The asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.manager import AsyncKernelManager

from eager_kernel.client.address import parse_address
from eager_kernel.client.questions import OnInput
from eager_kernel.client.remote import RemoteTransport
from eager_kernel.client.rest import KernelsApi
from eager_kernel.client.result import RunResult
from eager_kernel.client.run import MAX_BYTES, OnEvent, Run
from eager_kernel.client.transport import DiedAtStartError, LocalTransport, Transport
from eager_kernel.errors import KernelConnectionError


class AsyncEagerClient:
    """Streams programs into one kernel.

    Make one with `start` or `connect`, and use it in an ``async with`` statement.

    Parameters
    ----------
    transport
        The connection to the kernel.
    interval
        Seconds for which deltas are gathered into one message.
    """

    def __init__(self, transport: Transport, *, interval: float = 0.015) -> None:
        self._transport = transport
        self._interval = interval
        self._one_at_a_time = asyncio.Lock()

    @classmethod
    async def start(
        cls,
        kernel_name: str = "eager_python",
        *,
        url: str | None = None,
        token: str | None = None,
        timeout: float = 60.0,
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
            Seconds that the kernel may take to start.
        options
            For `AsyncKernelManager.start_kernel`, for example ``cwd`` or ``env``. With `url`,
            fields of the server's request: ``path``, and ``env`` where the server allows it.

        Raises
        ------
        KernelConnectionError
            There is no such kernel, or it did not start.
        """
        if url is not None:
            api = KernelsApi(parse_address(url, token))
            try:
                kernel_id = await api.start(kernel_name, timeout, **options)
            except BaseException:
                api.close()
                raise
            return await cls._begin(RemoteTransport(api, kernel_id, owned=True), timeout)
        manager = AsyncKernelManager(kernel_name=kernel_name)
        try:
            manager.kernel_spec  # noqa: B018 - asked here, as starting logs a traceback of it
        except NoSuchKernel as error:
            raise KernelConnectionError(
                f"there is no kernel {kernel_name!r}; `jupyter kernelspec list` shows those "
                "there are, `jupyter eager install --user` installs eager_python"
            ) from error
        for _ in range(_ATTEMPTS - 1):
            await manager.start_kernel(**options)
            try:
                return await cls._begin(LocalTransport(manager.client(), manager), timeout)
            except DiedAtStartError:
                # As a rule, a port that was free when it was chosen was not when it was bound.
                manager = AsyncKernelManager(kernel_name=kernel_name)
        await manager.start_kernel(**options)
        return await cls._begin(LocalTransport(manager.client(), manager), timeout)

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
            Seconds that the kernel may take to answer.

        Raises
        ------
        KernelConnectionError
            There is no such file or kernel, or the kernel does not answer.
        """
        if (connection_file is None) == (url is None):
            raise KernelConnectionError("give a connection_file, or the url of a Jupyter server")
        if url is not None:
            api = KernelsApi(parse_address(url, token))
            try:
                kernel_id = kernel_id if kernel_id is not None else await api.only()
            except BaseException:
                api.close()
                raise
            return await cls._begin(RemoteTransport(api, kernel_id), timeout)
        client = AsyncKernelClient()
        try:
            client.load_connection_file(str(connection_file))
        except OSError as error:
            raise KernelConnectionError(
                f"can't read the connection file {connection_file}: {error}"
            ) from error
        return await cls._begin(LocalTransport(client), timeout)

    @classmethod
    async def _begin(cls, transport: Transport, timeout: float) -> Self:
        try:
            await transport.ready(timeout)
        except BaseException:
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
        """Disconnect; shut down a kernel that this client started."""
        await self._transport.close()

    async def interrupt(self) -> None:
        """Interrupt what the kernel runs."""
        await self._transport.interrupt()

    async def run(
        self,
        deltas: AsyncIterable[str] | Iterable[str],
        *,
        format: str = "auto",
        gate: str | None = None,
        on_error: str = "stop",
        model: str = "",
        on_event: OnEvent | None = None,
        on_input: OnInput | None = None,
        silent: bool = False,
        store_history: bool = True,
        user_expressions: dict[str, str] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> RunResult:
        """Run a program while it arrives.

        When the kernel says stop, the iterator of `deltas` is closed, which closes the model's
        stream. If it is waiting for the model by then, that is cancelled: a model that is
        silent is closed as soon as one that writes.

        Parameters
        ----------
        deltas
            The model's text, piece by piece. If it has an attribute ``finish_reason`` at its
            end, that is passed on, so that a program that was cut off is recognised. Its
            attribute ``usage``, a mapping, is the result's. A plain
            iterable must not block, as the event loop would with it; the synchronous client
            is for those that do.
        format, gate, on_error, model
            As in the protocol's ``comm_open``; `gate` None: as the kernel is configured.
        on_event
            Called with everything that happens.
        on_input
            Answers `input()`; without it the program gets `StdinNotImplementedError`.
        silent, store_history, user_expressions
            As in an `execute_request`.
        max_bytes
            Memory that the outputs may take; what comes above it is dropped, and the result says
            so.

        Returns
        -------
        RunResult
            Also where the program failed.

        Raises
        ------
        KernelConnectionError
            The kernel died, or its server can't be reached any more.
        Exception
            Whatever `deltas` raises before the kernel says stop; the run is cancelled first.
            What it raises after that, or on being closed, is the result's ``source_error``.

        Notes
        -----
        Where the task that awaits this is cancelled, so is the run: what has not run yet is
        dropped. A statement that runs goes on; `interrupt` ends it.
        """
        options: dict[str, Any] = {"version": 1, "format": format, "on_error": on_error}
        options |= {"gate": gate} if gate is not None else {}
        options |= {"model": model} if model else {}
        async with self._one_at_a_time:
            await self._transport.ready(_READY_TIMEOUT)
            run = Run(self._transport, on_event, on_input, self._interval, max_bytes=max_bytes)
            run.open(options)
            run.execute(
                f"%eager attach {run.comm_id}",
                silent=silent,
                store_history=store_history,
                user_expressions=user_expressions,
            )
            return await run.stream(deltas)

    async def execute(
        self,
        code: str,
        *,
        on_event: OnEvent | None = None,
        on_input: OnInput | None = None,
        silent: bool = False,
        store_history: bool = True,
        user_expressions: dict[str, str] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> RunResult:
        """Run an ordinary cell; parameters as in `run`.

        The result's `program`, `executed_lines` and `error.lines` are found out from `code` and the
        traceback. Where that names no line of the cell (`SystemExit`, ``%xmode Minimal``), the
        last two are 0 and None.
        """
        async with self._one_at_a_time:
            await self._transport.ready(_READY_TIMEOUT)
            run = Run(self._transport, on_event, on_input, self._interval, max_bytes=max_bytes)
            run.execute(
                code,
                silent=silent,
                store_history=store_history,
                user_expressions=user_expressions,
            )
            return await run.wait()


_READY_TIMEOUT: Final = 60.0
_ATTEMPTS: Final = 3
