"""A Jupyter server with the extension, and a model that writes what it is asked to."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from eager_kernel.sources.recording import RecordedAnswer, TimedDelta, format_answer
from tests.servers import Server, running_server
from tests.sources.providers import OpenAI
from tests.sources.server import Asked, Connection
from tests.sources.server import Server as ModelServer

KEY = "a-key-of-no-known-form-9876543210"
FILE_KEY = "another-key-from-a-file-5566778899"
SAYS = OpenAI()
TIMEOUT = 60


class Echo:
    """A model on a loopback server, in a thread: its answer is the prompt, piece by piece.

    A line ``# pause`` lets it be silent until it is closed; a prompt ``refuse`` is refused, with
    the key in the message.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.gone = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = ModelServer(self._answer)
        asyncio.run_coroutine_threadsafe(self._server.__aenter__(), self._loop).result(20)
        self.url = self._server.url

    async def _answer(self, connection: Connection) -> None:
        self.asked.append(connection.asked)
        prompt = connection.asked.body["messages"][-1]["content"]
        if prompt == "refuse":
            key = connection.asked.headers["authorization"].removeprefix("Bearer ")
            await connection.refuse(401, SAYS.error(f"{key} is no key", "invalid_api_key"))
            return
        await connection.begin()
        for piece in SAYS.begin():
            await connection.send(piece)
        for line in prompt.splitlines(keepends=True):
            if line.startswith("# pause"):
                await connection.until_gone()
                self.gone.set()
                return
            for i in range(0, len(line), 20):
                await connection.send(SAYS.text(line[i : i + 20]))
        for piece in SAYS.end():
            await connection.send(piece)
        await connection.end()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._server.__aexit__(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


@dataclass
class Api:
    """The extension's interface, as a program with the server's token uses it."""

    server: Server

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self.server.token}"}

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {**self.headers, **more.pop("headers", {})}
        url = f"{self.server.url}{path}"
        return requests.request(method, url, headers=headers, timeout=TIMEOUT, **more)

    def begin(self, kernel: str, prompt: str, **more: Any) -> requests.Response:
        body = {"kernel_id": kernel, "prompt": prompt, "format": "python", **more}
        return self.ask("POST", "eager/api/runs", json=body)

    def events(self, run_id: str, after: int = 0) -> Iterator[tuple[int, str, Any]]:
        """The events of a run, as they come."""
        headers = {"Last-Event-ID": str(after)}
        path = f"eager/api/runs/{run_id}/events"
        with self.ask("GET", path, headers=headers, stream=True) as response:
            assert response.status_code == 200, response.text
            assert response.headers["Content-Type"].startswith("text/event-stream")
            fields: dict[str, str] = {}
            for line in response.iter_lines(chunk_size=None, decode_unicode=True):
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                elif "data" in fields:
                    yield int(fields["id"]), fields["event"], json.loads(fields["data"])
                    fields = {}

    def run(self, kernel: str, prompt: str, **more: Any) -> list[tuple[int, str, Any]]:
        """Run a prompt to its end."""
        begun = self.begin(kernel, prompt, **more)
        assert begun.status_code == 201, begun.text
        return list(self.events(begun.json()["id"]))


def shown(events: list[tuple[int, str, Any]]) -> str:
    """What a run's outputs show, as text."""
    outputs = [data["output"] for _, kind, data in events if kind == "output"]
    return "".join(
        o.get("text") or o.get("data", {}).get("text/plain") or o.get("evalue", "") for o in outputs
    )


def end_runs(api: Api) -> None:
    """End all that runs, and wait for it."""
    runs = api.ask("GET", "eager/api/runs").json()
    for run in runs:
        api.ask("DELETE", f"eager/api/runs/{run['id']}")
    for run in runs:
        assert list(api.events(run["id"]))[-1][1] == "end"


@pytest.fixture(scope="session")
def echo() -> Iterator[Echo]:
    """The model."""
    pytest.importorskip("openai")
    echo = Echo()
    yield echo
    echo.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, echo: Echo) -> Iterator[Server]:
    """The server. It has the key in its environment, and another in a file."""
    pytest.importorskip("jupyter_server")
    folder: Path = tmp_path_factory.mktemp("server")
    key_file = folder / "key"
    key_file.write_text(FILE_KEY + "\n")
    key_file.chmod(0o600)
    recording = folder / "recording.jsonl"
    answer = RecordedAnswer((TimedDelta(0, "print('recorded')\n"),), "stop")
    recording.write_text(format_answer(answer))
    reach = {"api_base": f"{echo.url}/v1"}
    models = {
        "openai/echo": {**reach, "credential": "EAGER_TEST_KEY", "max_tokens": 500},
        "openai/from-a-file": {**reach, "credential": "OTHER_KEY", "key_file": str(key_file)},
        f"recorded/{recording}": {},
    }
    config = folder / "config"
    config.mkdir()
    config.joinpath("jupyter_server_config.py").write_text(
        f"c.EagerServer.models = {models!r}\n"
        "c.EagerServer.max_runs_per_user = 20\n"
        "c.EagerServer.max_prompt_chars = 5000\n"
        "c.EagerServer.max_answer_chars = 4000\n"
    )
    environment = {"EAGER_TEST_KEY": KEY}
    with running_server(folder, base_url="/user/ada/", environment=environment) as server:
        yield server


@pytest.fixture
def api(server: Server) -> Api:
    """The interface."""
    return Api(server)


@pytest.fixture(scope="module")
def kernel(server: Server) -> Iterator[str]:
    """The id of a kernel of the server."""
    api = Api(server)
    kernel_id = api.ask("POST", "api/kernels", json={"name": "eager_python"}).json()["id"]
    yield kernel_id
    api.ask("DELETE", f"api/kernels/{kernel_id}")
