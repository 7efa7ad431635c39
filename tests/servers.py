"""Real Jupyter servers on loopback, and a proxy that cuts connections to them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

TOKEN = "of-the-tests-0123456789"
OTHER_EXTENSIONS = ("jupyterlab", "jupyter_lsp", "jupyter_server_terminals", "notebook_shim")
"""What may be installed too, and takes its time to load."""
LONGEST_ADDRESS = 103
JUPYTER_SERVER = (sys.executable, "-m", "jupyter_server")


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]
    runtime: Path
    token: str = TOKEN

    @property
    def port(self) -> int:
        return int(self.url.split(":")[2].split("/")[0])


@contextmanager
def running_server(
    folder: Path,
    *arguments: str,
    base_url: str = "/",
    command: Sequence[str] = JUPYTER_SERVER,
    app: str = "ServerApp",
    environment: Mapping[str, str] | None = None,
    without: Sequence[str] = OTHER_EXTENSIONS,
    ports: bool = False,
) -> Iterator[Server]:
    """Start a server that knows nothing of the user's; it ends with the block.

    Parameters
    ----------
    folder
        For its files; empty.
    arguments
        More of its command line.
    base_url
        Where it is on its port.
    command, app
        Which server, and the name of its application's traits.
    environment
        More of its environment.
    without
        Extensions that it does not load.
    ports
        Whether its kernels have ports, which other programs may take first.
    """
    root, config = folder / "root", folder / "config"
    root.mkdir()
    config.mkdir(exist_ok=True)
    others = {"ServerApp": {"jpserver_extensions": dict.fromkeys(without, False)}}
    config.joinpath("jupyter_server_config.json").write_text(json.dumps(others))
    env = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(config),
        "IPYTHONDIR": str(folder / "ipython"),
        **(environment or {}),
    }
    full = [*command, "--ip=127.0.0.1", f"--{app}.port_retries=0"]
    full += [f"--{app}.base_url={base_url}", "--log-level=INFO"]
    if app == "ServerApp":
        full += ["--no-browser", "--allow-root", f"--ServerApp.root_dir={root}"]
        full += [f"--IdentityProvider.token={TOKEN}"]
    else:
        full += [f"--{app}.auth_token={TOKEN}"]
    log = folder / "server.log"
    with kernels_without_ports() as (options, places), ExitStack() as exits:
        env["JUPYTER_RUNTIME_DIR"] = places
        full += [*([] if ports else options), *arguments]
        port, process = _serve(
            exits, lambda port: [*full, f"--port={port}"], log, env=env, cwd=root
        )
        url = f"http://127.0.0.1:{port}{base_url}"
        wait_for(f"{url}api", process, log, token=TOKEN)
        yield Server(url, log, process, Path(places))


@contextmanager
def kernels_without_ports() -> Iterator[tuple[list[str], str]]:
    """Have a server's kernels use sockets of the file system, where no other program takes one.

    Gives options of its command line, and its folder for files of a runtime: addresses must be
    short.
    """
    with tempfile.TemporaryDirectory(prefix="eager-") as places:
        fits = len(places) + len("/kernel--ipc-5") + len(str(uuid4())) <= LONGEST_ADDRESS
        yield (["--KernelManager.transport=ipc"] if fits and os.name == "posix" else []), places


def _serve(
    exits: ExitStack, command: Callable[[int], Sequence[str]], log: Path, **options: Any
) -> tuple[int, subprocess.Popen[bytes]]:
    """Start a server on a port that is free; if another program takes it meanwhile, on another."""
    while True:
        port = free_port()
        with log.open("wb") as out:
            process = subprocess.Popen(
                command(port), stdout=out, stderr=subprocess.STDOUT, **options
            )
        exits.callback(end, process)
        while process.poll() is None and not _listens(port):
            time.sleep(0.05)
        if process.poll() is None or "already in use" not in log.read_text():
            return port, process


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def end(process: subprocess.Popen[bytes]) -> None:
    """End a server, one way or the other."""
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path, *, token: str) -> None:
    """Wait until a server answers at an address."""
    deadline = time.monotonic() + 60
    request = urllib.request.Request(address, headers={"Authorization": f"token {token}"})
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(request, timeout=60):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"no server came up:\n{log.read_text()}")


class CuttingProxy:
    """A TCP proxy to a port of this machine, in a thread. `cut` breaks what goes through it.

    What it has read and not passed on is lost then, as it is in a network.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusing = False
        self._frozen: asyncio.Event
        self.passed = 0
        """Bytes that went from the server to clients."""
        self.cuts = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(self, *error: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self, *, refuse: bool = False) -> None:
        """Reset all connections; until `accept`, refuse new ones."""
        self._call(self._cut(refuse))

    def freeze(self) -> None:
        """Pass nothing on any more, and close nothing: what is read from now on is lost."""
        self._call(self._freeze())

    def accept(self) -> None:
        """Take connections again."""
        self._refusing = False

    def _call(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)  # type: ignore[arg-type]

    async def _listen(self) -> None:
        self._frozen = asyncio.Event()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        await self._cut(refuse=True)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _freeze(self) -> None:
        self._frozen.set()

    async def _cut(self, refuse: bool) -> None:
        self.cuts += 1
        self._refusing = refuse
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        self._frozen = asyncio.Event()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, other_writer}
        frozen = self._frozen
        for source, target, counted in (
            (reader, other_writer, False),
            (other_reader, writer, True),
        ):
            task = asyncio.create_task(self._pass_on(source, target, frozen, counted=counted))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        frozen: asyncio.Event,
        *,
        counted: bool,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(4096):
                if frozen.is_set():
                    continue
                self.passed += len(data) if counted else 0
                target.write(data)
                await target.drain()
        target.close()
