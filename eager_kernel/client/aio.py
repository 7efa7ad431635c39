"""The asynchronous client."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.manager import AsyncKernelManager

from eager_kernel.client.batching import Batcher
from eager_kernel.client.outputs import OutputCollector
from eager_kernel.client.result import RunError, RunResult
from eager_kernel.core.report import Report
from eager_kernel.errors import KernelConnectionError

OnEvent = Callable[[dict[str, Any]], None]
"""Called with each message of the kernel on the stream's comm (`docs/protocol.md`), and with
``{"type": "output", "output": ...}`` for each output."""

OnInput = Callable[[str, bool], str]
"""Answers `input()`: takes the prompt and whether it is for a password. Runs in a thread."""


class AsyncEagerClient:
    """Streams programs into one kernel.

    Parameters
    ----------
    client
        A connected client of the kernel, with its channels started.
    manager
        The manager of a kernel that is to be shut down with this client.
    interval
        Seconds for which deltas are gathered into one message.
    """

    def __init__(
        self,
        client: AsyncKernelClient,
        manager: AsyncKernelManager | None = None,
        *,
        interval: float = 0.015,
    ) -> None:
        self._client = client
        self._manager = manager
        self._interval = interval
        self._one_at_a_time = asyncio.Lock()

    @classmethod
    async def start(
        cls, kernel_name: str = "eager_python", *, timeout: float = 60.0, **options: Any
    ) -> Self:
        """Start a kernel of one's own; it ends with the client.

        Parameters
        ----------
        kernel_name
            Name of the kernelspec.
        timeout
            Seconds that the kernel may take to start.
        options
            For `AsyncKernelManager.start_kernel`, for example ``cwd`` or ``env``.

        Raises
        ------
        KernelConnectionError
            There is no such kernel, or it did not start.
        """
        manager = AsyncKernelManager(kernel_name=kernel_name)
        try:
            manager.kernel_spec  # noqa: B018 - asked here, as starting logs a traceback of it
        except NoSuchKernel as error:
            raise KernelConnectionError(
                f"there is no kernel {kernel_name!r}; `jupyter kernelspec list` shows those "
                "there are, `jupyter eager install --user` installs eager_python"
            ) from error
        await manager.start_kernel(**options)
        self = cls(manager.client(), manager)
        await self._connect(timeout)
        return self

    @classmethod
    async def connect(cls, connection_file: str | Path, *, timeout: float = 60.0) -> Self:
        """Talk to a kernel that runs already; it goes on when the client is closed.

        Parameters
        ----------
        connection_file
            The kernel's connection file.
        timeout
            Seconds that the kernel may take to answer.

        Raises
        ------
        KernelConnectionError
            There is no such file, or the kernel does not answer.
        """
        client = AsyncKernelClient()
        try:
            client.load_connection_file(str(connection_file))
        except OSError as error:
            raise KernelConnectionError(
                f"can't read the connection file {connection_file}: {error}"
            ) from error
        self = cls(client)
        await self._connect(timeout)
        return self

    async def _connect(self, timeout: float) -> None:
        self._client.start_channels()
        try:
            await self._client.wait_for_ready(timeout=timeout)
        except RuntimeError as error:
            await self.close()
            raise KernelConnectionError(
                f"the kernel did not answer within {timeout:g} s: {error}"
            ) from error

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
        self._client.stop_channels()
        if self._manager is not None:
            await self._manager.shutdown_kernel(now=True)
            self._manager = None

    async def interrupt(self) -> None:
        """Interrupt what the kernel runs."""
        if self._manager is not None:
            await self._manager.interrupt_kernel()
        else:
            message = self._client.session.msg("interrupt_request", {})
            self._client.control_channel.send(message)

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
    ) -> RunResult:
        """Run a program while it arrives.

        When the kernel says stop, the iterator of `deltas` is closed, which closes the model's
        stream. If it is waiting for the model by then, that is cancelled: a model that is
        silent is closed as soon as one that writes.

        Parameters
        ----------
        deltas
            The model's text, piece by piece. If it has an attribute ``finish_reason`` at its
            end, that is passed on, so that a program that was cut off is recognised. A plain
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

        Returns
        -------
        RunResult
            Also where the program failed.

        Raises
        ------
        KernelConnectionError
            The kernel died.
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
            run = _Run(self._client, self._manager, on_event, on_input, self._interval)
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
    ) -> RunResult:
        """Run an ordinary cell; parameters as in `run`."""
        async with self._one_at_a_time:
            run = _Run(self._client, self._manager, on_event, on_input, self._interval)
            run.execute(
                code,
                silent=silent,
                store_history=store_history,
                user_expressions=user_expressions,
            )
            return await run.wait()


class _Run:
    """One cell, from its request to its last message."""

    def __init__(
        self,
        client: AsyncKernelClient,
        manager: AsyncKernelManager | None,
        on_event: OnEvent | None,
        on_input: OnInput | None,
        interval: float,
    ) -> None:
        self.comm_id = uuid4().hex
        self._client = client
        self._manager = manager
        self._on_event = on_event or (lambda event: None)
        self._on_input = on_input
        self._batcher = Batcher(self._send_delta, interval)
        self._outputs = OutputCollector()
        self._request = ""
        self._streamed = False
        self._source_error: Exception | None = None
        self._stopped = asyncio.Event()
        self._stop_reason = ""
        self._comm_result: dict[str, Any] | None = None
        self._idle = False

    # Sending --------------------------------------------------------------------------------

    def open(self, options: dict[str, Any]) -> None:
        self._streamed = True
        self._send(
            "comm_open",
            {"comm_id": self.comm_id, "target_name": "eager.stream", "data": options},
        )

    def execute(self, code: str, **options: Any) -> None:
        self._request = self._client.execute(
            code, allow_stdin=self._on_input is not None, stop_on_error=False, **options
        )

    def _send(self, kind: str, content: dict[str, Any]) -> None:
        # Not by `shell_channel.send`, which goes past the asynchronous socket: a reply that comes
        # at that moment would wake nobody.
        session = self._client.session
        frames = session.serialize(session.msg(kind, content))
        self._client.shell_channel.socket.send_multipart(frames)

    def _send_data(self, data: dict[str, Any]) -> None:
        self._send("comm_msg", {"comm_id": self.comm_id, "data": data})

    def _send_delta(self, text: str, offset: int) -> None:
        self._send_data({"type": "delta", "text": text, "offset": offset})

    async def _feed(self, deltas: AsyncIterable[str] | Iterable[str]) -> None:
        iterator = _iterate(deltas)
        try:
            async for text in iterator:
                if self._stopped.is_set():
                    return  # an iterator that does not mind being cancelled
                self._batcher.add(text)
                # An iterator that never waits must not keep messages from going or coming.
                await asyncio.sleep(0)
            self._batcher.flush()
            reason = getattr(deltas, "finish_reason", None)
            self._send_data({"type": "end"} | ({"finish_reason": reason} if reason else {}))
        finally:
            # Text that came before a stop or an error is part of the program.
            self._batcher.flush()
            self._source_error = await _close(iterator) or self._source_error

    # Receiving ------------------------------------------------------------------------------

    async def stream(self, deltas: AsyncIterable[str] | Iterable[str]) -> RunResult:
        feeding = asyncio.create_task(self._feed(deltas))
        waiting = asyncio.create_task(self.wait())
        stopped = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait({feeding, waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if feeding.done() and not self._stopped.is_set():
                if (error := feeding.exception()) is not None:
                    self._send_data({"type": "cancel"})
                    await waiting
                    raise error
            else:
                self._source_error = await _end(feeding) or self._source_error
            return replace(await waiting, source_error=self._source_error)
        except asyncio.CancelledError:
            self._send_data({"type": "cancel"})
            raise
        finally:
            self._stopped.set()
            for task in (feeding, waiting, stopped):
                task.cancel()
            await asyncio.gather(feeding, waiting, stopped, return_exceptions=True)

    async def wait(self) -> RunResult:
        """Take messages until the cell and its stream have ended."""
        reply = asyncio.create_task(self._take_reply())
        outputs = asyncio.create_task(self._take_iopub())
        aside = [asyncio.create_task(self._watch())]
        if self._on_input is not None:
            aside.append(asyncio.create_task(self._answer_input()))
        try:
            # Ends with the first error: that of a task, or of the watch over the kernel.
            pending: set[asyncio.Task[Any]] = {reply, outputs}
            while pending:
                done, pending = await asyncio.wait(
                    pending | set(aside), return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    task.result()
                pending -= set(aside)
            return self._result(reply.result())
        finally:
            for task in (reply, outputs, *aside):
                task.cancel()
            await asyncio.gather(reply, outputs, *aside, return_exceptions=True)

    async def _take_reply(self) -> dict[str, Any]:
        while True:
            message = await self._client.get_shell_msg()
            if message["parent_header"].get("msg_id") == self._request:
                content: dict[str, Any] = message["content"]
                return content

    async def _take_iopub(self) -> None:
        while not self._idle or (self._streamed and self._comm_result is None):
            message = await self._client.get_iopub_msg()
            kind, content = message["header"]["msg_type"], message["content"]
            if kind in ("comm_msg", "comm_close"):
                if content.get("comm_id") == self.comm_id:
                    self._take_comm(kind, content.get("data", {}))
            elif message["parent_header"].get("msg_id") != self._request:
                continue
            elif kind == "status":
                self._idle = content["execution_state"] == "idle"
            elif (output := self._outputs.take(message)) is not None:
                self._on_event({"type": "output", "output": output})

    def _take_comm(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "comm_close":
            # A stream that was refused, or dropped, closes without a result.
            self._comm_result = self._comm_result or {}
            self._stopped.set()
            return
        if data.get("type") == "stop":
            self._stop_reason = data["reason"]
            self._stopped.set()
        elif data.get("type") == "result":
            self._comm_result = data
        self._on_event(data)

    async def _answer_input(self) -> None:
        assert self._on_input is not None
        while True:
            message = await self._client.get_stdin_msg()
            content = message["content"]
            answer = await asyncio.to_thread(self._on_input, content["prompt"], content["password"])
            self._client.input(answer)

    async def _watch(self) -> None:
        """Raise when the kernel is gone."""
        while True:
            await asyncio.sleep(_WATCH_INTERVAL)
            alive: Any = (self._manager or self._client).is_alive()
            if not (await alive if inspect.isawaitable(alive) else alive):
                raise KernelConnectionError("the kernel died, and the run with it")

    def _result(self, reply: dict[str, Any]) -> RunResult:
        data = self._comm_result or {}
        error = data.get("error")
        if error is None and reply["status"] != "ok":
            error = {key: reply.get(key) for key in ("ename", "evalue", "traceback")}
        return RunResult(
            status=data.get("status") or ("ok" if reply["status"] == "ok" else "error"),
            outputs=self._outputs.outputs,
            error=None
            if error is None
            else RunError(
                error["ename"] or reply["status"],
                error["evalue"] or "",
                error["traceback"] or [],
                tuple(error["lines"]) if error.get("lines") else None,
            ),
            program=data.get("program", ""),
            executed_lines=data.get("executed_lines", 0),
            report=Report.from_dict(data["report"]) if "report" in data else None,
            execution_count=data.get("execution_count", reply.get("execution_count")),
            stop_reason=self._stop_reason,
            reply=reply,
        )


async def _end(feeding: asyncio.Task[None]) -> Exception | None:
    """Stop taking deltas. Returns what their iterator says to that."""
    feeding.cancel()
    (error,) = await asyncio.gather(feeding, return_exceptions=True)
    return error if isinstance(error, Exception) else None


async def _close(iterator: AsyncIterator[str]) -> Exception | None:
    close = getattr(iterator, "aclose", None)
    try:
        if close is not None:
            await close()
    except Exception as error:  # noqa: BLE001 - the run has its result; this goes along
        return error
    return None


def _iterate(deltas: AsyncIterable[str] | Iterable[str]) -> AsyncIterator[str]:
    if isinstance(deltas, AsyncIterable):
        return aiter(deltas)
    if isinstance(deltas, str):
        deltas = [deltas]
    return _in_turn(deltas)


async def _in_turn(deltas: Iterable[str]) -> AsyncIterator[str]:
    # For texts at hand. An iterator that blocks belongs to the synchronous client.
    iterator = iter(deltas)
    try:
        for text in iterator:
            yield text
    finally:
        if hasattr(iterator, "close"):
            iterator.close()


_WATCH_INTERVAL: Final = 1.0
