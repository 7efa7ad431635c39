"""What a local model has computed is used again, and changes nothing of what it writes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from eager_kernel.sources.registry import open_source
from eager_kernel.sources.source import Finish, Message, Request, Source, Usage
from eager_kernel.sources.transformers.prefix import common

pytest.importorskip("transformers")

from tests.tiny_model import READINGS, make_untaught

ASKED = (Message("system", READINGS[1][:600]), Message("user", "Go on."))


@pytest.fixture(scope="module")
def untaught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("untaught")
    make_untaught(folder)
    return folder


@pytest.fixture
async def source(untaught: Path) -> AsyncIterator[Source]:
    source = open_source(f"transformers/{untaught}")
    yield source
    await source.aclose()


async def ask(source: Source, *more: Message) -> tuple[str, Usage]:
    pieces, finish = [], None
    async for event in source.generate(Request((*ASKED, *more), max_tokens=12, temperature=0.0)):
        if isinstance(event, str):
            pieces.append(event)
        elif isinstance(event, Finish):
            finish = event
    assert finish is not None
    assert finish.usage is not None
    return "".join(pieces), finish.usage


def going_on(answer: str, number: int = 0) -> tuple[Message, Message]:
    return Message("assistant", answer), Message("user", f"Output: {number}. Go on.")


async def test_the_next_step_computes_only_what_is_new(source: Source, untaught: Path) -> None:
    _, first = await ask(source)
    assert first.cached_tokens == 0
    assert first.input_tokens is not None
    _, usage = await ask(source, *going_on("x = 1"))
    # All that was asked before, with the mark of the answer's beginning.
    assert usage.cached_tokens is not None
    assert usage.cached_tokens >= first.input_tokens
    third, usage = await ask(source, *going_on("x = 1"), *going_on("y = 2", 1))
    assert usage.cached_tokens is not None
    assert usage.input_tokens is not None
    assert usage.cached_tokens > first.input_tokens
    fresh = open_source(f"transformers/{untaught}")
    try:
        alone, usage = await ask(fresh, *going_on("x = 1"), *going_on("y = 2", 1))
    finally:
        await fresh.aclose()
    assert usage.cached_tokens == 0
    assert alone == third


async def test_another_conversation_takes_what_is_the_same(source: Source) -> None:
    _, first = await ask(source)
    again, usage = await ask(source)
    assert usage.cached_tokens == (first.input_tokens or 0) - 1  # the last one gives the next
    other = Request((Message("user", "Quite another."),), max_tokens=4)
    events = [event async for event in source.generate(other)]
    assert isinstance(events[-1], Finish)
    assert events[-1].usage is not None
    assert (events[-1].usage.cached_tokens or 0) <= 1  # the mark of a message's beginning
    repeated, _ = await ask(source)
    assert repeated == again


async def test_an_answer_that_is_stopped_leaves_what_it_has_computed(source: Source) -> None:
    whole, first = await ask(source)
    events = source.generate(Request(ASKED, max_tokens=500, temperature=0.0))
    async for event in events:
        if isinstance(event, str):
            break
    await events.aclose()
    again, usage = await ask(source)
    assert again == whole
    assert usage.cached_tokens == (first.input_tokens or 0) - 1


async def test_a_cache_that_cannot_be_cut_back_is_not_kept(tmp_path: Path) -> None:
    make_untaught(tmp_path, sliding=32)
    source = open_source(f"transformers/{tmp_path}")
    try:
        await ask(source)
        _, usage = await ask(source)
    finally:
        await source.aclose()
    assert usage.cached_tokens == 0


def test_common_beginnings() -> None:
    assert common([1, 2, 3], [1, 2, 4, 5]) == 2
    assert common([], [1]) == 0
    assert common([1, 2], [1, 2]) == 2
