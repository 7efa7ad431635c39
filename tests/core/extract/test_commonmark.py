"""Fenced blocks are CommonMark's, but for the differences that `docs/answers.md` lists.

The judge is markdown-it-py. `commonmark_fences.json` has the examples of the section on
fenced code blocks; they are tried as they are, and in containers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from eager_kernel.core.extract.answer import BlockReader
from eager_kernel.core.extract.fence import is_python, language_of
from eager_kernel.core.extract.rules import Opened, Rules, Text
from tests.core.extract.reading import cut

EXAMPLES = json.loads(
    (Path(__file__).parents[2] / "data" / "commonmark_fences.json").read_text("utf-8")
)["examples"]
JUDGE = MarkdownIt("commonmark")

Blocks = list[tuple[str, str]]


def blocks_of_judge(text: str) -> Blocks:
    return [
        (language_of(token.info)[0], token.content.rstrip("\n"))
        for token in JUDGE.parse(text)
        if token.type == "fence"
    ]


def blocks_of(deltas: list[str]) -> Blocks:
    reader = BlockReader(Rules(fences=True))
    found: list[tuple[str, list[str]]] = []
    events = [event for delta in deltas for event in reader.feed(delta)]
    for event in (*events, *reader.close()):
        if isinstance(event, Opened):
            found.append((event.language, []))
        elif isinstance(event, Text):
            found[-1][1].append(event.text)
    return [(language, "".join(pieces).rstrip("\n")) for language, pieces in found]


def in_containers(text: str) -> Iterator[str]:
    lines = text.split("\n")
    for first, more in (
        ("", ""),
        ("> ", "> "),
        (">", ">"),
        ("- ", "  "),
        ("12. ", "    "),
        ("para\n\n- foo\n\n  ", "  "),
        ("- a\n  - b\n\n    ", "    "),
        ("> - ", ">   "),
        ("1. > ", "   > "),
        ("> para\nlazy\n> ", "> "),
    ):
        wrapped = first + lines[0] + "".join(f"\n{more}{line}" for line in lines[1:])
        yield wrapped
        yield wrapped + "\n\nout\n\n```\nz\n```"


def omits_marks(text: str) -> bool:
    """Whether a block's first line is outside its containers: the difference of that name."""
    return any(not content for _, content in blocks_of_judge(text))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example["number"]))
def test_an_example_of_the_specification(example: dict[str, str]) -> None:
    for text in in_containers(example["markdown"]):
        if blocks_of([text]) != blocks_of_judge(text):
            assert omits_marks(text), text
        assert blocks_of(list(text)) == blocks_of([text])


LINES = (
    *("```", "~~~", "````", "```sh", "~~~ js x", "``` a`b", " ```", "   ~~~", "    ```"),
    *("text", "", "  two", "> quote", "- item", "2. second", "---", "# head", "-", "1.", "\ttab"),
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("", "> ", "- ", "  ", "   ", "1. ", "> - ")), st.sampled_from(LINES)
        ),
        max_size=14,
    ),
    st.lists(st.integers(0, 120), max_size=6),
)
@settings(deadline=None, max_examples=400, derandomize=True)
def test_any_lines(parts: list[tuple[str, str]], places: list[int]) -> None:
    text = "\n".join(before + line for before, line in parts) + "\n"
    ours, theirs = blocks_of([text]), blocks_of_judge(text)
    assert blocks_of(cut(text, places)) == ours
    assert not any(is_python(language) for language, _ in ours)
    if not omits_marks(text):
        assert ours == theirs
