"""Streams of the providers' real packages, of a server on loopback, into a real kernel."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from eager_kernel import AsyncEagerClient, EagerClient, RunResult
from eager_kernel.deltas import code
from tests.conftest import Starter
from tests.sources.providers import Anthropic, OpenAI
from tests.sources.server import Connection, Server, event

PROGRAM = "print('begun')\nx = 6 * 7\nx"
FAILING = "print('begun')\n1 / 0\nprint('never')\n"

Asking = Callable[[str], Awaitable[RunResult]]


@pytest.fixture(autouse=True)
def _no_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # or it asks the network for them


@pytest.fixture(scope="module")
def connection_file(start_kernel: Starter) -> str:
    return str(start_kernel()[0].connection_file)


@pytest.fixture
def client(connection_file: str) -> Iterator[EagerClient]:
    with EagerClient.connect(connection_file) as client:
        yield client


def call_of(program: str) -> list[str]:
    text = json.dumps({"language": "python", "code": program})
    return [text[at : at + 5] for at in range(0, len(text), 5)]


@asynccontextmanager
async def served(pieces: list[bytes], *, and_wait: bool = False) -> AsyncIterator[Server]:
    """Serve an answer; `and_wait` keeps the connection open until the client closes it."""

    async def answer(connection: Connection) -> None:
        await connection.begin()
        for piece in pieces:
            await connection.send(piece)
        if and_wait:
            await connection.until_gone()
        else:
            await connection.end()

    async with Server(answer) as server:
        yield server


def answer(provider: OpenAI | Anthropic, *, by_call: bool) -> list[bytes]:
    begin = provider.begin()
    if by_call:
        return [*begin, provider.text("I run"), *provider.call(call_of(PROGRAM)), *provider.end()]
    return [*begin, provider.text(f"```python\n{PROGRAM}"), provider.text("\n```"), *provider.end()]


def asked_of(provider: str, url: str) -> Iterator[Any]:
    """Ask synchronously; yield the stream in all the ways that a package has."""
    messages = [{"role": "user", "content": "Compute."}]
    if provider == "openai":
        openai = pytest.importorskip("openai")
        with openai.OpenAI(api_key="k", base_url=f"{url}/v1") as client:
            yield client.chat.completions.create(model="m", messages=messages, stream=True)
            with client.chat.completions.stream(model="m", messages=messages) as stream:
                yield stream
    elif provider == "anthropic":
        anthropic = pytest.importorskip("anthropic")
        given = {"model": "m", "messages": messages, "max_tokens": 99}
        with anthropic.Anthropic(api_key="k", base_url=url) as client:
            yield client.messages.create(**given, stream=True)
            with client.messages.stream(**given) as stream:
                yield stream
    else:
        litellm = pytest.importorskip("litellm")
        given = {"api_key": "k", "api_base": f"{url}/v1", "messages": messages, "stream": True}
        yield litellm.completion("openai/m", **given, stream_options={"include_usage": True})


@pytest.mark.timeout(300)  # litellm is slow to import
@pytest.mark.parametrize("by_call", [False, True], ids=["text", "call"])
@pytest.mark.parametrize("provider", ["openai", "anthropic", "litellm"])
async def test_an_answer_runs(client: EagerClient, provider: str, by_call: bool) -> None:
    speaks = Anthropic() if provider == "anthropic" else OpenAI()
    async with served(answer(speaks, by_call=by_call)) as server:

        def ask() -> list[RunResult]:
            return [client.run(code(stream)) for stream in asked_of(provider, server.url)]

        for result in await asyncio.to_thread(ask):
            assert result.program.strip() == PROGRAM
            assert (result.status, result.value) == ("ok", "42")
            assert result.usage is not None
            names = ("input_tokens", "output_tokens")
            if provider != "anthropic":
                names = ("prompt_tokens", "completion_tokens")
            assert [result.usage[name] for name in names] == [7, 3]


async def ask_openai(url: str, messages: list[Any]) -> Any:
    openai = pytest.importorskip("openai")
    client = openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1")
    return await client.chat.completions.create(model="m", messages=messages, stream=True)


async def ask_anthropic(url: str, messages: list[Any]) -> Any:
    anthropic = pytest.importorskip("anthropic")
    client = anthropic.AsyncAnthropic(api_key="k", base_url=url)
    return await client.messages.create(model="m", messages=messages, max_tokens=9, stream=True)


async def ask_litellm(url: str, messages: list[Any]) -> Any:
    litellm = pytest.importorskip("litellm")
    return await litellm.acompletion(
        "openai/m", api_key="k", api_base=f"{url}/v1", messages=messages, stream=True
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("ask", [ask_openai, ask_anthropic, ask_litellm])
async def test_an_early_error_closes_the_connection(connection_file: str, ask: Any) -> None:
    speaks = Anthropic() if ask is ask_anthropic else OpenAI()
    pieces = [*speaks.begin(), *speaks.call(call_of(FAILING))[:-2]]
    async with (
        served(pieces, and_wait=True) as server,
        await AsyncEagerClient.connect(connection_file) as client,
    ):
        stream = await ask(server.url, [{"role": "user", "content": "Compute."}])
        result = await client.run(code(stream))
        await asyncio.wait_for(server.gone.wait(), 60)
        assert result.status == "error"
        assert result.failing == "1 / 0\n"
        assert result.source_error is None
        if ask is ask_anthropic:
            assert result.usage is not None
            assert result.usage["input_tokens"] == 7  # known from the beginning


async def test_events_of_responses(client: EagerClient) -> None:
    openai = pytest.importorskip("openai")
    events: list[dict[str, Any]] = [{"type": "response.created", "response": {}}]
    where = {"item_id": "i", "output_index": 1, "sequence_number": 1}
    said = {**where, "type": "response.output_text.delta", "content_index": 0, "logprobs": []}
    events.append({**said, "output_index": 0, "item_id": "t", "delta": "I run"})
    argument = {**where, "type": "response.function_call_arguments.delta"}
    events += [{**argument, "delta": piece} for piece in call_of("a = 1\nb = 12")[:-1]]
    incomplete = {"incomplete_details": {"reason": "max_output_tokens"}}
    events.append(
        {"type": "response.incomplete", "response": {**incomplete, "usage": {"output_tokens": 3}}}
    )

    def ask(url: str) -> RunResult:
        with openai.OpenAI(api_key="k", base_url=f"{url}/v1") as model:
            return client.run(code(model.responses.create(model="m", input="x", stream=True)))

    async with served([event(each, each["type"]) for each in events]) as server:
        result = await asyncio.to_thread(ask, server.url)
    assert result.error is not None
    assert result.error.ename == "IncompleteProgramError"
    assert result.executed == "a = 1\n"
    assert result.usage == {"output_tokens": 3}


def test_calls_run_one_after_the_other(client: EagerClient) -> None:
    """Pieces of two calls come mixed; neither is in the middle of the other."""
    first, second = call_of("a = '}'\n"), call_of("a + '!'")
    longer = max(len(first), len(second))
    chunks: list[Any] = []
    for at in range(longer):
        for index, pieces in enumerate((first, second)):
            if at < len(pieces):
                function = {"name": "run", "arguments": pieces[at]}
                call = {"index": index, "id": str(index), "function": function}
                chunks.append({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
    result = client.run(code(chunks))
    assert result.status == "ok"
    assert result.value == repr("}!")


def test_usage_of_deltas_of_ones_own(client: EagerClient) -> None:
    class Answer:
        usage: Any = None

        def __iter__(self) -> Iterator[str]:
            try:
                yield from FAILING.splitlines(keepends=True)
                while True:
                    yield "x = 1\n"
            finally:
                self.usage = {"tokens": 3}

    assert client.run(Answer()).usage == {"tokens": 3}
    assert client.run(["x = 1"]).usage is None
