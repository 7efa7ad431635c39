"""What an answer of which nobody says how it is set turns out to be."""

from __future__ import annotations

import warnings

import pytest

from eager_kernel.core.extract import BlockClose, BlockOpen, Code, Event, make_extractor
from tests.core.extract.reading import check, events

OPEN = BlockOpen("")
PYTHON = BlockOpen("python")
CLOSE = BlockClose()


def as_program(text: str) -> list[Event]:
    return [PYTHON, Code(text)]


@pytest.mark.parametrize(
    "text",
    [
        "import os\nprint(os)\n",
        "\n \r\n\nimport os\n",
        "x = 1",
        "from x import (\n    y,\n)\n",
        "def f(x):\n    return x\n",
        "@cache\ndef f(): ...\n",
        "try:\n    x\nexcept: pass\n",
        "if needed:\n    x\nelse:\n    y\nz\n",
        "x = [\n  1]\n",
        "[\n  1,\n  2,\n]\nprint(3)\n",
        'print(f"""{x}\n```python\n""")\n',
        '"""Doc\n\n```python\nno\n```\n"""\n',
        "'Doc'\n# Done\n",
        "x = 1 + \\\n  2\n",
        "import os;\n",
        "#!/usr/bin/python\n\n# More\n%timeit x\n",
        "%%bash\nls\n",
        "?print\n",
        "42\n",
        "[1, 2]\n",
        "{}",
        "# Only a comment\n",
        "# Only a comment",
        "t = %time x\n",
        "x\n",
        "x",
        "df.head()\n",
        "Solution (Python)\nx = 1\n",
        "    x = 1\n    y = 2\n",
        '{"code" + "x": 1}\nprint(2)\n',
        '{\n\n"code"\n: x}',
        "~x\n",
        "x = '<code> <think> </code> {'\n",
        "a = b <c\nx = a[0] < {1: 2}[1]\n",
        # With a mistake, which Python names.
        "x = 1 +\ny\n",
        "imprt os\nx = os.name\nprint(x)\n",
        "for x in y\n    print(x)\n",
    ],
)
def test_a_program(text: str) -> None:
    check("auto", text, as_program(text))


@pytest.mark.parametrize(
    "program",
    [
        "x = '\\d'\n",
        "# A comment\nimport os\n",
        "!ls\n",
        "df.head?\nx = 1\n",
        "files, x = !ls\n",
        "x\ny\nz = 1\n",
    ],
)
def test_a_program_ends_where_it_can_not_go_on(program: str) -> None:
    check("auto", program + "```\nDone.\n", [*as_program(program), CLOSE])
    check("auto", program + "```py\nx\n", [*as_program(program), CLOSE, *in_block("py")[:-1]])
    check("auto", program + "<|im_end|>\nuser", [*as_program(program), CLOSE])
    check("auto", program + "</s>", [*as_program(program), CLOSE])
    check("auto", program[:-1] + "</s>", [*as_program(program[:-1]), CLOSE])
    check("auto", program + "</co", [*as_program(program), CLOSE])


@pytest.mark.parametrize(
    "text",
    [
        "It is 42.",
        "The answer is 42.\n",
        "Paris is not Rome, 7.\n",
        "",
        " \n ",
        "\ufeff",
        "Here is no code at all.\nSorry!\n",
        "Sure!",
        "Yes",
        "Answer: 42\n",
        "Use `x` and\n```x``` and <code>x</code>.\n``",
        "```x``` is nice\n",
        "<codex>",
        "<code",
        '{"code": [1]}',
        "{'code': 1}\n",
        '{\n"co',
        "<think>x = 1\n",
        "<think>x = 1\n</think>\n",
        "<!-- x = 1 -->\n",
        "| a | b |\n|---|---|\n| 1 | 2 |\n",
    ],
)
def test_no_code(text: str) -> None:
    check("auto", text, [])


def in_block(language: str) -> list[Event]:
    return [BlockOpen(language), Code("x\n"), CLOSE]


BLOCK = "```python\nx\n```\n"
IN_BLOCK = in_block("python")


@pytest.mark.parametrize(
    "before",
    [
        "",
        "\n\n  ",
        "Here is the code:\n",
        "Solution\n",
        "Solution\n\n",
        "Solution:\n",
        "Solution\n\nHere it is:\n\n",
        "Answer: yes\n",
        "Hello, world\n",
        "this is it\n",
        "Ready?\n",
        "- item\n",
        "# Solution\n",
        "# Solution\n## Part\n\nHere is the code.\n\n",
        "# Solution\nThis one\n# x\n",
        "1. First\n\n   ",
        "from there on it's simple\n",
        "~about three~\n",
        "`x` is it\n",
        "{see below}\n",
        "{ note that\n",
        "<p>So</p>\n",
        "Use <code>y</code>\n",
        "It's x\r\n\r\n",
        "It's x\r",
        "Solution (Python)\n\n",
        "[Code]\n",
        "- [x]\n",
        "% of sales\n",
        "Note: x = 1\n",
        "Example(s)\n",
        "(see below\n",
        "if needed\n",
        "{'code': 1}\n",
        '{"a": 1}\n',
        "![a](b.png)\n",
        "Title\n=====\n",
        "<b>Title</b>\n",
        "\ufeff",
        "x\n",
        "x\ny\n",
        "It's x:\n!important\n@you\n",
        "It's x:\nimport os\n",
        "\ud800 x\n",
        "a\0b\n",
        "(" * 300 + "\n",
        "```sh\nls\n```\n",
    ],
)
def test_auto_markdown(before: str) -> None:
    check("auto", before + BLOCK + "<code>y</code>\n", IN_BLOCK)


def test_auto_markdown_of_another_language_runs_nothing() -> None:
    check("auto", "Type this:\n```sh\nls\n```\n", [])


def test_auto_fence_at_the_very_end() -> None:
    check("auto", "Type this:\n```python", [PYTHON])


@pytest.mark.parametrize(
    "before", ["", "\n \n", "So it's this:\n", "# Title\n\n", "Solution\n  ", "It's `x`\r\n"]
)
def test_auto_tags(before: str) -> None:
    text = before + '<Code lang="py">x\n```python\ny</code>'
    check("auto", text, [BlockOpen("py"), Code("x\n```python\ny"), CLOSE])


@pytest.mark.parametrize("start", ['{"code":"', '\n{ "code" : "', '{\r\n\t"code":\n\n "'])
def test_auto_json(start: str) -> None:
    check("auto", start + 'x\\n", "y": 1}', [PYTHON, Code("x\n"), CLOSE])


def test_auto_passes_on_what_the_chunker_knows() -> None:
    check("auto", '```py\n"""\n```\n"""\n```', [BlockOpen("py"), Code('"""\n```\n"""\n'), CLOSE])
    check("auto", '<code>"""</code>"""</code>', [OPEN, Code('"""</code>"""'), CLOSE])


@pytest.mark.parametrize(
    ("pieces", "decided"),
    [
        (["x = ", "1", "\n", "y"], 2),
        (["\n", "%", "time", " x\n"], 3),
        (["<co", "de", ">", "\n", "x"], 4),
        (['{"co', 'de": ', '"', "x"], 3),
        (["Hi there\n", "``", "`py", "\n", "x"], 3),
        (["# a\n", "# b\n", "import x", "\n"], 3),
        (["Title\n", "\n", "x = 1", "\r", "\n"], 4),
    ],
)
def test_auto_decides_early(pieces: list[str], decided: int) -> None:
    extractor = make_extractor("auto")
    found = [bool(list(extractor.feed(piece))) for piece in pieces]
    assert found.index(True) == decided


def test_auto_does_not_touch_the_warnings() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        filters = list(warnings.filters)
        assert events("auto", ["print('\\d \\\" \\", "w')\nx"]) == as_program(
            "print('\\d \\\" \\w')\nx"
        )
        assert warnings.filters == filters
    assert caught == []
