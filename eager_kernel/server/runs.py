"""The runs of a server: a model's text on its way into a kernel, and what is heard of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import uuid4

from eager_kernel.client.run import Run
from eager_kernel.client.transport import Transport, hear_eager
from eager_kernel.errors import EagerError, KernelConnectionError, LimitError
from eager_kernel.server.models import Model, Models
from eager_kernel.server.request import RunRequest
from eager_kernel.server.text import ModelText
from eager_kernel.sources.source import Message, Progress, Request


@dataclass(frozen=True, slots=True)
class Limits:
    """What runs may cost.

    Parameters
    ----------
    max_runs
        Runs at once, of everybody.
    max_runs_per_user
        Runs at once of one user.
    max_answer_chars
        Characters in a model's answer.
    max_event_chars
        Characters of outputs that are kept of one run.
    run_timeout
        Seconds that a run may take.
    kernel_timeout
        Seconds that a kernel may take to answer.
    keep
        Seconds for which the events of a run that has ended can be read.
    max_prompt_chars
        Characters in what a model is asked at once.
    """

    max_runs: int
    max_runs_per_user: int
    max_answer_chars: int
    max_event_chars: int
    run_timeout: float
    kernel_timeout: float
    keep: float
    max_prompt_chars: int


@dataclass(frozen=True, slots=True)
class Event:
    """What is told of a run.

    Parameters
    ----------
    number
        From 1, in order.
    kind
        ``delta``, ``progress``, ``chunk``, ``stop``, ``output``, ``result``, ``error``, ``end``.
    data
        Plain values.
    """

    number: int
    kind: str
    data: dict[str, Any]


class ServerRun:
    """One run.

    Parameters
    ----------
    owner
        Whose it is.
    request
        What is wanted.
    model
        The model's id.
    limits
        What it may cost.
    """

    def __init__(self, owner: str, request: RunRequest, model: str, limits: Limits) -> None:
        self.id = uuid4().hex
        self.owner = owner
        self.request = request
        self.model = model
        self.comm_id = ""
        self.status = "running"
        """``running``; then ``ok``, ``error`` or ``cancelled``."""
        self.ended_at: float | None = None
        self.events: list[Event] = []
        self._limits = limits
        self._output_size = 0
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._text: ModelText | None = None
        self._run: Run | None = None
        self._cancelled = False

    # Its life -------------------------------------------------------------------------------

    async def begin(self, transport: Transport, make_text: MakeText) -> None:
        """Open the stream in the kernel, and have the model asked.

        Raises
        ------
        KernelConnectionError
            No EAGER kernel answers.
        """
        timeout = self._limits.kernel_timeout
        try:
            await transport.open(timeout)
            await hear_eager(transport, timeout)
        except BaseException:
            await transport.close()
            self._end("error")
            raise
        self._run = Run(transport, self._hear, None, _INTERVAL)
        self.comm_id = self._run.comm_id
        self._task = asyncio.create_task(self._perform(self._run, transport, make_text))
        opened = asyncio.create_task(self._run.opened.wait())
        # A page may attach its cell as soon as it knows the stream's id.
        await asyncio.wait(
            {opened, self._task}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
        )
        opened.cancel()

    async def _perform(self, run: Run, transport: Transport, make_text: MakeText) -> None:
        wanted = self.request
        options = {"version": 1, "format": wanted.format, "on_error": wanted.on_error}
        options |= {"gate": wanted.gate} if wanted.gate is not None else {}
        status = "error"
        try:
            async with asyncio.timeout(self._limits.run_timeout) as limit:
                self._text = make_text(self._progress)
                run.open({**options, "model": self.model})
                if wanted.cell == "server":
                    run.execute(f"%eager attach {run.comm_id}")
                result = await run.stream(_Told(self._text, self._tell))
            status = result.status
            if not result.program and result.error is not None:
                self._tell("error", {"message": f"{result.error.ename}: {result.error.evalue}"})
        except TimeoutError:
            if not limit.expired():
                raise
            self._tell("error", {"message": self._too_long()})
        except EagerError as error:
            self._tell("error", {"message": f"{type(error).__name__}: {error}"})
        except asyncio.CancelledError:
            status = "cancelled"
        finally:
            if self._text is not None:
                await self._text.aclose()
            await transport.close()
            self._end("cancelled" if self._cancelled and status == "error" else status)

    def _too_long(self) -> str:
        return (
            f"the run took longer than {self._limits.run_timeout:g} s; the deployer may raise "
            "EagerServer.run_timeout"
        )

    async def cancel(self) -> None:
        """Stop the model at once, and run nothing of the program that is not running."""
        if self.ended_at is None and not self._cancelled and self._run is not None:
            self._cancelled = True
            self._run.cancel()
            if self._text is not None:
                await self._text.aclose()

    async def abort(self) -> None:
        """End it now: the server does."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # What is told ---------------------------------------------------------------------------

    def _hear(self, event: dict[str, Any]) -> None:
        data = dict(event)
        kind = data.pop("type")
        if kind == "output":
            self._output_size += _size(data)
            if self._output_size > self._limits.max_event_chars:
                # The kernel has sent it to everybody who listens there, all the same.
                data = {"output": None}
        self._tell(kind, data)

    def _progress(self, progress: Progress) -> None:
        self._tell("progress", {"text": progress.text, "fraction": progress.fraction})

    def _tell(self, kind: str, data: dict[str, Any]) -> None:
        self.events.append(Event(len(self.events) + 1, kind, data))
        self._changed.set()
        self._changed = asyncio.Event()

    def _end(self, status: str) -> None:
        self.status = status
        self.ended_at = time.monotonic()
        self._tell("end", {"status": status})

    async def follow(self, after: int, beat: float) -> AsyncIterator[Event | None]:
        """Yield the events after one's number, to the last; None after each `beat` of silence."""
        while True:
            changed = self._changed
            while after < len(self.events):
                event = self.events[after]
                after += 1
                yield event
            if self.ended_at is not None and after >= len(self.events):
                return
            try:
                async with asyncio.timeout(beat):
                    await changed.wait()
            except TimeoutError:
                yield None

    def to_dict(self) -> dict[str, Any]:
        """What its owner may know of it, but for the events."""
        return {
            "id": self.id,
            "kernel_id": self.request.kernel_id,
            "model": self.model,
            "comm_id": self.comm_id,
            "cell": self.request.cell,
            "status": self.status,
        }


MakeText = Callable[[Callable[[Progress], None]], ModelText]


class Runs:
    """The runs of everybody.

    Parameters
    ----------
    limits
        What they may cost.
    models
        Who is asked.
    system_prompt
        What a model is told first, where the request does not; empty: nothing.
    """

    def __init__(self, limits: Limits, models: Models, system_prompt: str) -> None:
        self.limits = limits
        self.models = models
        self._system_prompt = system_prompt
        self._runs: dict[str, ServerRun] = {}

    async def begin(
        self, owner: str, request: RunRequest, connect: Callable[[], Transport]
    ) -> ServerRun:
        """Begin a run.

        Parameters
        ----------
        owner
            Whose it is.
        request
            What is wanted.
        connect
            Makes the connection to the kernel.

        Raises
        ------
        LimitError
            Too many run.
        UnknownModelError
            The model is not one of the configuration.
        SourceError, KernelConnectionError
            The model or the kernel can't be reached.
        """
        self.admit(owner)
        model = self.models.find(request.model or next(iter(self.models.models), ""))
        process = self.models.process(model)
        wanted = self.complete(request, model)
        transport = connect()
        run = ServerRun(owner, request, model.model_id, self.limits)

        def make_text(on_progress: Callable[[Progress], None]) -> ModelText:
            return ModelText(process, wanted, self.limits.max_answer_chars, on_progress)

        await self.keep(run, run.begin(transport, make_text))
        return run

    def admit(self, owner: str) -> None:
        """See that a user may have one more run.

        Raises
        ------
        LimitError
            Too many run.
        """
        self._forget_old()
        active = [run for run in self._runs.values() if run.ended_at is None]
        own = sum(run.owner == owner for run in active)
        if own >= self.limits.max_runs_per_user:
            raise LimitError(
                f"{own} runs of yours are not over; end some, or wait. The deployer may raise "
                "EagerServer.max_runs_per_user"
            )
        if len(active) >= self.limits.max_runs:
            raise LimitError("the server has too many runs now: ask again later")

    async def keep(self, run: ServerRun, beginning: Awaitable[None]) -> None:
        """Keep a run that begins, unless no kernel answers."""
        self._runs[run.id] = run
        try:
            await beginning
        except KernelConnectionError:
            del self._runs[run.id]
            raise

    def find(self, owner: str, run_id: str) -> ServerRun | None:
        """A run, if it is one of this user's."""
        self._forget_old()
        run = self._runs.get(run_id)
        return run if run is not None and run.owner == owner else None

    def of(self, owner: str) -> list[ServerRun]:
        """The runs of a user that can be read, the oldest first."""
        self._forget_old()
        return [run for run in self._runs.values() if run.owner == owner]

    async def close(self) -> None:
        """End all of them."""
        for run in list(self._runs.values()):
            await run.abort()

    def complete(self, request: RunRequest, model: Model) -> Request:
        """What a model is asked: with what the server adds to a request, and within its limits."""
        messages = request.messages
        if self._system_prompt and messages[0].role != "system":
            messages = (Message("system", self._system_prompt), *messages)
        wanted = Request(messages, max_tokens=request.max_tokens, temperature=request.temperature)
        if model.max_tokens is not None:
            most = min(model.max_tokens, request.max_tokens or model.max_tokens)
            wanted = replace(wanted, max_tokens=most)
        if wanted.temperature is None:
            wanted = replace(wanted, temperature=model.temperature)
        return wanted

    def _forget_old(self) -> None:
        now = time.monotonic()
        ended = [run for run in self._runs.values() if run.ended_at is not None]
        for index, run in enumerate(ended):
            old = run.ended_at is not None and now - run.ended_at > self.limits.keep
            if old or len(ended) - index > self.limits.max_runs:
                del self._runs[run.id]


class _Told:
    """Text of a model that is told as it passes."""

    def __init__(self, text: ModelText, tell: Callable[[str, dict[str, Any]], None]) -> None:
        self._text = text
        self._tell = tell

    @property
    def finish_reason(self) -> str | None:
        """As of the text."""
        return self._text.finish_reason

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        delta = await anext(self._text)
        self._tell("delta", {"text": delta})
        return delta

    async def aclose(self) -> None:
        await self._text.aclose()


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(str(key)) + _size(item) for key, item in value.items())
    if isinstance(value, list):
        return sum(map(_size, value))
    return 8


_INTERVAL: Final = 0.015
