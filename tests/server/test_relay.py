"""Runs whose prompt the kernel makes: the server's model for one cell, as often as it may ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from eager_kernel.testing.wire import WireStream
from tests.server.conftest import Api, Echo
from tests.servers import Server


@pytest.fixture(scope="module")
def page(server: Server, kernel: str) -> Iterator[BlockingKernelClient]:
    """A client of the kernel that does what a page does."""
    client = BlockingKernelClient()
    client.load_connection_file(str(server.runtime / f"kernel-{kernel}.json"))
    client.hb_channel.time_to_dead = 20.0  # a busy machine's kernel is not dead
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield client
    client.stop_channels()


class Comm(WireStream):
    """Hears a comm that somebody else has opened, and whatever else there is."""

    def hears(self, kind: str, seconds: float = 20) -> dict[str, Any]:
        """Wait for what is told on it."""

        def there(heard: Any) -> bool:
            return any(data.get("type") == kind for data in heard.comm)

        self.listen(seconds, until=there)
        return [data for data in self.heard.comm if data.get("type") == kind][-1]


def begin(api: Api, kernel: str, **more: Any) -> Any:
    wanted = {"kernel_id": kernel, "cell": "kernel", "cell_id": "a-cell", **more}
    return api.ask("POST", "eager/api/runs", json=wanted)


def offer(page: BlockingKernelClient) -> Comm:
    """Offer the server's model."""
    comm = Comm(page)
    data = {"version": 1, "models": ["openai/echo"]}
    comm.send("comm_open", {"comm_id": comm.comm_id, "target_name": "eager.page", "data": data})
    return comm


def test_a_cell_is_answered_by_the_servers_model(
    api: Api, kernel: str, page: BlockingKernelClient, echo: Echo
) -> None:
    offered = offer(page)
    content = {"code": "%%eager --fresh\nprint('relayed')", "silent": False, "store_history": True}
    message = page.session.msg("execute_request", {**content, "user_expressions": {}})
    message["metadata"]["cellId"] = "a-cell"
    page.shell_channel.send(message)
    offered.request = message["header"]["msg_id"]
    want = offered.hears("want")
    run = begin(api, kernel, model=want["model"], requests=want["requests"])
    assert run.status_code == 201, run.text
    assert (run.json()["cell"], run.json()["model"]) == ("kernel", "openai/echo")
    offered.listen(until=lambda heard: heard.text() == "relayed\n")
    events = list(api.events(run.json()["id"]))
    assert "".join(data["text"] for _, kind, data in events if kind == "delta") == (
        "print('relayed')"
    )
    assert events[-1][1:] == ("end", {"status": "ok"})
    assert [m["role"] for m in echo.asked[-1].body["messages"]] == ["system", "user"]
    offered.send("comm_close", {"comm_id": offered.comm_id, "data": {}})


def ask_cell(page: BlockingKernelClient, offered: Comm, code: str) -> None:
    """Have a cell of the page ask the server's model."""
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
    message = page.session.msg("execute_request", content)
    message["metadata"]["cellId"] = "a-cell"
    page.shell_channel.send(message)
    offered.request = message["header"]["msg_id"]


def test_a_cell_of_several_steps(
    api: Api, kernel: str, page: BlockingKernelClient, echo: Echo
) -> None:
    """The model repeats what it is told: a program, and then words."""
    offered, before = offer(page), len(echo.asked)
    ask_cell(page, offered, "%%eager --fresh --steps 3\nprint('relayed')\n6 * 7")
    want = offered.hears("want")
    assert want["requests"] == 3
    run = begin(api, kernel, model=want["model"], requests=want["requests"])
    assert run.status_code == 201, run.text

    def answered(heard: Any) -> bool:
        shown = [m for m in heard.iopub if m["msg_type"] == "display_data"]
        return any("Output of the program" in str(m["content"]["data"]) for m in shown)

    offered.listen(until=answered)
    assert offered.heard.displayed() == ["42"]
    assert len(echo.asked) == before + 2
    first, second = (asked.body["messages"] for asked in echo.asked[before:])
    assert second[: len(first)] == first
    assert "Output of the program:\nrelayed\n42" in second[-1]["content"]
    offered.send("comm_close", {"comm_id": offered.comm_id, "data": {}})


def test_a_cell_that_may_ask_too_often_says_so_before_it_begins(page: BlockingKernelClient) -> None:
    offered = offer(page)
    ask_cell(page, offered, "%%eager --fresh --steps 20 --repair 1\nprint('relayed')")
    offered.listen(until=lambda heard: heard.errors())
    (error,) = [m["content"] for m in offered.heard.iopub if m["msg_type"] == "error"]
    assert "may ask its model 40 times" in error["evalue"]
    assert "give --steps or --repair a lower number" in error["evalue"]
    offered.send("comm_close", {"comm_id": offered.comm_id, "data": {}})


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"prompt": "x"}, "prompt: is the kernel's to say"),
        ({"gate": "off"}, "gate: is the kernel's to say"),
        ({"cell_id": None}, "cell_id: must be a string"),
        ({"requests": 33}, "requests: must be an integer from 1 to 32"),
        ({"cell": "page", "prompt": "x"}, 'cell_id: is of runs whose cell is "kernel"'),
    ],
)
def test_what_is_wrong_is_refused(api: Api, kernel: str, wanted: Any, said: str) -> None:
    answer = begin(api, kernel, **wanted)
    assert answer.status_code == 400
    assert said in answer.json()["message"]


def test_a_kernel_that_wants_too_much(
    api: Api, kernel: str, page: BlockingKernelClient, echo: Echo
) -> None:
    """Code in the kernel can ask what it likes, but not more often, longer or of another model."""
    # The kernel has no cell that waits: it closes the comm, so this is what its code could do.
    program = """
    from eager_kernel.kernel import pages
    _old = pages.Pages.open
    def _open(self, target, comm_id, data, send):
        send("comm_msg", {"type": "generate", "id": 1, "request": {"messages": "all"}})
        send("comm_msg", {"type": "generate", "id": 2, "model": "openai/from-a-file",
             "request": {"messages": [{"role": "user", "text": "x" * 5001}]}})
        send("comm_msg", {"type": "generate", "id": 3,
             "request": {"messages": [{"role": "user", "text": "fine"}], "max_tokens": 10**6}})
        send("comm_msg", {"type": "generate", "id": 4,
             "request": {"messages": [{"role": "user", "text": "once too often"}]}})
    pages.Pages.open = _open
    """
    cell = WireStream(page).execute("\n".join(line[4:] for line in program.splitlines()))
    assert cell.finish().errors() == []
    before = len(echo.asked)
    run = begin(api, kernel, requests=3).json()
    events: list[Any] = []
    for event in api.events(run["id"]):
        events.append(event)
        if len([kind for _, kind, _ in events if kind == "error"]) == 3 and any(
            data.get("text") for _, _, data in events
        ):
            break
    told = [data["message"] for _, kind, data in events if kind == "error"]
    assert any("messages: must be a list" in text for text in told)
    assert any("more than 5,000 characters" in text for text in told)
    assert any("as often as it may" in text for text in told)
    (asked,) = echo.asked[before:]
    assert asked.body["model"] == "echo"
    assert (
        asked.body[
            "max_completion_tokens" if "max_completion_tokens" in asked.body else "max_tokens"
        ]
        == 500
    )
    assert api.ask("DELETE", f"eager/api/runs/{run['id']}").status_code == 204
    assert list(api.events(run["id"]))[-1][2] == {"status": "cancelled"}
    cell = WireStream(page).execute("pages.Pages.open = _old")
    assert cell.finish().errors() == []


def test_a_relay_counts_as_a_run_and_ends_with_its_kernel(
    api: Api, kernel: str, page: BlockingKernelClient
) -> None:
    run = begin(api, kernel).json()
    # No cell waits for it, so the kernel has closed it at once.
    events = list(api.events(run["id"]))
    assert events[-1][2] == {"status": "ok"}
    listed = {one["id"]: one for one in api.ask("GET", "eager/api/runs").json()}
    assert listed[run["id"]]["status"] == "ok"
    assert (
        api.ask("GET", "eager/api/setup").json()["config_file"].endswith("jupyter_server_config.py")
    )
