"""From a server, through a client and a process, into a kernel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from eager_kernel import AsyncEagerClient
from eager_kernel.errors import SourceError
from eager_kernel.sources.answer import Answer
from eager_kernel.sources.process import ModelProcess
from eager_kernel.sources.registry import open_source
from eager_kernel.sources.source import Event, Finish, Message, Options, Request, Usage
from tests.sources.conftest import Models
from tests.sources.providers import OpenAI
from tests.sources.server import Connection, Handler, Server

pytest.importorskip("openai")

TIMEOUT = 60
REQUEST = Request((Message("user", "x"),))
SAYS = OpenAI()


def and_then_silence(*texts: str) -> Handler:
    async def handler(connection: Connection) -> None:
        await connection.begin()
        for piece in [*SAYS.begin(), *map(SAYS.text, texts)]:
            await connection.send(piece)
        await connection.until_gone()

    return handler


class Ear:
    """Hears a generation on the test's event loop."""

    def __init__(self, model: ModelProcess) -> None:
        self.events: asyncio.Queue[Event | SourceError] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self.generation = model.generate(REQUEST, self._hear)

    def _hear(self, event: Event | SourceError) -> None:
        self._loop.call_soon_threadsafe(self.events.put_nowait, event)

    async def next(self) -> Event | SourceError:
        async with asyncio.timeout(TIMEOUT):
            return await self.events.get()


async def test_a_process_asks_a_server(models: Models) -> None:
    async def handler(connection: Connection) -> None:
        await connection.begin()
        for piece in [*SAYS.begin(), SAYS.text("x = "), SAYS.text("1"), *SAYS.end("length")]:
            await connection.send(piece)
        await connection.end()

    async with Server(handler) as server:
        ear = Ear(models("openai/m", api_base=f"{server.url}/v1"))
        assert [await ear.next() for _ in range(3)] == ["x = ", "1", Finish("length", Usage(7, 3))]


@pytest.mark.parametrize("way", ["cancel", "close"])
async def test_the_server_sees_the_connection_close(models: Models, way: str) -> None:
    async with Server(and_then_silence("x = 1\n")) as server:
        model = models("openai/m", api_base=f"{server.url}/v1")
        ear = Ear(model)
        assert await ear.next() == "x = 1\n"
        if way == "cancel":
            ear.generation.cancel()
        else:
            model.close()
            assert isinstance(await ear.next(), SourceError)
        async with asyncio.timeout(TIMEOUT):
            await server.gone.wait()
        assert model.alive is (way == "cancel")


@pytest.fixture
async def kernel_client(work: Path) -> AsyncIterator[AsyncEagerClient]:
    async with await AsyncEagerClient.start(
        "eager_python", extra_arguments=["--log-level=ERROR"]
    ) as client:
        yield client


def answer(server: Server) -> Answer:
    options = Options(api_base=f"{server.url}/v1", first_timeout=TIMEOUT, stall_timeout=TIMEOUT)
    return Answer(open_source("openai/m", options), REQUEST, options)


async def test_a_program_runs_while_the_server_writes_it(kernel_client: AsyncEagerClient) -> None:
    printed = asyncio.Event()

    async def handler(connection: Connection) -> None:
        await connection.begin()
        for piece in [*SAYS.begin(), SAYS.text("```python\nprint('first')\n")]:
            await connection.send(piece)
        async with asyncio.timeout(TIMEOUT):
            await printed.wait()  # the rest comes only after the first line has run
        for piece in [SAYS.text("print('second')\n```\n"), *SAYS.end()]:
            await connection.send(piece)
        await connection.end()

    def on_event(event: dict[str, Any]) -> None:
        if event["type"] == "output" and "first" in event["output"].get("text", ""):
            printed.set()

    async with Server(handler) as server:
        result = await kernel_client.run(answer(server), on_event=on_event)
    assert result.status == "ok"
    assert result.program == "print('first')\nprint('second')\n"


async def test_an_error_in_the_program_closes_the_connection(
    kernel_client: AsyncEagerClient,
) -> None:
    async with Server(and_then_silence("x = 1\n", "x / 0\n")) as server:
        result = await kernel_client.run(answer(server))
        async with asyncio.timeout(TIMEOUT):
            await server.gone.wait()
    assert result.error is not None
    assert result.error.ename == "ZeroDivisionError"
    assert result.source_error is None


async def test_a_connection_that_breaks_runs_nothing_more(kernel_client: AsyncEagerClient) -> None:
    ran = asyncio.Event()

    def on_event(event: dict[str, Any]) -> None:
        if event.get("state") == "done":
            ran.set()

    async def handler(connection: Connection) -> None:
        await connection.begin()
        for piece in [*SAYS.begin(), SAYS.text("done = ['first']\n")]:
            await connection.send(piece)
        await ran.wait()
        await connection.send(SAYS.text("done = 12"))

    async with Server(handler) as server:
        with pytest.raises(SourceError, match="broke"):
            await kernel_client.run(answer(server), on_event=on_event)
    assert (await kernel_client.execute("done")).outputs[0]["data"]["text/plain"] == "['first']"


async def test_a_cell_asks_a_server(kernel_client: AsyncEagerClient) -> None:
    async def handler(connection: Connection) -> None:
        await connection.begin()
        for piece in [*SAYS.begin(), SAYS.text("x = 6"), SAYS.text(" * 7\nx"), *SAYS.end()]:
            await connection.send(piece)
        await connection.end()

    async with Server(handler) as server:
        cell = f"%%eager --model openai/m --api-base {server.url}/v1\nSix times seven?"
        result = await kernel_client.execute(cell)
    assert result.error is None
    assert result.outputs[-1]["data"]["text/plain"] == "42"
    assert server.asked[0].body["messages"][-1]["content"] == "Six times seven?"


async def test_an_error_in_a_cells_program_closes_the_connection(
    kernel_client: AsyncEagerClient,
) -> None:
    async with Server(and_then_silence("x = 1\n", "x / 0\n")) as server:
        cell = f"%%eager --model openai/m --api-base {server.url}/v1\nDivide."
        result = await kernel_client.execute(cell)
        async with asyncio.timeout(TIMEOUT):
            await server.gone.wait()
    assert result.error is not None
    assert result.error.ename == "ZeroDivisionError"


PROGRAM = """
from eager_kernel.sources.process import ModelProcess
from eager_kernel.sources.source import Message, Options, Request
model = ModelProcess("recorded/demo", Options(extra={"speed": 0}), cancel_timeout=0.5)
def hear(event):
    if not isinstance(event, str):
        print(event)
generation = model.generate(Request((Message("user", "x"),)), hear)
open("effect.txt", "w").close()
"""


async def test_a_model_answers_while_the_program_waits_at_an_effect(
    kernel_client: AsyncEagerClient,
) -> None:
    """The process begins in the run, and yet its threads are none of the program's."""
    answered = asyncio.Event()

    async def deltas() -> AsyncIterator[str]:
        yield PROGRAM
        async with asyncio.timeout(TIMEOUT):
            await answered.wait()
        yield "model.close(); model.join(60)"

    def on_event(event: dict[str, Any]) -> None:
        if event["type"] == "output" and "Finish" in event["output"].get("text", ""):
            answered.set()

    result = await kernel_client.run(deltas(), format="python", gate="wait", on_event=on_event)
    assert result.error is None, result.error
    assert result.outputs[-1]["data"]["text/plain"] == "True"
    assert result.report is not None
    waits = [wait for chunk in result.report.chunks for wait in chunk.waits]
    assert any("effect.txt" in wait.effect for wait in waits)
