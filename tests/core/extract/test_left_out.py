"""What of an answer is not in its program, and how that is said."""

from __future__ import annotations

import json

import pytest

from eager_kernel.core.extract import LeftOut
from tests.core.extract.reading import read, splits

ANSWERS: dict[str, tuple[str, LeftOut]] = {
    "": ("no Python found: the answer is empty", LeftOut()),
    "Sorry, no.\n\nReally.\n": (
        "no Python found; left out: 2 lines of prose",
        LeftOut(prose_lines=2),
    ),
    "```json\n{}\n```\n```json\n[]\n```\nx is it\n": (
        'no Python found; left out: 2 blocks of "json", 1 line of prose',
        LeftOut((("json", 2),), prose_lines=1),
    ),
    "```\npip install x\n```\n": (
        "no Python found; left out: 1 block without a language",
        LeftOut((("", 1),)),
    ),
    "<think>a\n\nb</think>\n": (
        "no Python found; left out: 2 lines of reasoning",
        LeftOut(reasoning_lines=2),
    ),
    "It's this.\n</think>\nNo.": (
        "no Python found; left out: 1 line of prose, 1 line of reasoning",
        LeftOut(prose_lines=1, reasoning_lines=1),
    ),
    '{"a": 1}\n': ("no Python found; left out: 1 JSON value", LeftOut(json_values=1)),
    '<code lang="bash">\nls\n</code>\n': (
        'no Python found; left out: 1 block of "bash"',
        LeftOut((("bash", 1),)),
    ),
    "```\nx = 1\n```\n```sh\nls\n```\nSo:\n```python\ny\n```\nDone.\n": (
        'left out: 1 block of "sh", 1 block without a language',
        LeftOut((("sh", 1), ("", 1)), prose_lines=2),
    ),
    "x = 1\n": ("", LeftOut()),
    "Hi\n```python\nx\n```\n": ("", LeftOut(prose_lines=1)),
}


@pytest.mark.parametrize(("text", "expected"), ANSWERS.items())
def test_what_is_left_out(text: str, expected: tuple[str, LeftOut]) -> None:
    for deltas in splits(text, 10):
        reader = read("auto", deltas)
        assert reader.left_out == expected[1], deltas
        assert reader.left_out.describe(no_code=not reader.program.strip()) == expected[0]


def test_the_name_of_a_language_is_text_of_a_model() -> None:
    left_out = read("auto", ["```\x1b[31m" + "x" * 100 + "\nls\n```\n"]).left_out
    assert left_out.describe(no_code=True) == (
        f'no Python found; left out: 1 block of "?[31m{"x" * 35}"'
    )


def test_an_answer_of_many_languages_is_told_shortly() -> None:
    text = "".join(f"```x{number}{'y' * 150}\nls\n```\n" for number in range(100))
    blocks = read("auto", [text]).left_out.blocks
    assert len(blocks) == 51
    assert blocks[-1] == ("other", 50)
    assert max(len(language) for language, _ in blocks) == 100


def test_it_survives_the_wire() -> None:
    left_out = LeftOut((("sh", 2), ("", 1)), 3, 4, 5)
    wire = json.loads(json.dumps(left_out.to_dict(no_code=False)))
    assert LeftOut.from_dict(wire) == left_out
    assert wire["message"] == 'left out: 2 blocks of "sh", 1 block without a language'


def test_what_two_texts_left_out() -> None:
    left_out = LeftOut((("sh", 1),), 1) + LeftOut((("", 1), ("sh", 1)), 2, 3, 4)
    assert left_out == LeftOut((("sh", 2), ("", 1)), 3, 3, 4)
