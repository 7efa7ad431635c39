"""Kernels here and behind a slow link."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from eager_kernel.bench.behind_server import BehindServer
from eager_kernel.bench.environments import Link, Local, can_lock_in, environment
from eager_kernel.bench.link import slow_link
from eager_kernel.errors import EagerError, KernelConnectionError
from eager_kernel.warm.requesting import cant_fork
from tests.sandbox.conftest import found, needs_sandbox
from tests.warm.conftest import _templates_end

__all__ = ["_templates_end", "found", "needs_sandbox"]  # fixtures


def test_names() -> None:
    assert isinstance(environment("local"), Local)
    assert isinstance(environment("server"), BehindServer)
    assert isinstance(environment("link:50"), Link)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "moon",
        "local:1",
        "warm:1",
        "sandbox:1",
        "server:1",
        "link",
        "link:",
        "link:x",
        "link:-1",
        "link:nan",
    ],
)
def test_names_of_nothing(name: str) -> None:
    with pytest.raises(EagerError, match="link:"):
        environment(name)


@pytest.mark.parametrize("name", ["local", "server", "link:1"])
def test_no_such_kernel(name: str, tmp_path: Path) -> None:
    where = environment(name)
    with (
        pytest.raises(KernelConnectionError, match="no kernel 'klingon'"),
        where.open("klingon", tmp_path),
    ):
        pass


def test_a_kernel_behind_a_link(tmp_path: Path) -> None:
    with environment("link:60").open("eager_python", tmp_path) as client:
        client.execute("pass")
        start = time.perf_counter()
        result = client.execute("import os; print(os.getcwd())")
        assert time.perf_counter() - start >= 0.06
        assert Path(result.outputs[0]["text"].strip()).samefile(tmp_path)
        assert client.run(["print('stre", "amed')\n"]).outputs[0]["text"] == "streamed\n"


def test_a_kernel_behind_a_server(tmp_path: Path) -> None:
    with environment("server").open("eager_python", tmp_path) as client:
        result = client.execute("import os; print(os.getcwd()); print(os.environ['IPYTHONDIR'])")
        folder, settings = map(Path, result.outputs[0]["text"].splitlines())
        assert folder.samefile(tmp_path)
        assert settings.parent.samefile(tmp_path)
        assert client.run(["print('stre", "amed')\n"]).outputs[0]["text"] == "streamed\n"
        told = client.execute("import psutil; print(psutil.Process().parent().cmdline())")
        assert "jupyter_server" in told.outputs[0]["text"]


def test_a_server_gives_its_kernels_no_arguments(tmp_path: Path) -> None:
    with (
        pytest.raises(EagerError, match="--imports ''"),
        environment("server").open("eager_python", tmp_path, ["--EagerRun.warm_imports=json"]),
    ):
        pass


@pytest.fixture
def echo() -> int:
    """The port of a server that sends back what it gets, until the other end has ended."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                while data := connection.recv(65536):
                    connection.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


def test_bytes_come_later_and_in_order(echo: int) -> None:
    sent = b"".join(number.to_bytes(4, "big") for number in range(100_000))
    with (
        slow_link([echo], 0.05) as (port,),
        socket.create_connection(("127.0.0.1", port)) as connection,
    ):
        connection.settimeout(20)
        start = time.perf_counter()
        connection.sendall(b"ping")
        assert connection.recv(4) == b"ping"
        assert time.perf_counter() - start >= 0.1

        def send() -> None:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        got = b""
        while data := connection.recv(65536):
            got += data
        sender.join()
        assert got == sent


def test_nobody_at_the_other_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    with (
        slow_link([free], 0.001) as (port,),
        socket.create_connection(("127.0.0.1", port)) as connection,
    ):
        connection.settimeout(20)
        assert connection.recv(1) == b""


def test_forked_kernels(tmp_path: Path) -> None:
    if cant_fork():
        pytest.skip("kernels are not forked here")
    where = environment("warm")
    with where.open("eager_python", tmp_path) as client:
        assert Path(
            client.execute("import os; print(os.getcwd())").outputs[0]["text"].strip()
        ).samefile(tmp_path)
        loaded = client.execute("import sys; 'pandas' in sys.modules")
        assert loaded.outputs[0]["data"]["text/plain"] == "True"
    with where.open("python3", tmp_path) as client:  # the stock kernel is as ever
        assert client.execute("1 + 1").status == "ok"


def test_kernels_that_are_locked_in(needs_sandbox: None, tmp_path: Path) -> None:
    assert can_lock_in()
    where = environment("sandbox")
    with where.open("eager_python", tmp_path) as client:
        denied = client.run("open('/data/x')")
        assert denied.outputs[-1]["text"].startswith("The sandbox")
    with where.open("python3", tmp_path) as client:
        assert client.execute("1 + 1").status == "ok"


def test_no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert not can_lock_in()
    with pytest.raises(EagerError, match="can't be locked in"):
        environment("sandbox")
