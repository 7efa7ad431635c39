"""A page that offers the models of its server, and a server that answers, both played by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from eager_kernel.testing.wire import Heard, WireStream
from tests.conftest import Starter

MODEL = "openai/served"
OFFER = {"version": 1, "models": [MODEL], "config_file": "/home/ada/jupyter_server_config.py"}


@pytest.fixture(scope="module")
def client(start_kernel: Starter) -> BlockingKernelClient:
    _, client = start_kernel("eager_python")
    cell = WireStream(client).execute("%config EagerModel.view = False")
    assert cell.finish().reply["status"] == "ok"
    return client


class Played(WireStream):
    """A comm of the page's, or of the server's."""

    def begin(self, target: str, data: Any) -> Played:
        content = {"comm_id": self.comm_id, "target_name": target, "data": data}
        self.send("comm_open", content)
        return self

    def shut(self) -> None:
        self.send("comm_close", {"comm_id": self.comm_id, "data": {}})


class Cell(WireStream):
    """A cell as JupyterLab runs it: with an id. It hears what page and server hear, too."""

    def run(self, code: str, *others: Played) -> Cell:
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        content["stop_on_error"] = False  # or the next test's cell may be dropped
        message = self.client.session.msg("execute_request", content)
        message["metadata"]["cellId"] = "the-cell"
        self.client.shell_channel.send(message)
        self.request, self.heard.closed = message["header"]["msg_id"], True
        self.others = others
        return self

    def _take(self, message: dict[str, Any]) -> None:
        super()._take(message)
        for other in self.others:
            other._take(message)

    def wait(self, played: Played, kind: str, count: int = 1) -> dict[str, Any]:
        """Wait for what one of them is told, for the `count`-th time."""

        def told(_: Heard) -> bool:
            return len(of_kind()) >= count

        def of_kind() -> list[dict[str, Any]]:
            return [data for data in played.heard.comm if data.get("type") == kind]

        self.listen(until=told)
        return of_kind()[count - 1]


@pytest.fixture
def page(client: BlockingKernelClient) -> Iterator[Played]:
    page = Played(client).begin("eager.page", OFFER)
    yield page
    page.shut()


Serve = Callable[..., tuple[Cell, Played]]


@pytest.fixture
def serve(client: BlockingKernelClient, page: Played) -> Serve:
    """Run a cell until its model has been asked."""

    def serve(code: str) -> tuple[Cell, Played]:
        server = Played(client)
        cell = Cell(client).run(code, page, server)
        want = cell.wait(page, "want")
        assert (want["cell_id"], want["request"]) == ("the-cell", cell.request)
        page.data({"type": "heard", "cell_id": "the-cell"})
        server.begin("eager.models", {"version": 1, "cell_id": "the-cell"})
        cell.wait(server, "generate")
        return cell, server

    return serve


def answer(server: Played, number: int, *pieces: str, finish: bool = True) -> None:
    sent = 0
    for piece in pieces:
        server.data({"type": "delta", "id": number, "text": piece, "offset": sent})
        sent += len(piece)
    if finish:
        server.data({"type": "finish", "id": number, "reason": "stop", "usage": None})


def test_a_served_model_answers_and_repairs(serve: Serve, page: Played) -> None:
    cell, server = serve("%%eager --repair 1 --fresh\nwhat of {{n}}?")
    want = next(data for data in page.heard.comm if data["type"] == "want")
    assert (want["model"], want["requests"]) == (MODEL, 2)
    asked = cell.wait(server, "generate")["request"]
    assert asked["messages"][-1] == {"role": "user", "text": "what of {n}?"}
    answer(server, 0, "print('one')\n", "missing\n")
    again = cell.wait(server, "generate", count=2)
    assert again["request"]["attempt"] == 1
    assert "NameError" in again["request"]["messages"][-1]["text"]
    answer(server, again["id"], "print('two')\n")
    assert cell.finish().text() == "one\ntwo\n"
    cell.listen(until=lambda _: server.heard.closed)


def test_what_the_server_says_of_a_fault_is_the_cells(serve: Serve) -> None:
    cell, server = serve("%%eager\ndo it")
    fault = {"kind": "SourceError", "message": "openai/served does not accept the key (401)"}
    server.data({"type": "error", "id": 0, **fault})
    (error,) = [m["content"] for m in cell.finish().iopub if m["msg_type"] == "error"]
    assert (error["ename"], error["evalue"]) == (fault["kind"], fault["message"])


def test_what_the_page_refuses_is_the_cells(client: BlockingKernelClient, page: Played) -> None:
    cell = Cell(client).run("%%eager\ndo it", page)
    cell.wait(page, "want")
    page.data({"type": "refused", "cell_id": "the-cell", "message": "the server says 429"})
    (error,) = [m["content"] for m in cell.finish().iopub if m["msg_type"] == "error"]
    assert error["evalue"] == "the server says 429"


def test_text_that_was_lost_is_no_program(serve: Serve) -> None:
    cell, server = serve("%%eager\ndo it")
    server.data({"type": "delta", "id": 0, "text": "print('one')\n", "offset": 0})
    server.data({"type": "delta", "id": 0, "text": "print('three')\n", "offset": 26})
    heard = cell.finish()
    assert heard.errors() == ["SourceError"]
    assert "three" not in heard.text()


def test_a_server_that_goes_ends_the_run(serve: Serve) -> None:
    cell, server = serve("%%eager\ndo it")
    server.shut()
    (error,) = [m["content"] for m in cell.finish().iopub if m["msg_type"] == "error"]
    assert "the Jupyter server has ended the run" in error["evalue"]


def test_a_page_that_does_not_answer(client: BlockingKernelClient, page: Played) -> None:
    patience = "from eager_kernel.kernel import served; served._UNTIL_A_PAGE_ANSWERS = {}"
    WireStream(client).execute(patience.format(0.1)).finish()
    heard = Cell(client).run("%%eager\ndo it", page).finish()
    WireStream(client).execute(patience.format(60)).finish()
    (error,) = [m["content"] for m in heard.iopub if m["msg_type"] == "error"]
    assert "reload it" in error["evalue"]


@pytest.mark.parametrize(
    "data",
    [
        {"type": "delta", "id": 0},
        {"type": "progress", "id": 0, "text": 5},
        {"type": "nothing", "id": 0},
        "text",
    ],
)
def test_a_wrong_message_is_told_and_ends_nothing(serve: Serve, data: Any) -> None:
    cell, server = serve("%%eager --fresh\ndo it")
    server.data(data)
    if data != {"type": "progress", "id": 0, "text": 5}:
        assert "data" in cell.wait(server, "error")["message"]
    answer(server, 0, "print('all the same')\n")
    assert cell.finish().text() == "all the same\n"


@pytest.mark.parametrize("data", [{"models": "one"}, {"gate": "ajar"}, "text", {"model": 5}])
def test_a_wrong_offer_is_told(client: BlockingKernelClient, data: Any) -> None:
    page = Played(client).begin("eager.page", data)
    cell = Cell(client).run("1 + 1", page)
    assert "data" in cell.wait(page, "error")["message"]
    assert cell.finish().displayed() == ["2"]


def test_stop_before_it_begins_and_while_it_writes(
    client: BlockingKernelClient, page: Played, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    waits = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)"
    first = Cell(client).run(waits, page)
    second = Cell(client).run("%%eager\ndo it", page)
    page.data({"type": "stop", "request": second.request})
    first.others = (page, second)  # type: ignore[assignment]
    page.data({"type": "of no type"})
    first.wait(page, "error")
    go.touch()  # by now the kernel knows of the stop
    first.finish()
    heard = second.finish()
    assert heard.errors() == ["RunCancelledError"]
    assert not [data for data in page.heard.comm if data["type"] == "want"]
    third = Cell(client).run("%%eager\ndo it", page)
    third.wait(page, "want")
    page.data({"type": "stop", "request": third.request})
    assert third.finish().errors() == ["KeyboardInterrupt"]


def test_stop_while_it_is_prepared(client: BlockingKernelClient, page: Played) -> None:
    slow = "class Slow:\n    def __repr__(self):\n        time.sleep(1)\n        return 'slow'\n"
    Cell(client).run(f"import time\n{slow}s = Slow()", page).finish()
    cell = Cell(client).run("%%eager\ndo it with {s}", page)
    cell.listen(until=lambda heard: heard.iopub)  # it is busy: with the prompt, for a second
    time.sleep(0.2)
    page.data({"type": "stop", "request": cell.request})
    assert cell.finish().errors() == ["KeyboardInterrupt"]


def test_without_a_page_the_kernel_asks(client: BlockingKernelClient) -> None:
    heard = Cell(client).run(f"%%eager --model {MODEL}\ndo it").finish()
    assert heard.errors()  # it has no key, or not the library: but it is the kernel that says so
    assert "page" not in str(heard.iopub)


def test_a_cell_of_a_frontend_without_ids_is_not_served(
    client: BlockingKernelClient, page: Played
) -> None:
    heard = WireStream(client).execute("%eager model").finish()
    assert f"the Jupyter server asks: {MODEL}" in heard.text()
    cell = Cell(client)
    cell.others = (page,)
    cell.execute(f"%%eager --model {MODEL}\ndo it")
    assert cell.finish().errors()
    assert not [data for data in page.heard.comm if data["type"] == "want"]
