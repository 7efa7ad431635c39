"""The runs of a server: a model's text on its way into a kernel, and what is heard of it."""

from __future__ import annotations

import asyncio
import json
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import uuid4

from eager_kernel.client.batching import Batcher
from eager_kernel.client.run import Run
from eager_kernel.client.transport import Transport, hear_eager
from eager_kernel.errors import EagerError, KernelConnectionError, LimitError
from eager_kernel.protocol import attach_code
from eager_kernel.server.memory import give_back
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
        Characters of outputs that a run's events may hold; of states a quarter as many.
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
        One of `KINDS`.
    text
        What it says, as JSON in ASCII: it takes as many bytes.
    """

    number: int
    kind: str
    text: str


KINDS: Final = frozenset(
    ("delta", "progress", "chunk", "stop", "output", "result", "error", "dropped", "end")
)
"""All that a run's events are: those of a kernel are `FROM_KERNEL` alone."""

FROM_KERNEL: Final = frozenset(("chunk", "stop", "output", "result", "dropped"))


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
    log
        Hears what is wrong with what comes from the kernel.
    """

    def __init__(
        self, owner: str, request: RunRequest, model: str, limits: Limits, log: Any
    ) -> None:
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
        self._log = log
        self._ledger = Ledger(limits.max_event_chars)
        # Few events for many pieces of text.
        self._deltas = Batcher(lambda text, _: self._add("delta", {"text": text}), _TOLD_INTERVAL)
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
        await self._reach(transport)
        timeout = self._limits.kernel_timeout
        self._run = Run(
            transport,
            self._hear,
            None,
            _INTERVAL,
            max_bytes=None,
            has_room=self._has_room_for_output,
            max_dropped=_MOST_DROPPED,
            log=self._warn,
        )
        self.comm_id = self._run.comm_id
        self._task = asyncio.create_task(self._perform(self._run, transport, make_text))
        opened = asyncio.create_task(self._run.opened.wait())
        # A page may attach its cell as soon as it knows the stream's id.
        await asyncio.wait(
            {opened, self._task}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
        )
        opened.cancel()

    async def _reach(self, transport: Transport) -> None:
        """Connect, and see that an EAGER kernel answers; otherwise the run has ended."""
        timeout = self._limits.kernel_timeout
        try:
            await transport.open(timeout)
            await hear_eager(transport, timeout)
        except BaseException:
            await transport.close()
            self._end("error")
            raise

    async def _perform(self, run: Run, transport: Transport, make_text: MakeText) -> None:
        wanted = self.request
        status = "error"
        try:
            async with asyncio.timeout(self._limits.run_timeout) as limit:
                self._text = make_text(self._progress)
                run.open(
                    format=wanted.format,
                    gate=wanted.gate,
                    on_error=wanted.on_error,
                    model=self.model,
                )
                if wanted.cell == "server":
                    run.execute(attach_code(run.comm_id))
                result = await run.stream(_Told(self._text, self._deltas.add))
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
        except Exception as error:  # noqa: BLE001 - of ours, and the run is to end all the same
            # What it says may be of the program.
            where = "".join(traceback.format_tb(error.__traceback__))
            self._warn("failed by %s:\n%s", type(error).__name__, where)
            message = f"the server failed, by {type(error).__name__}; its log says where"
            self._tell("error", {"message": message})
        finally:
            if self._text is not None:
                await self._text.aclose()
            await transport.close()
            if run.heard_bytes > _FLOOD or run.dropped:
                for seconds in _DRAINED:
                    asyncio.get_running_loop().call_later(seconds, give_back)
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
        assert kind in FROM_KERNEL
        if kind == "result":
            data = _shortened(data, self._limits.max_event_chars)
        self._tell(kind, data)

    def _progress(self, progress: Progress) -> None:
        fraction = progress.fraction
        known = isinstance(fraction, int | float) and 0 <= fraction <= 1
        text = str(progress.text)[:_LONGEST_PROGRESS]
        self._tell("progress", {"text": text, "fraction": fraction if known else None})

    def _warn(self, message: str, *about: object) -> None:
        self._log.warning(f"Eager run %s: {message}", self.id, *about)

    def _tell(self, kind: str, data: dict[str, Any]) -> None:
        self._deltas.flush()
        self._add(kind, data)

    def _add(self, kind: str, data: dict[str, Any]) -> None:
        assert kind in KINDS
        text = json.dumps(data, allow_nan=False)
        if not self._ledger.has_room(kind, len(text) + _OVERHEAD):
            self._drop(kind)
        else:
            self._put(kind, text)

    def _has_room_for_output(self, size: int) -> bool:
        """Whether the kernel's next output is wanted; if not, it is not even read."""
        if self._ledger.has_room("output", size, take=False):
            return True
        self._drop("output")
        return False

    def _drop(self, kind: str) -> None:
        reason = self._ledger.drop(kind)
        if reason is not None:
            if kind == "output":  # where something is missing, once
                self._put(kind, json.dumps({"output": None}))
            self._put("dropped", json.dumps({"reason": reason, "count": 1}))
            self._warn("not told: %s", reason)

    def _put(self, kind: str, text: str) -> None:
        self.events.append(Event(len(self.events) + 1, kind, text))
        self._changed.set()
        self._changed = asyncio.Event()

    def _end(self, status: str) -> None:
        for reason, count in self._ledger.dropped():
            self._tell("dropped", {"reason": reason, "count": count})
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


class Ledger:
    """What a run's events take, by kinds of which a program can make as many as it likes.

    Parameters
    ----------
    max_chars
        That outputs may take.
    """

    def __init__(self, max_chars: int) -> None:
        self._most = {
            "output": max_chars,
            "chunk": max_chars // 4,
            "progress": max_chars // 16,
        }
        self._size = dict.fromkeys(self._most, 0)
        self._dropped: dict[str, int] = {}

    def has_room(self, kind: str, size: int, *, take: bool = True) -> bool:
        """Take the room for an event, if there is some. There is for kinds that are few."""
        if kind not in self._most:
            return True
        if self._size[kind] + size > self._most[kind]:
            return False
        self._size[kind] += size if take else 0
        return True

    def drop(self, kind: str) -> str | None:
        """Count an event that is not told; returns why, the first time."""
        count = self._dropped[kind] = self._dropped.get(kind, 0) + 1
        return self._why(kind) if count == 1 else None

    def dropped(self) -> list[tuple[str, int]]:
        """What was not told more than once, and how often."""
        return [(self._why(kind), count) for kind, count in self._dropped.items() if count > 1]

    def _why(self, kind: str) -> str:
        return (
            f"the run's events of kind {kind} have reached {self._most[kind]:,} characters; the "
            "deployer may raise EagerServer.max_event_chars"
        )


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
    log
        The server's.
    """

    def __init__(self, limits: Limits, models: Models, system_prompt: str, log: Any) -> None:
        self.limits = limits
        self.models = models
        self.log = log
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
        run = ServerRun(owner, request, model.model_id, self.limits, self.log)

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
        wanted = Request(
            messages,
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            attempt=request.attempt,
            step=request.step,
            may_answer=request.may_answer,
        )
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

    def __init__(self, text: ModelText, tell: Callable[[str], None]) -> None:
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
        self._tell(delta)
        return delta

    async def aclose(self) -> None:
        await self._text.aclose()


def _shortened(result: dict[str, Any], max_chars: int) -> dict[str, Any]:
    """Leave out of a result what makes it too long, the least important first."""
    error = result["error"]
    for shorter in (
        {},
        {"report": None},
        {"error": error and {**error, "evalue": error["evalue"][:1000], "traceback": []}},
        {"program": ""},
    ):
        result = {**result, **shorter}
        if len(json.dumps(result)) <= max_chars:
            break
    return {name: value for name, value in result.items() if (name, value) != ("report", None)}


_INTERVAL: Final = 0.015
_TOLD_INTERVAL: Final = 0.05
_OVERHEAD: Final = 250  # of an event that is kept, beside its text
_FLOOD: Final = 8_000_000  # bytes
_DRAINED: Final = (1.0, 5.0, 15.0)  # seconds, in which Jupyter Server's own watcher reads, too
_MOST_DROPPED: Final = 10_000
_LONGEST_PROGRESS: Final = 1_000
