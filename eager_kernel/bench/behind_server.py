"""Kernels of a Jupyter Server on this machine, reached by its websocket as a browser's are."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from eager_kernel.client import EagerClient
from eager_kernel.errors import EagerError, KernelConnectionError, MissingExtraError


class BehindServer:
    """A kernel of a server of its own, which has no extensions.

    Raises
    ------
    MissingExtraError
        Jupyter Server is not installed.
    """

    def __init__(self) -> None:
        if find_spec("jupyter_server") is None:
            raise MissingExtraError("the environment server", "bench")

    @contextmanager
    def open(
        self, kernel: str, folder: Path, arguments: Sequence[str] = ()
    ) -> Iterator[EagerClient]:
        """Start a server and a kernel; see `eager_kernel.bench.environments.Environment.open`.

        Raises
        ------
        EagerError
            There are arguments: a server takes none for its kernels.
        """
        if arguments:
            raise EagerError(
                "a Jupyter Server takes no arguments for its kernels, so imports can't be warmed "
                "there: name another environment first, or give --imports ''"
            )
        with (
            _running_server(folder) as (url, token),
            EagerClient.start(kernel, url=url, token=token) as client,
        ):
            yield client


@contextmanager
def _running_server(folder: Path) -> Iterator[tuple[str, str]]:
    """A server whose kernels work in `folder`: its address, and the token that lets one in."""
    own, token = folder / ".server", secrets.token_hex(32)
    own.mkdir(mode=0o700)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = own / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - nothing in it comes from outside
            [
                sys.executable,
                "-m",
                "jupyter_server",
                "--log-level=ERROR",
                "--no-browser",
                "--allow-root",
                "--ip=127.0.0.1",
                f"--port={port}",
                "--ServerApp.port_retries=0",
                f"--ServerApp.root_dir={folder}",
            ],
            env={
                **os.environ,
                "JUPYTER_TOKEN": token,  # everybody can read command lines
                "JUPYTER_NO_CONFIG": "1",  # with it, extensions are those of the next line: none
                "JUPYTER_CONFIG_DIR": str(own),
                "JUPYTER_RUNTIME_DIR": str(own),
                "IPYTHONDIR": str(folder / ".ipython"),
                "PYTHONHASHSEED": "0",  # as elsewhere: sets that are shown have one order
            },
            cwd=folder,  # its kernels'
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_it_answers(port, process, log)
        yield f"http://127.0.0.1:{port}/", token
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError):  # nobody listens yet
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.05)
    said = log.read_text(encoding="utf-8", errors="replace")
    raise KernelConnectionError(f"the Jupyter Server did not start: {said[-2000:]}")


_PATIENCE: Final = 60
