"""The live widget, without a page: what it sends, to whom, and when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from eager_kernel.widget import EagerView
from eager_kernel.widget.channels import CHANNELS, Channels
from eager_kernel.widget.view import BEAT, PATIENCE
from tests.widget.test_record import chunk, delta, result


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sent() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def view(clock: Clock, sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Any:
    view = EagerView("a model", heard_at_once=True, clock=clock)
    monkeypatch.setattr(view, "send", sent.append)
    yield view
    view.close()


def hello(view: EagerView, seq: int = -1, page: str = "p") -> None:
    view.take({"type": "hello", "page": page, "seq": seq})


def test_a_page_that_comes_gets_all_and_then_what_is_new(view: Any, sent: list[Any]) -> None:
    view.hear(delta("a = 1\n"))
    hello(view)
    assert [(m["type"], m.get("whole"), m["text"]) for m in sent] == [("news", True, "a = 1\n")]
    view.hear(delta("b = 2\n"))
    view.hear(chunk(1, 1, "done"))
    view.flush()
    view.flush()
    assert len(sent) == 2
    assert (sent[1]["seq"], sent[1]["text"]) == (sent[0]["seq"] + 1, "b = 2\n")
    hello(view, seq=sent[1]["seq"], page="q")  # it has heard everything
    assert len(sent) == 2


def test_nothing_is_sent_when_nobody_is_there(view: Any, sent: list[Any], clock: Clock) -> None:
    view.hear(delta("a"))
    view.flush()
    assert len(sent) == 1  # the page that shows it may be on its way
    clock.now += PATIENCE
    view.hear(delta("b"))
    view.flush()
    assert len(sent) == 1
    hello(view)
    assert sent[1]["text"] == "ab"
    hello(view, page="q", seq=sent[1]["seq"])
    for page, count in (("p", 3), ("q", 3)):
        view.take({"type": "bye", "page": page})
        view.hear(delta("c"))
        view.flush()
        assert len(sent) == count


def test_a_kernel_that_hears_pages_late_sends_until_it_has_heard(clock: Clock) -> None:
    sent: list[Any] = []
    view = EagerView(clock=clock)
    view.send = sent.append
    clock.now += 10 * PATIENCE
    view.hear(delta("a"))
    view.flush()
    assert len(sent) == 1
    hello(view, seq=sent[0]["seq"])
    view.take({"type": "bye", "page": "p"})
    view.hear(delta("b"))
    view.flush()
    assert len(sent) == 1
    view.close()


def test_a_run_in_which_nothing_happens_gives_signs_of_life(
    view: Any, sent: list[Any], clock: Clock
) -> None:
    view.hear(delta("a"))
    hello(view)
    clock.now += BEAT / 2
    view.flush()
    assert len(sent) == 1
    clock.now += BEAT / 2
    view.flush()
    assert len(sent) == 2
    assert "text" not in sent[1]
    view.hear(result())
    view.flush()
    clock.now += 10 * BEAT
    view.flush()
    assert len(sent) == 3


def test_buttons(view: Any, sent: list[Any]) -> None:
    called: list[str] = []
    view.take({"type": "stop"})
    assert sent.pop() == {"type": "answer", "to": "stop", "done": False}
    view.on_stop = lambda: called.append("stop")
    view.on_approve = lambda: called.append("approve")
    # As the ingress does it, on the channel of the view's comm.
    for kind in ("stop", "approve", "of another version"):
        data = {"method": "custom", "content": {"type": kind}}
        assert CHANNELS.takes(view.model_id, data)
        CHANNELS.deliver(view.model_id, data)
    assert called == ["stop", "approve"]
    view.take({"type": "insert", "wanted": True})
    assert view.insert_wanted
    assert sent[-1] == {"type": "answer", "to": "insert", "wanted": True}
    view.hear(result())
    view.flush()
    view.take({"type": "stop"})
    assert called == ["stop", "approve"]


def test_its_saved_state_does_not_hold_the_program(view: Any) -> None:
    view.hear(delta("secret = 1\n" * 1000))
    view.hear(result("ok", 1000))
    view.flush()
    state = {name: value for name, value in view.get_state().items() if name[:4] != "_esm"}
    assert "secret" not in str(state)
    assert view.ended == "✓ a model: done, 1,000 of 1,000 lines executed"


def test_a_view_that_is_closed_is_shown_as_a_picture(view: Any, sent: list[Any]) -> None:
    view.hear(delta("a = 1\n"))
    assert "application/vnd.jupyter.widget-view+json" in view._repr_mimebundle_()[0]
    comm_id = view.model_id
    view.close()
    hello(view)
    view.flush()
    assert sent == []
    shown = view._repr_mimebundle_()
    assert sorted(shown) == ["text/markdown", "text/plain"]
    assert not CHANNELS.takes(comm_id, {"method": "custom", "content": {}})


def test_channels_leave_alone_what_is_not_theirs() -> None:
    channels, heard = Channels(), []
    note: Callable[[dict[str, Any]], None] = heard.append
    channels.add("id", note)
    good = {"method": "custom", "content": {"a": 1}}
    for data in (None, [], {}, {"method": "update"}, {"method": "custom", "content": 5}):
        assert not channels.takes("id", data)
        channels.deliver("id", data)
    assert not channels.takes("another", good)
    assert channels.takes("id", good)
    channels.deliver("id", good)
    channels.remove("id")
    channels.remove("id")
    channels.deliver("id", good)
    assert heard == [{"a": 1}]
