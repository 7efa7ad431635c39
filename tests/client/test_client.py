"""The Python clients, on real kernels."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from jupyter_client.session import Session

from eager_kernel import AsyncEagerClient, EagerClient
from eager_kernel.client.batching import Batcher
from eager_kernel.client.run import Run
from eager_kernel.errors import KernelConnectionError
from tests.servers import Server


@pytest.fixture(scope="module", params=["local", "remote"])
def eager(
    request: pytest.FixtureRequest, kernel: tuple[KernelManager, BlockingKernelClient]
) -> Iterator[EagerClient]:
    """A client of a kernel: of this module's, or of one that a Jupyter server has."""
    if request.param == "local":
        making = EagerClient.connect(kernel[0].connection_file)
    else:
        server: Server = request.getfixturevalue("server")
        making = EagerClient.start(url=server.url, token=server.token)
    with making as client:
        yield client


def test_a_bound_on_characters(eager: EagerClient) -> None:
    heard: list[dict[str, object]] = []
    program = "print('y' * 1000)\nprint('z')\n1 / 0\n"
    for result in (
        eager.run([program], max_characters=10, on_event=heard.append),
        eager.execute(program, max_characters=10, on_event=heard.append),
    ):
        (reason,) = result.dropped
        assert reason == "the outputs that are kept have reached 10 characters"
        assert result.dropped[reason] == 993
        assert result.outputs[0]["text"] == "y" * 10
        assert "ZeroDivisionError" in result.text()
        assert f"[{reason}: 993 not taken]" in result.text()
    told = [event["count"] for event in heard if event["type"] == "dropped"]
    assert told[-1] == 993


def test_a_run(eager: EagerClient) -> None:
    result = eager.run(["import math\n", "print(math.pi)\n", "1+1"])
    assert result.status == "ok"
    assert [o["output_type"] for o in result.outputs] == ["stream", "execute_result"]
    assert result.outputs[1]["data"] == {"text/plain": "2"}
    assert result.error is None
    assert result.program == "import math\nprint(math.pi)\n1+1"
    assert result.executed_lines == 3
    assert result.report is not None
    assert [chunk.lines for chunk in result.report.chunks] == [(1, 1), (2, 2), (3, 3)]


def test_a_plain_string_is_one_delta(eager: EagerClient) -> None:
    assert eager.run("3 * 3").outputs[0]["data"] == {"text/plain": "9"}


def test_a_refused_option_is_an_error_that_names_it(eager: EagerClient) -> None:
    result = eager.run(["x = 1\n"], gate="ajar")
    assert result.status == "error"
    assert result.error is not None
    assert (
        "data.gate: must be one of effect, journal, wait, static, paper, serial, off, not 'ajar'"
        in result.error.evalue
    )


def test_everything_that_happens_is_told(eager: EagerClient) -> None:
    events: list[dict[str, Any]] = []
    eager.run(["print('a')\n", "2"], on_event=events.append)
    kinds = [event["type"] for event in events]
    assert kinds.count("output") == 2
    assert kinds[-1] == "result"
    assert {e["state"] for e in events if e["type"] == "chunk"} >= {"done"}


def test_input(eager: EagerClient) -> None:
    asked: list[tuple[str, bool]] = []

    def answer(prompt: str, password: bool) -> str:
        asked.append((prompt, password))
        return "secret" if password else "Ada"

    program = "import getpass\nn = input('name? ')\np = getpass.getpass('key? ')\nn, p"
    result = eager.run(program, on_input=answer)
    assert result.outputs[-1]["data"] == {"text/plain": "('Ada', 'secret')"}
    assert asked == [("name? ", False), ("key? ", True)]


def test_an_ordinary_cell(eager: EagerClient) -> None:
    result = eager.execute("print('x')\n5", user_expressions={"two": "1 + 1"})
    assert [o["output_type"] for o in result.outputs] == ["stream", "execute_result"]
    assert result.reply["user_expressions"]["two"]["data"]["text/plain"] == "2"
    assert eager.execute("1 / 0").status == "error"


def test_updates_and_clearing_of_outputs(eager: EagerClient) -> None:
    program = (
        "from IPython.display import display, clear_output\n"
        "print('gone')\nclear_output(wait=True)\n"
        "handle = display('one', display_id=True)\nhandle.update('two')\n"
        "print('a'); print('b')\n"
    )
    outputs = eager.run(program).outputs
    assert [o.get("text") or o["data"]["text/plain"] for o in outputs] == ["'two'", "a\nb\n"]


def test_silent_and_without_history(eager: EagerClient) -> None:
    count = eager.run("0").execution_count
    assert count is not None
    assert eager.run("quiet = 1\nquiet", silent=True).outputs == []
    assert eager.run("quiet", store_history=False).outputs[0]["data"] == {"text/plain": "1"}
    assert eager.run("0").execution_count == count + 1


async def test_a_cell_that_another_cell_takes_along(
    kernel: tuple[KernelManager, BlockingKernelClient], tmp_path: Path
) -> None:
    async with await AsyncEagerClient.connect(kernel[0].connection_file) as client:
        go, begun = tmp_path / "go", tmp_path / "begun"
        wait = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)"
        kernel[1].execute(f"open({str(begun)!r}, 'w').close()\n{wait}\n1 / 0")
        async with asyncio.timeout(60):
            while not begun.exists():
                await asyncio.sleep(0.01)
        read = asyncio.Event()
        running = asyncio.create_task(client.run(["x = 1\n"], on_event=lambda event: read.set()))
        # Its text comes after its cell, which waits for the other by then.
        await asyncio.wait_for(read.wait(), 60)
        go.touch()
        result = await asyncio.wait_for(running, 60)
    assert result.status == "error"
    assert result.reply["status"] == "aborted"


async def test_async_iterables(kernel: tuple[KernelManager, BlockingKernelClient]) -> None:
    async def model() -> AsyncIterator[str]:
        for text in ("y =", " 5\n"):
            await asyncio.sleep(0.01)
            yield text

    async with await AsyncEagerClient.connect(kernel[0].connection_file) as client:
        assert (await client.run(model())).program == "y = 5\n"
        results = await asyncio.gather(client.run(["y + 1"]), client.run(["y + 2"]))
        shown = {r.outputs[0]["data"]["text/plain"] for r in results}
        assert shown == {"6", "7"}


def test_no_such_kernel() -> None:
    with pytest.raises(KernelConnectionError, match="no kernel 'no_such_kernel'"):
        EagerClient.start("no_such_kernel")


LATE = """
import sys, os
place = sys.argv.pop(1)
with open(place, "a") as file:
    file.write("x")
if os.path.getsize(place) < {count}:
    sys.exit("a port is taken")
from eager_kernel.kernel.app import EagerKernelApp
EagerKernelApp.launch_instance()
"""


@pytest.fixture
def late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Path]:
    """Makes a kernel that starts at a certain attempt; returns the file that counts these."""

    def make(count: int) -> Path:
        begun = tmp_path / "begun"
        spec = tmp_path / "kernels" / "late"
        spec.mkdir(parents=True)
        argv = [sys.executable, "-c", LATE.format(count=count), str(begun), "-f"]
        about = {"argv": [*argv, "{connection_file}"], "display_name": "Late", "language": "python"}
        spec.joinpath("kernel.json").write_text(json.dumps(about))
        monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
        return begun

    return make


def test_a_kernel_whose_port_is_taken_is_started_anew(late: Callable[[int], Path]) -> None:
    begun = late(3)
    with EagerClient.start("late") as client:
        assert client.run(["6 *", " 7"]).outputs[0]["data"]["text/plain"] == "42"
    assert begun.read_text() == "xxx"


def test_a_kernel_that_does_not_start(late: Callable[[int], Path]) -> None:
    begun = late(9)
    with pytest.raises(KernelConnectionError, match="ended before it answered"):
        EagerClient.start("late")
    assert begun.read_text() == "xxx"


def test_no_such_connection_file() -> None:
    with pytest.raises(KernelConnectionError, match=r"no-such-file\.json"):
        EagerClient.connect("no-such-file.json")


def test_a_kernel_that_dies() -> None:
    with EagerClient.start(extra_arguments=["--log-level=ERROR"]) as client:
        pid = int(client.execute("import os; os.getpid()").outputs[0]["data"]["text/plain"])
        threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()
        with pytest.raises(KernelConnectionError, match="died"):
            client.run("import time\ntime.sleep(60)\n")


def test_a_closed_client_leaves_no_kernel_and_no_thread() -> None:
    before = set(threading.enumerate())
    with EagerClient.start(extra_arguments=["--log-level=ERROR"]) as client:
        pid = int(client.execute("import os; os.getpid()").outputs[0]["data"]["text/plain"])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert set(threading.enumerate()) <= before


async def test_deltas_are_gathered() -> None:
    sent: list[tuple[str, int]] = []
    batcher = Batcher(lambda text, offset: sent.append((text, offset)), interval=0.05)
    for piece in ("a", "b", "", "c"):
        batcher.add(piece)
    assert sent == [("a", 0)]  # the first goes at once
    batcher.flush()
    batcher.flush()
    assert sent == [("a", 0), ("bc", 1)]


async def test_deltas_are_gathered_for_longer_while_nobody_can_use_them() -> None:
    sent: list[str] = []
    batcher = Batcher(lambda text, offset: sent.append(text), 0.001, busy_interval=60)
    batcher.set_busy(True)
    for piece in "abc":
        batcher.add(piece)
        await asyncio.sleep(0.01)
    assert sent == ["a"]
    batcher.set_busy(False)
    assert sent == ["a", "bc"]
    batcher.set_busy(True)
    batcher.set_busy(False)
    assert sent == ["a", "bc"]


def chunk(index: int, state: str) -> dict[str, Any]:
    lines = [index + 1, index + 1]
    about = {"type": "chunk", "index": index, "lines": lines, "state": state}
    return {**about, "category": "plain", "reason": ""}


class Local:
    """A transport to a kernel here; notes the text that is sent."""

    def __init__(self, *, may_break: bool = False) -> None:
        self.may_break = may_break
        self.session = Session()
        self.texts: list[str] = []

    def send(self, channel: str, message: Any) -> None:
        data = message["content"].get("data", {})
        if data.get("type") == "delta":
            self.texts.append(data["text"])


def open_run(transport: Local, interval: float = 0.001) -> Run:
    run = Run(transport, None, None, interval)  # type: ignore[arg-type]
    run.open()
    run.feed("first\n")
    return run


@pytest.mark.parametrize(
    "told",
    [
        [(0, "done")],
        [(0, "failed")],
        [(0, "held")],  # at an effect: it computes nothing
        [(1, "done")],  # of a burst, the last one is told
        [(0, "done"), (1, "running"), (1, "done"), (2, "ready")],
    ],
)
async def test_text_is_gathered_for_longer_while_a_statement_runs(
    told: list[tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eager_kernel.client.run._BUSY_INTERVAL", 60)
    transport = Local()
    run = open_run(transport)
    for index, state in [(0, "ready"), (0, "running"), (1, "ready"), (2, "deferred")]:
        run._take_comm("comm_msg", chunk(index, state))
    await asyncio.sleep(0.01)
    run.feed("second\n")  # the first that is sent while it is busy
    for piece in ("a", "b"):
        await asyncio.sleep(0.01)
        run.feed(piece)
    assert transport.texts == ["first\n", "second\n"]
    for index, state in told:
        run._take_comm("comm_msg", chunk(index, state))
    assert transport.texts == ["first\n", "second\n", "ab"]


async def test_the_end_of_a_text_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eager_kernel.client.run._BUSY_INTERVAL", 60)
    transport = Local()
    run = open_run(transport)
    run._take_comm("comm_msg", chunk(0, "running"))
    await asyncio.sleep(0.01)
    run.feed("second\n")
    run.feed("third")
    run.end_text("stop")
    assert transport.texts == ["first\n", "second\n", "third"]


@pytest.mark.parametrize(
    ("transport", "interval"),
    [(Local(may_break=True), 0.001), (Local(), 0)],
    ids=["remote", "at once"],
)
async def test_where_text_is_not_gathered_for_longer(
    transport: Local, interval: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the kernel is far away, and where the user wants each delta sent."""
    monkeypatch.setattr("eager_kernel.client.run._BUSY_INTERVAL", 60)
    run = open_run(transport, interval)
    run._take_comm("comm_msg", chunk(0, "running"))
    for piece in ("a", "b"):
        await asyncio.sleep(0.01)
        run.feed(piece)
    assert transport.texts == ["first\n", "a", "b"]


async def test_who_wants_text_gathered_for_long_gets_no_more_messages() -> None:
    transport = Local()
    run = open_run(transport, interval=60)
    run._take_comm("comm_msg", chunk(0, "running"))
    run.feed("second\n")
    run._batcher.flush()  # while it is busy; the next one is due in a minute
    run.feed("third\n")
    await asyncio.sleep(0.2)
    assert transport.texts == ["first\n", "second\n"]
