"""Warm and locked-in kernels of a Jupyter Server and of a Kernel Gateway, by their kernelspecs."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from eager_kernel import EagerClient
from eager_kernel.errors import KernelConnectionError
from tests.sandbox.conftest import found, needs_sandbox
from tests.servers import Server, running_server
from tests.warm.conftest import value
from tests.warm.test_life import until

__all__ = ["found", "needs_sandbox"]  # fixtures
pytestmark = pytest.mark.timeout(400)  # the first kernel waits for a process that imports all
GATEWAY = (sys.executable, "-m", "kernel_gateway")


@pytest.fixture(scope="module", params=["server", "gateway"])
def server(
    specs: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("servers")
    if request.param == "server":
        pytest.importorskip("jupyter_server")
        with running_server(folder) as running:
            yield running
    else:
        pytest.importorskip("kernel_gateway")
        listing = ["--KernelGatewayApp.allow_origin=*"]
        with running_server(folder, *listing, command=GATEWAY, app="KernelGatewayApp") as running:
            yield running


def ask(server: Server, method: str, path: str) -> Any:
    headers = {"Authorization": f"token {server.token}"}
    request = urllib.request.Request(server.url + path, None, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.loads(response.read() or "null")


def command_of(pid: int) -> str:
    return " ".join(psutil.Process(pid).cmdline())


def test_a_warm_kernel(server: Server) -> None:
    with EagerClient.start(url=server.url, token=server.token, warm=True, timeout=200) as client:
        assert client.run(["6 *", " 7"]).outputs[0]["data"]["text/plain"] == "42"
        parent = value(client, "__import__('os').getppid()")
        assert "eager_kernel.warm.template" in command_of(parent)
        environment = Path(f"/proc/{parent}/environ").read_bytes()
        assert server.token.encode() not in environment
    if "kernel_gateway" in command_of(server.process.pid):
        return
    # It is started anew where it dies, as any kernel of the server is.
    with EagerClient.start(url=server.url, token=server.token, warm=True, timeout=200) as client:
        pid = value(client, "__import__('os').getpid()")
        (kernel,) = ask(server, "GET", "api/kernels")
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(KernelConnectionError):
            client.run("import time\ntime.sleep(30)")
        until(lambda: ask(server, "GET", "api/kernels")[0]["execution_state"] != "dead")
        address = {"url": server.url, "token": server.token, "kernel_id": kernel["id"]}
        with EagerClient.connect(**address) as again:
            assert value(again, "__import__('os').getpid()") != pid


def test_a_locked_in_kernel(needs_sandbox: None, server: Server) -> None:
    with EagerClient.start(url=server.url, token=server.token, sandbox=True, timeout=200) as client:
        assert value(client, "__import__('os').getppid()") == 0
        failed = client.run("open('/data/x.csv')")
        assert "read=['/data']" in failed.outputs[-1]["text"]
        client.interrupt()
        assert client.run(["6 *", " 7"]).outputs[0]["data"]["text/plain"] == "42"


def test_why_there_is_no_kernel(needs_sandbox: None, server: Server, tmp_path: Path) -> None:
    """The server's user is told, and not that there was an unhandled error."""
    link = server.log.parent / "root" / "home"
    link.symlink_to(Path.home())
    try:
        with pytest.raises(KernelConnectionError, match="has your home in it"):
            EagerClient.start(url=server.url, token=server.token, sandbox=True, path="home")
    finally:
        link.unlink()


def test_what_a_servers_kernels_may_is_not_the_clients_to_say(server: Server) -> None:
    with pytest.raises(KernelConnectionError, match="configured there"):
        EagerClient.start(url=server.url, token=server.token, sandbox={"network": True})
