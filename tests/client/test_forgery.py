"""What a program sends in its kernel's name, at the clients: over ZMQ and over a websocket."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest

from eager_kernel import AsyncEagerClient, EagerClient
from eager_kernel.client import run as run_module
from eager_kernel.client.remote import RemoteTransport
from eager_kernel.client.resuming import Resuming
from eager_kernel.client.run import Run
from eager_kernel.errors import KernelConnectionError
from tests.conftest import Starter
from tests.forging import CHUNK, JAMS, PRELUDE, RESULT, UNFIT
from tests.servers import Server

FORGED_STOP = "forge({'type': 'stop', 'reason': 'error', 'message': 'forged'})\n"


@pytest.fixture(scope="module", params=["zmq", "websocket"])
def forging(request: pytest.FixtureRequest, start_kernel: Starter) -> Iterator[EagerClient]:
    """A client, by each way, of a kernel of its own."""
    if request.param == "zmq":
        manager, _ = start_kernel("eager_python")
        with EagerClient.connect(manager.connection_file) as client:
            yield client
        return
    server: Server = request.getfixturevalue("server")
    with EagerClient.start(url=server.url, token=server.token) as client:
        yield client


def program(*lines: str) -> list[str]:
    return [f"{line}\n" for line in (*PRELUDE.splitlines(), *lines)]


@pytest.mark.parametrize("part", [0, 1])
def test_what_is_no_message_of_the_protocol(
    forging: EagerClient, part: int, caplog: pytest.LogCaptureFixture
) -> None:
    by_server = isinstance(forging._client._transport, RemoteTransport)
    names = [name for name in UNFIT if not (by_server and name in JAMS)][part::2]
    lines = [UNFIT[name] for name in names]
    heard: list[dict[str, Any]] = []
    with caplog.at_level(logging.WARNING, "eager_kernel"):
        result = forging.run(program(*lines, "'after'"), gate="off", on_event=heard.append)
    assert result.status == "ok"
    assert [output["data"]["text/plain"] for output in result.outputs] == ["'after'"]
    assert result.program == "".join(program(*lines, "'after'"))
    assert result.report is not None
    assert result.stop_reason == ""
    # What of it was for us is told: by an event, by the log and by the result.
    assert sum(result.dropped.values()) >= len(lines) - 4
    assert {event["type"] for event in heard} == {"chunk", "output", "result", "dropped"}
    assert [event["type"] for event in heard].count("result") == 1
    told = {e["reason"]: e["count"] for e in heard if e["type"] == "dropped"}
    assert told == result.dropped
    for reason in result.dropped:
        assert reason in caplog.text
    assert "forged" not in caplog.text


def test_a_server_that_passes_nothing_on(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program can jam its connection to a page: another one is made in its place."""
    monkeypatch.setattr(run_module, "_PATIENCE", 1)
    with EagerClient.start(url=server.url, token=server.token) as client:
        result = client.run(program(UNFIT[JAMS[0]], "print(1)", "'after'"), gate="off")
        assert result.status == "ok"
        assert [output.get("text") for output in result.outputs] == ["1\n", None]
        assert client.run("1 + 1").outputs[0]["data"] == {"text/plain": "2"}


def test_a_death_that_is_none(server: Server) -> None:
    """It ends its own run, and no other."""
    with EagerClient.start(url=server.url, token=server.token) as client:
        for state in ("dead", "restarting"):
            dies = f"send('status', {{'execution_state': '{state}'}})"
            with pytest.raises(KernelConnectionError, match="the kernel died"):
                client.run(program(dies, "import time; time.sleep(0.5)"), gate="off")
            assert client.run("1 + 1").outputs[0]["data"] == {"text/plain": "2"}


def test_a_stop_of_its_own_cuts_it_off(forging: EagerClient) -> None:
    closed: list[str] = []

    def model() -> Iterator[str]:
        try:
            yield "```python\n"
            yield from program(FORGED_STOP)
            while True:
                yield "x = 1\n"
        finally:
            closed.append("yes")

    result = forging.run(model(), gate="off")
    assert closed == ["yes"]
    assert result.error is not None
    assert result.error.ename == "IncompleteProgramError"
    assert result.stop_reason == "error"
    assert forging.execute("1 + 1").outputs[0]["data"] == {"text/plain": "2"}


def test_the_last_result_counts(forging: EagerClient) -> None:
    """Which is the kernel's own, while a program can send more only as long as it runs."""
    heard: list[dict[str, Any]] = []
    lines = program(*[f"forge({RESULT})"] * 5, "1 / 0")
    result = forging.run(lines, gate="off", on_event=heard.append)
    assert result.status == "error"
    assert result.program == "".join(lines)
    assert [e["program"] for e in heard if e["type"] == "result"] == ["".join(lines)]


def test_the_next_run_is_as_any(forging: EagerClient) -> None:
    """What was sent for a run that has ended, or with the parent of another cell, is nobody's."""
    thread = (
        "import threading, time\n"
        "parent = kernel.get_parent('shell')\n"
        "def go_on():\n"
        "    for _ in range(200):\n"
        f"        forge({RESULT})\n"
        f"        forge({CHUNK}, parent=parent)\n"
        "        send('stream', {'name': 'stdout', 'text': 'late'}, parent)\n"
        "        time.sleep(0.002)\n"
        "threading.Thread(target=go_on).start()\n"
    )
    assert forging.run(program(*thread.splitlines()), gate="off").status == "ok"
    result = forging.run(["import time\n", "time.sleep(0.3)\n", "'mine'"])
    assert result.status == "ok"
    assert [output["data"]["text/plain"] for output in result.outputs] == ["'mine'"]
    assert result.dropped == {}


def test_outputs_have_a_limit(forging: EagerClient) -> None:
    lines = ["for i in range(30): display('y' * 100_000)\n", "print('end')"]
    result = forging.run(lines, max_bytes=1_000_000)
    assert result.status == "ok"
    assert 5 <= len(result.outputs) <= 10
    ((reason, count),) = result.dropped.items()
    assert reason == "the outputs that are kept have reached 1,000,000 bytes"
    assert count >= 20
    assert forging.run(lines).dropped == {}


def test_what_is_cleared_makes_room(forging: EagerClient) -> None:
    lines = [
        "from IPython.display import clear_output\n",
        "for i in range(30): clear_output(wait=True); display('y' * 100_000)\n",
        "h = display('x', display_id=True)\n",
        "for i in range(30): h.update('z' * 100_000)\n",
    ]
    result = forging.run(lines, max_bytes=1_000_000)
    assert result.dropped == {}
    assert [len(output["data"]["text/plain"]) for output in result.outputs] == [100_002] * 2


ASK = (
    "def ask(content):\n"
    "    parent = kernel.get_parent('shell')\n"
    "    ident = kernel._get_shell_context_var(kernel._shell_parent_ident)\n"
    "    kernel.session.send(kernel.stdin_socket, 'input_request', content, parent, ident=ident)\n"
    "ask({'prompt': 5, 'password': False})\n"
    "ask({'prompt': 'x', 'password': 'yes'})\n"
    "for i in range(100): ask({'prompt': 'forged? ', 'password': False})\n"
)


def test_questions_that_are_none_and_more_than_one_can_ask(forging: EagerClient) -> None:
    asked: list[str] = []

    async def ask() -> Any:
        def answer(prompt: str, password: bool) -> str:
            time.sleep(0.05)
            asked.append(prompt)
            return "yes"

        lines = program(*ASK.splitlines(), "import time; time.sleep(1)")
        return await forging._client.run(lines, on_input=answer, gate="off")

    result = forging._loop.call(ask())
    assert result.status == "ok", result.error
    assert set(asked) <= {"forged? "}  # it may ask: but not pile up
    assert {"prompt: must be a string", "password: must be true or false"} <= set(result.dropped)
    assert "there are more questions than a program can ask at once" in result.dropped
    assert forging.execute("1 + 1").outputs[0]["data"] == {"text/plain": "2"}


async def test_the_asynchronous_client(start_kernel: Starter) -> None:
    manager, _ = start_kernel("eager_python")
    client = await AsyncEagerClient.connect(manager.connection_file)
    lines = list(UNFIT.values())[::4]
    async with client:
        result = await client.run(program(*lines, "'after'"), gate="off")
    assert result.status == "ok"
    assert result.outputs[0]["data"] == {"text/plain": "'after'"}
    assert len(result.dropped) > 5


def test_a_kernel_that_loses_what_ends_a_run(
    start_kernel: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More at once than its sockets take: the reply comes on another one."""
    monkeypatch.setattr(run_module, "_LONG_PATIENCE", 2)
    manager, _ = start_kernel("eager_python")
    lost = "stream = kernel.iopub_thread.socket\nkernel.iopub_thread.socket = type('Lost', (), "
    lost += "{'send_multipart': lambda *a, **k: None, '__getattr__': lambda s, n: getattr(stream, "
    lost += "n)})()"
    with EagerClient.connect(manager.connection_file) as client:
        result = client.run(program(*lost.splitlines()), gate="off")
    assert result.status == "ok"
    (reason,) = result.dropped
    assert reason.startswith("messages that end the run are missing")


class Silent:
    """A transport on which nothing comes but what a test says."""

    may_break = True

    def __init__(self) -> None:
        from jupyter_client.session import Session

        self.session = Session()
        self.sent: list[tuple[str, Any]] = []

    def send(self, channel: str, message: Any) -> None:
        self.sent.append((channel, message))

    def mend(self) -> None:
        pass


def told(run: Run, data: Any, **header: Any) -> dict[str, Any]:
    return {
        "header": {"msg_type": "comm_msg", "msg_id": "x", "session": "k", **header},
        "parent_header": {},
        "metadata": {},
        "content": {"comm_id": run.comm_id, "data": data},
        "buffers": [],
    }


async def test_answers_that_nobody_asked_for() -> None:
    """Over a connection that breaks, the client asks what it has missed: then, and only then."""
    transport = Silent()
    run = Run(transport, None, None, 0.01)  # type: ignore[arg-type]
    run.open()
    resumed = {"type": "resumed", "number": 0, "count": 900, "more": True, "missing": True}
    resumed |= {"reply": {"status": "ok"}, "input": None}
    again = {"type": "again", "number": 0, "message": told(run, {"type": "stop"})}
    for data in (resumed, again):
        with pytest.raises(run_module.UnfitError):
            run._take_told(told(run, data))
    assert run._reply is None
    run._come_back()
    for wrong in (
        {"count": 10**9},
        {"count": -1},
        {"reply": []},
        {"reply": {"status": "odd"}},
        {"input": {"number": 1, "prompt": 5, "password": False}},
        {"missing": "no"},
    ):
        with pytest.raises(run_module.UnfitError):
            run._take_told(told(run, {**resumed, "number": 1, "missing": False, **wrong}))
    run._take_told(told(run, {**resumed, "number": 1, "missing": False, "count": 2}))
    assert run._reply == {"status": "ok"}
    sent = len(transport.sent)
    # Two are to come, and one of them is nothing.
    for number, message in enumerate([5, {**told(run, {}), "header": {"msg_id": "a"}}]):
        with pytest.raises(run_module.UnfitError):
            run._take_told(told(run, {"type": "again", "number": 1, "message": message}))
        assert len(transport.sent) == sent + number  # it asks for more when both have come
    assert isinstance(run._resuming, Resuming)
    assert run._resuming._last == "a"
    await asyncio.sleep(0)
