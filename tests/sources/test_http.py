"""The real clients of `openai`, `anthropic` and `litellm` against a server on loopback."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import ssl
import traceback
from dataclasses import dataclass
from typing import Any

import pytest

from eager_kernel.errors import MissingExtraError, SourceError
from eager_kernel.sources.answer import Answer
from eager_kernel.sources.registry import open_source
from eager_kernel.sources.source import Message, Options, Request, Usage
from tests.sources.providers import Anthropic, OpenAI
from tests.sources.server import Connection, Handler, Server, event

KEY = "sk-test-0123456789abcdef"
REQUEST = Request((Message("system", "Be brief."), Message("user", "Count.")))


@dataclass(frozen=True)
class Client:
    """A client and what its server speaks."""

    model: str
    speaks: OpenAI | Anthropic
    base: str
    needs: str

    def options(self, url: str, **more: Any) -> Options:
        given: dict[str, Any] = {"first_timeout": 60, "stall_timeout": 60, "credential": "A_KEY"}
        return Options(api_base=url + self.base, **(given | more))


CLIENTS = {
    "openai": Client("openai/m", OpenAI(), "/v1", "openai"),
    "anthropic": Client("anthropic/m", Anthropic(), "", "anthropic"),
    "litellm-openai": Client("litellm/openai/m", OpenAI(), "/v1", "litellm"),
    "litellm-anthropic": Client("litellm/anthropic/m", Anthropic(), "", "litellm"),
}


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Client:
    client = CLIENTS[request.param]
    if importlib.util.find_spec(client.needs) is None:
        pytest.skip(f"{client.needs} is not installed")
    monkeypatch.setenv("A_KEY", KEY)
    return client


def answer(client: Client, url: str, **options: Any) -> Answer:
    given = client.options(url, **options)
    return Answer(open_source(client.model, given), REQUEST, given)


async def read(answer: Answer) -> list[str]:
    try:
        return [text async for text in answer]
    finally:
        await answer.aclose()


async def failure(client: Client, handler: Handler, **options: Any) -> str:
    """The message of the error that comes of it."""
    async with Server(handler) as server:
        with pytest.raises(SourceError) as caught:
            await read(answer(client, server.url, **options))
    return message(caught.value)


def message(error: SourceError) -> str:
    """The message of an error; no key is in anything that could be shown."""
    shown = "".join(traceback.format_exception(error)) + repr(error) + str(error)
    assert KEY not in shown
    return str(error)


def script(*pieces: bytes, end: bool = True, chunked: bool = True) -> Handler:
    async def handler(connection: Connection) -> None:
        await connection.begin(chunked=chunked)
        for piece in pieces:
            await connection.send(piece)
        if end:
            await connection.end()

    return handler


async def test_an_answer(client: Client) -> None:
    says = client.speaks
    pieces = [
        *says.begin(),
        says.text("x = 1\n"),
        says.text("pri"),
        says.text("nt(x)"),
        *says.end(),
    ]
    async with Server(script(*pieces)) as server:
        got = answer(client, server.url)
        assert await read(got) == ["x = 1\n", "pri", "nt(x)"]
    assert got.finish_reason in ("stop", "end_turn")
    # litellm says 0 of what Anthropic says nothing of.
    assert got.usage in (Usage(7, 3), Usage(7, 3, 0))
    (asked,) = server.asked
    assert asked.path.partition("?")[0] == says.path
    assert KEY in asked.headers.get("authorization", "") + asked.headers.get("x-api-key", "")
    assert "Be brief." in json.dumps(asked.body)
    assert asked.body["stream"] is True


async def test_what_was_cut_off_says_so(client: Client) -> None:
    says = client.speaks
    pieces = [*says.begin(), says.text("x = 12"), *says.end(says.cut_off)]
    async with Server(script(*pieces)) as server:
        got = answer(client, server.url)
        await read(got)
    assert got.finish_reason in ("length", "max_tokens")


async def test_characters_cut_between_bytes(client: Client) -> None:
    says = client.speaks
    whole = says.text("é🚲'")
    pieces = [whole[i : i + 1] for i in range(len(whole))]
    async with Server(script(*says.begin(), *pieces, *says.end())) as server:
        assert await read(answer(client, server.url)) == ["é🚲'"]


async def test_an_answer_by_the_tool(client: Client) -> None:
    says = client.speaks
    arguments = ['{"co', 'de": "x = 1\\npri', 'nt(x)"}']
    end = says.end("tool_calls" if isinstance(says, OpenAI) else "tool_use")
    pieces = [*says.begin(), says.text("Here it is:"), *says.call(arguments), *end]
    async with Server(script(*pieces)) as server:
        got = await read(answer(client, server.url, extra={"tool": True}))
    assert json.loads("".join(got)) == {"code": "x = 1\nprint(x)"}
    assert len(got) == 3
    (tool,) = server.asked[0].body["tools"]
    assert "run_python" in json.dumps(tool)
    if client.model.startswith("anthropic"):
        assert tool["eager_input_streaming"] is True


async def test_a_model_that_does_not_call_the_tool(client: Client) -> None:
    says = client.speaks
    pieces = [*says.begin(), says.text("I had rather talk."), *says.end()]
    told = await failure(client, script(*pieces), extra={"tool": True})
    assert "did not call the tool run_python" in told
    assert "I had rather talk." in told


async def test_closing_closes_the_connection(client: Client) -> None:
    says = client.speaks

    async def handler(connection: Connection) -> None:
        await connection.begin()
        for piece in [*says.begin(), says.text("x = 1\n"), says.text("y = 2\n")]:
            await connection.send(piece)
        await connection.until_gone()

    async with Server(handler) as server:
        got = answer(client, server.url)
        assert await anext(got) == "x = 1\n"
        await got.aclose()
        async with asyncio.timeout(60):
            await server.gone.wait()


async def test_cancelling_closes_the_connection(client: Client) -> None:
    says = client.speaks

    async def handler(connection: Connection) -> None:
        await connection.begin()
        for piece in [*says.begin(), says.text("x = 1\n")]:
            await connection.send(piece)
        await connection.until_gone()

    async with Server(handler) as server:
        got = answer(client, server.url)
        assert await anext(got) == "x = 1\n"
        waiting = asyncio.create_task(anext(got))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        async with asyncio.timeout(60):
            await server.gone.wait()


# Faults ---------------------------------------------------------------------------------------


async def test_nobody_listens(client: Client) -> None:
    async with Server(script()) as server:
        pass
    with pytest.raises(SourceError) as caught:
        await read(answer(client, server.url))
    assert "nobody listens at" in message(caught.value)
    assert server.url in message(caught.value)


async def test_a_host_that_does_not_exist(client: Client) -> None:
    with pytest.raises(SourceError) as caught:
        await read(answer(client, "http://no-such-host.invalid"))
    assert "check its spelling" in message(caught.value)


async def test_a_certificate_that_nobody_knows(
    client: Client, tmp_path: Any, certificate: ssl.SSLContext
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=certificate)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(SourceError) as caught:
            await read(answer(client, url))
    assert "can't be trusted" in message(caught.value)


STATUSES: dict[str, tuple[int, str, str, str]] = {
    "401": (
        401,
        f"Incorrect API key provided: {KEY}",
        "invalid_api_key",
        "does not accept the key",
    ),
    "403": (403, "Not for you", "permission_error", "does not allow this"),
    "404": (404, "No model m", "not_found_error", "Check the model's name"),
    "400": (400, "temperature is odd", "invalid_request_error", "does not take the request"),
    "too long": (
        400,
        "The maximum context length is 8192 tokens; prompt is too long",
        "context_length_exceeded",
        "the conversation is too long",
    ),
    "no quota": (429, "You exceeded your current quota", "insufficient_quota", "no quota left"),
}


@pytest.mark.parametrize("case", STATUSES)
async def test_statuses(client: Client, case: str) -> None:
    status, text, kind, says = STATUSES[case]

    async def handler(connection: Connection) -> None:
        body = client.speaks.error(text, kind)
        await connection.refuse(status, body, x_should_retry="false")

    told = await failure(client, handler)
    assert says in told
    assert f"({status})" in told
    if KEY not in text:
        assert text.partition(";")[0] in told


async def test_a_server_in_trouble_is_asked_again(client: Client) -> None:
    if client.needs == "litellm":
        pytest.skip("litellm would wait as long as a server says, so it asks once")
    says = client.speaks
    tries = 0

    async def handler(connection: Connection) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            await connection.refuse(503, b"<html><b>busy</b></html>", retry_after_ms="10")
        else:
            await script(*says.begin(), says.text("x"), *says.end())(connection)

    async with Server(handler) as server:
        assert await read(answer(client, server.url)) == ["x"]


async def test_a_server_that_stays_in_trouble(client: Client) -> None:
    async def handler(connection: Connection) -> None:
        await connection.refuse(503, b"<html><b>busy</b></html>", x_should_retry="false")

    assert "is in trouble (503)" in await failure(client, handler)


async def test_too_many_requests(client: Client) -> None:
    async def handler(connection: Connection) -> None:
        body = client.speaks.error("Slow down", "rate_limit_error")
        await connection.refuse(429, body, retry_after="37")

    async with asyncio.timeout(30):  # the client does not wait for all that time
        told = await failure(client, handler)
    assert "ask again in 37 s" in told
    assert "Slow down" in told


async def test_silence_before_the_first_text(client: Client) -> None:
    async def handler(connection: Connection) -> None:
        await connection.begin()
        await connection.until_gone()

    told = await failure(client, handler, first_timeout=0.5)
    assert "no text within 0.5 s" in told


async def test_silence_in_the_middle(client: Client) -> None:
    says = client.speaks

    async def handler(connection: Connection) -> None:
        await connection.begin()
        for piece in [*says.begin(), says.text("x = 1\n")]:
            await connection.send(piece)
        await connection.until_gone()

    assert "no text for 0.5 s" in await failure(client, handler, stall_timeout=0.5)


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "until closed"])
async def test_an_end_in_the_middle_of_a_line(client: Client, chunked: bool) -> None:
    says = client.speaks
    pieces = [*says.begin(), says.text("x = 1\n"), says.text("y = 2")[:-9]]
    told = await failure(client, script(*pieces, end=False, chunked=chunked))
    assert "broke" in told or "without ending its answer" in told
    assert "broke" not in told or "is not complete" in told


async def test_an_answer_without_an_end(client: Client) -> None:
    says = client.speaks
    pieces = [*says.begin(), says.text("x = 1\n"), says.text("y = 2\n")]
    told = await failure(client, script(*pieces))
    assert "without ending its answer" in told or "broke" in told


async def test_what_is_no_json(client: Client) -> None:
    says = client.speaks
    name = None if isinstance(says, OpenAI) else "content_block_delta"
    pieces = [*says.begin(), says.text("x = 1\n"), event("{not json", name), *says.end()]
    told = await failure(client, script(*pieces))
    says_so = ("no stream of answers", "reports an error", "without ending its answer")
    assert any(words in told for words in says_so)


async def test_an_error_in_the_middle(client: Client) -> None:
    says = client.speaks
    name = None if isinstance(says, OpenAI) else "error"
    error = event(says.error("The GPU is on fire", "server_error"), name)
    told = await failure(client, script(*says.begin(), says.text("x = 1\n"), error))
    assert "The GPU is on fire" in told


async def test_a_page_instead_of_a_stream(client: Client) -> None:
    async def handler(connection: Connection) -> None:
        await connection.refuse(200, b"<html>Welcome</html>")

    assert await failure(client, handler)


# OpenAI alone ---------------------------------------------------------------------------------


@pytest.fixture
def openai(monkeypatch: pytest.MonkeyPatch) -> Client:
    pytest.importorskip("openai")
    monkeypatch.setenv("A_KEY", KEY)
    return CLIENTS["openai"]


async def test_a_server_that_knows_no_stream_options(openai: Client) -> None:
    says = openai.speaks

    async def handler(connection: Connection) -> None:
        if "stream_options" in connection.asked.body:
            text = "Unrecognized request argument supplied: stream_options"
            await connection.refuse(400, says.error(text, "invalid_request_error"))
        else:
            await script(*says.begin(), says.text("x"), *says.end())(connection)

    async with Server(handler) as server:
        options = openai.options(server.url)
        source = open_source(openai.model, options)
        for _ in range(2):
            assert await read(Answer(source, REQUEST, options)) == ["x"]
        await source.aclose()
    assert len(server.asked) == 3  # the second time it is known


async def test_a_second_call_of_the_tool_ends_the_answer(openai: Client) -> None:
    says = openai.speaks
    second = event({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
                    "choices": [{"index": 0, "finish_reason": None, "delta": {"tool_calls": [
                        {"index": 1, "id": "c2", "type": "function",
                         "function": {"name": "run_python", "arguments": "{"}}]}}]})  # fmt: skip
    pieces = [*says.begin(), *says.call(['{"code": "1"}']), second, *says.end("tool_calls")]
    async with Server(script(*pieces)) as server:
        got = answer(openai, server.url, extra={"tool": True})
        assert await read(got) == ['{"code": "1"}']
    assert got.finish_reason == "tool_calls"


async def test_a_refusal(openai: Client) -> None:
    says = openai.speaks
    refusal = event({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
                     "choices": [{"index": 0, "finish_reason": None,
                                  "delta": {"refusal": "I must not."}}]})  # fmt: skip
    told = await failure(openai, script(*says.begin(), refusal, *says.end()))
    assert "refuses to answer: I must not" in told


async def test_more_of_the_request(openai: Client) -> None:
    says = openai.speaks
    async with Server(script(*says.begin(), says.text("x"), *says.end())) as server:
        options = openai.options(server.url, extra={"reasoning_effort": "low"})
        request = Request(REQUEST.messages, max_tokens=9, temperature=0.5)
        assert await read(Answer(open_source(openai.model, options), request, options)) == ["x"]
    body = server.asked[0].body
    assert (body["max_tokens"], body["temperature"], body["reasoning_effort"]) == (9, 0.5, "low")


async def test_the_usual_key_goes_to_the_provider_alone(
    openai: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    says = openai.speaks
    async with Server(script(*says.begin(), says.text("x"), *says.end())) as server:
        await read(answer(openai, server.url, credential=None))
    assert KEY not in json.dumps(server.asked[0].headers)


@pytest.mark.parametrize(
    ("address", "says"),
    [("localhost:8000", "no address of a server"), ("http://me:pw@localhost/", "no password")],
)
async def test_addresses_that_are_none(openai: Client, address: str, says: str) -> None:
    options = Options(api_base=address)
    with pytest.raises(SourceError, match=says):
        await read(Answer(open_source("openai/m", options), REQUEST, options))


async def test_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(SourceError, match="set the environment variable OPENAI_API_KEY"):
        await read(Answer(open_source("openai/m"), REQUEST, Options()))


@pytest.mark.parametrize("name", ["openai", "anthropic", "litellm"])
async def test_an_extra_that_is_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(MissingExtraError, match=rf"eager-kernel\[{name}\]"):
        await read(Answer(open_source(f"{name}/m/m"), REQUEST, Options()))
