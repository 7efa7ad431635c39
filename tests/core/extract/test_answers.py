"""Answers that people reported, and the table that says from when on their code counts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.core.extract.reading import check_program, first_at, read

ROOT = Path(__file__).parents[3]
ANSWERS = json.loads((ROOT / "tests" / "data" / "answers.json").read_text("utf-8"))["answers"]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer["name"])
def test_the_program_of_an_answer(answer: dict[str, Any]) -> None:
    check_program(answer["format"], answer["answer"], answer["program"], count=200)
    left_out = read(answer["format"], [answer["answer"]]).left_out
    if not answer["program"]:
        assert left_out.describe(no_code=True).startswith("no Python found; left out: ")


# A row of the table for each: an answer whose first statement may run after the characters before
# the mark |, and not before. Without a mark: at the end of the text.
WHEN: dict[str, list[str]] = {
    "a program, whose first line nobody writes who does not mean Python": [
        "import x\n|import y\n",
        "x = 1\n|",
        "x = 1; y = 2\n|",
        '"""Doc."""\n|x\n',
        "print('x')\n|y\n",
        "@cache\ndef f():\n    pass\nx|\n",
        "x = [\n1,\n]\n|",
        "%timeit x\n|y\n",
    ],
    "a program that begins with comments": ["# Title\n\nimport x\n|y\n", "# a\n# b\nx = 1\n|"],
    "a program whose first line may be prose": [
        "x\ny = 1\n|",
        "f(x)\n\n[1, 2]\nprint('x')\n|",
        "if needed:\n    x\ny = 1\n|",
    ],
    "a program of such lines alone": ["x\n", "f(x)\nx\n", "~x"],
    "a fenced block that names Python": [
        "Hi:\n\n```python\nx = 1\n|y\n```\n",
        "```py\nx;| y\n```\n",
        "Hi\n```py\nx\n|",
        "Hi\n```py\nif x:\n    y\n```|\nBye",
        "> - ```py\n>   x\n|>   ```\n",
        "```sh\nls\n```\n```py\nx\n|```\n",
    ],
    "fenced blocks without a language": [
        "```\nx = 1\n```\nBye\n",
        "```\nx = 1\n```\n```\ny = 2\n```\n",
    ],
    "a tag at the start of a line, or after prose": [
        "<code>\nx\n|y\n</code>",
        "<code>x\n|y\n</code>",
        "Go: <code>\nx\n|</code>\n",
        "<code>x</code>\n|",
        "<execute>\nif x:\n    y</execute>|\n",
    ],
    "a fence in a tag, or in a string of JSON": [
        "<code>\n```py\nx\n|```\n</code>",
        '{"code": "```py\\nx\\n|```"}',
    ],
    "JSON with a field for code": [
        '{"code": "x\\n|y"}',
        '{"a": [1], "code": "x\\n|"}',
        '{"name": "python", "arguments": {"code": "x"|}}',
        'I call it:\n{"code": "x\\n|"}',
        '<tool_call>\n{"code": "x\\n|"}\n</tool_call>',
    ],
    "JSON in a fence, which is all there is": ['```json\n{"code": "x\\n|"}\n```\n'],
    "JSON in a fence, after prose": ['I call it:\n```json\n{"code": "x\\n"}\n```\n'],
    "reasoning (`<think>` …), then any of these": [
        "<think>\n```py\nno\n```\n</think>\n```py\nx\n|```\n",
        "<think>no = 1</think>x = 1\n|",
        "[THINK]\nno = 1\n[/THINK]\n\nx = 1\n|",
        "I think.\n</think>\nx = 1\n|",
    ],
}


def _earliest(marked: str) -> tuple[str, int | None]:
    text, mark, rest = marked.partition("|")
    return text + rest, len(text) if mark else None


@pytest.mark.parametrize("marked", [answer for answers in WHEN.values() for answer in answers])
def test_when_the_first_statement_may_run(marked: str) -> None:
    text, at = _earliest(marked)
    found = first_at("auto", text)
    assert found == at
    assert read("auto", [text]).program.strip()


def test_each_row_of_the_table_is_tested() -> None:
    table = (ROOT / "docs" / "protocol.md").read_text("utf-8").partition("<!-- when -->")[2]
    rows = re.findall(r"^\| (.+?) \| .+ \|$", table.partition("\n\n")[0], re.MULTILINE)[1:]
    names = [re.sub(r" \([^)]*`.*\)$", "", row) if "think" not in row else row for row in rows]
    assert names == list(WHEN)
