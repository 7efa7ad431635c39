"""Items of streams, as objects and as dicts, and what they say."""

from __future__ import annotations

import gc
import warnings
from collections.abc import AsyncIterator, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from eager_kernel.deltas import AsyncDeltas, Deltas, code
from eager_kernel.errors import SourceError


def as_object(item: Any) -> Any:
    if isinstance(item, dict):
        kept = {key: value for key, value in item.items() if key == "input"}  # a dict anywhere
        return SimpleNamespace(**{key: as_object(item[key]) for key in item} | kept)
    return [as_object(part) for part in item] if isinstance(item, list) else item


def chunk(finish_reason: str | None = None, index: int = 0, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish_reason}]}


def call(piece: str, index: int = 0, **first: str) -> dict[str, Any]:
    name = {"name": first.pop("name")} if "name" in first else {}
    return chunk(
        tool_calls=[{"index": index, **first, "function": {"arguments": piece, **name}}],
    )


def block(index: int, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "content_block_start",
        "index": index,
        "content_block": {"type": kind, **more},
    }


def delta(index: int, kind: str, **more: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **more}}


def response(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", **more}


START = {"type": "message_start", "message": {"usage": {"input_tokens": 7, "output_tokens": 1}}}
END = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn"},
    "usage": {"output_tokens": 3, "input_tokens": None},
}
USAGE = {"prompt_tokens": 7, "completion_tokens": 3}

STREAMS: dict[str, tuple[list[Any], str, str | None, Any]] = {
    "chat text": (
        [chunk(role="x", content=""), chunk(content="a"), chunk(content="b"), chunk("stop")],
        "ab",
        "stop",
        None,
    ),
    "chat usage": (
        [chunk("length", content="a"), {"choices": [], "usage": USAGE}],
        "a",
        "length",
        USAGE,
    ),
    "chat reasoning": (
        [chunk(reasoning_content="hm"), chunk(reasoning="hm"), chunk(content="a"), chunk("stop")],
        "a",
        "stop",
        None,
    ),
    "chat of another choice": ([chunk(content="a"), chunk(index=1, content="x")], "a", None, None),
    "chat in parts": (
        [chunk(content=[{"type": "thinking", "thinking": []}, {"type": "text", "text": "a"}])],
        "a",
        None,
        None,
    ),
    "chat refusal": ([chunk(refusal="I can't")], "I can't", None, None),
    "chat empty": ([chunk(content=None), {"choices": []}, None, ""], "", None, None),
    "chat call": (
        [call("", id="1", name="run"), call('{"code"'), call(': "a"}'), chunk("tool_calls")],
        '{"code": "a"}',
        "tool_calls",
        None,
    ),
    "chat text and call": (
        [chunk(content="I run"), call("{}", id="1", name="run")],
        "I run\n{}",
        None,
        None,
    ),
    "chat calls": (
        [call('{"a', id="1", name="r"), call('": 1}'), call("{}", 1, id="2", name="r")],
        '{"a": 1}\n{}',
        None,
        None,
    ),
    "chat calls of one index": (
        [call("{}", id="1", name="r"), call('{"b": 2}', id="2", name="r")],
        '{}\n{"b": 2}',
        None,
        None,
    ),
    "chat calls mixed": (
        [
            call('{"a": ', id="1", name="r"),
            call('{"b": ', 1, id="2", name="r"),
            call('"}"'),
            call("2", 1),
            call("}"),
            call("}", 1),
        ],
        '{"a": "}"}\n{"b": 2}',
        None,
        None,
    ),
    "chat call cut off": (
        [call('{"a": ', id="1", name="r"), call("{}", 1, id="2", name="r"), chunk("length")],
        '{"a": \n{}',
        "length",
        None,
    ),
    "chat function call": (
        [chunk(function_call={"name": "r", "arguments": part}) for part in "{}"],
        "{}",
        None,
        None,
    ),
    "chat custom tool": (
        [chunk(tool_calls=[{"index": 0, "id": "1", "custom": {"name": "py", "input": "1 + 1"}}])],
        "1 + 1",
        None,
        None,
    ),
    "completion": (
        [{"choices": [{"index": 0, "text": "a", "finish_reason": "stop"}]}],
        "a",
        "stop",
        None,
    ),
    "messages": (
        [START, {"type": "ping"}, block(0, "text", text=""), delta(0, "text_delta", text="a"), END],
        "a",
        "end_turn",
        {"input_tokens": 7, "output_tokens": 3},
    ),
    "messages thinking": (
        [
            START,
            block(0, "thinking", thinking=""),
            delta(0, "thinking_delta", thinking="hm"),
            delta(0, "signature_delta", signature="s"),
            block(1, "text", text=""),
            delta(1, "text_delta", text="a"),
            delta(1, "citations_delta"),
            {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": None},
        ],
        "a",
        "length",
        {"input_tokens": 7, "output_tokens": 1},
    ),
    "messages of which the end is missing": (
        [START, delta(0, "text_delta", text="b = 12")],
        "b = 12",
        "length",
        {"input_tokens": 7, "output_tokens": 1},
    ),
    "messages calls": (
        [
            block(0, "text", text="I"),
            block(1, "tool_use", input={}),
            delta(1, "input_json_delta", partial_json='{"a":'),
            delta(1, "input_json_delta", partial_json="1}"),
            {"type": "content_block_stop", "index": 1},
            block(2, "server_tool_use", input={}),
            delta(2, "input_json_delta", partial_json='{"runs": "there"}'),
            block(3, "tool_use", input={"code": "x"}),
            {"type": "content_block_stop", "index": 3},
        ],
        'I\n{"a":1}\n{"code": "x"}',
        None,
        None,
    ),
    "messages told twice": (
        [
            block(0, "text", text=""),
            delta(0, "text_delta", text="a"),
            {"type": "text", "text": "a", "snapshot": "a"},
            block(1, "tool_use", input={}),
            delta(1, "input_json_delta", partial_json="{}"),
            {"type": "input_json", "partial_json": "{}", "snapshot": {}},
        ],
        "a\n{}",
        None,
        None,
    ),
    "messages without raw events": (
        [{"type": "text", "text": "a"}, {"type": "input_json", "partial_json": "{}"}],
        "a\n{}",
        None,
        None,
    ),
    "responses": (
        [
            response("created", response={}),
            response("reasoning_summary_text.delta", delta="hm"),
            response("reasoning_text.delta", delta="hm"),
            response("output_text.delta", delta="a"),
            response("output_text.done", text="a"),
            response("code_interpreter_call_code.delta", delta="runs there"),
            response("completed", response={"usage": {"output_tokens": 3}}),
        ],
        "a",
        "stop",
        {"output_tokens": 3},
    ),
    "responses cut off": (
        [
            response("output_text.delta", delta="a"),
            response(
                "incomplete", response={"incomplete_details": {"reason": "max_output_tokens"}}
            ),
        ],
        "a",
        "length",
        None,
    ),
    "responses filtered": (
        [
            response("output_text.delta", delta="a"),
            response("incomplete", response={"incomplete_details": {"reason": "content_filter"}}),
        ],
        "a",
        "content_filter",
        None,
    ),
    "responses of which the end is missing": (
        [response("created"), response("output_text.delta", delta="a")],
        "a",
        "length",
        None,
    ),
    "responses calls": (
        [
            response("function_call_arguments.delta", output_index=0, item_id="x", delta='{"a":'),
            response("function_call_arguments.delta", output_index=1, item_id="y", delta="{}"),
            response("function_call_arguments.delta", output_index=0, item_id="x", delta="1}"),
            response("function_call_arguments.done", output_index=0, item_id="x", arguments="no"),
            response("function_call_arguments.done", output_index=2, item_id="z", arguments="{}"),
            response("custom_tool_call_input.delta", output_index=3, item_id="c", delta="1 + 1"),
            response("custom_tool_call_input.done", output_index=3, item_id="c", input="1 + 1"),
        ],
        '{"a":1}\n{}\n{}\n1 + 1',
        None,
        None,
    ),
    "helper of openai": (
        [
            {"type": "chunk", "chunk": chunk(content="a")},
            {"type": "content.delta", "delta": "a"},
            {"type": "chunk", "chunk": chunk("stop")},
        ],
        "a",
        "stop",
        None,
    ),
    "unknown kinds between": ([chunk(content="a"), {"type": "new"}, {"x": 1}, 7], "a", None, None),
    "text": (["a", "", None, "b"], "ab", None, None),
}


class Stream:
    """Counts how often it is closed."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.items = iter(items)
        self.closed = 0

    def __iter__(self) -> Iterator[Any]:
        return self.items

    def close(self) -> None:
        self.closed += 1


class AsyncStream(Stream):
    __iter__ = None  # type: ignore[assignment]

    async def __aiter__(self) -> AsyncIterator[Any]:
        for item in self.items:
            yield item

    async def close(self) -> None:  # type: ignore[override]
        self.closed += 1


class Either(Stream):
    async def __aiter__(self) -> AsyncIterator[Any]:
        for item in self.items:
            yield item


@pytest.mark.parametrize("form", [lambda item: item, as_object], ids=["dicts", "objects"])
@pytest.mark.parametrize("name", STREAMS)
async def test_streams(name: str, form: Any) -> None:
    items, text, reason, usage = STREAMS[name]
    stream = Stream(map(form, items))
    deltas = code(stream)
    assert isinstance(deltas, Deltas)
    pieces = list(deltas)
    assert all(isinstance(piece, str) and piece for piece in pieces)
    assert ("".join(pieces), deltas.finish_reason) == (text, reason)
    assert deltas.usage == usage
    assert stream.closed == 1

    slow = AsyncStream(map(form, items))
    later = code(slow)
    assert isinstance(later, AsyncDeltas)
    assert "".join([piece async for piece in later]) == text
    assert later.finish_reason == reason
    assert slow.closed == 1


def test_what_is_known_while_it_comes() -> None:
    deltas = code(Stream([START, delta(0, "text_delta", text="a"), END]))
    assert deltas.usage is None
    assert next(iter(deltas)) == "a"
    deltas.close()
    assert deltas.usage == {"input_tokens": 7, "output_tokens": 1}  # stopped early
    assert list(deltas) == []


def test_only_text_or_only_calls() -> None:
    items = [chunk(content="Text. "), call("{}", id="1", name="r"), chunk(content="More.")]
    assert "".join(code(items, only="text")) == "Text. More."
    assert "".join(code(items, only="calls")) == "{}"
    with pytest.raises(ValueError, match='must be "text", "calls" or None'):
        code([], only="prose")  # type: ignore[arg-type]


async def test_streams_that_are_both() -> None:
    items = [chunk(content="a"), chunk("stop")]
    assert "".join(code(Either(items))) == "a"
    both = code(Either(items))
    assert [piece async for piece in both] == ["a"]
    await both.aclose()
    assert both.finish_reason == "stop"


@pytest.mark.parametrize("begun", [True, False])
async def test_to_close_closes_the_stream_once(begun: bool) -> None:
    stream, slow = Stream([chunk(content="a")] * 3), AsyncStream([chunk(content="a")] * 3)
    deltas, later = code(stream), code(slow)
    if begun:
        assert next(deltas) == "a"
        assert await anext(later) == "a"
    deltas.close()
    deltas.close()
    await later.aclose()
    await later.aclose()
    assert (stream.closed, slow.closed) == (1, 1)
    assert list(deltas) == []


def test_a_generator_is_closed() -> None:
    ended = []

    def generate() -> Iterator[Any]:
        try:
            yield chunk(content="a")
        finally:
            ended.append(True)

    deltas = code(generate())
    next(deltas)
    deltas.close()
    assert ended == [True]


async def answer() -> None:
    """What a client gives that is asked asynchronously."""


class Manager:
    def __enter__(self) -> None: ...


class Whole:
    def model_dump(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        (7, "a int is no stream. What is known: streams of openai"),
        (None, "is no stream"),
        ("text", "a str is no stream: ask the model with stream=True"),
        (b"text", "a bytes is no stream"),
        (chunk(content="a"), "a dict is no stream"),
        (Whole(), "a Whole is no stream: ask the model with stream=True"),
        (Manager(), "must be entered first: with"),
    ],
)
def test_what_is_no_stream(stream: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        code(stream)


def test_what_is_still_to_be_awaited() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TypeError, match="must be awaited first"):
            code(answer())
        gc.collect()


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (7, "begins with a int, which is not known. What is known: .*anthropic"),
        ({"type": "AIMessageChunk", "content": "a"}, "a dict of type 'AIMessageChunk'"),
        (b"a", "not bytes: decode them first"),
        (chunk(content=b"a"), "not bytes: decode them first"),
        (("id", "x"), "begins with a tuple"),
    ],
)
async def test_items_that_are_not_known(item: Any, says: str) -> None:
    stream, slow = Stream([None, item]), AsyncStream([None, item])
    with pytest.raises(TypeError, match=says):
        list(code(stream))
    with pytest.raises(TypeError, match=says):
        _ = [piece async for piece in code(slow)]
    assert (stream.closed, slow.closed) == (1, 1)


@pytest.mark.parametrize(
    "item",
    [
        {"type": "error", "error": {"type": "overloaded", "message": "too busy"}},
        {"type": "error", "message": "too busy"},
        response("failed", response={"error": {"message": "too busy"}}),
    ],
)
def test_a_provider_that_fails(item: Any) -> None:
    stream = Stream([item])
    with pytest.raises(SourceError, match="too busy"):
        list(code(stream))
    assert stream.closed == 1


def test_what_the_stream_raises_goes_on() -> None:
    def broken() -> Iterator[Any]:
        yield chunk(content="a")
        raise ConnectionError("gone")

    deltas = code(broken())
    assert next(deltas) == "a"
    with pytest.raises(ConnectionError, match="gone"):
        next(deltas)
    assert deltas.finish_reason is None
