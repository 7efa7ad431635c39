"""Kernels of Jupyter servers: addresses, base URLs, gateways, and connections that break."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from eager_kernel import AsyncEagerClient, EagerClient
from eager_kernel.client import RunResult
from eager_kernel.errors import KernelConnectionError
from tests.client.test_interruption import once_told
from tests.servers import TOKEN, CuttingProxy, Server, running_server

PROGRAM = (
    "import sys\nn = int(input('n? '))\nprint('out', n)\nprint('err', file=sys.stderr)\n"
    "def f(x):\n    return x * n\n\n[f(i) for i in range(3)]"
)


@pytest.fixture
def proxy(server: Server) -> Iterator[CuttingProxy]:
    """A way to the server that a test may cut."""
    with CuttingProxy(server.port) as proxy:
        yield proxy


def ask(server: Server, method: str, path: str, **body: Any) -> Any:
    data = json.dumps(body).encode() if body else None
    headers = {"Authorization": f"token {server.token}"}
    request = urllib.request.Request(server.url + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.loads(response.read() or "null")


def check_a_session(client: EagerClient) -> None:
    """All that a client does, on a server of whatever kind."""
    result = client.run(list(PROGRAM), on_input=lambda prompt, password: "7")
    assert (result.status, result.program) == ("ok", PROGRAM)
    shown: dict[str, str] = {}
    for output in result.outputs:  # each stream is in order; in which pieces, a timer decides
        name = output.get("name", "value")
        text = output.get("text") or output["data"]["text/plain"]
        shown[name] = shown.get(name, "") + text
    assert shown == {"stdout": "out 7\n", "stderr": "err\n", "value": "[0, 7, 14]"}
    assert result.report is not None
    failed = client.run(["x = 1\n", "1 / 0\n", "x = 2\n"] + ["x += 1\n"] * 50)
    assert failed.error is not None
    assert (failed.error.ename, failed.error.lines) == ("ZeroDivisionError", (2, 2))
    sleeps = once_told("running", 1, client.interrupt)
    interrupted = client.run("import time\ntime.sleep(60)\n", gate="off", on_event=sleeps)
    assert interrupted.error is not None
    assert interrupted.error.ename == "KeyboardInterrupt"
    assert client.execute("x").outputs[0]["data"] == {"text/plain": "1"}


# Servers ------------------------------------------------------------------------------------


def test_a_server_under_a_base_url_as_hubs_have_it(tmp_path: Path) -> None:
    with running_server(tmp_path, base_url="/user/ada%20b/") as server:
        with EagerClient.start(url=f"{server.url}lab/tree/x.ipynb?token={TOKEN}") as client:
            check_a_session(client)
        assert ask(server, "GET", "api/kernels") == []  # it ended with the client
        log = server.log.read_text()
    assert TOKEN not in log


@pytest.mark.parametrize("protocol", ["v1", "first"])
def test_a_kernel_gateway(tmp_path: Path, protocol: str) -> None:
    pytest.importorskip("kernel_gateway")
    options = [] if protocol == "v1" else ["--ZMQChannelsWebsocketConnection.kernel_ws_protocol="]
    command = (sys.executable, "-m", "kernel_gateway")
    with (
        running_server(tmp_path, *options, command=command, app="KernelGatewayApp") as server,
        EagerClient.start(url=server.url, token=server.token) as client,
    ):
        check_a_session(client)


@pytest.mark.skipif(
    "EAGER_TEST_ENTERPRISE_GATEWAY" not in os.environ,
    reason="it needs libraries older than ours: name the program of an environment of its own",
)
def test_an_enterprise_gateway(tmp_path: Path) -> None:
    """With its local provisioner, and the kernel in this environment."""
    program = os.environ["EAGER_TEST_ENTERPRISE_GATEWAY"]
    spec = tmp_path / "share" / "kernels" / "eager_python"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "eager_kernel", "-f", "{connection_file}"]
    spec.joinpath("kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "EAGER", "language": "python"})
    )
    environment = {"JUPYTER_PATH": str(tmp_path / "share")}
    with (
        running_server(
            tmp_path, command=(program,), app="EnterpriseGatewayApp", environment=environment
        ) as server,
        EagerClient.start(
            url=server.url, token=server.token, env={"KERNEL_USERNAME": "ada"}
        ) as client,
    ):
        check_a_session(client)


def test_a_kernel_that_runs_already(server: Server) -> None:
    made = ask(server, "POST", "api/kernels", name="eager_python")
    try:
        with EagerClient.connect(
            url=server.url, token=server.token, kernel_id=made["id"]
        ) as client:
            client.run("kept = 5")
        with EagerClient.connect(
            url=server.url, token=server.token, kernel_id=made["id"]
        ) as client:
            assert client.run("kept").outputs[0]["data"] == {"text/plain": "5"}
    finally:
        ask(server, "DELETE", f"api/kernels/{made['id']}")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"url": "localhost:8888"}, "not the address of a Jupyter server"),
        ({"url": "http://me:pass@localhost/"}, "must hold no password"),
        ({"url": "{url}", "token": "wrong"}, "does not let us in.*check the token"),
        ({"url": "{url}wrong/", "token": TOKEN}, r"no such thing \(404\)"),
        ({"url": "{url}", "token": TOKEN, "kernel_id": "no-such"}, r"404"),
        ({"url": "http://127.0.0.1:9/", "kernel_id": "x"}, "nobody listens"),
        ({"url": "{url}", "connection_file": "a.json"}, "give a connection_file, or the url"),
        ({}, "give a connection_file, or the url"),
    ],
)
def test_what_is_wrong_is_said(server: Server, how: dict[str, str], message: str) -> None:
    how = {name: value.replace("{url}", server.url) for name, value in how.items()}
    with pytest.raises(KernelConnectionError, match=message) as caught:
        EagerClient.connect(**how)  # type: ignore[arg-type]
    assert TOKEN not in str(caught.value)
    assert "pass" not in str(caught.value).replace("password", "")


def test_a_kernel_that_dies(server: Server) -> None:
    # The server restarts it by itself.
    with (
        EagerClient.start(url=server.url, token=server.token) as client,
        pytest.raises(KernelConnectionError, match="died"),
    ):
        client.run("import os\nos._exit(1)\n", gate="off")


def test_a_server_that_says_nothing() -> None:
    """All of a start has one deadline, and what was begun is not waited for once more."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(KernelConnectionError, match=r"no kernel within 0\.5 s|in time"):
            EagerClient.start(url=url, token=TOKEN, timeout=0.5)
        with pytest.raises(KernelConnectionError, match=r"within 0\.5 s|in time"):
            EagerClient.connect(url=url, token=TOKEN, timeout=0.5)


def test_a_kernel_that_does_not_answer(server: Server, proxy: CuttingProxy) -> None:
    """The websocket opens, and nothing comes: the same deadline, and the kernel ends."""
    client = EagerClient.start(url=server.url, token=server.token)
    with client:
        kernel_id = client._client._transport.kernel_id  # type: ignore[attr-defined]
        os.kill(
            int(client.run("import os; os.getpid()").outputs[0]["data"]["text/plain"]),
            signal.SIGSTOP,
        )
        with pytest.raises(KernelConnectionError, match=r"did not answer within 2 s"):
            EagerClient.connect(url=server.url, token=server.token, kernel_id=kernel_id, timeout=2)


STUMBLES = """
import os, sys
from pathlib import Path
seen = Path(__file__).with_suffix(".seen")
if not seen.exists():
    seen.touch()
    sys.exit(1)
os.execv(sys.executable, [sys.executable, "-m", "eager_kernel", *sys.argv[1:]])
"""


def test_a_kernel_that_the_server_starts_twice(tmp_path: Path) -> None:
    """As one whose port was taken: it gets others, to which the first connection does not lead."""
    spec = tmp_path / "share" / "kernels" / "stumbles"
    spec.mkdir(parents=True)
    script = tmp_path / "stumbles.py"
    script.write_text(STUMBLES)
    argv = [sys.executable, str(script), "-f", "{connection_file}"]
    spec.joinpath("kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "It stumbles", "language": "python"})
    )
    environment = {"JUPYTER_PATH": str(tmp_path / "share")}
    with (
        running_server(tmp_path, environment=environment, ports=True) as server,
        EagerClient.start("stumbles", url=server.url, token=server.token) as client,
    ):
        assert client.run(["6 *", " 7"]).outputs[0]["data"]["text/plain"] == "42"
        assert "restarting kernel (1/5), new random ports" in server.log.read_text()


def test_a_redirect_does_not_get_the_token() -> None:
    asked: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/other")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Be quiet."""

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        with pytest.raises(KernelConnectionError, match=r"sends us elsewhere \(302\)"):
            EagerClient.connect(
                url=f"http://127.0.0.1:{http.server_port}/", token=TOKEN, kernel_id="x"
            )
        http.shutdown()
        thread.join()
    assert asked == ["/api/kernels/x"]


# Connections that break ---------------------------------------------------------------------

COUNT = "import time\nran = globals().get('ran', [])\n"


def lines(count: int) -> list[str]:
    return [f"ran.append({i}); print({i})\n" for i in range(count)]


def printed(result: RunResult) -> str:
    return "".join(o.get("text", "") for o in result.outputs)


def check_whole(result: RunResult, client: EagerClient, count: int) -> None:
    """Everything has run once, and all it printed has come, in order."""
    numbers = list(range(count))
    assert result.error is None
    assert result.status == "ok"
    assert printed(result) == "".join(f"{i}\n" for i in numbers)
    assert result.program == COUNT + "".join(lines(count))
    assert result.reply["status"] == "ok"
    ran = client.run("ran").outputs[0]["data"]["text/plain"]
    assert ran.replace("\n", "").replace(" ", "") == str(numbers).replace(" ", "")


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "with another client"])
@pytest.mark.parametrize("how", ["cut", "cut and refuse", "freeze"])
def test_a_connection_that_breaks_in_the_middle(
    server: Server, proxy: CuttingProxy, how: str, alone: bool
) -> None:
    """Alone, the server keeps messages of the kernel for us; with others it does not."""
    url = f"http://127.0.0.1:{proxy.port}/"
    count = 120

    def deltas() -> Iterator[str]:
        yield COUNT
        for i, line in enumerate(lines(count)):
            time.sleep(0.01)
            if i in (30, 60, 75):
                if how == "freeze":
                    proxy.freeze()
                    threading.Timer(0.3, proxy.cut).start()
                else:
                    proxy.cut(refuse=how != "cut")
                    threading.Timer(0.3, proxy.accept).start()
            yield line

    with EagerClient.start(url=url, token=server.token) as client:
        if alone:
            result = client.run(deltas())
        else:
            kernel_id = client._client._transport.kernel_id  # type: ignore[attr-defined]
            with EagerClient.connect(url=server.url, token=server.token, kernel_id=kernel_id):
                result = client.run(deltas())
        assert proxy.cuts == 3
        check_whole(result, client, count)


def test_a_connection_that_breaks_while_the_text_has_ended(
    server: Server, proxy: CuttingProxy
) -> None:
    """The result and the reply come while nobody listens."""
    with EagerClient.start(url=f"http://127.0.0.1:{proxy.port}/", token=server.token) as client:
        threading.Timer(0.7, proxy.cut, kwargs={"refuse": True}).start()
        threading.Timer(2.5, proxy.accept).start()
        program = "import time\nprint('a')\ntime.sleep(1.5)\nprint('b')\n6 * 7"
        result = client.run(program, user_expressions={"one": "1"})
        assert printed(result) == "a\nb\n"
        assert result.outputs[-1]["data"] == {"text/plain": "42"}
        assert result.reply["user_expressions"]["one"]["data"]["text/plain"] == "1"


def test_more_than_fits_into_one_answer(server: Server, proxy: CuttingProxy) -> None:
    """The server is not to take what comes again for a flood."""
    program = (
        "import time\nfrom IPython.display import display\ntime.sleep(0.7)\n"
        "for i in range(700):\n    display(i)\n\ntime.sleep(0.5)\n'end'"
    )
    with EagerClient.start(url=f"http://127.0.0.1:{proxy.port}/", token=server.token) as client:
        threading.Timer(0.4, proxy.cut, kwargs={"refuse": True}).start()
        threading.Timer(2.5, proxy.accept).start()
        result = client.run(program, gate="off")
    shown = [o["data"]["text/plain"] for o in result.outputs]
    assert shown == [*map(str, range(700)), "'end'"]


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "with another client"])
def test_a_question_that_is_asked_while_nobody_listens(
    server: Server, proxy: CuttingProxy, alone: bool
) -> None:
    asked: list[str] = []

    def answer(prompt: str, password: bool) -> str:
        asked.append(prompt)
        if len(asked) == 2:
            proxy.freeze()  # the answer is lost
            threading.Timer(0.3, proxy.cut).start()
        return prompt.upper()

    program = (
        "import time\ntime.sleep(0.7)\na = input('a'); b = input('b'); c = input('c')\na, b, c"
    )
    with EagerClient.start(url=f"http://127.0.0.1:{proxy.port}/", token=server.token) as client:
        kernel_id = client._client._transport.kernel_id  # type: ignore[attr-defined]
        threading.Timer(0.4, proxy.cut, kwargs={"refuse": True}).start()
        threading.Timer(1.2, proxy.accept).start()
        if alone:
            result = client.run(program, on_input=answer)
        else:
            with EagerClient.connect(url=server.url, token=server.token, kernel_id=kernel_id):
                result = client.run(program, on_input=answer)
    assert asked == ["a", "b", "c"]
    assert result.outputs[-1]["data"] == {"text/plain": "('A', 'B', 'C')"}


def test_an_error_while_nobody_listens_closes_the_deltas(
    server: Server, proxy: CuttingProxy
) -> None:
    given, closed = 0, False

    def deltas() -> Iterator[str]:
        nonlocal given, closed
        try:
            yield "import time\ntime.sleep(0.5)\n1 / 0\n"
            time.sleep(0.2)
            proxy.cut(refuse=True)
            threading.Timer(1, proxy.accept).start()
            for _ in range(5000):
                given += 1
                time.sleep(0.01)
                yield "x = 1\n"
        finally:
            closed = True

    with EagerClient.start(url=f"http://127.0.0.1:{proxy.port}/", token=server.token) as client:
        result = client.run(deltas(), gate="off")
    assert result.error is not None
    assert result.error.ename == "ZeroDivisionError"
    assert result.stop_reason == "error"
    assert closed
    assert given < 5000


def test_a_connection_that_breaks_between_runs(server: Server, proxy: CuttingProxy) -> None:
    with EagerClient.start(url=f"http://127.0.0.1:{proxy.port}/", token=server.token) as client:
        client.run("a = 1")
        proxy.cut()
        assert client.run("a").outputs[0]["data"] == {"text/plain": "1"}
        proxy.cut()
        assert client.run("a + 1").outputs[0]["data"] == {"text/plain": "2"}


def test_an_ordinary_cell_whose_connection_breaks(server: Server, proxy: CuttingProxy) -> None:
    """It can't be known what it showed."""
    with EagerClient.start(url=f"http://127.0.0.1:{proxy.port}/", token=server.token) as client:
        threading.Timer(0.5, proxy.cut).start()
        with pytest.raises(KernelConnectionError, match="may have run"):
            client.execute("import time; time.sleep(1.5)")
        assert client.run("1").status == "ok"


async def test_a_server_that_does_not_come_back(server: Server, proxy: CuttingProxy) -> None:
    async def deltas() -> AsyncIterator[str]:
        yield "a = 1\n"
        await asyncio.sleep(0.2)
        proxy.cut(refuse=True)
        await asyncio.sleep(60)

    url = f"http://127.0.0.1:{proxy.port}/"
    client = await AsyncEagerClient.start(url=url, token=server.token)
    client._transport._patience = 1.0  # type: ignore[attr-defined]
    with pytest.raises(KernelConnectionError, match=r"broke|nobody listens|in time"):
        await client.run(deltas())
    proxy.accept()
    await client.close()


def test_the_command_line(server: Server, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("6 * 7\n")
    command = [sys.executable, "-m", "eager_kernel.cli", "run", str(program), "--url", server.url]

    def run(token: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "JUPYTER_TOKEN": token}
        return subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=60, check=False
        )

    done = run(server.token)
    assert (done.stdout, done.returncode) == ("42\n", 0), done.stderr
    refused = run("wrong")
    assert refused.returncode == 1
    assert "check the token" in refused.stderr
