"""``%eager attach COMM_ID --view``: the cell shows the run of a client's stream."""

from __future__ import annotations

from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from eager_kernel.testing.wire import Heard, WireStream

WIDGET = "application/vnd.jupyter.widget-view+json"


def widgets(heard: Heard) -> list[dict[str, Any]]:
    """The displays of live views."""
    shown = [m["content"] for m in heard.iopub if m["msg_type"] == "display_data"]
    return [content for content in shown if WIDGET in content["data"]]


def picture(heard: Heard) -> str:
    """The text that takes the live view's place, which there must be one of."""
    (view,) = widgets(heard)
    (update,) = [m["content"] for m in heard.iopub if m["msg_type"] == "update_display_data"]
    assert update["transient"]["display_id"] == view["transient"]["display_id"]
    assert set(update["data"]) == {"text/plain", "text/markdown"}
    text: str = update["data"]["text/plain"]
    return text


def news(client: BlockingKernelClient, stream: WireStream) -> list[dict[str, Any]]:
    """What the view tells pages, as it is heard until the stream has ended."""
    told: list[dict[str, Any]] = []
    take = stream._take

    def note(message: dict[str, Any]) -> None:
        if message["msg_type"] == "comm_msg":
            data = message["content"]["data"]
            if data.get("method") == "custom" and data["content"].get("type") == "news":
                told.append(data["content"])
        take(message)

    stream._take = note  # type: ignore[method-assign]
    return told


def test_a_run_is_shown_and_a_picture_stays(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open(model="a model").attach(view=True)
    heard = stream.delta("print('out')\nx = 6\n").delta("x * 7").end().finish()
    assert heard.result["status"] == "ok"
    assert heard.text() == "out\n"
    assert heard.displayed() == ["42"]
    kinds = [m["msg_type"] for m in heard.iopub]
    assert kinds.index("display_data") < kinds.index("stream")  # the view stands above the outputs
    text = picture(heard)
    assert text.startswith("✓ a model: ")
    assert "3 of 3 lines" in text
    assert "✓ 3  x * 7" in text


def test_what_came_before_the_cell_is_shown_too(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open(format="python")
    stream.delta("a = 1\nimport time\nt = time.time()\n").until_told("held")
    told = news(client, stream)
    stream.attach(view=True)
    stream.listen(until=lambda heard: "".join(one.get("text", "") for one in told))
    assert "".join(one.get("text", "") for one in told).startswith("a = 1\n")
    stream.listen(until=lambda heard: any(one["facts"].get("held") for one in told))
    heard = stream.delta("b = 2\n").end().finish()
    assert "✓ 4  b = 2" in picture(heard)


def test_the_protocol_is_the_same(client: BlockingKernelClient) -> None:
    program = ("a = 1\n", "a / 0\n", "never = 1\n")
    said = []
    for view in (False, True):
        stream = WireStream(client).open(format="python").attach(view=view)
        for text in program:
            stream.delta(text)
        heard = stream.finish()
        kinds = [(data["type"], data.get("reason")) for data in heard.comm]
        said.append([kind for kind in kinds if kind[0] != "chunk"])
        assert heard.errors() == ["ZeroDivisionError"]
        assert len(widgets(heard)) == view
    assert said[0] == said[1]
    assert "ZeroDivisionError: division by zero" in picture(heard)


def test_stop_in_the_view_stops_the_client(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open(format="python").attach(view=True)
    stream.delta("print('on')\nwhile True: pass\n\nnever = 1\n")
    heard = stream.listen(until=lambda heard: heard.text() == "on\n")
    (view,) = widgets(heard)
    content = {"method": "custom", "content": {"type": "stop"}}
    stream.send("comm_msg", {"comm_id": view["data"][WIDGET]["model_id"], "data": content})
    heard = stream.finish()
    assert heard.errors() == ["KeyboardInterrupt"]
    assert [stop["reason"] for stop in heard.stops] == ["interrupted"]
    assert "Run: stopped, 1 of" in picture(heard)


def test_the_magics_know_the_run(client: BlockingKernelClient) -> None:
    WireStream(client).open().attach(view=True).delta("seen = 'here'\n").end().finish()
    done = WireStream(client).execute("%eager code").finish()
    assert done.reply["payload"][0]["text"] == "seen = 'here'\n"
    done = WireStream(client).execute("%eager report").finish()
    assert done.reply["status"] == "ok"


def test_no_view_where_none_is_wanted(client: BlockingKernelClient) -> None:
    WireStream(client).execute("%config EagerModel.view = False").finish()
    heard = WireStream(client).open().attach(view=True).delta("1 + 1").end().finish()
    assert heard.displayed() == ["2"]
    assert widgets(heard) == []
    WireStream(client).execute("%config EagerModel.view = True").finish()


def test_without_the_magics_the_program_runs_unseen(client: BlockingKernelClient) -> None:
    WireStream(client).execute("%unload_ext eager_kernel").finish()
    heard = WireStream(client).open().attach(view=True).delta("1 + 1").end().finish()
    assert heard.displayed() == ["2"]
    assert widgets(heard) == []
    WireStream(client).execute("%load_ext eager_kernel").finish()
    heard = WireStream(client).open().attach(view=True).delta("2 + 2").end().finish()
    assert len(widgets(heard)) == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nothing --view", "there is no stream 'nothing'"),
        ("--view", "there is no stream '--view'"),
        ("one two", "use: %eager attach COMM_ID [--view], alone in its cell"),
    ],
)
def test_a_wrong_line_says_what_is_right(
    client: BlockingKernelClient, line: str, said: str
) -> None:
    heard = WireStream(client).execute(f"%eager attach {line}").finish()
    assert said in heard.reply["evalue"]
