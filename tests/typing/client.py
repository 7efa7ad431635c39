"""How the client is used, for mypy alone: nobody runs this.

What must not type-check has a ``type: ignore``; mypy says if one is not needed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

import eager_kernel
from eager_kernel import AsyncEagerClient, EagerClient, EagerError, RunResult
from eager_kernel.client import (
    AsyncEagerRun,
    AsyncEagerSession,
    EagerRun,
    EagerSession,
    RunError,
    SessionResult,
    SessionStep,
)
from eager_kernel.sources.registry import open_source


def deltas() -> Iterator[str]:
    yield "x = 1\n"


def sparse() -> Iterator[str | None]:
    yield None


async def async_deltas() -> AsyncIterator[str]:
    yield "x = 1\n"


def hear(event: dict[str, Any]) -> None:
    assert_type(event["type"], Any)


def answer(prompt: str, password: bool) -> str:
    return prompt if password else ""


def pull() -> None:
    with EagerClient.start(cwd="/tmp", timeout=3, warm=True, sandbox={"network": True}) as client:
        assert_type(client, EagerClient)
        result = client.run(deltas(), format="json:query", gate="off", on_error="drain", timeout=5)
        assert_type(result, RunResult)
        assert_type(result.error, RunError | None)
        client.run(sparse(), on_event=hear, on_input=answer, max_bytes=10, silent=True)
        client.run("x = 1")
        client.execute("x", user_expressions={"y": "x + 1"}, store_history=False)
        client.run(deltas(), gate="on")  # type: ignore[arg-type]
        client.run(deltas(), on_error="continue")  # type: ignore[arg-type]
        client.run(deltas(), gat="off")  # type: ignore[call-arg]
        client.run([1, 2])  # type: ignore[list-item]
        client.execute("x", gate="off")  # type: ignore[call-arg]
        client.restart(timeout=3)
        client.reset()


def push() -> None:
    with EagerClient.connect("kernel.json") as client, client.open(model="mine") as run:
        assert_type(run, EagerRun)
        assert_type(run.feed("x"), bool)
        run.feed(None)
        run.feed(b"x")  # type: ignore[arg-type]
        run.end("length")
        assert_type(run.stopped.wait(3), bool)
        assert_type(run.stopped.reason, str)
        run.cancel(interrupt=False)
        assert_type(run.result(), RunResult)


def answer_in_steps() -> None:
    with EagerClient.start() as client:
        with client.session(model="openai/gpt-5", steps=3, budget_seconds=5, gate="off") as session:
            assert_type(session, EagerSession)
            result = session.run("How many?", on_event=hear)
            assert_type(result, SessionResult)
            assert_type(result.steps, tuple[SessionStep, ...])
            assert_type(result.steps[0].result, RunResult)
            assert_type(result.error, RunError | None)
            session.cancel()
        client.session(model=open_source("recorded/demo"))
        client.session()  # type: ignore[call-arg]
        client.session(model=3)  # type: ignore[arg-type]
        client.session(model="openai/gpt-5", gate="on")  # type: ignore[arg-type]
        client.session(model="openai/gpt-5", stepz=3)  # type: ignore[call-arg]


async def answer_in_steps_with_a_loop() -> None:
    async with await AsyncEagerClient.start() as client:
        async with client.session(model="openai/gpt-5", figures="omit") as session:
            assert_type(session, AsyncEagerSession)
            assert_type(await session.run("How many?"), SessionResult)
        await client.session(model="openai/gpt-5", figures="some").run("")  # type: ignore[arg-type]


async def with_a_loop() -> None:
    async with await AsyncEagerClient.connect(url="http://localhost:8888/", token="x") as client:
        assert_type(await client.run(async_deltas(), gate=None), RunResult)
        await client.run(deltas())
        async with await client.open(format="markdown") as run:
            assert_type(run, AsyncEagerRun)
            run.feed("x")
            await run.stopped.wait()
        assert_type(await run.result(), RunResult)
        await client.open(formt="python")  # type: ignore[call-arg]


def names() -> None:
    assert_type(eager_kernel.__version__, str)
    chunker = eager_kernel.Chunker()
    chunker.feed("x = 1\n")
    try:
        pull()
    except EagerError as error:
        assert_type(error, EagerError)
