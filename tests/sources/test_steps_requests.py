"""What further steps ask of providers: pictures, cache marks, words instead of a call."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from eager_kernel.errors import SourceError
from eager_kernel.sources.answer import Answer
from eager_kernel.sources.litellm import _import, keeps_what_is_marked
from eager_kernel.sources.registry import open_source
from eager_kernel.sources.source import Image, Message, Request, Usage
from tests.sources.providers import Anthropic, OpenAI
from tests.sources.server import Connection, Server, event
from tests.sources.test_http import CLIENTS, Client, read

PICTURE = Image("image/png", "iVBORw0=")
FIRST = (Message("system", "Be brief."), Message("user", "Plot it."))
SECOND = (
    *FIRST,
    Message("assistant", "```python\nplot()\n```"),
    Message("user", "1 figure was shown: it is attached.", (PICTURE,)),
)
THIRD = (*SECOND, Message("assistant", "```python\nx\n```"), Message("user", "Output: 3"))


@pytest.fixture(params=["openai", "anthropic"])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Client:
    pytest.importorskip(request.param)
    monkeypatch.setenv("A_KEY", "sk-test-0123456789abcdef")
    return CLIENTS[request.param]


class KeepingServer(Server):
    """Serves one request after the other on each connection, and counts connections."""

    connections = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        closing, writer.close = writer.close, lambda: None  # type: ignore[method-assign]
        try:
            while not reader.at_eof() and not self.gone.is_set():
                await super()._serve(reader, writer)
        finally:
            closing()


def serve(speaks: OpenAI | Anthropic, *pieces: bytes) -> Any:
    async def handler(connection: Connection) -> None:
        await connection.begin()
        for piece in [*speaks.begin(), *(pieces or (speaks.text("Hello."),)), *speaks.end()]:
            await connection.send(piece)
        await connection.end()

    return handler


async def ask(client: Client, url: str, *requests: Request, **options: Any) -> list[Answer]:
    given = client.options(url, **options)
    source = open_source(client.model, given)
    answers = []
    try:
        for request in requests:
            answer = Answer(source, request, given)
            assert await read(answer)
            answers.append(answer)
    finally:
        await source.aclose()
    return answers


def steps(**more: Any) -> list[Request]:
    return [
        Request(messages, attempt=number, step=number, may_answer=True, **more)
        for number, messages in enumerate((FIRST, SECOND, THIRD))
    ]


async def test_the_steps_of_a_cell_use_one_connection(client: Client) -> None:
    async with KeepingServer(serve(client.speaks)) as server:
        await ask(client, server.url, *steps())
        assert len(server.asked) == 3
        assert server.connections == 1


async def test_a_picture_is_sent_with_the_text(client: Client) -> None:
    async with Server(serve(client.speaks)) as server:
        await ask(client, server.url, Request(SECOND))
        parts = server.asked[0].body["messages"][-1]["content"]
    expected = {
        "openai": {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0="}},
        "anthropic": {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0="},
        },
    }[client.needs]
    assert expected in parts
    assert {"type": "text", "text": SECOND[-1].text} in parts


async def test_each_request_begins_with_the_one_before(client: Client) -> None:
    async with Server(serve(client.speaks)) as server:
        await ask(client, server.url, *steps())
        bodies = [without_marks(asked.body) for asked in server.asked]
    for before, after in pairwise(bodies):
        assert after["messages"][: len(before["messages"])] == before["messages"]
        assert after.get("system") == before.get("system")


def without_marks(value: Any) -> Any:
    """Plain texts instead of parts with marks, which are no part of what is cached."""
    if isinstance(value, dict):
        return {k: without_marks(v) for k, v in value.items() if k != "cache_control"}
    if isinstance(value, list):
        plain = [without_marks(item) for item in value]
        only_text = (
            len(plain) == 1 and isinstance(plain[0], dict) and plain[0].get("type") == "text"
        )
        return plain[0]["text"] if only_text else plain
    return value


@pytest.mark.parametrize("name", ["anthropic", "litellm-anthropic"])
async def test_anthropics_marks_are_where_the_next_request_goes_on(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = CLIENTS[name]
    pytest.importorskip(client.needs)
    monkeypatch.setenv("A_KEY", "sk-test-0123456789abcdef")
    async with Server(serve(client.speaks)) as server:
        await ask(client, server.url, *steps(), Request(FIRST))
        marked = [marks(asked.body) for asked in server.asked]
    # The system prompt, the last message, and the one up to which the last request was kept.
    assert marked == [["system", 0], ["system", 0, 2], ["system", 2, 4], []]


@pytest.mark.parametrize("name", ["openai", "litellm-openai"])
async def test_others_are_sent_no_marks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = CLIENTS[name]
    pytest.importorskip(client.needs)
    monkeypatch.setenv("A_KEY", "sk-test-0123456789abcdef")
    async with Server(serve(client.speaks)) as server:
        await ask(client, server.url, *steps())
        assert "cache_control" not in str([asked.body for asked in server.asked])
        bodies = [asked.body["messages"] for asked in server.asked]
    assert all(later[: len(before)] == before for before, later in pairwise(bodies))


@pytest.mark.parametrize(
    ("name", "keeps"),
    [
        ("anthropic/any-at-all", True),
        ("claude-sonnet-4-5", True),
        ("bedrock/us.anthropic.claude-sonnet-4-20250514-v1:0", True),
        ("bedrock/converse/us.anthropic.claude-sonnet-4-20250514-v1:0", True),
        ("vertex_ai/claude-sonnet-4@20250514", True),
        ("bedrock/anthropic.claude-v2", False),  # Bedrock refuses it for these
        ("bedrock/amazon.nova-pro-v1:0", False),
        ("vertex_ai/gemini-2.5-pro", False),
        ("openai/gpt-5", False),
        ("openrouter/anthropic/claude-sonnet-4", False),
        ("groq/claude", False),
    ],
)
def test_litellm_marks_for_anthropics_models_alone(name: str, keeps: bool) -> None:
    pytest.importorskip("litellm")
    assert keeps_what_is_marked(_import(name), name) is keeps


def marks(body: dict[str, Any]) -> list[Any]:
    found: list[Any] = ["system"] if "cache_control" in str(body.get("system")) else []
    return found + [i for i, m in enumerate(body["messages"]) if "cache_control" in str(m)]


async def test_words_instead_of_a_call_are_the_answer(client: Client) -> None:
    extra = {"extra": {"tool": True}}
    async with Server(serve(client.speaks)) as server:
        given = client.options(server.url, **extra)
        (request,) = steps()[:1]
        answer = Answer(open_source(client.model, given), request, given)
        assert "".join(await read(answer)) == "Hello."
        choice = server.asked[0].body["tool_choice"]
        assert choice == "auto" or choice["type"] == "auto"
        with pytest.raises(SourceError):
            await read(Answer(open_source(client.model, given), Request(FIRST), given))


async def test_what_was_cached_is_counted() -> None:
    pytest.importorskip("openai")
    speaks = OpenAI()
    usage: dict[str, Any] = {"prompt_tokens": 70, "completion_tokens": 3, "total_tokens": 73}
    usage["prompt_tokens_details"] = {"cached_tokens": 64}
    bill = event(speaks._base() | {"choices": [], "usage": usage})

    async def openai(connection: Connection) -> None:
        await connection.begin()
        for piece in [*speaks.begin(), speaks.text("Hi."), *speaks.end()[:1], bill]:
            await connection.send(piece)
        await connection.send(event("[DONE]"))
        await connection.end()

    async with Server(openai) as server:
        client = Client("openai/m", speaks, "/v1", "openai")
        (answer,) = await ask(client, server.url, Request(FIRST), credential=None)
    assert answer.usage == Usage(70, 3, 64)


async def test_anthropics_cached_tokens_are_part_of_the_input() -> None:
    pytest.importorskip("anthropic")
    speaks = Anthropic()
    begin = speaks.begin()
    begin[0] = begin[0].replace(
        b'"input_tokens": 7,',
        b'"input_tokens": 7, "cache_read_input_tokens": 60, "cache_creation_input_tokens": 3,',
    )

    async def anthropic(connection: Connection) -> None:
        await connection.begin()
        for piece in [*begin, speaks.text("Hi."), *speaks.end()]:
            await connection.send(piece)
        await connection.end()

    async with Server(anthropic) as server:
        client = Client("anthropic/m", speaks, "", "anthropic")
        (answer,) = await ask(client, server.url, Request(FIRST), credential=None)
    assert answer.usage == Usage(70, 3, 60)
