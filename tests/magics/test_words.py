"""Answers without a program: shown, and kept in the conversation."""

from __future__ import annotations

from tests.magics.notebook import Notebook


def test_a_question_back_is_shown_and_remembered(ours: Notebook) -> None:
    asks = "<think>\nhm\n</think>\nWhich *column*: `a` or `b`?"
    ours.run("%config EagerModel.view = True")
    heard, _ = ours.ask(asks, options="--fresh", prompt="plot it", cell_id="asks")
    ours.run("%config EagerModel.view = False")
    assert heard.errors() == []
    (shown,) = [m["content"] for m in heard.iopub if m["msg_type"] == "update_display_data"]
    assert (
        "Which <em>column</em>: <code>a</code> or <code>b</code>?"
        in (shown["data"]["text/markdown"])
    )
    assert "hm" not in shown["data"]["text/plain"]
    _, model = ours.ask("print('b')", prompt="the second")
    said = [(message["role"], message["text"]) for message in model.asked[-1]["messages"]]
    assert said[-3:] == [
        ("user", "plot it"),
        ("assistant", "Which *column*: `a` or `b`?"),
        ("user", "the second"),
    ]


def test_without_a_view_a_question_back_is_printed(ours: Notebook) -> None:
    heard, _ = ours.ask("Which column?\x1b[31m", options="--fresh", prompt="plot it")
    assert heard.text() == "Which column?⟨U+001B⟩[31m\n"
