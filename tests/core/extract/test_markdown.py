"""Programs in the fenced blocks of Markdown."""

from __future__ import annotations

import pytest

from eager_kernel.core.extract import BlockClose, BlockOpen, Code, Event, make_extractor
from tests.core.extract.reading import Reader, check, events, merge

OPEN = BlockOpen("")
PYTHON = BlockOpen("python")
CLOSE = BlockClose()

MARKDOWN: dict[str, tuple[str, list[Event]]] = {
    "prose around": (
        "First:\n\n```python\nx = 1\n```\nThen `y`:\n```py\ny = 2\n\n```\n\nDone.",
        [PYTHON, Code("x = 1\n"), CLOSE, BlockOpen("py"), Code("y = 2\n\n"), CLOSE],
    ),
    "no prose, no last newline": ("```python\nx\n```", [PYTHON, Code("x\n"), CLOSE]),
    "blanks after the closing fence": ("~~~py\nx\n~~~ \t", [BlockOpen("py"), Code("x\n"), CLOSE]),
    "empty block": ("```python\n```\n", [PYTHON, CLOSE]),
    "blank lines": ("```python\n\n \n  \n```\n", [PYTHON, Code("\n \n  \n"), CLOSE]),
    "unclosed, partial fence": ("```python\nx\n``", [PYTHON, Code("x\n``")]),
    "unclosed, indentation": ("```python\nif x:\n  ", [PYTHON, Code("if x:\n  ")]),
    "unclosed, nothing yet": ("Look:\n```python", [PYTHON]),
    "unclosed, other language": ("```sh\nls\n``", []),
    "cut in the opening fence": ("Look:\n``", []),
    "text after the closing fence": ("```python\nx\n``` y\n", [PYTHON, Code("x\n"), CLOSE]),
    "a token after the closing fence": (
        "```py\nx\n```<end_code>\n```py\ny\n``` <|im_end|>",
        [BlockOpen("py"), Code("x\n"), CLOSE, BlockOpen("py"), Code("y\n"), CLOSE],
    ),
    "closing fence behind the code": ("```python\nx```\ny", [PYTHON, Code("x"), CLOSE]),
    "backticks in a comment": ("```python\nx # `` ```\n```", [PYTHON, Code("x # `` ```\n"), CLOSE]),
    "shorter closing fence": ("````python\nx\n```\ny", [PYTHON, Code("x\n"), CLOSE]),
    "not closed before the next": (
        "```python\nx\n```python\ny\n```\n",
        [PYTHON, Code("x\n"), CLOSE, PYTHON, Code("y\n"), CLOSE],
    ),
    "not closed before another language": (
        "```python\nx\n```sh\nls\n```\ny",
        [PYTHON, Code("x\n"), CLOSE],
    ),
    "a shell not closed before it": ("```sh\nls\n```python\nx\n```", [PYTHON, Code("x\n"), CLOSE]),
    "in a block without a language": (
        "````\nSo:\n```python\nx\n```\n````\n",
        [PYTHON, Code("x\n"), CLOSE],
    ),
    "in a block of Markdown": ("A\n```md\n```python\nx\n```\n```\n", []),
    "all of it in a block of Markdown": (
        "```md\nA\n```python\nx\n```\n```\n```sh\nls\n```\n",
        [PYTHON, Code("x\n"), CLOSE],
    ),
    "behind a colon": ("So: ```python\nx\n```\n", [PYTHON, Code("x\n"), CLOSE]),
    "characters that do not show": (
        "\u200b```\u200bpython\n\ufeffx\n\u200b```\u200b\ny",
        [PYTHON, Code("x\n"), CLOSE],
    ),
    "options of a directive": (
        "```{code-cell} ipython3\n:tags: [a]\n:x: y\n\n:z\n```\n",
        [BlockOpen("ipython3"), Code("\n:z\n"), CLOSE],
    ),
    "front matter of a directive": (
        "```{code-cell}\n---\ntags: [a]\n---\nx\n```\n",
        [PYTHON, Code("x\n"), CLOSE],
    ),
    "longer closing fence": ("```python\nx\n`````\ny", [PYTHON, Code("x\n"), CLOSE]),
    "shorter fence is code": (
        '````python\n"""\n```\n"""\n````\n',
        [PYTHON, Code('"""\n```\n"""\n'), CLOSE],
    ),
    "other character is code": ("```python\n~~~\n```\n", [PYTHON, Code("~~~\n"), CLOSE]),
    "a tilde fence's info may hold backticks": (
        "~~~python `a`\nx\n~~~\n",
        [PYTHON, Code("x\n"), CLOSE],
    ),
    "backticks in a backtick fence's info": ("```python `a`\nx\n", []),
    "two backticks": ("``\nx\n``\n", []),
    "fence not at the line's start": ("x ```python\ny\n", []),
    "closing fence indented by three": ("```python\nx\n   ```\n", [PYTHON, Code("x\n"), CLOSE]),
    "closing fence indented by four": ("```python\nx\n    ```\n", [PYTHON, Code("x\n"), CLOSE]),
    "closing fence after a tab": ("```python\nx\n\t```\n", [PYTHON, Code("x\n"), CLOSE]),
    "closing fence indented by four, of a shell": (
        "```sh\nls\n    ```\n```\n```python\nx\n```\n",
        [PYTHON, Code("x\n"), CLOSE],
    ),
    "indented block": (
        "1. Do\n\n     ```python\n     if x:\n         y\n   z\n\n       w\n    ```\n\n2.",
        [PYTHON, Code("if x:\n    y\nz\n\n  w\n"), CLOSE],
    ),
    "block indented by a tab": (
        "- a\n\n\t```python\n\tif x:\n\t\ty\n\t```\n",
        [PYTHON, Code("if x:\n\ty\n"), CLOSE],
    ),
    "indentation is dropped inside strings too": (
        '  ```python\n  x = """\n  a\n    b"""\n  ```\n',
        [PYTHON, Code('x = """\na\n  b"""\n'), CLOSE],
    ),
    "fence inside a string": (
        '```python\nx = """\n```\n  ```sh\n"""\n```\n',
        [PYTHON, Code('x = """\n```\n  ```sh\n"""\n'), CLOSE],
    ),
    "string closed in the fence's own line": (
        '```python\nx = """\n```"""\n```\n',
        [PYTHON, Code('x = """\n```"""\n'), CLOSE],
    ),
    "a string left open does not hide another language's end": (
        '```python\nx = """\n    ```\n"""\n```\n```sh\nls """\n```\n```py\ny\n```\n',
        [PYTHON, Code('x = """\n    ```\n"""\n'), CLOSE, BlockOpen("py"), Code("y\n"), CLOSE],
    ),
    "lone CR": ("```python\rx\ry\r```\rz", [PYTHON, Code("x\ry\r"), CLOSE]),
    "CRLF": (
        "Hi\r\n  ```python\r\n  x\r\n\r\n  y\r\n  ```\r\n```py\r\nz\r\n```\r\n",
        [PYTHON, Code("x\r\n\r\ny\r\n"), CLOSE, BlockOpen("py"), Code("z\r\n"), CLOSE],
    ),
    "mixed endings": ("```python\r\nx\n\r\r\ny\n\n```", [PYTHON, Code("x\n\r\r\ny\n\n"), CLOSE]),
    "other line ends are not line ends": (
        "```python\nx\x0c``\u2028``\x85``\n```\n",
        [PYTHON, Code("x\x0c``\u2028``\x85``\n"), CLOSE],
    ),
    "other languages": ("```js\nx\n```\n```text\n```\n~~~ c++\n```python\ny\n```\n~~~\n", []),
    "bare fence": ("```\nx\n```\n", [OPEN, Code("x\n"), CLOSE]),
    "bare fences": (
        "```\nx\n```\n``` \ny\n```\n",
        [OPEN, Code("x\n"), CLOSE, OPEN, Code("y\n"), CLOSE],
    ),
    "cut off within an option": ("```{code-cell}\n:a: b\n:c: d", [PYTHON]),
    "an option's line end cut in two": (
        "```{code-cell}\n:a: b\r\n---\r\n---\r\nx",
        [PYTHON, Code("x")],
    ),
    "bare fence after another language": (
        "```sh\nls\n```\n```\nx\n```\n",
        [OPEN, Code("x\n"), CLOSE],
    ),
    "bare fence with output": (
        "```python\nprint(1)\n```\nIt says:\n```\n1\n```\n```python\ny\n```\n",
        [PYTHON, Code("print(1)\n"), CLOSE, PYTHON, Code("y\n"), CLOSE],
    ),
}


@pytest.mark.parametrize(("text", "expected"), MARKDOWN.values(), ids=MARKDOWN)
def test_markdown(text: str, expected: list[Event]) -> None:
    check("markdown", text, expected)


@pytest.mark.parametrize(
    ("info", "language"),
    [
        ("python", "python"),
        (" Python ", "python"),
        ("PY", "py"),
        ("python3", "python3"),
        ("py3", "py3"),
        ("ipython", "ipython"),
        ("python title='a b'", "python"),
        ("python:file.py", "python"),
        ("python{1,3}", "python"),
        ("python,ignore", "python"),
        ("python3.12", "python3.12"),
        ("ipython3", "ipython3"),
        ("tool_code", "tool_code"),
        ("jupyter-python", "jupyter-python"),
        ("app.py", "app.py"),
        ("src/app.py:3", "src/app.py"),
        ("{code-cell} ipython3", "ipython3"),
        ("{code-cell}", "python"),
        ("{code-block} python", "python"),
        ("language-python", "python"),
        ("\u200bpython", "python"),
        ("{python}", "python"),
        ("{.python}", "python"),
        ("{ .python .numberLines }", "python"),
        ("{python, echo=FALSE}", "python"),
        ("", ""),
        ("{}", ""),
        ("pycon", None),
        ("pythonic", None),
        ("{.sh}", None),
        ("c++", None),
        ("text python", None),
        ("python2", None),
        ("{code-block} sh", None),
        ("app.pyc", None),
        ("{note}", None),
    ],
)
def test_language(info: str, language: str | None) -> None:
    expected: list[Event] = []
    if language is not None:
        expected = [BlockOpen(language), Code("x\n"), CLOSE]
    check("markdown", f"~~~{info}\nx\n~~~\n", expected)
    check("markdown", f"```{info}\r\nx\n```", expected)


def test_a_delta_may_begin_with_a_line_end_of_its_own() -> None:
    assert events("markdown", ["```python\rx\ry", "\n", "```"]) == [PYTHON, Code("x\ry\n"), CLOSE]


def test_code_is_released_early() -> None:
    extractor = make_extractor("markdown")
    pieces = ["Hi\n``", "`pyt", "hon\nx", " = 1\ny", "\n``", "`\nbye"]
    assert [merge(extractor.feed(piece)) for piece in pieces] == [
        [],
        [],
        [PYTHON, Code("x")],
        [Code(" = 1\ny")],
        [Code("\n")],
        [CLOSE],
    ]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["x", " ", "= 1"], ["x", " ", "= 1"]),
        (["    ", "x"], ["", "    x"]),
        (["``", "x"], ["", "``x"]),
        (["x\r", "\n", "y"], ["x", "\r\n", "y"]),
        (["x `", "` ", "y"], ["x ", "`` ", "y"]),
        (["a <", "b </", "x"], ["a ", "<b ", "</x"]),
        (['"""\n', "``", "`"], ['"""\n', "``", "`"]),
    ],
)
def test_only_what_may_close_is_held_back(pieces: list[str], expected: list[str]) -> None:
    reader = Reader("markdown")
    reader.feed("```python\n")
    released = []
    for piece in pieces:
        before = len(reader.program)
        reader.feed(piece)
        released.append(reader.program[before:])
    assert released == expected


@pytest.mark.parametrize("language", ["sh", "json", "output", "text", "js"])
def test_what_a_block_of_another_language_looks_like_does_not_matter(language: str) -> None:
    text = f'```{language}\nx = """\n```\n```python\ny\n```\n'
    check("markdown", text, [PYTHON, Code("y\n"), CLOSE])
