"""Outside effects of streamed programs, in a real kernel."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from eager_kernel.testing import load
from eager_kernel.testing.wire import Heard, WireStream
from tests.afresh import afresh
from tests.conftest import Starter

PROGRAMS = load(Path(__file__).parent / "effects")
EFFECTS = {program.name: program.text for program in PROGRAMS}


class World:
    """What a program can reach outside its process, and what has happened to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.joinpath("old").write_text("old\n")
        folder.joinpath("empty").mkdir()
        folder.joinpath("module_that_writes.py").write_text("open('f', 'w').close()\n")
        self.heard = 0
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(type=socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        for listen in (self._accept, self._receive):
            threading.Thread(target=listen, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self.tcp.accept()
                self.heard += 1
                connection.close()

    def _receive(self) -> None:
        with contextlib.suppress(OSError):
            while self.udp.recv(100):
                self.heard += 1

    def close(self) -> None:
        for listener in (self.tcp, self.udp):
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def program(self, name: str) -> str:
        tcp, udp = (str(listener.getsockname()[1]) for listener in (self.tcp, self.udp))
        program = EFFECTS[name].replace("TCP", tcp).replace("UDP", udp).rstrip("\n")
        # A statement after it, as a block is complete only then.
        return program if program.startswith("%%") else program + "\nafter = 1\n"

    def state(self) -> Any:
        """All that would show an effect; equal to another's if nothing has happened."""
        files = {}
        for path in sorted(self.folder.rglob("*")):
            if "__pycache__" not in path.parts:
                stat = path.lstat()
                content = path.read_bytes() if path.is_file() else b""
                files[path.name] = (stat.st_mode, stat.st_nlink, int(stat.st_mtime), content)
        return files, self.heard

    def settled(self, before: Any) -> bool:
        """Whether something has happened, by and by."""
        until = time.monotonic() + 5
        while self.state() == before and time.monotonic() < until:
            time.sleep(0.01)
        return bool(self.state() != before)


@pytest.fixture(scope="module")
def kernel(start_kernel: Starter) -> tuple[KernelManager, BlockingKernelClient]:
    """A kernel in which files wait, too, and that does not wait long for a test that has failed."""
    return start_kernel("eager_python", "--EagerRun.delta_timeout=15", "--EagerGate.mode=wait")


@pytest.fixture
def world(client: BlockingKernelClient, tmp_path: Path) -> Iterator[World]:
    """A world, with the kernel in its folder."""
    world = World(tmp_path)
    forget = "sys.modules.pop('module_that_writes', None); None"
    setting = f"{afresh(tmp_path)}import sys; sys.path.insert(0, ''); {forget}"
    client.execute_interactive(setting, store_history=False, timeout=60)
    yield world
    world.close()


def held(heard: Heard) -> bool:
    """Whether a chunk is told to be held."""
    return any(data.get("state") == "held" for data in heard.comm)


def begun(client: BlockingKernelClient, world: World, name: str) -> WireStream:
    """A stream that has come to its effect, and whose end is still to come."""
    stream = WireStream(client).open().attach()
    if name.endswith(" cell"):  # these run when all is known, as any cell magic
        return stream.delta(world.program(name))
    stream.delta("begun = 1\n" + world.program(name))
    if name in ("ways: hidden thread", "ways: run cell magic"):
        stream.listen(0.5)  # that another thread than the main one waits is not told
    else:
        stream.listen(10, until=held)
    return stream


@pytest.mark.parametrize("name", EFFECTS)
def test_an_effect_waits_for_the_end_of_generation(
    client: BlockingKernelClient, world: World, name: str
) -> None:
    before = world.state()
    stream = begun(client, world, name)
    assert world.state() == before
    heard = stream.delta("" if name.endswith(" cell") else "ended = 1\n").end().finish()
    assert heard.errors() == []
    assert world.settled(before)


@pytest.mark.parametrize("name", EFFECTS)
def test_an_effect_of_a_program_that_does_not_parse_never_happens(
    client: BlockingKernelClient, world: World, name: str
) -> None:
    if name.endswith(" cell"):
        pytest.skip("what follows a cell magic is its body")
    before = world.state()
    heard = begun(client, world, name).delta("ended = )\n").end().finish()
    assert heard.errors() == ["SyntaxError"]
    assert heard.result["error"]["ename"] == "SyntaxError"
    time.sleep(0.05)
    assert world.state() == before
