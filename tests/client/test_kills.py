"""One side is killed (`kill -9`): the other goes on, and says so."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from eager_kernel import AsyncEagerClient, EagerClient
from eager_kernel.errors import KernelConnectionError
from tests.conftest import Starter
from tests.servers import TOKEN, Server, running_server

CLIENT = """
import json, sys, time
from eager_kernel import EagerClient

def deltas():
    yield "kept = 1\\n"
    yield "print('ran')\\n"
    yield "kept = "  # no statement yet
    time.sleep(600)

def hear(event):
    if event["type"] == "output":
        print("ran", flush=True)

with EagerClient.connect(**json.loads(sys.argv[1])) as client:
    client.run(deltas(), on_event=hear)
"""


def kill_a_client(where: str) -> None:
    """Begin a run in a process of its own, and kill it when the program has begun."""
    with subprocess.Popen([sys.executable, "-c", CLIENT, where], stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        try:
            assert client.stdout.readline() == b"ran\n"
        finally:
            client.kill()


def check_what_is_left(client: EagerClient) -> None:
    """The kernel gives the run up by itself, and the next cell finds what had run."""
    result = client.execute("kept, len(get_ipython().kernel.streams._streams)")
    assert result.outputs[-1]["data"] == {"text/plain": "(1, 0)"}
    assert client.run("print(kept)\nkept + 1").outputs[-1]["data"] == {"text/plain": "2"}
    program = client.execute("In[-4]").outputs[-1]["data"]["text/plain"]
    assert "kept = 1" in program


def test_a_client_that_is_killed(start_kernel: Starter) -> None:
    manager, _ = start_kernel("eager_python", "--EagerRun.delta_timeout=2")
    kill_a_client(f'{{"connection_file": "{manager.connection_file}"}}')
    with EagerClient.connect(manager.connection_file) as client:
        check_what_is_left(client)


def test_a_client_of_a_server_that_is_killed(tmp_path: Path) -> None:
    profile = tmp_path / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    profile.joinpath("ipython_kernel_config.py").write_text("c.EagerRun.delta_timeout = 2\n")
    with (
        running_server(tmp_path) as server,
        EagerClient.start(url=server.url, token=server.token) as client,
    ):
        kill_a_client(f'{{"url": "{server.url}", "token": "{TOKEN}"}}')
        check_what_is_left(client)


class Endless:
    """A model that is silent until it is closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[str]:
        try:
            yield "print('ran')\n"
            while not self.closed.wait(0.1):
                yield " "
        finally:
            self.closed.set()


def kill_when_it_runs(pid: int) -> Any:
    def hear(event: dict[str, Any]) -> None:
        if event["type"] == "output":
            os.kill(pid, signal.SIGKILL)

    return hear


@pytest.mark.parametrize("owned", [True, False])
def test_a_kernel_that_is_killed(start_kernel: Starter, owned: bool) -> None:
    if owned:
        client = EagerClient.start()
        pid = client._client._transport._manager.provisioner.pid  # type: ignore[attr-defined]
    else:
        manager, _ = start_kernel("eager_python")
        pid = manager.provisioner.pid
        client = EagerClient.connect(manager.connection_file)
    model = Endless()
    with client:
        with pytest.raises(KernelConnectionError, match="the kernel died"):
            client.run(model, on_event=kill_when_it_runs(pid))
        assert model.closed.is_set()


async def test_a_kernel_that_is_killed_under_the_asynchronous_client() -> None:
    client = await AsyncEagerClient.start()
    pid = client._transport._manager.provisioner.pid  # type: ignore[attr-defined]
    closed = asyncio.Event()

    async def model() -> Any:
        try:
            yield "print('ran')\n"
            await asyncio.sleep(600)
        finally:
            closed.set()

    async with client:
        with pytest.raises(KernelConnectionError, match="the kernel died"):
            await client.run(model(), on_event=kill_when_it_runs(pid))
    assert closed.is_set()


def test_a_kernel_of_a_server_that_is_killed(server: Server) -> None:
    """The server starts it anew; that is another one, without what had run."""
    with EagerClient.start(url=server.url, token=server.token) as client:
        client.execute("x = 1")
        pid = int(client.execute("import os; os.getpid()").outputs[0]["data"]["text/plain"])
        model = Endless()
        with pytest.raises(KernelConnectionError, match="the kernel died"):
            client.run(model, on_event=kill_when_it_runs(pid))
        assert model.closed.is_set()
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"
        assert client.run("'x' in dir()").outputs[0]["data"] == {"text/plain": "False"}


def test_a_million_deltas_of_a_character(start_kernel: Starter) -> None:
    """Their number costs the client little time, and neither side memory."""
    manager, _ = start_kernel("eager_python")
    kernel = psutil.Process(manager.provisioner.pid)
    text = "s = '" + "y" * 999_980 + "'\nlen(s)"

    async def run() -> Any:
        async with await AsyncEagerClient.connect(manager.connection_file) as client:
            await client.run("1")
            before = kernel.memory_info().rss
            heard: list[str] = []

            def hear(event: dict[str, Any]) -> None:
                heard.append(event["type"])

            result = await client.run(iter(text), on_event=hear)
            return result, heard, kernel.memory_info().rss - before

    result, heard, grown = asyncio.run(run())
    assert len(text) > 999_990
    assert result.status == "ok"
    assert result.program == text
    assert result.outputs[0]["data"] == {"text/plain": "999980"}
    assert len(heard) < 100
    assert grown < 100_000_000
