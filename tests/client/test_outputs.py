"""Messages become the outputs that nbformat makes of them."""

from __future__ import annotations

from typing import Any

import pytest
from nbformat.v4 import output_from_msg

from eager_kernel.client.outputs import OutputCollector

MESSAGES: dict[str, dict[str, Any]] = {
    "stream": {"name": "stderr", "text": "a\nb"},
    "display_data": {"data": {"text/plain": "1"}, "metadata": {"a": 1}, "transient": {}},
    "execute_result": {"data": {"text/plain": "1"}, "metadata": {}, "execution_count": 3},
    "error": {"ename": "E", "evalue": "v", "traceback": ["t"], "more": 1},
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_as_nbformat(kind: str) -> None:
    message = {"header": {"msg_type": kind}, "content": MESSAGES[kind]}
    collector = OutputCollector()
    assert collector.take(message) == dict(output_from_msg(message))
    assert collector.outputs == [dict(output_from_msg(message))]


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"header": {"msg_type": "stream"}, "content": {"name": name, "text": text}}


def display(text: str, kind: str = "display_data", **transient: str) -> dict[str, Any]:
    data = {"text/plain": text, "text/html": text, "image/png": "AAAA" * 100}
    content = {"data": data, "metadata": {}, "transient": transient}
    return {"header": {"msg_type": kind}, "content": content}


def test_what_has_more_characters_than_are_wanted_is_cut() -> None:
    collector = OutputCollector(max_characters=10)
    assert collector.take(stream("12345")) is not None
    assert collector.take_cut() is None
    assert collector.take(display("678")) is None
    cut = collector.take_cut()
    assert cut is not None
    assert cut == ("the outputs that are kept have reached 10 characters", 6)
    assert collector.take(display("67")) is not None
    shown = collector.take(stream("0abc", "stderr"))
    assert shown is not None
    assert shown["text"] == "0"
    assert collector.take(stream("def")) is None
    cut = collector.take_cut()
    assert cut is not None
    assert cut[1] == 6
    error = {"header": {"msg_type": "error"}, "content": MESSAGES["error"]}
    assert collector.take(error) is not None
    assert [output["output_type"] for output in collector.outputs] == [
        "stream", "display_data", "stream", "error",
    ]  # fmt: skip


def test_what_is_updated_and_cleared_is_counted_anew() -> None:
    collector = OutputCollector(max_characters=10)
    collector.take(display("12345", display_id="a"))
    collector.take(display("12", "update_display_data", display_id="a"))
    collector.take(display("123456", "update_display_data", display_id="a"))
    cut = collector.take_cut()
    assert cut is not None
    assert cut[1] == 12
    assert collector.outputs[0]["data"]["text/plain"] == "12"
    assert collector.take(stream("123456")) is not None
    assert collector.take_cut() is None
    collector.take({"header": {"msg_type": "clear_output"}, "content": {"wait": False}})
    assert collector.take(stream("1234567890")) is not None
    assert collector.take_cut() is None
