"""Runs whose text is pushed, and bounds and lives of runs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from eager_kernel import AsyncEagerClient, EagerClient
from eager_kernel.errors import KernelConnectionError

PROGRAM = "a = 20\nb = a + 1\nprint('hi')\na + b"


@pytest.fixture(scope="module")
def client() -> Iterator[EagerClient]:
    with EagerClient.start() as client:
        yield client


@pytest.fixture
async def aclient() -> Any:
    async with await AsyncEagerClient.start() as client:
        yield client


def shown(result: Any) -> list[str]:
    return [output.get("text") or output["data"]["text/plain"] for output in result.outputs]


def test_text_is_pushed_by_callbacks(client: EagerClient) -> None:
    run = client.open(format="python")
    assert all(run.feed(character) for character in PROGRAM)
    run.end("stop")
    result = run.result()
    assert (result.status, result.program, shown(result)) == ("ok", PROGRAM, ["hi\n", "41"])
    assert run.stopped.is_set()
    assert run.stopped.reason == ""


def test_a_statement_runs_before_the_text_has_ended(client: EagerClient) -> None:
    done = threading.Event()

    def hear(event: dict[str, Any]) -> None:
        if event.get("state") == "done":
            done.set()

    with client.open(format="python", on_event=hear) as run:
        run.feed("first = 1\n")
        run.feed("second = 2\n")
        assert done.wait(60)
        run.feed("first + second")
    assert shown(run.result()) == ["3"]


def test_an_error_stops_the_model(client: EagerClient) -> None:
    run = client.open(format="python")
    run.feed("x = 1\n1 / 0\ny = 2\n")
    assert run.stopped.wait(60)
    assert (run.stopped.reason, run.feed("z = 3\n")) == ("error", False)
    result = run.result()  # although nobody has called `end`
    assert result.error is not None
    assert (result.error.ename, result.error.lines) == ("ZeroDivisionError", (2, 2))
    assert (result.executed, result.stop_reason) == ("x = 1\n", "error")
    run.end()
    with pytest.raises(ValueError, match="has ended"):
        run.feed("more")


def test_nothing_is_no_text_and_bytes_are_an_error(client: EagerClient) -> None:
    result = client.run(["a = 1\n", None, "", "a + 1\n", None], format="python")
    assert (result.status, shown(result)) == ("ok", ["2"])
    with client.open(format="python") as run:
        assert run.feed(None)
        assert run.feed("")
        with pytest.raises(TypeError, match="bytes: decode it"):
            run.feed(b"a")  # type: ignore[arg-type]
        run.feed("a")
    assert shown(run.result()) == ["1"]
    for wrong in ([b"a = 5"], b"a = 5", [1]):
        with pytest.raises(TypeError, match="text"):
            client.run(wrong, format="python")  # type: ignore[arg-type]
    assert shown(client.run("a", format="python")) == ["1"]


async def test_nothing_is_no_text_to_the_other_client_either(aclient: AsyncEagerClient) -> None:
    result = await aclient.run(["a = 1\n", None, "", "a + 1\n"], format="python")
    assert (result.status, shown(result)) == ("ok", ["2"])
    for wrong in ([b"a = 5"], b"a = 5"):
        with pytest.raises(TypeError, match="text"):
            await aclient.run(wrong, format="python")  # type: ignore[arg-type]
    assert shown(await aclient.run("a", format="python")) == ["1"]


async def test_many_threads_and_the_loop_keep_their_order(aclient: AsyncEagerClient) -> None:
    run = await aclient.open(format="python")
    text = "".join(f"v{i} = {i}\n" for i in range(300)) + "v299"

    def push() -> None:
        for character in text:
            run.feed(character)
        run.end()

    await asyncio.to_thread(push)
    result = await run.result()
    assert (result.program, shown(result)) == (text, ["299"])


async def test_a_block_that_raises_gives_the_run_up(aclient: AsyncEagerClient) -> None:
    begun = asyncio.Event()
    with pytest.raises(KeyError):  # noqa: PT012
        async with await aclient.open(
            format="python", gate="off", on_event=lambda event: _begins(event, begun)
        ) as run:
            run.feed("import time\ntime.sleep(600)\nx = 1\n")
            await begun.wait()
            raise KeyError
    assert run.stopped.is_set()
    assert (await aclient.run("'x' in dir()", format="python")).outputs[0]["data"] == {
        "text/plain": "False"
    }


def _begins(event: dict[str, Any], begun: asyncio.Event) -> None:
    if event.get("state") == "running" and event.get("index") == 1:
        begun.set()


async def test_the_next_run_does_not_wait_for_one_that_was_given_up(
    aclient: AsyncEagerClient,
) -> None:
    begun = asyncio.Event()

    async def deltas() -> Any:
        yield "import time\ntime.sleep(600)\n"
        await asyncio.sleep(600)

    task = asyncio.create_task(
        aclient.run(
            deltas(), format="python", gate="off", on_event=lambda event: _begins(event, begun)
        )
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert shown(await aclient.run("1 + 1", format="python")) == ["2"]


def test_a_cell_that_is_given_up(client: EagerClient) -> None:
    begun = threading.Event()
    run = client.open(
        format="python", on_event=lambda event: begun.set() if "output" in event else None
    )
    run.feed("print('begun')\nimport time\n_ = time.sleep(600)\nx = 1\n")
    assert begun.wait(60)
    run.cancel()
    result = run.result()
    assert result.status in ("cancelled", "error")
    assert result.error is not None
    assert result.error.ename in ("RunCancelledError", "KeyboardInterrupt")
    assert shown(client.execute("1 + 1")) == ["2"]


@pytest.mark.parametrize("how", ["run", "execute"])
def test_a_run_that_takes_too_long(client: EagerClient, how: str) -> None:
    program = "kept = 5\nimport time\ntime.sleep(600)\nlost = 6\n"
    if how == "run":
        result = client.run(program, format="python", timeout=0.5)
    else:
        result = client.execute(program, timeout=0.5)
    assert (result.status, result.stop_reason) == ("error", "timeout")
    told = result.text()
    assert told.count("KeyboardInterrupt") == 1
    assert "RunTimeoutError: the run took longer than its time limit of 0.5 s" in told
    assert result.error is not None
    assert result.error.ename == "RunTimeoutError"
    assert "time limit of 0.5 s, and was interrupted" in result.error.evalue
    assert shown(client.execute("kept, 'lost' in dir()")) == ["(5, False)"]


def test_a_model_that_takes_too_long(client: EagerClient) -> None:
    """The text does not end; the program waits for it."""
    run = client.open(format="python", timeout=0.5)
    run.feed("kept = 7\n")
    assert run.stopped.wait(60)
    assert run.stopped.reason == "timeout"
    assert run.result().stop_reason == "timeout"
    assert shown(client.execute("kept")) == ["7"]


class WrongError(Exception):
    pass


@pytest.mark.parametrize("when", ["chunk", "output", "stop", "result"])
def test_a_callback_that_raises(client: EagerClient, when: str) -> None:
    def hear(event: dict[str, Any]) -> None:
        if event["type"] == when:
            raise WrongError(when)

    def deltas() -> Iterator[str]:
        yield "print(1)\n" + "1 / 0\n" * (when == "stop")
        for _ in range(20):
            yield "import time; time.sleep(0.01)\n"
            time.sleep(0.01)

    with pytest.raises(WrongError, match=when):
        client.run(deltas(), format="python", on_event=hear)
    assert shown(client.run("1 + 1", format="python")) == ["2"]


async def test_a_callback_that_raises_while_nothing_else_happens(
    aclient: AsyncEagerClient,
) -> None:
    def hear(event: dict[str, Any]) -> None:
        if event["type"] == "output":
            raise WrongError

    async def deltas() -> Any:
        yield "print(1)\nimport time\ntime.sleep(600)\n"
        await asyncio.sleep(600)

    with pytest.raises(WrongError):
        await aclient.run(deltas(), format="python", gate="off", on_event=hear)
    assert shown(await aclient.run("1 + 1", format="python")) == ["2"]


def test_an_answer_that_raises(client: EagerClient) -> None:
    def answer(prompt: str, password: bool) -> str:
        raise WrongError(prompt)

    def deltas() -> Iterator[str]:
        yield "name = input('who? ')\n"
        for _ in range(50):
            yield "name\n"
            time.sleep(0.01)

    with pytest.raises(WrongError, match="who"):
        client.run(deltas(), format="python", gate="off", on_input=answer)
    with pytest.raises(WrongError, match="who"):
        client.execute("input('who? ')", on_input=answer)
    assert shown(client.run("1 + 1", format="python")) == ["2"]


def test_names_are_forgotten(client: EagerClient) -> None:
    client.run("forgotten = 1", format="python")
    client.reset()
    assert shown(client.execute("'forgotten' in dir()")) == ["False"]


def test_a_kernel_that_died_is_started_anew() -> None:
    with EagerClient.start() as client:
        with pytest.raises(KernelConnectionError, match=r"client\.restart\(\) starts it anew"):
            client.run("import os\nos._exit(1)\n", format="python")
        client.restart()
        assert shown(client.run("1 + 1", format="python")) == ["2"]
        assert client.run("x = 1", format="python").execution_count == 2


def test_a_kernel_that_hangs_is_started_anew() -> None:
    """Whoever waits for what it runs hears that."""
    with EagerClient.start() as client:
        run = client.open(format="python", gate="off")
        run.feed("while True:\n    pass\n\nx = 1\n")
        client.restart()
        with pytest.raises(KernelConnectionError, match="started anew"):
            run.result()
        assert shown(client.run("1 + 1", format="python")) == ["2"]


def test_a_closed_client_ends_its_run() -> None:
    client = EagerClient.start()
    run = client.open(format="python")
    run.feed("x = 1\n")
    client.close()
    assert not run.feed("y = 2\n")
    run.end()
