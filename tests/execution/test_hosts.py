"""Connections to hosts that the user has named need not wait."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from eager_kernel.core.effects.hosts import parse_host
from eager_kernel.execution import hosts as module
from eager_kernel.execution.hosts import Hosts
from tests.execution.journalled import Run

ASK = """
import http.client
client = http.client.HTTPConnection({host!r}, {port})
client.request("GET", "/")
status = client.getresponse().status
"""
SEND = """
import socket
sender = socket.socket(type=socket.SOCK_DGRAM)
sent = sender.sendto(b"x", ({host!r}, {port}))
sender.connect(({host!r}, {port}))
sent += sender.sendmsg([b"y"])
sender.close()
"""
AWAIT = """
import asyncio
async def ask():
    reader, writer = await asyncio.open_connection({host!r}, {port})
    writer.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
    line = await reader.readline()
    writer.close()
    return line
line = asyncio.run(ask())
"""


class Quiet(SimpleHTTPRequestHandler):
    """Answers, and tells nobody."""

    def log_message(self, *about: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def ran(tmp_path: Path, hosts: list[str], program: str, patience: float = 10) -> Run:
    folder = tmp_path / "work"
    folder.mkdir()
    run = Run(tmp_path / "undo", folder, hosts=Hosts(map(parse_host, hosts)))
    run.go(program, well=True, patience=patience)
    return run


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("program", [ASK, SEND, AWAIT], ids=["http", "udp", "asyncio"])
def test_it_need_not_wait(tmp_path: Path, port: int, host: str, program: str) -> None:
    run = ran(tmp_path, [f"{host}:{port}"], program.format(host=host, port=port))
    assert run.held == []
    told = {run.namespace.get(name) for name in ("status", "sent", "line")}
    assert told & {200, 2, b"HTTP/1.0 200 OK\r\n"}


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1:1"], ["a.invalid"], ["10.0.0.1"]])
def test_others_wait(tmp_path: Path, port: int, hosts: list[str]) -> None:
    run = ran(tmp_path, hosts, ASK.format(host="127.0.0.1", port=port), patience=0.5)
    (held,) = run.held
    assert held == f"connects to '127.0.0.1', port {port}"


def test_a_connection_is_known_by_where_the_name_leads(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def look_up(name: str, _: None) -> list[tuple[object, ...]]:
        asked.append(name)
        return [(2, 1, 6, "", ("127.0.0.1", 0))]

    monkeypatch.setattr(module, "getaddrinfo", look_up)
    monkeypatch.setattr(module, "_AGAIN", 1e9)
    run = ran(tmp_path, ["a.test:80", f"b.test:{port}"], ASK.format(host="127.0.0.1", port=port))
    assert run.held == []
    assert asked == ["b.test"]


@pytest.mark.parametrize(
    ("event", "arguments", "passes"),
    [
        ("socket.getaddrinfo", ("A.test", 443, 0, 1, 0), True),
        ("socket.getaddrinfo", (b"a.test", None, 0, 1, 0), True),
        ("socket.getaddrinfo", ("below.a.test", 443, 0, 1, 0), False),
        ("socket.gethostbyname", ("a.test",), True),
        ("socket.gethostbyname", (7,), False),
        ("socket.connect", (None, ("::ffff:10.0.0.9", 5, 0, 0)), True),
        ("socket.connect", (None, ("10.0.0.9", 6)), False),
        ("socket.connect", (None, "/a/socket"), False),
        ("socket.bind", (None, ("10.0.0.9", 5)), False),
        ("socket.sendmsg", (socket.socket(), None), False),
        ("http.client.send", (object(), b""), False),
        ("http.client.send", (), False),
        ("subprocess.Popen", ("a.test", [], None, None), False),
    ],
)
def test_what_passes(event: str, arguments: tuple[object, ...], passes: bool) -> None:
    assert Hosts([parse_host("a.test:443"), parse_host("10.0.0.9:5")]).spare(event, arguments) == (
        passes
    )


def test_nothing_is_sent_for_a_program_that_is_none(tmp_path: Path, port: int) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    run = Run(tmp_path / "undo", folder, hosts=Hosts([parse_host("127.0.0.1")]))
    run.barrier.deny("the program does not parse")
    run.go(ASK.format(host="127.0.0.1", port=port), well=False)
    assert len(run.held) == 1
