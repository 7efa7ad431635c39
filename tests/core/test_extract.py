"""Extractors: the program in a model's answer, whatever the format and the cut."""

import ast
import itertools
import json
import random
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eager_kernel.core import extract
from eager_kernel.core.extract import (
    FORMATS,
    BlockClose,
    BlockOpen,
    Code,
    Event,
    Extractor,
    JsonExtractor,
    make_extractor,
)

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "chunks.json").read_text("utf-8"))

SOURCES = sorted(Path(extract.__file__).parent.glob("extract*.py"))

OPEN = BlockOpen("")
PYTHON = BlockOpen("python")
CLOSE = BlockClose()


class Reader:
    """Stands for the chunker: collects the code text and knows whether a string is open in it."""

    def __init__(self, format: str, quote: str = '"""') -> None:
        self.code = ""
        self.quote = quote
        self.asked_at: list[str] = []
        self.events: list[Event] = []
        self.extractor = make_extractor(format, self.inside_string)

    def inside_string(self) -> bool:
        self.asked_at.append(self.code)
        return self.code.count(self.quote) % 2 == 1

    def read(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, Code):
                assert event.text, "an empty Code event"
                self.code += event.text
            self.events.append(event)

    def run(self, deltas: Iterable[str]) -> list[Event]:
        for delta in deltas:
            self.read(self.extractor.feed(delta))
        self.read(self.extractor.close())
        return merge(self.events)


def merge(events: Iterable[Event]) -> list[Event]:
    merged: list[Event] = []
    for is_code, group in itertools.groupby(events, lambda event: isinstance(event, Code)):
        if is_code:
            merged.append(Code("".join(e.text for e in group if isinstance(e, Code))))
        else:
            merged.extend(group)
    return merged


def run(format: str, deltas: Iterable[str]) -> list[Event]:
    return Reader(format).run(deltas)


def cut(text: str, places: Iterable[int]) -> list[str]:
    ends = sorted({min(place, len(text)) for place in places} | {0, len(text)})
    return [text[a:b] for a, b in itertools.pairwise(ends)]


def check(format: str, text: str, expected: list[Event]) -> None:
    """The events of a text are the same whole, in single characters, and cut at random."""
    assert run(format, [text]) == expected
    assert run(format, list(text)) == expected
    assert run(format, [piece for char in text for piece in ("", char, "")]) == expected
    for seed in range(20):
        chance = random.Random(seed)
        places = [chance.randrange(len(text) + 1) for _ in range(chance.randrange(1, 9))]
        assert run(format, cut(text, places)) == expected, cut(text, places)


def code_of(events: Iterable[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Code))


# --- shared vectors ---------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS["json_field"], ids=lambda v: v["name"])
def test_json_vector(vector: dict[str, Any]) -> None:
    extractor = JsonExtractor(vector["field"])
    assert [code_of(extractor.feed(piece)) for piece in vector["pieces"]] == vector["out"]
    assert list(extractor.close()) == []
    text = "".join(vector["pieces"])
    check("json", text, run("json", vector["pieces"]))


@pytest.mark.parametrize(
    ("format", "vector"),
    [("markdown", v) for v in VECTORS["fence"]] + [("tags", v) for v in VECTORS["tag"]],
    ids=lambda v: v if isinstance(v, str) else v["name"],
)
def test_block_vector(format: str, vector: dict[str, Any]) -> None:
    kinds: dict[str, Callable[[Any], Event]] = {
        "open": BlockOpen,
        "code": Code,
        "close": lambda _: BlockClose(),
    }
    expected = merge(kinds[kind](value) for kind, value in vector["events"])
    assert run(format, vector["pieces"]) == expected
    check(format, "".join(vector["pieces"]), expected)


# --- python -----------------------------------------------------------------------------------


def test_python_gives_everything_at_once() -> None:
    extractor = make_extractor("python")
    assert list(extractor.feed("")) == []
    assert list(extractor.feed("```")) == [PYTHON, Code("```")]
    assert list(extractor.feed("\n x")) == [Code("\n x")]
    assert list(extractor.close()) == []
    assert list(extractor.close()) == []


def test_python_nothing() -> None:
    check("python", "", [])


# --- markdown ---------------------------------------------------------------------------------

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
    "text after the closing fence": ("```python\nx\n``` y\n", [PYTHON, Code("x\n``` y\n")]),
    "longer closing fence": ("```python\nx\n`````\ny", [PYTHON, Code("x\n"), CLOSE]),
    "shorter fence is code": (
        "````python\n'''\n```\n'''\n````\n",
        [PYTHON, Code("'''\n```\n'''\n"), CLOSE],
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
    "closing fence indented by four": (
        "```python\nx\n    ```\n",
        [PYTHON, Code("x\n    ```\n")],
    ),
    "closing fence after a tab": ("```python\nx\n\t```\n", [PYTHON, Code("x\n\t```\n")]),
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
        "```python\nx\x0c```\u2028```\x85```\n```\n",
        [PYTHON, Code("x\x0c```\u2028```\x85```\n"), CLOSE],
    ),
    "other languages": ("```js\nx\n```\n```text\n```\n~~~ c++\n```python\ny\n```\n~~~\n", []),
    "bare fence": ("```\nx\n```\n", [OPEN, Code("x\n"), CLOSE]),
    "bare fences": (
        "```\nx\n```\n``` \ny\n```\n",
        [OPEN, Code("x\n"), CLOSE, OPEN, Code("y\n"), CLOSE],
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
        ("ipython3", "ipython3"),
        ("python title='a b'", "python"),
        ("python:file.py", "python"),
        ("python{1,3}", "python"),
        ("python,ignore", "python"),
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
    ],
)
def test_language(info: str, language: str | None) -> None:
    expected: list[Event] = []
    if language is not None:
        expected = [BlockOpen(language), Code("x\n"), CLOSE]
    check("markdown", f"~~~{info}\nx\n~~~\n", expected)
    check("markdown", f"```{info}\r\nx\n```", expected)


def test_a_dropped_block_asks_nobody() -> None:
    extractor = make_extractor("markdown", lambda: True)
    text = "```sh\nls\n```\n```python\nx\n```\n"
    assert merge(extractor.feed(text)) == [PYTHON, Code("x\n```\n")]


def test_a_delta_may_begin_with_a_line_end_of_its_own() -> None:
    assert run("markdown", ["```python\rx\ry", "\n", "```"]) == [PYTHON, Code("x\ry\n"), CLOSE]


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
        (["  `", "``", "x"], ["", "", "  ```x"]),
        (["    ", "x"], ["    ", "x"]),
        (["``", " "], ["", "`` "]),
        (["```", " ", "\t", "y\n"], ["", "", "", "``` \ty\n"]),
        (["x\r", "\n", "y"], ["x\r", "\n", "y"]),
        (['"""\n', "``", "`"], ['"""\n', "``", "`"]),
    ],
)
def test_only_what_may_close_is_held_back(pieces: list[str], expected: list[str]) -> None:
    reader = Reader("markdown")
    reader.read(reader.extractor.feed("```python\n"))
    released = []
    for piece in pieces:
        before = len(reader.code)
        reader.read(reader.extractor.feed(piece))
        released.append(reader.code[before:])
    assert released == expected


def test_the_chunker_is_asked_once_it_has_all_code_before_the_fence() -> None:
    reader = Reader("markdown")
    reader.run(['```python\nx = """\n', "a\n ```\n", '"""\ny\n```\n'])
    assert reader.asked_at == ['x = """\na\n', 'x = """\na\n ```\n"""\ny\n']


# --- tags -------------------------------------------------------------------------------------

TAGS: dict[str, tuple[str, list[Event]]] = {
    "prose around": (
        "Use a < b <code>x\n</code> and <code>\ny</code>.",
        [OPEN, Code("x\n"), CLOSE, OPEN, Code("\ny"), CLOSE],
    ),
    "attributes": ('<code lang="py"\n id=a>x</code>', [OPEN, Code("x"), CLOSE]),
    "upper case": ("<CODE>x</Code>", [OPEN, Code("x"), CLOSE]),
    "empty": ("<code></code>", [OPEN, CLOSE]),
    "other tags": ("<codex>a</code><cod><c ode><code/><code", []),
    "unfinished opening tags": ("<code a <b> <code <code>x</code>", [OPEN, Code("x"), CLOSE]),
    "comparisons": (
        "<code>a<b<</c</co</cod</code</code></code>",
        [OPEN, Code("a<b<</c</co</cod</code"), CLOSE],
    ),
    "inside a string": (
        '<code>x = """</code>""" + y</code>',
        [OPEN, Code('x = """</code>""" + y'), CLOSE],
    ),
    "unclosed": ("<code>x\n</cod", [OPEN, Code("x\n</cod")]),
    "no tag": ("x = 1\n", []),
}


@pytest.mark.parametrize(("text", "expected"), TAGS.values(), ids=TAGS)
def test_tags(text: str, expected: list[Event]) -> None:
    check("tags", text, expected)


def test_only_what_may_be_a_tag_is_held_back() -> None:
    extractor = make_extractor("tags")
    pieces = ["<code>a </", "co", "mment> b<", "=", " c</CODE", ">"]
    assert [merge(extractor.feed(piece)) for piece in pieces] == [
        [OPEN, Code("a ")],
        [],
        [Code("</comment> b")],
        [Code("<=")],
        [Code(" c")],
        [CLOSE],
    ]


def test_the_chunker_is_asked_once_it_has_all_code_before_the_tag() -> None:
    reader = Reader("tags")
    reader.run(['<code>x = """a</co', 'de>b"""</code>'])
    assert reader.asked_at == ['x = """a', 'x = """a</code>b"""']


# --- json -------------------------------------------------------------------------------------


OTHERS = {"x": ["code", {"code": "no", "a": [{}]}, -1.5e3, None]}


@given(
    code=st.text(st.characters(exclude_categories=())),
    other=st.text().filter(lambda key: key != "code"),
    ascii=st.booleans(),
    places=st.lists(st.integers(0, 300), max_size=12),
)
@settings(deadline=None)
def test_json_round_trip(code: str, other: str, ascii: bool, places: list[int]) -> None:
    text = json.dumps({**OTHERS, other: other, "code": code, "z": "code"}, ensure_ascii=ascii)
    value = json.loads(text)["code"]
    expected = [PYTHON, *([Code(value)] if value else []), CLOSE]
    for pieces in (cut(text, places), [text], list(text)):
        assert run("json", pieces) == expected


ESCAPES = [
    *(r"\ud83d", r"\uD83D", r"\uDE00", r"\ude0", r"\u00e9", r"\u"),
    *(r"\n", r"\\", r"\"", r"\/", r"\q", "x", "d", "0", "\n", "\U0001f600"),
]


@given(
    parts=st.lists(st.sampled_from(ESCAPES)),
    places=st.lists(st.integers(0, 60)),
)
@settings(deadline=None)
def test_any_string_decodes_the_same_however_cut(parts: list[str], places: list[int]) -> None:
    body = "".join(parts)
    text = f'{{"code": "{body}"}}'
    whole = run("json", [text])
    assert run("json", cut(text, places)) == run("json", list(text)) == whole
    try:
        value = json.loads(text, strict=False)["code"]
    except ValueError:
        return
    assert code_of(whole) == value


JSON: dict[str, tuple[str, list[Event]]] = {
    "two high surrogates": (
        r'{"code":"\ud83d\ud83d\ude00"}',
        [PYTHON, Code("\ud83d\U0001f600"), CLOSE],
    ),
    "low surrogate alone": (r'{"code":"\ude00x"}', [PYTHON, Code("\ude00x"), CLOSE]),
    "high surrogate at the end": (r'{"code":"\ud83d"}', [PYTHON, Code("\ud83d"), CLOSE]),
    "cut after a high surrogate": (r'{"code":"a\ud83d', [PYTHON, Code("a\ud83d")]),
    "cut in a surrogate pair": (r'{"code":"a\ud83d\ude', [PYTHON, Code("a\ud83d")]),
    "cut in an escape": ('{"code":"a\\', [PYTHON, Code("a")]),
    "unknown escapes": (r'{"code":"\q\u12G\x41"}', [PYTHON, Code(r"\q\u12G\x41"), CLOSE]),
    "control characters": ('{"code":"a\tb\0\r\n"}', [PYTHON, Code("a\tb\0\r\n"), CLOSE]),
    "empty": ('{"code": ""}', [PYTHON, CLOSE]),
    "key written with escapes": (r'{"\u0063ode": "x"}', [PYTHON, Code("x"), CLOSE]),
    "other key": ('{"Code": "x", "code ": "y", "": "code"}', []),
    "key after all kinds of values": (
        '{"a": [1, {"b": ["code", "]", {}]}], "c": true, "d": {}, "code" : "x"}',
        [PYTHON, Code("x"), CLOSE],
    ),
    "object": ('{"code": {"code": "no"}, "y": "z"}', []),
    "array": ('{"code": ["no", "code"]}', []),
    "number": ('{"code": 12, "x": "y"}', []),
    "not an object": ('["code", {"code": "x"}, "code"]', []),
    "a string": ('"code"', []),
    "only the first": ('{"code": "x", "code": "y"}', [PYTHON, Code("x"), CLOSE]),
    "text after it": ('{"code": "x"} {"code": "y"}', [PYTHON, Code("x"), CLOSE]),
    "another object after it": ('{} {"code": "y"}', []),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("text", "expected"), JSON.values(), ids=JSON)
def test_json(text: str, expected: list[Event]) -> None:
    check("json", text, expected)


def test_json_field_of_another_name() -> None:
    extractor = JsonExtractor(field="source")
    assert merge(extractor.feed('{"code": "x", "source": "y"}')) == [PYTHON, Code("y"), CLOSE]


# --- auto -------------------------------------------------------------------------------------


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
        "x = [\n  1]\n",
        'print(f"""{x}\n```python\n""")\n',
        '"""Doc\n\n```python\nno\n```\n"""\n',
        "x = 1 + \\\n  2\n",
        "import os;\n",
        "x = '\\d'\n```python\n",
        "# A comment\nimport os\n```python\n",
        "#!/usr/bin/python\n\n# More\n%timeit x\n",
        "# Only a comment\n",
        "# Only a comment",
        "%%bash\nls\n",
        "!ls\n```python\n",
        "?print\n",
        "df.head?\nx = 1\n```python\n",
        "files, x = !ls\n```python\n",
        "t = %time x\n",
        "x\n",
        "x",
        "x\ny\nz = 1\n```python\n",
        "{}",
        "{'code': 1}\n```python\n",
        '{"code" + "x": 1}\n',
        '{"code": [1]}',
        '{\n"co',
        '{\n\n"code"\n: x}',
        "~x\n",
        "<codex>",
        "<code",
        " \n ",
        "Here is no code at all.\nSorry!\n",
        "Sure!",
        "Use `x` and\n```x``` and <code>x</code>.\n``",
        "```x``` is nice\n",
        "x = 1 +\ny\n",
    ],
)
def test_auto_program(text: str) -> None:
    check("auto", text, as_program(text))


BLOCK = "```python\nx\n```\n"
IN_BLOCK: list[Event] = [PYTHON, Code("x\n"), CLOSE]


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
    check("auto", text, [OPEN, Code("x\n```python\ny"), CLOSE])


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
        (["\n", "%", "time"], 1),
        (["<co", "de", ">", "x"], 2),
        (['{"co', 'de": ', '"', "x"], 2),
        (["Hi there\n", "``", "`py", "\n", "x"], 3),
        (["# a\n", "# b\n", "import x", "\n"], 3),
        (["Title\n", "\n", "x = 1", "\r", "\n"], 3),
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
        assert run("auto", ["print('\\d \\\" \\", "w')\nx"]) == as_program(
            "print('\\d \\\" \\w')\nx"
        )
        assert warnings.filters == filters
    assert caught == []


# --- all formats ------------------------------------------------------------------------------

WORDS = """
    ` `` ``` ```` ~~~ python py sh x < <code> </code> <code > a=' {"code": " \\ \\ud83d \\ude00
    { } , : # Hi % ? = é [ ( import '''
"""
BLANKS = ("\n", "\r", "\r\n", " ", "    ", "\t")
ALPHABET = st.sampled_from([*WORDS.split(), *BLANKS, "```python\n", "```\n"])


@pytest.mark.parametrize("format", FORMATS)
@given(parts=st.lists(ALPHABET, max_size=40), places=st.lists(st.integers(0, 150), max_size=15))
@settings(deadline=None, max_examples=150)
def test_the_cut_does_not_matter(format: str, parts: list[str], places: list[int]) -> None:
    text = "".join(parts).replace("'''", '"""')
    whole = run(format, [text])
    assert run(format, list(text)) == whole
    assert run(format, cut(text, places)) == whole
    depth = 0
    for event in whole:
        depth += {BlockOpen: 1, Code: 0, BlockClose: -1}[type(event)]
        assert depth in (0, 1)
        assert depth == 1 or not isinstance(event, Code)


@pytest.mark.parametrize("format", FORMATS)
def test_feed_is_lazy(format: str) -> None:
    extractor = make_extractor(format)
    assert isinstance(extractor.feed("x"), Iterator)
    assert isinstance(extractor.close(), Iterator)


@pytest.mark.parametrize("format", ["", "Python", "xml"])
def test_unknown_format(format: str) -> None:
    with pytest.raises(ValueError, match="python, markdown, tags, json") as error:
        make_extractor(format)
    assert repr(format) in str(error.value)


def test_events_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Code("x").text = "y"  # type: ignore[misc]
    assert not hasattr(Code("x"), "__dict__")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_pure(path: Path) -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).split(".")[0])
    assert imported <= {
        "ast",
        "codeop",
        "collections",
        "dataclasses",
        "eager_kernel",
        "re",
        "typing",
    }


# What each format holds back, or goes on through, without an end.
ENDLESS = {
    "python": ("auto", "x = 1\n", "y = 2\n"),
    "one line": ("auto", "x = '", "abc "),
    "blank": ("auto", "", " \n"),
    "comments": ("auto", "", "# a\n"),
    "prose": ("auto", "Hi there\n", "so it goes\n"),
    "prose in one line": ("auto", "Hi there ", "so "),
    "backticks at first": ("auto", "", "`"),
    "blocks": ("markdown", "", "Hi\n```python\nx = 1\n```\n"),
    "code": ("markdown", "```python\n", "    x = 1\n"),
    "code in one line": ("markdown", "```python\n", "abc "),
    "opening fence": ("markdown", "", "`"),
    "info": ("markdown", "```", "python "),
    "closing fence": ("markdown", "```python\n", "`"),
    "blanks after it": ("markdown", "```python\n```", " "),
    "fences in a string": ("markdown", '```python\n"""\n', "```\n"),
    "indentation": ("markdown", " " * 4000 + "```python\n", "x" + "\n" + " " * 40),
    "attributes": ("tags", "<code ", "a=b "),
    "tags": ("tags", "<code>", "</co"),
    "escapes": ("json", '{"code": "', "\\ud83d"),
    "plain": ("json", '{"code": "', "abc "),
    "nested": ("json", "", "{"),
    "key": ("json", '{"', "code"),
}


@pytest.mark.parametrize(("format", "start", "again"), ENDLESS.values(), ids=ENDLESS)
def test_linear(format: str, start: str, again: str) -> None:
    def seconds(size: int) -> float:
        text = start + again * (size // len(again))
        deltas = [text[i : i + 4] for i in range(0, len(text), 4)]
        extractor: Extractor = make_extractor(format)
        began = time.process_time()
        for delta in deltas:
            for _ in extractor.feed(delta):
                pass
        for _ in extractor.close():
            pass
        return time.process_time() - began

    size = 50_000
    for _ in range(5):  # a busy machine may spoil a try, quadratic cost spoils each of them
        small = min(seconds(size) for _ in range(3))
        if min(seconds(4 * size) for _ in range(2)) < 8 * small:
            return
    pytest.fail("four times the text takes more than eight times as long")
