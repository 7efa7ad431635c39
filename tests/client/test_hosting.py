"""Functions of the client's process that programs call."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from eager_kernel import AsyncEagerClient, EagerClient
from eager_kernel.client.heard import UnfitError
from eager_kernel.client.hosting import HostFunction, Hosting
from eager_kernel.errors import KernelConnectionError


class NoSuchRowError(Exception):
    pass


CALLED: list[Any] = []


def look(*args: Any, **kwargs: Any) -> Any:
    """Look something up."""
    CALLED.append((args, kwargs))
    return [list(args), kwargs]


def fail(kind: str) -> None:
    raise {"key": KeyError, "row": NoSuchRowError, "type": TypeError}[kind](f"no {kind}")


@pytest.fixture(scope="module")
def client() -> Iterator[EagerClient]:
    with EagerClient.start() as client:
        client.expose(look, effects=False)
        client.expose(look, name="write")
        client.expose(fail, effects=False)
        yield client


def values(result: Any) -> list[str]:
    assert result.error is None, result.error
    return [output.get("text") or output["data"]["text/plain"] for output in result.outputs]


@pytest.mark.parametrize("mode", ["effect", "static", "paper"])
def test_one_without_effects_is_called_at_once_and_another_one_waits(
    client: EagerClient, mode: Any
) -> None:
    CALLED.clear()
    looked, waits = threading.Event(), threading.Event()

    def hear(event: dict[str, Any]) -> None:
        if event.get("index") == 0 and event.get("state") == "done":
            looked.set()
        if event.get("index") == 1 and event.get("state") in ("held", "running"):
            waits.set()

    with client.open(format="python", gate=mode, on_event=hear) as run:
        run.feed("a = look(1, x='y')\n")
        run.feed("b = write(2)\n")
        run.feed("a, b")
        assert looked.wait(60)
        assert waits.wait(60)
        assert CALLED == [((1,), {"x": "y"})]
    result = run.result()
    assert CALLED == [((1,), {"x": "y"}), ((2,), {})]
    assert values(result) == ["([[1], {'x': 'y'}], [[2], {}])"]


def test_a_program_that_does_not_parse_calls_none_with_effects(client: EagerClient) -> None:
    CALLED.clear()
    looked = threading.Event()
    with client.open(
        format="python", on_event=lambda event: looked.set() if CALLED else None
    ) as run:
        run.feed("look(1)\nwrite(2)\n")
        assert looked.wait(60)
        run.feed("x = (\n")
    assert run.result().status == "error"
    assert CALLED == [((1,), {})]


def test_values_of_all_kinds(client: EagerClient) -> None:
    program = (
        "import math\n"
        "got = look(None, True, 1, 2.5, math.inf, 'ü\\ud800', [1, (2,)], {'a': {}})\n"
        "assert got[0] == [None, True, 1, 2.5, math.inf, 'ü\\ud800', [1, [2]], {'a': {}}]\n"
        "assert math.isnan(look(math.nan)[0][0])\n"
        "look.__name__, look.__doc__"
    )
    assert values(client.run(program, format="python")) == ["('look', 'Look something up.')"]
    result = client.run("look({1, 2})", format="python")
    assert result.error is not None
    assert result.error.ename == "TypeError"
    assert "look() is called in another process" in result.error.evalue


@pytest.mark.parametrize(
    ("kind", "ename"), [("key", "KeyError"), ("row", "NoSuchRowError"), ("type", "TypeError")]
)
def test_what_it_raises_is_raised_in_the_program(
    client: EagerClient, kind: str, ename: str
) -> None:
    result = client.run(f"fail('{kind}')", format="python")
    assert result.error is not None
    assert result.error.ename == ename
    assert f"no {kind}" in result.error.evalue
    assert "concurrent" not in "".join(result.error.traceback)
    builtin = ename if ename != "NoSuchRowError" else "RuntimeError"
    caught = (
        f"try:\n    fail('{kind}')\n"
        f"except {builtin} as error:\n    print(type(error).__name__, error)"
    )
    said = f"'no {kind}'" if kind == "key" else f"no {kind}"  # as of one that is raised there
    assert values(client.run(caught, format="python")) == [f"{ename} {said}\n"]


def test_what_it_gives_can_not_be_sent(client: EagerClient) -> None:
    client.expose(object, name="odd", effects=False)
    result = client.run("odd()", format="python")
    assert result.error is not None
    assert "odd() gave what can't be sent" in result.error.evalue


def test_cells_and_threads_call_them(client: EagerClient) -> None:
    assert values(client.execute("look(3)")) == ["[[3], {}]"]
    program = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    print(sum(pool.map(lambda i: look(i)[0][0], range(40))))"
    )
    assert values(client.run(program, format="python")) == ["780\n"]


def test_they_outlast_a_reset_and_a_restart() -> None:
    with EagerClient.start() as client:
        client.expose(look)
        client.reset()
        assert values(client.run("look(1)", format="python")) == ["[[1], {}]"]
        client.restart()
        assert values(client.run("look(2)", format="python")) == ["[[2], {}]"]


async def test_several_at_once_and_their_end_with_the_run() -> None:
    begun, ended, both = asyncio.Event(), asyncio.Event(), asyncio.Barrier(3)

    async def meet(number: int) -> int:
        async with both:
            return number

    async def for_ever() -> None:
        begun.set()
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()

    async with await AsyncEagerClient.start() as client:
        client.expose(meet, effects=False)
        client.expose(for_ever, effects=False)
        program = "import asyncio\nawait asyncio.gather(meet(1), meet(2), meet(3))"
        assert values(await client.run(program, format="python")) == ["[1, 2, 3]"]
        run = await client.open(format="python")
        run.feed("await for_ever()\nx = 1\n")
        await begun.wait()
        run.cancel()
        result = await run.result()
        assert result.error is not None
        await ended.wait()
        assert values(await client.run("1 + 1", format="python")) == ["2"]


def test_an_interrupt_ends_the_wait(client: EagerClient) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        go_on.wait(60)

    client.expose(slow, effects=False)
    run = client.open(format="python")
    run.feed("slow()\nx = 1\n")
    assert begun.wait(60)
    client.interrupt()
    result = run.result()
    go_on.set()
    assert result.error is not None
    assert result.error.ename == "KeyboardInterrupt"


def test_a_name_that_is_none(client: EagerClient) -> None:
    with pytest.raises(ValueError, match="is no name that a program could call"):
        client.expose(lambda: 1)


def test_a_kernel_that_can_not_call() -> None:
    with EagerClient.start("python3") as client:
        client.expose(look)
        with pytest.raises(KernelConnectionError, match="can't call functions of its clients"):
            client.execute("1")


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        {"number": "1", "type": "call"},
        {"number": 1, "type": "cal"},
        {"number": 1, "type": "call", "name": "other", "arguments": "[[], {}]"},
        {"number": 1, "type": "call", "name": "look", "arguments": [[], {}]},
        {"number": 1, "type": "call", "name": "look", "arguments": "[[]]"},
        {"number": 1, "type": "call", "name": "look", "arguments": "[" * 100_000},
        {"number": 1, "type": "call", "name": "look", "arguments": '[{}, {"a": 1}]'},
    ],
)
async def test_calls_that_are_none(content: Any) -> None:
    """A program may send anything in the kernel's name."""
    hosting = Hosting()
    hosting.add(HostFunction(look, "look", effects=False))
    CALLED.clear()
    sent: list[Any] = []
    with pytest.raises(UnfitError):
        hosting.take({"method": "custom", "content": content}, sent.append)
    assert (CALLED, sent) == ([], [])


async def test_no_more_calls_than_can_be(client: EagerClient) -> None:
    async def wait() -> None:
        await asyncio.sleep(600)

    hosting = Hosting()
    hosting.add(HostFunction(wait, "wait", effects=False))

    def call(number: int) -> None:
        call = {"number": number, "type": "call", "name": "wait", "arguments": "[[], {}]"}
        hosting.take({"method": "custom", "content": call}, lambda data: None)

    for number in range(1_000):
        call(number)
    with pytest.raises(UnfitError, match="more calls at once"):
        call(1_000)
    hosting.cancel()
