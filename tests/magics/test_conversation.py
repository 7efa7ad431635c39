"""What a model is told of earlier prompts, and of what failed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eager_kernel.execution.repair import Failure
from eager_kernel.magics.conversation import (
    Conversation,
    Turn,
    in_fence,
    plain,
    repair_messages,
    shortened,
)
from eager_kernel.sources.source import Message


def told(conversation: Conversation, prompt: str = "now", system: str = "be brief") -> list[str]:
    return [f"{m.role}: {m.text}" for m in conversation.messages(system, prompt)]


def test_a_first_prompt_stands_alone() -> None:
    assert told(Conversation(1000)) == ["system: be brief", "user: now"]
    assert told(Conversation(1000), system="") == ["user: now"]


def test_earlier_turns_come_in_order_with_what_came_of_them() -> None:
    turns = [
        Turn("one", "a = 1\n", output="hello\n"),
        Turn("two", "b = 2", error="ValueError: no"),
        Turn("three", "c", output="half\n", error="ValueError: no"),
        Turn("four", "d"),
        Turn("five", "e", ran=False),
    ]
    assert told(Conversation(10_000, turns)) == [
        "system: be brief",
        "user: one",
        "assistant: ```python\na = 1\n```",
        "user: Output of the program:\nhello\n\ntwo",
        "assistant: ```python\nb = 2\n```",
        "user: The program failed:\nValueError: no\n\nthree",
        "assistant: ```python\nc\n```",
        "user: Output of the program:\nhalf\n\nThe program failed:\nValueError: no\n\nfour",
        "assistant: ```python\nd\n```",
        "user: The program ran without output.\n\nfive",
        "assistant: ```python\ne\n```",
        "user: The program was not run.\n\nnow",
    ]


def test_a_question_back_is_kept_as_it_was_asked() -> None:
    turns = [Turn("plot it", words="Which column?"), Turn("the second", "plot(2)\n")]
    assert told(Conversation(1000, turns))[1:] == [
        "user: plot it",
        "assistant: Which column?",
        "user: the second",
        "assistant: ```python\nplot(2)\n```",
        "user: The program ran without output.\n\nnow",
    ]


def test_the_latest_turns_that_fit_are_kept() -> None:
    turns = [Turn(f"prompt {number}", "x" * 100) for number in range(5)]
    size = turns[0].size
    assert Conversation(2 * size, turns).within_budget() == turns[-2:]
    assert Conversation(2 * size - 1, turns).within_budget() == turns[-1:]
    assert Conversation(0, turns).within_budget() == []


def test_a_turn_that_does_not_fit_takes_all_before_it_along() -> None:
    turns = [Turn("small", "x"), Turn("large", "x" * 1000), Turn("last", "x")]
    assert Conversation(500, turns).within_budget() == turns[-1:]


def test_a_turn_that_does_not_fit_is_told_without_its_steps() -> None:
    step = (Message("assistant", "x" * 600), Message("user", "ran"))
    turns = [Turn("small", "x"), Turn("stepped", words="Done.", steps=(step,), title="t")]
    kept = Conversation(500, turns).within_budget()
    assert kept == [turns[0], Turn("stepped", words="Done.", title="t")]
    assert Conversation(1000, turns).within_budget() == turns
    assert turns[1].steps == (step,)  # the budget may grow again


def test_a_long_output_takes_a_quarter() -> None:
    turn = Turn("p", "x", output="a" * 5_000 + "b" * 5_000, error="c" * 10_000)
    conversation = Conversation(4_000, [turn])
    (kept,) = conversation.within_budget()
    assert len(kept.output) < 1_100
    assert len(kept.error) < 1_100
    assert kept.output.startswith("aaa")
    assert kept.output.endswith("bbb")
    assert "9,000 characters left out" in kept.output
    assert len(turn.output) == 10_000  # the budget may grow again


TURNS = st.lists(
    st.builds(
        Turn,
        prompt=st.text(min_size=1, max_size=50),
        program=st.text(max_size=200),
        output=st.text(max_size=200),
        error=st.text(max_size=200),
        ran=st.booleans(),
    ),
    max_size=6,
)


@given(turns=TURNS, budget=st.integers(0, 1000), system=st.text(max_size=5))
def test_users_and_models_take_turns_within_the_budget(
    turns: list[Turn], budget: int, system: str
) -> None:
    conversation = Conversation(budget, turns)
    kept = conversation.within_budget()
    assert sum(turn.size for turn in kept) <= budget
    messages = conversation.messages(system, "now")
    roles = [message.role for message in messages if message.role != "system"]
    assert roles == ["user", "assistant"] * len(kept) + ["user"]
    assert messages[-1].text.endswith("now")


@given(
    st.lists(st.sampled_from(["`", "``", "```", "````", "\n", "x", "```python\n", "~~~"])).map(
        "".join
    )
)
def test_no_program_ends_its_own_fence(program: str) -> None:
    block = in_fence(program)
    fence = re.match("`+", block)
    assert fence is not None
    lines = block.split("\n")
    ends = [n for n, line in enumerate(lines) if re.fullmatch(rf"{fence[0]}`*\s*", line)]
    assert ends == [len(lines) - 1]
    assert block[len(fence[0]) + len("python\n") : -len(fence[0])].rstrip("\n") == (
        program.rstrip("\n")
    )


@given(st.text(max_size=60), st.integers(0, 30))
def test_what_is_shortened_keeps_its_ends(text: str, size: int) -> None:
    short = shortened(text, size)
    if len(text) <= size:
        assert short == text
        return
    before, said, after = re.split(r"\n(\[… [\d,]+ characters left out …\])\n", short)
    assert len(before) + len(after) <= size
    left_out = int(re.sub(r"\D", "", said))
    assert text == before + text[len(before) :][:left_out] + after


def test_colours_are_taken_out() -> None:
    assert plain(["\x1b[0;31mValueError\x1b[0m: no"]) == ["ValueError: no"]


# Repair -----------------------------------------------------------------------------------------

ASKED = (Message("system", "be brief"), Message("user", "do it"))


def failure(executed: str, failing: str, lines: tuple[int, int] | None) -> Failure:
    return Failure(ValueError("no"), [], executed, failing, lines, "ValueError: no")


@pytest.mark.parametrize(
    ("executed", "failing", "lines", "said"),
    [
        ("", "1/0\n", (1, 1), "Nothing of the program has run. Line 1 failed:\n\nno\n\nWrite the "),
        ("a\n", "1/0\n", (2, 2), "Line 1 has run; "),
        ("a\nb\n", "1/0\n", (3, 3), "Lines 1-2 have run; "),
        (
            "a\nb\n",
            "f(\n1/0)\n",
            (3, 4),
            "The statement in lines 3-4 failed:\n\nno\n\nGo on after ",
        ),
        ("a;", "1/0\n", (1, 1), "Line 1 has run, the last one as far as `a;`; "),
        ("a\n b; c;", "1/0\n", (2, 2), "Lines 1-2 have run, the last one as far as `b; c;`; "),
        ("a\n", "", None, "The program failed:"),
    ],
)
def test_a_model_is_told_what_failed(
    executed: str, failing: str, lines: tuple[int, int] | None, said: str
) -> None:
    *before, wrote, told = repair_messages(ASKED, [failure(executed, failing, lines)], ["no"])
    assert tuple(before) == ASKED
    assert wrote == Message("assistant", in_fence(executed + failing))
    assert told.role == "user"
    assert said in told.text


def test_a_second_repair_is_asked_for_after_the_first() -> None:
    first, second = failure("a\n", "1/0\n", (2, 2)), failure("a\nb\n", "2/0\n", (3, 3))
    messages = repair_messages(ASKED, [first, second], ["no"])
    assert messages[: len(ASKED) + 2] == repair_messages(ASKED, [first], plain(first.traceback))
    assert [message.role for message in messages[len(ASKED) :]] == ["assistant", "user"] * 2
    assert "1/0" not in messages[-2].text
