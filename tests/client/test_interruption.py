"""A run that ends early: the model's stream is closed, and the result says how far it came."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import repeat
from typing import Any, Self

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from eager_kernel import AsyncEagerClient, EagerClient
from eager_kernel.client import RunResult

STAMP = "raise RuntimeError(time.monotonic())\n"
"""Fails, and says when: this clock is the same in all processes of a machine."""


class Model:
    """Deltas that know when they were asked for, and how they ended."""

    def __init__(
        self,
        *texts: str,
        finish_reason: str | None = None,
        pauses: Iterable[float] = repeat(0.01),
        first_ran: threading.Event | None = None,
    ) -> None:
        self._texts, self._pauses = texts, pauses
        self._first_ran = first_ran
        self.finish_reason = finish_reason
        self.asked_at: list[float] = []
        self.ended_by: type[BaseException] | None = None
        self.ended_at = 0.0

    def __iter__(self) -> Iterator[str]:
        try:
            for text, pause in zip(self._texts, self._pauses, strict=False):
                self.asked_at.append(time.monotonic())
                time.sleep(pause)
                if len(self.asked_at) == 2 and self._first_ran is not None:
                    assert self._first_ran.wait(30)
                yield text
        except BaseException as error:
            self.ended_by = type(error)
            raise
        finally:
            self.ended_at = time.monotonic()


class AsyncModel(Model):
    def __aiter__(self) -> AsyncIterator[str]:
        return self._generate()

    async def _generate(self) -> AsyncIterator[str]:
        try:
            for text, pause in zip(self._texts, self._pauses, strict=False):
                self.asked_at.append(time.monotonic())
                await asyncio.sleep(pause)
                if len(self.asked_at) == 2 and self._first_ran is not None:
                    assert await asyncio.to_thread(self._first_ran.wait, 30)
                yield text
        except BaseException as error:
            self.ended_by = type(error)
            raise
        finally:
            self.ended_at = time.monotonic()


Run = Callable[..., RunResult]


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def make(way: str) -> type[Model]:
    """Makes deltas for the client under test."""
    return Model if way == "sync" else AsyncModel


@pytest.fixture
def run(
    way: str, eager: EagerClient, kernel: tuple[KernelManager, BlockingKernelClient]
) -> Iterator[Run]:
    """Runs deltas on one of the clients; the kernel must be usable after that."""

    async def run_async(deltas: Any, **options: Any) -> RunResult:
        async with await AsyncEagerClient.connect(kernel[0].connection_file) as client:
            return await asyncio.wait_for(client.run(deltas, **options), 60)

    if way == "sync":
        yield eager.run
    else:
        yield lambda deltas, **options: asyncio.run(run_async(deltas, **options))
    assert eager.run("1 + 1").outputs[0]["data"] == {"text/plain": "2"}


def parts(result: RunResult) -> tuple[str, str, str]:
    assert result.executed + result.failing + result.rest == result.program
    return result.executed, result.failing, result.rest


# Errors of the program ----------------------------------------------------------------------


def test_an_error_closes_the_deltas_at_once_and_not_before(make: type[Model], run: Run) -> None:
    stopped_at: list[float] = []

    def note(event: dict[str, Any]) -> None:
        if event["type"] == "stop":
            stopped_at.append(time.monotonic())

    slow = "import time\ntime.sleep(0.3)\n"
    deltas = make(slow, STAMP, *["x = 1\n"] * 500)
    result = run(deltas, gate="off", on_event=note)
    assert result.status == "error"
    assert result.stop_reason == "error"
    assert result.error is not None
    assert result.error.ename == "RuntimeError"
    assert result.error.lines == (3, 3)
    assert "RuntimeError" in result.error.traceback[-1]
    executed, failing, rest = parts(result)
    assert (executed, failing) == (slow, STAMP)
    assert rest == "x = 1\n" * rest.count("\n")  # what had been written during the sleep
    assert deltas.ended_by in (GeneratorExit, asyncio.CancelledError)
    assert float(result.error.evalue) < deltas.ended_at
    assert len(stopped_at) == 1
    assert sum(asked > stopped_at[0] for asked in deltas.asked_at) <= 1


def test_drain_reads_the_program_to_its_end(make: type[Model], run: Run) -> None:
    deltas = make("drained = 1\n", "1 / 0\n", *["drained += 1\n"] * 20)
    result = run(deltas, on_error="drain")
    assert result.status == "error"
    assert result.stop_reason == ""
    assert deltas.ended_by is None
    assert parts(result) == ("drained = 1\n", "1 / 0\n", "drained += 1\n" * 20)
    assert run("drained").outputs[0]["data"] == {"text/plain": "1"}


def test_an_error_in_the_last_statement(make: type[Model], run: Run) -> None:
    deltas = make("x = 1\n", "1 / 0")
    result = run(deltas)
    assert result.error is not None
    assert result.error.ename == "ZeroDivisionError"
    assert deltas.ended_by is None
    assert parts(result) == ("x = 1\n", "1 / 0", "")


def test_text_that_does_not_parse_ends_it_there(make: type[Model], run: Run) -> None:
    text = "x = 1\ny = = 2\nz = 3\n"
    deltas = make("before = 0\n", text, *["z = 3\n"] * 500)
    result = run(deltas)
    assert result.stop_reason == "error"
    assert result.error is not None
    assert result.error.ename == "SyntaxError"
    assert result.error.lines == (3, 3)
    executed, failing, rest = parts(result)
    assert (executed, failing) == ("before = 0\nx = 1\n", "y = = 2\n")
    assert rest == "z = 3\n" * rest.count("\n")
    assert len(deltas.asked_at) < 250
    assert deltas.ended_by is not None


def test_a_program_that_does_not_parse_at_its_end(make: type[Model], run: Run) -> None:
    ran = threading.Event()
    deltas = make("x = 1\n", "y = 2\nz = (\n", first_ran=ran)
    result = run(deltas, on_event=once_told("done", 0, ran.set))
    assert result.error is not None
    assert result.error.lines == (3, 3)
    executed, failing, rest = parts(result)
    # The second line may have run before the third was known.
    assert executed in ("x = 1\n", "x = 1\ny = 2\n")
    assert (executed + failing, rest) == ("x = 1\ny = 2\nz = (\n", "")


def test_statements_on_the_failing_line(make: type[Model], run: Run) -> None:
    result = run(make("x = 1\n", "y = 2; 1 / 0; z = 3\n"), on_error="drain")
    assert parts(result) == ("x = 1\n", "y = 2; 1 / 0; z = 3\n", "")


def test_a_cut_off_answer(make: type[Model], run: Run) -> None:
    result = run(make("a = 1\n", "b = [1, ", finish_reason="length"))
    assert result.error is not None
    assert result.error.ename == "IncompleteProgramError"
    assert result.error.lines == (2, 2)
    assert parts(result) == ("a = 1\n", "b = [1, ", "")


# Interrupts ---------------------------------------------------------------------------------


def test_an_interrupt_ends_the_run(
    make: type[Model], run: Run, kernel: tuple[KernelManager, BlockingKernelClient]
) -> None:
    sleep = "time.sleep(30)\n"
    deltas = make("import time\n", sleep, *["x = 1\n"] * 3000)
    sleeps = once_told("running", 1, kernel[0].interrupt_kernel)
    result = run(deltas, gate="off", on_event=sleeps)
    assert result.error is not None
    assert result.error.ename == "KeyboardInterrupt"
    assert result.error.lines == (2, 2)
    assert result.stop_reason == "interrupted"
    assert parts(result)[:2] == ("import time\n", sleep)
    assert len(deltas.asked_at) < 1000
    assert deltas.ended_by is not None


def once_told(state: str, index: int, do: Callable[[], object]) -> Callable[[Any], None]:
    """An `on_event` that does something, in a thread, when a chunk is told to be in a state."""
    waits = [threading.Thread(target=do)]

    def hear(event: dict[str, Any]) -> None:
        if (event.get("state"), event.get("index")) == (state, index) and waits:
            waits.pop().start()

    return hear


def test_an_interrupt_while_the_kernel_waits_for_text(
    make: type[Model], run: Run, kernel: tuple[KernelManager, BlockingKernelClient]
) -> None:
    deltas = make("x = 1\n", "y = 2\n", pauses=(0.01, 4))
    result = run(deltas, on_event=once_told("done", 0, kernel[0].interrupt_kernel))
    assert result.error is not None
    assert result.error.ename == "KeyboardInterrupt"
    assert result.stop_reason == "interrupted"
    assert parts(result) == ("x = 1\n", "", "")
    assert deltas.ended_by is not None


def test_the_client_interrupts(eager: EagerClient) -> None:
    program = "import time\ntime.sleep(60)\n"
    result = eager.run([program], on_event=once_told("running", 1, eager.interrupt))
    assert result.error is not None
    assert result.error.ename == "KeyboardInterrupt"
    assert parts(result) == ("import time\n", "time.sleep(60)\n", "")


def test_an_interrupt_of_the_caller_interrupts_the_kernel(eager: EagerClient) -> None:
    def deltas() -> Iterator[str]:
        yield "import time\ninterrupted = 0\n"
        yield "try:\n    time.sleep(60)\nfinally:\n    interrupted = 1\n\n"
        yield "interrupted = 2\n"
        assert sleeps.wait(60)
        raise KeyboardInterrupt

    sleeps = threading.Event()
    with pytest.raises(KeyboardInterrupt):
        eager.run(deltas(), gate="off", on_event=once_told("running", 2, sleeps.set))
    assert eager.run("interrupted").outputs[0]["data"] == {"text/plain": "1"}


async def test_a_cancelled_task_cancels_the_run(
    eager: EagerClient, kernel: tuple[KernelManager, BlockingKernelClient]
) -> None:
    deltas = AsyncModel("survivor = 2\n", "survivor = 3\n", pauses=(0.01, 60))
    ran, loop = asyncio.Event(), asyncio.get_running_loop()
    hear = once_told("done", 0, lambda: loop.call_soon_threadsafe(ran.set))
    async with await AsyncEagerClient.connect(kernel[0].connection_file) as client:
        task = asyncio.create_task(client.run(deltas, on_event=hear))
        await asyncio.wait_for(ran.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert deltas.ended_by is asyncio.CancelledError
        result = await asyncio.wait_for(client.run("survivor"), 60)
    assert result.outputs[0]["data"] == {"text/plain": "2"}


# Models that are silent, or fail ------------------------------------------------------------


async def test_a_silent_model_is_closed_at_once(
    kernel: tuple[KernelManager, BlockingKernelClient],
) -> None:
    class Silent:
        """Not a generator: closed by its `aclose` alone."""

        def __init__(self) -> None:
            self.texts = ["import time\n" + STAMP]
            self.closed_at = 0.0

        def __aiter__(self) -> Self:
            return self

        async def __anext__(self) -> str:
            if not self.texts:
                await asyncio.sleep(60)
            return self.texts.pop()

        async def aclose(self) -> None:
            await asyncio.sleep(0)
            self.closed_at = time.monotonic()

    deltas = Silent()
    async with await AsyncEagerClient.connect(kernel[0].connection_file) as client:
        result = await asyncio.wait_for(client.run(deltas, gate="off"), 60)
    assert result.error is not None
    assert float(result.error.evalue) < deltas.closed_at


def test_the_caller_can_end_the_wait_for_a_silent_model(eager: EagerClient) -> None:
    gone = threading.Event()

    def deltas() -> Iterator[str]:
        yield "import time\n" + STAMP
        if gone.wait(60):
            raise ConnectionError("closed by the caller")

    def note(event: dict[str, Any]) -> None:
        if event["type"] == "stop":
            gone.set()

    result = eager.run(deltas(), gate="off", on_event=note)
    assert result.error is not None
    assert result.error.ename == "RuntimeError"  # the program's, not the iterator's
    assert gone.is_set()


async def test_an_iterator_that_never_waits_is_closed(
    kernel: tuple[KernelManager, BlockingKernelClient],
) -> None:
    given = 0
    ended_by: type[BaseException] | None = None

    async def deltas() -> AsyncIterator[str]:
        nonlocal given, ended_by
        yield "1 / 0\n"
        try:
            while given < 1_000_000:
                given += 1
                yield "x = 1\n"
        except BaseException as error:
            ended_by = type(error)
            raise

    async with await AsyncEagerClient.connect(kernel[0].connection_file) as client:
        result = await asyncio.wait_for(client.run(deltas(), format="python"), 60)
    assert result.stop_reason == "error"
    assert given < 500_000
    assert ended_by is GeneratorExit


async def test_an_iterator_that_does_not_mind_being_cancelled(
    kernel: tuple[KernelManager, BlockingKernelClient],
) -> None:
    ended_by: type[BaseException] | None = None

    async def deltas() -> AsyncIterator[str]:
        nonlocal ended_by
        yield "1 / 0\n"
        try:
            while True:
                try:
                    await asyncio.sleep(0.5)
                except asyncio.CancelledError:
                    yield "never = 1\n"
        except BaseException as error:
            ended_by = type(error)
            raise

    async with await AsyncEagerClient.connect(kernel[0].connection_file) as client:
        result = await asyncio.wait_for(client.run(deltas(), format="python"), 60)
    assert result.program == "1 / 0\n"
    assert ended_by is GeneratorExit


async def test_a_reply_that_comes_while_a_delta_is_sent(
    kernel: tuple[KernelManager, BlockingKernelClient],
) -> None:
    async def deltas() -> AsyncIterator[str]:
        yield "raise ValueError\n"
        await asyncio.sleep(0)
        time.sleep(0.5)  # all that the kernel says comes meanwhile
        yield "x = 1\n"

    async with await AsyncEagerClient.connect(kernel[0].connection_file) as client:
        await client.execute("0")
        result = await asyncio.wait_for(client.run(deltas(), format="python"), 60)
    assert result.reply["ename"] == "ValueError"


class Broken(Model):
    """Deltas that fail at their end, when something has run."""

    error: BaseException = ConnectionError("the model is gone")

    def __init__(self, *texts: str) -> None:
        super().__init__(*texts)
        self.ran = threading.Event()

    def __iter__(self) -> Iterator[str]:
        yield from super().__iter__()
        assert self.ran.wait(30)
        raise self.error

    async def __aiter__(self) -> AsyncIterator[str]:
        for text in self._texts:
            yield text
        while not self.ran.is_set():
            await asyncio.sleep(0.01)
        raise self.error


def test_deltas_that_raise_cancel_the_run(way: str, run: Run) -> None:
    deltas = Broken("survivor = 1\n", "survivor = (2,")
    source: Any = iter(deltas) if way == "sync" else deltas
    with pytest.raises(ConnectionError, match="the model is gone") as caught:
        run(source, on_event=once_told("done", 0, deltas.ran.set))
    assert caught.value.__cause__ is None
    after = run("survivor")
    assert after.outputs[0]["data"] == {"text/plain": "1"}
    assert after.source_error is None


class HardToClose(Model):
    """Deltas whose closing fails."""

    def __iter__(self) -> Iterator[str]:
        try:
            yield from super().__iter__()
        finally:
            raise OSError("no way to close it")

    async def __aiter__(self) -> AsyncIterator[str]:
        try:
            for text in self._texts:
                await asyncio.sleep(0.01)
                yield text
        finally:
            raise OSError("no way to close it")


def test_a_close_that_raises_is_told(run: Run, way: str) -> None:
    deltas = HardToClose("1 / 0\n", *["x = 1\n"] * 2000)
    source: Any = iter(deltas) if way == "sync" else deltas
    result = run(source)
    assert result.error is not None
    assert result.error.ename == "ZeroDivisionError"
    assert isinstance(result.source_error, OSError)
