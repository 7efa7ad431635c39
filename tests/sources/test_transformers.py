"""Real models on this machine: what they write, how they stop, what they leave."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from eager_kernel.errors import SourceError
from eager_kernel.sources.answer import Answer
from eager_kernel.sources.process import ModelProcess
from eager_kernel.sources.registry import open_source
from eager_kernel.sources.source import (
    Event,
    Finish,
    Message,
    Options,
    Progress,
    Request,
    Source,
    Usage,
)
from tests.models import ServedModel
from tests.processes import model_processes
from tests.tiny_model import CONTEXT, CONVERSATIONS, COUNTING, ENDLESS, READINGS, Conversation

Hear = Callable[[Event | SourceError], None]


def ask(conversation: Conversation, **details: Any) -> Request:
    messages = (Message(message["role"], message["content"]) for message in conversation[0])
    return Request(tuple(messages), **details)


async def hear(source: Source, request: Request) -> tuple[str, Finish]:
    events = [event async for event in source.generate(request)]
    assert isinstance(events[-1], Finish)
    return "".join(event for event in events if isinstance(event, str)), events[-1]


async def rest_of(events: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in events]


@pytest.fixture
async def source(tiny_model: Path) -> AsyncIterator[Source]:
    source = open_source(f"transformers/{tiny_model}")
    yield source
    await source.aclose()


@pytest.fixture
async def passes(source: Source) -> AsyncIterator[list[float]]:
    """The times at which the source's model has begun to compute a token."""
    import torch
    from transformers import LlamaForCausalLM

    times: list[float] = []

    def note(module: Any, arguments: Any) -> None:
        if isinstance(module, LlamaForCausalLM):
            times.append(time.monotonic())

    handle = torch.nn.modules.module.register_module_forward_pre_hook(note)
    yield times
    handle.remove()


# In this process ----------------------------------------------------------------------------


async def test_it_recites(source: Source) -> None:
    for conversation in CONVERSATIONS:
        if conversation is not ENDLESS:
            text, finish = await hear(source, ask(conversation))
            assert text == conversation[1]
            assert finish.reason == "stop"


async def test_what_comes_before_does_not_matter_to_this_model(source: Source) -> None:
    """A property of the tests' model alone, that other tests lean on."""
    earlier = (
        Message("system", "Write flat top-level statements. " * 50),
        Message("user", "Hello"),
        Message("assistant", "x = 1"),
    )
    request = ask(COUNTING)
    text, _ = await hear(source, Request((*earlier, *request.messages)))
    assert text == COUNTING[1]


async def test_the_text_comes_while_it_is_written(source: Source, passes: list[float]) -> None:
    events = source.generate(ask(READINGS))
    heard = [time.monotonic() async for event in events if isinstance(event, str)]
    assert len(heard) > len(passes) / 2
    assert heard[0] < passes[20]


async def test_progress_until_it_is_loaded_and_none_after(source: Source) -> None:
    events = [event async for event in source.generate(ask(COUNTING))]
    told = [event for event in events if isinstance(event, Progress)]
    assert events[: len(told)] == told
    assert told[-1].fraction == 1
    assert "loading" in told[-1].text
    again = [event async for event in source.generate(ask(COUNTING))]
    assert not any(isinstance(event, Progress) for event in again)
    assert "".join(event for event in again if isinstance(event, str)) == COUNTING[1]


async def test_usage_and_length(source: Source) -> None:
    _, whole = await hear(source, ask(COUNTING))
    assert isinstance(whole.usage, Usage)
    assert whole.usage.output_tokens is not None
    text, cut = await hear(source, ask(COUNTING, max_tokens=20))
    # What is the same as before is not computed again, all but the last token.
    prompt = whole.usage.input_tokens
    assert prompt is not None
    assert cut == Finish("length", Usage(prompt, 20, prompt - 1))
    assert COUNTING[1].startswith(text)
    # The token that says that this is the end counts, too.
    exact = whole.usage.output_tokens
    assert (await hear(source, ask(COUNTING, max_tokens=exact)))[1].reason == "stop"
    assert (await hear(source, ask(COUNTING, max_tokens=exact - 1)))[1].reason == "length"


async def test_an_answer_ends_with_the_context(source: Source) -> None:
    for limit in (None, 10 * CONTEXT):
        text, finish = await hear(source, ask(ENDLESS, max_tokens=limit))
        assert text.startswith(ENDLESS[1][:2000])
        assert finish.reason == "length"
        assert finish.usage is not None
        assert (finish.usage.input_tokens or 0) + (finish.usage.output_tokens or 0) == CONTEXT


async def test_temperature(source: Source) -> None:
    assert (await hear(source, ask(COUNTING, temperature=0.0)))[0] == COUNTING[1]
    hot = [(await hear(source, ask(COUNTING, temperature=50.0, max_tokens=30)))[0] for _ in "ab"]
    assert hot[0] != hot[1]
    assert (await hear(source, ask(COUNTING)))[0] == COUNTING[1]  # the model's own setting


async def test_closing_stops_within_a_token(source: Source, passes: list[float]) -> None:
    await hear(source, ask(COUNTING, max_tokens=1))
    passes.clear()
    events = source.generate(ask(ENDLESS))
    count = 0
    async for event in events:
        count += isinstance(event, str)
        if count == 30:
            break
    closed = time.monotonic()
    await events.aclose()
    assert len([moment for moment in passes if moment > closed]) <= 2
    done = len(passes)
    assert done < CONTEXT / 2
    assert (await hear(source, ask(COUNTING)))[0] == COUNTING[1]  # nobody else is at work


async def test_a_cancelled_task_stops_it(source: Source, passes: list[float]) -> None:
    answer = Answer(source, ask(ENDLESS), Options())
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in answer:
            begun.set()

    task = asyncio.create_task(read())
    await asyncio.wait_for(begun.wait(), 60)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await answer.aclose()
    done = len(passes)
    assert done < CONTEXT / 2
    assert (await hear(source, ask(COUNTING, max_tokens=3)))[1].reason == "length"
    assert len(passes) <= done + 3


async def test_answers_wait_for_each_other(source: Source) -> None:
    answers = await asyncio.gather(hear(source, ask(COUNTING)), hear(source, ask(READINGS)))
    assert [text for text, _ in answers] == [COUNTING[1], READINGS[1]]


def test_loading_stops_at_the_next_tensor(tiny_model: Path) -> None:
    from eager_kernel.sources.transformers.loading import Stopped, load

    stop = threading.Event()
    told: list[Progress] = []

    def tell(progress: Progress) -> None:
        told.append(progress)
        if progress.fraction is not None and progress.fraction > 0.3:
            stop.set()

    with pytest.raises(Stopped):
        load(str(tiny_model), Options(), tell, stop)
    assert told[-1].fraction is not None
    assert told[-1].fraction < 0.5


async def test_closing_before_the_first_text(source: Source) -> None:
    events = source.generate(ask(COUNTING))
    await anext(events)
    await asyncio.wait_for(events.aclose(), 60)
    assert (await hear(source, ask(COUNTING)))[0] == COUNTING[1]


async def test_closing_the_source_ends_an_answer_and_frees_the_model(tiny_model: Path) -> None:
    import gc

    from transformers import LlamaForCausalLM

    def models() -> int:
        gc.collect()
        return sum(type(thing) is LlamaForCausalLM for thing in gc.get_objects())

    before = models()
    source = open_source(f"transformers/{tiny_model}")
    events = source.generate(ask(ENDLESS))
    while not isinstance(await anext(events), str):
        pass
    assert models() == before + 1
    await asyncio.wait_for(source.aclose(), 60)
    with pytest.raises(SourceError, match="was closed while it answered"):
        await asyncio.wait_for(rest_of(events), 60)
    assert models() == before
    await source.aclose()
    assert (await hear(source, ask(COUNTING)))[0] == COUNTING[1]
    await source.aclose()
    assert models() == before


def test_one_source_on_several_loops(tiny_model: Path) -> None:
    source = open_source(f"transformers/{tiny_model}")
    for _ in range(2):
        assert asyncio.run(hear(source, ask(COUNTING)))[0] == COUNTING[1]
    asyncio.run(source.aclose())


async def test_dtype_and_device(tiny_model: Path) -> None:
    options = Options(extra={"dtype": "bfloat16", "device": "cpu"})
    source = open_source(f"transformers/{tiny_model}", options)
    text, _ = await hear(source, ask(COUNTING, max_tokens=12))
    assert COUNTING[1].startswith(text)
    await source.aclose()


# In a process of its own --------------------------------------------------------------------


class Listener:
    """Keeps what a generation gives."""

    def __init__(self) -> None:
        self.events: list[Event | SourceError] = []
        self.came = threading.Condition()

    def __call__(self, event: Event | SourceError) -> None:
        with self.came:
            self.events.append(event)
            self.came.notify_all()

    @property
    def text(self) -> str:
        return "".join(event for event in self.events if isinstance(event, str))

    @property
    def ended(self) -> bool:
        return bool(self.events) and isinstance(self.events[-1], Finish | SourceError)

    def wait(self, condition: Callable[[], object], timeout: float = 60) -> None:
        with self.came:
            assert self.came.wait_for(condition, timeout), self.events[-5:]


@pytest.fixture(scope="module")
def process(tiny_model: Path) -> Iterator[ModelProcess]:
    """One for all: it takes seconds to begin. The last test closes it."""
    _BEFORE[:] = model_processes(kernels=True)
    model = ModelProcess(f"transformers/{tiny_model}", Options(), cancel_timeout=4)
    yield model
    model.close()
    assert model.join(60)


def workers() -> list[psutil.Process]:
    """The processes of models that began after the test did: others' may be there still."""
    return [child for child in model_processes(kernels=True) if child not in _BEFORE]


_BEFORE: list[psutil.Process] = []


def recite(process: ModelProcess, conversation: Conversation) -> Listener:
    listener = Listener()
    process.generate(ask(conversation), listener)
    listener.wait(lambda: listener.ended)
    assert listener.text == conversation[1]
    return listener


def test_a_process_recites_and_keeps_the_model(process: ModelProcess) -> None:
    first = recite(process, READINGS)
    assert any(isinstance(event, Progress) for event in first.events)
    finish = first.events[-1]
    assert isinstance(finish, Finish)
    assert finish.reason == "stop"
    assert finish.usage is not None
    kept = workers()
    again = recite(process, COUNTING)
    assert not any(isinstance(event, Progress) for event in again.events)
    assert workers() == kept


def test_cancelling_frees_the_model(process: ModelProcess) -> None:
    recite(process, COUNTING)
    kept = workers()

    def seconds() -> float:
        listener = Listener()
        generation = process.generate(ask(ENDLESS), listener)
        listener.wait(lambda: len(listener.text) > 100)
        start = time.monotonic()
        generation.cancel()
        assert generation.done.wait(60)
        assert not listener.ended
        return time.monotonic() - start

    # Some 1.5 s of text were to come, and more on a busy machine.
    assert min(seconds() for _ in range(3)) < 1.2
    recite(process, COUNTING)
    assert workers() == kept


def test_a_stuck_model_is_killed_and_loaded_again(process: ModelProcess) -> None:
    listener = Listener()
    generation = process.generate(ask(ENDLESS), listener)
    listener.wait(lambda: listener.text)
    [worker] = workers()
    os.kill(worker.pid, signal.SIGSTOP)  # as one that computes without ever looking up
    start = time.monotonic()
    generation.cancel()
    assert generation.done.wait(60)
    assert time.monotonic() - start > 3.5
    psutil.wait_procs([worker], timeout=60)
    assert not worker.is_running()
    recite(process, COUNTING)
    assert workers() != [worker]


def test_closing_frees_the_memory(process: ModelProcess) -> None:
    recite(process, COUNTING)
    [worker] = workers()
    process.close()
    assert process.join(20)
    assert not worker.is_running()


# Behind a server ----------------------------------------------------------------------------


@pytest.fixture
async def served(
    served_model: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Source]:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    options = Options(api_base=served_model.api_base)
    source = open_source(f"openai/{served_model.name}", options)
    yield source
    await source.aclose()


async def test_a_server_recites(served: Source) -> None:
    text, finish = await hear(served, ask(READINGS))
    assert text == READINGS[1]
    assert finish.reason == "stop"
    assert finish.usage is not None
    assert finish.usage.output_tokens
    text, finish = await hear(served, ask(COUNTING, max_tokens=20))
    assert COUNTING[1].startswith(text)
    assert finish.reason == "length"


async def test_closing_is_seen_at_the_server(served: Source, served_model: ServedModel) -> None:
    events = served.generate(ask(ENDLESS, max_tokens=1000))
    while not isinstance(await anext(events), str):
        pass
    closed = time.monotonic()
    await events.aclose()
    connection = served_model.wiretap.connections[-1]
    assert await asyncio.to_thread(connection.closed.wait, 5)
    assert connection.closed_by == "client"
    assert connection.closed_at is not None
    assert connection.closed_at - closed < 0.5
    assert b"[DONE]" not in connection.answered
    text = "".join(
        choice["delta"].get("content") or ""
        for line in connection.answered.decode().splitlines()
        if line.startswith("data: {")
        for choice in json.loads(line.removeprefix("data: "))["choices"]
    )
    assert text.count("steps += 1") < 200  # it has given up, too
