"""What an answer without a program says to its reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eager_kernel.core.extract.spoken import spoken

ASKS = "Which column do you mean?"


@pytest.mark.parametrize(
    "answer",
    [
        ASKS,
        f"<think>\nI don't know.\n</think>\n\n{ASKS}",
        f"[THINK]I don't know.[/THINK]{ASKS}",
        f"as the prompt has begun it.</think>{ASKS}",
        f"<|channel|>analysis<|message|>I don't know.<|end|><|start|>assistant"
        f"<|channel|>final<|message|>{ASKS}<|return|>",
        f"<|im_start|>assistant\n{ASKS}<|im_end|>",
        f"<!-- to myself -->{ASKS}\n",
    ],
)
def test_reasoning_and_marks_are_not_said(answer: str) -> None:
    assert spoken(answer) == ASKS


@pytest.mark.parametrize(
    "answer",
    ["a < b, [1], ◁", "`<b>` and <think> are tags", "<answer>no</answer>", "```sql\nselect 1\n```"],
)
def test_all_else_is(answer: str) -> None:
    assert spoken(answer) == answer


def test_reasoning_that_never_ends() -> None:
    assert spoken("<think>\nI don't kn") == ""


@given(st.text(st.sampled_from("ab \n<>[/]|◁▷")) | st.text())
def test_any_text_at_all(text: str) -> None:
    assert len(spoken(text)) <= len(text)


@given(
    st.lists(
        st.sampled_from(
            ["<|channel|>", "<|message|>", "<think>", "</think>", "analysis", "\n", "x"]
        )
    )
)
def test_any_marks(parts: list[str]) -> None:
    assert len(spoken("".join(parts) * 50)) <= 50 * len("".join(parts))
