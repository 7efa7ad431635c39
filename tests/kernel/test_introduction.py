"""Pages that come while a program runs are told what they ask."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from eager_kernel.testing.wire import WireStream

SPIN = "print('spins')\nwhile not done:\n    pass\n\n"


def ask(client: BlockingKernelClient, kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """Ask, and wait for the reply."""
    request = client.session.msg(kind, content)
    client.shell_channel.send(request)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        reply = client.get_shell_msg(timeout=60)
        if reply["parent_header"].get("msg_id") == request["msg_id"]:
            return dict(reply["content"])
    raise AssertionError(f"no reply to {kind}")


@pytest.fixture
def spinning(client: BlockingKernelClient) -> Any:
    """A program that spins until the test has ended; a widget was made before."""
    code = "import ipywidgets, threading\nslider = ipywidgets.IntSlider(value=7)\ndone = []"
    client.execute_interactive(code, timeout=60)
    stop = "from eager_kernel.widget.channels import CHANNELS\nCHANNELS.add('end', done.append)"
    client.execute_interactive(stop, timeout=60)
    stream = WireStream(client).open().attach().delta(SPIN + "print('ended')\n")
    stream.listen(until=lambda heard: heard.text() == "spins\n")
    yield stream
    stream.send("comm_msg", {"comm_id": "end", "data": {"method": "custom", "content": {}}})
    assert stream.end().finish().text() == "spins\nended\n"


def test_it_tells_its_info_and_its_comms(client: BlockingKernelClient, spinning: Any) -> None:
    info = ask(client, "kernel_info_request", {})
    assert (info["status"], info["implementation"]) == ("ok", "eager_python")
    comms = ask(client, "comm_info_request", {"target_name": "jupyter.widget"})["comms"]
    assert comms
    assert {comm["target_name"] for comm in comms.values()} == {"jupyter.widget"}
    assert ask(client, "comm_info_request", {"target_name": "no such"})["comms"] == {}


def test_it_tells_the_states_of_widgets(client: BlockingKernelClient, spinning: Any) -> None:
    comm_id = uuid4().hex
    target = {"target_name": "jupyter.widget.control", "data": {}}
    opens = client.session.msg(
        "comm_open", {"comm_id": comm_id, **target}, metadata={"version": "1.0.0"}
    )
    client.shell_channel.send(opens)
    spinning.send("comm_msg", {"comm_id": comm_id, "data": {"method": "request_states"}})
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        message = client.get_iopub_msg(timeout=60)
        if message["msg_type"] == "comm_msg" and message["content"]["comm_id"] == comm_id:
            break
    states = message["content"]["data"]["states"]
    assert [s["state"]["value"] for s in states.values() if s["model_name"] == "IntSliderModel"]
    spinning.send("comm_close", {"comm_id": comm_id})


def test_a_state_that_is_asked_for_by_itself(client: BlockingKernelClient, spinning: Any) -> None:
    """A page that has heard no states in time asks for each, and knows it by its question's id."""
    comms = ask(client, "comm_info_request", {"target_name": "jupyter.widget"})["comms"]
    told: dict[str, Any] = {}
    asked = {}
    for comm_id in comms:
        content = {"comm_id": comm_id, "data": {"method": "request_state"}}
        question = client.session.msg("comm_msg", content)
        asked[question["msg_id"]] = comm_id
        client.shell_channel.send(question)
    deadline = time.monotonic() + 60
    while len(told) < len(asked) and time.monotonic() < deadline:
        message = client.get_iopub_msg(timeout=60)
        parent = message["parent_header"].get("msg_id")
        if message["msg_type"] == "comm_msg" and parent in asked:
            assert message["content"]["comm_id"] == asked[parent]
            assert message["content"]["data"]["method"] == "update"
            told[parent] = message["content"]["data"]["state"]
    assert [state["value"] for state in told.values() if state["_model_name"] == "IntSliderModel"]
    assert told.keys() == asked.keys()


def test_without_a_program_it_is_as_ever(client: BlockingKernelClient) -> None:
    assert ask(client, "kernel_info_request", {})["implementation"] == "eager_python"
    assert ask(client, "comm_info_request", {})["status"] == "ok"
