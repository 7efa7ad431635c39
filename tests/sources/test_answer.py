"""An answer's text, its end, and its time-outs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

import pytest

from eager_kernel.errors import SourceError
from eager_kernel.sources.answer import Answer
from eager_kernel.sources.source import Event, Finish, Message, Options, Progress, Request, Usage

REQUEST = Request((Message("user", "x"),))


class Scripted:
    """Yields events; a number is a pause in seconds."""

    def __init__(self, *script: Event | float) -> None:
        self.script = script
        self.closed = False

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        try:
            for item in self.script:
                if isinstance(item, float):
                    await asyncio.sleep(item)
                else:
                    yield item
        finally:
            self.closed = True

    async def aclose(self) -> None:
        """Nothing."""


async def test_text_progress_and_end() -> None:
    source = Scripted(Progress("loading"), "a", "", "b", Finish("length", Usage(1, 2)), "c")
    said: list[Progress] = []
    answer = Answer(source, REQUEST, Options(), said.append)
    assert answer.finish_reason is None
    assert [text async for text in answer] == ["a", "b"]  # nothing counts after the end
    assert said == [Progress("loading")]
    assert (answer.finish_reason, answer.usage) == ("length", Usage(1, 2))
    assert source.closed
    assert [text async for text in answer] == []


async def test_no_end() -> None:
    answer = Answer(Scripted("a"), REQUEST, Options())
    assert [text async for text in answer] == ["a"]
    assert answer.finish_reason is None


async def test_closing() -> None:
    source = Scripted("a", 600.0)
    answer = Answer(source, REQUEST, Options())
    assert await anext(answer) == "a"
    await answer.aclose()
    assert source.closed
    await answer.aclose()
    assert [text async for text in answer] == []


async def test_an_answer_that_was_never_read_can_be_closed() -> None:
    await Answer(Scripted("a"), REQUEST, Options()).aclose()


async def test_cancelling() -> None:
    source = Scripted(600.0)
    waiting = asyncio.create_task(anext(Answer(source, REQUEST, Options())))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert source.closed


@pytest.mark.parametrize(
    ("script", "options", "says"),
    [
        ((600.0,), Options(first_timeout=0.1), "gave no text within 0.1 s"),
        ((Progress("loading"), 600.0), Options(first_timeout=0.1), "gave no text within 0.1 s"),
        (("a", 600.0), Options(stall_timeout=0.1), "no text for 0.1 s"),
    ],
)
async def test_silence(script: tuple[Event | float, ...], options: Options, says: str) -> None:
    source = Scripted(*script)
    start = time.monotonic()
    with pytest.raises(SourceError, match=says):
        [text async for text in Answer(source, REQUEST, options)]
    assert time.monotonic() - start < 10
    assert source.closed


async def test_progress_counts_as_life_once_there_is_text() -> None:
    script = ["a", *[0.2, Progress("thinking")] * 4, "b"]
    answer = Answer(Scripted(*script), REQUEST, Options(stall_timeout=0.5))  # type: ignore[arg-type]
    assert [text async for text in answer] == ["a", "b"]


async def test_a_time_out_of_the_sources_own() -> None:
    class Late(Scripted):
        async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
            yield "a"
            raise TimeoutError("the socket")

    with pytest.raises(SourceError, match="timed out: the socket"):
        [text async for text in Answer(Late(), REQUEST, Options())]
