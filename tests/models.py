"""Fixtures: a real model in a folder, and behind a real OpenAI-compatible server."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests import tiny_model as maker
from tests.wiretap import Wiretap

# One thread, and no hub: what a model of this size needs, here and in all that the tests start.
QUIET = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}


@dataclass
class ServedModel:
    """A model behind an OpenAI-compatible server.

    Attributes
    ----------
    api_base : str
        Address for clients; leads through the `wiretap`.
    name : str
        The model's name there.
    wiretap : Wiretap
        Sees the connections.
    process : psutil.Process
        The server.
    """

    api_base: str
    name: str
    wiretap: Wiretap
    process: psutil.Process

    @property
    def busy_seconds(self) -> float:
        """Processor time that the server has used: stands still when nothing is generated."""
        times = self.process.cpu_times()
        return times.user + times.system


@pytest.fixture(scope="session")
def model_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Keep the hub and the user's cache out of the tests; the variables that do so."""
    variables = {**QUIET, "HF_HOME": str(tmp_path_factory.mktemp("hugging-face"))}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield variables


@pytest.fixture(scope="session")
def tiny_model(model_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a model that knows `tests.tiny_model.CONVERSATIONS` by heart."""
    _need("torch", "transformers", "accelerate", "filelock")
    from filelock import FileLock

    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # where all workers have their folders: one makes it for all
    folder = shared / "models" / "tiny"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            _make_model(folder)
    return folder


def _make_model(folder: Path) -> None:
    # In a process of its own: this one is not to hold PyTorch, and its threads.
    unfinished = folder.with_name("unfinished")
    made = subprocess.run(
        [sys.executable, maker.__file__, str(unfinished)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert made.returncode == 0, made.stderr
    unfinished.rename(folder)


@pytest.fixture(scope="session")
def served_model(
    tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedModel]:
    """The tiny model behind ``transformers serve``."""
    _need("fastapi", "uvicorn", "openai")
    port = _free_port()
    cache = tmp_path_factory.mktemp("hub")  # the server wants one that is there
    log = tmp_path_factory.mktemp("serve") / "log"
    # The name that the server asks of its clients is the one that it is started with.
    command = [*_serve_command(), tiny_model.name, "--host=127.0.0.1", f"--port={port}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=tiny_model.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_CACHE": str(cache)},
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process, log)
        with Wiretap(port) as wiretap:
            yield ServedModel(
                f"http://127.0.0.1:{wiretap.port}/v1",
                tiny_model.name,
                wiretap,
                psutil.Process(process.pid),
            )
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(60)


def _need(*modules: str) -> None:
    for module in modules:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: pip install -e '.[test-models]'")


def _serve_command() -> list[str]:
    # Not the script, which need not be on the path of an environment that is not activated.
    return [sys.executable, "-m", "transformers.cli.transformers", "serve"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        assert process.poll() is None, f"the server has ended:\n{log.read_text()}"
        try:
            with urllib.request.urlopen(address, timeout=60):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"the server does not answer:\n{log.read_text()}")
