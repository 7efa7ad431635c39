"""What holds of every format: vectors, any split, linear cost, purity."""

from __future__ import annotations

import ast
import gc
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
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
    check_format,
    make_extractor,
)
from tests.core.extract.reading import check, cut, events, merge, read

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "chunks.json").read_text("utf-8"))
SOURCES = sorted(Path(extract.__file__).parent.glob("*.py"))
PYTHON = BlockOpen("python")


# --- shared vectors ---------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS["json_field"], ids=lambda v: v["name"])
def test_json_vector(vector: dict[str, Any]) -> None:
    extractor = make_extractor(f"json:{vector['field']}")
    found = [
        "".join(event.text for event in extractor.feed(piece) if isinstance(event, Code))
        for piece in vector["pieces"]
    ]
    assert found == vector["out"]
    assert list(extractor.close()) == []
    check("json", "".join(vector["pieces"]), events("json", vector["pieces"]))


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
    assert events(format, vector["pieces"]) == expected
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


# --- names of formats ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        ("auto", ("auto", "")),
        ("json:query", ("json", "query")),
        ("json:arguments.code", ("json", "arguments.code")),
        ("tags:execute", ("tags", "execute")),
    ],
)
def test_a_format_may_have_a_name(format: str, expected: tuple[str, str]) -> None:
    assert check_format(format) == expected


@pytest.mark.parametrize(
    "format",
    ["", "Python", "xml", "json:", "tags:", "tags:a b", "tags:<code>", "json:a b", "auto:x", ":x"],
)
def test_an_unknown_format_says_which_there_are(format: str) -> None:
    with pytest.raises(ValueError, match="python, markdown, tags, json") as error:
        make_extractor(format)
    assert repr(format) in str(error.value)


# --- any text, any split ------------------------------------------------------------------------

WORDS = """
    ` `` ``` ```` ~~~ python py sh json x < <code> </code> <code > a=' {"code": " } [ ] \\ \\ud83d
    \\ude00 { } , : # Hi % ? = é ( import ''' > - 1. <think> </think> <pre> &lt; <|im_end|> </s
    <|channel|> analysis <|message|> [THINK] [/THINK] <!-- --> {"arguments": ''
    <｜ ｜> <｜end▁of▁sentence｜> {code-cell} :a: --- ``` ` tru 1e &
"""
BLANKS = ("\n", "\r", "\r\n", " ", "    ", "\t", "\u200b", "\ufeff")
ALPHABET = st.sampled_from([*WORDS.split(), *BLANKS, "```python\n", "```\n", "> ", "- ", "\n\n"])


@pytest.mark.parametrize("format", [*FORMATS, "json:x", "tags:py"])
@given(parts=st.lists(ALPHABET, max_size=40), places=st.lists(st.integers(0, 150), max_size=15))
@settings(deadline=None, max_examples=200)
def test_the_split_does_not_matter(format: str, parts: list[str], places: list[int]) -> None:
    text = "".join(parts)
    whole = read(format, [text])
    for deltas in (list(text), cut(text, places)):
        reader = read(format, deltas)
        assert merge(reader.events) == merge(whole.events)
        assert reader.left_out == whole.left_out
    depth = 0
    for event in merge(whole.events):
        depth += {BlockOpen: 1, Code: 0, BlockClose: -1}[type(event)]
        assert depth in (0, 1)
        assert depth == 1 or not isinstance(event, Code)


@pytest.mark.parametrize("format", FORMATS)
def test_feed_is_lazy(format: str) -> None:
    extractor = make_extractor(format)
    assert isinstance(extractor.feed("x"), Iterator)
    assert isinstance(extractor.close(), Iterator)


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
    pure = "__future__ ast builtins codeop collections dataclasses enum html re typing"
    assert imported <= {*pure.split(), "eager_kernel"}


# --- cost ---------------------------------------------------------------------------------------

# What an answer may begin with, and go on through without an end.
ENDLESS = {
    "python": ("auto", "x = 1\n", "y = 2\n"),
    "one line": ("auto", "x = '", "abc "),
    "blank": ("auto", "", " \n"),
    "blanks": ("auto", "", " "),
    "comments": ("auto", "", "# a\n"),
    "weak lines": ("auto", "", "x\n"),
    "open bracket": ("auto", "", "(\n"),
    "prose": ("auto", "Hi there\n", "so it goes\n"),
    "prose in one line": ("auto", "Hi there ", "so "),
    "backticks at first": ("auto", "", "`"),
    "quotes": ("auto", "", ">"),
    "quotes on lines": ("auto", "", "> > > a\n"),
    "deep quotes": ("auto", ">" * 2000 + "\n", ">>>>\n"),
    "items": ("auto", "", "- "),
    "items on lines": ("auto", "", "- a\n  "),
    "open tags": ("auto", "", "<code>"),
    "open tags on lines": ("auto", "", "<code>\n"),
    "half tags": ("auto", "a ", "<cod"),
    "less than": ("auto", "a ", "<"),
    "closing tags in a first line": ("auto", "x = '", "</code>"),
    "closing tags": ("auto", "Hi\n", "</code>"),
    "reasoning": ("auto", "<think>", "a\n"),
    "reasoning again and again": ("auto", "", "<think>a</think>\n"),
    "half ends of reasoning": ("auto", "<think>", "</thin"),
    "lone ends of reasoning": ("auto", "", "</think>"),
    "heads": ("auto", "", "<|channel|>a"),
    "comments of HTML": ("auto", "<!--", "--"),
    "code in prose": ("auto", "Hi ", "<code>x</code> "),
    "what does not show in a tag": ("auto", "<code>\n", "\ufeff"),
    "blank lines in a tag": ("tags", "<code>", " \n"),
    "entities": ("auto", "<pre><code>", "&lt;"),
    "half entities": ("auto", "<pre><code>", "&a"),
    "brackets": ("auto", "", "["),
    "objects": ("auto", "", '{"a":'),
    "objects on lines": ("auto", "", '{"a":\n'),
    "no objects": ("auto", "", "{x\n"),
    "objects that turn out to be none": ("auto", "", '{"a": {"b": 1}, x\n'),
    "strings that turn out to be none": ("auto", "", '{"a": "\n'),
    "numbers": ("auto", '{"a": ', "1"),
    "fences": ("auto", "", "```\n"),
    "fences with names": ("auto", "Hi\n", "```sh\n"),
    "blocks of a line": ("auto", "", "```x = 1```\n"),
    "blocks without a name": ("auto", "", "```\nx\n```\n"),
    "magics without a name": ("auto", "```\n", "% x\n"),
    "many names": ("auto", "", "".join(f"```x{n}\n```\n" for n in range(2_000))),
    "behind the end": ("auto", "x = 1\n<|im_end|>", "abc "),
    "lines behind the end": ("auto", "x = 1\n<|im_end|>", "abc\n"),
    "fences behind code": ("auto", "import x\n", "```\n```python\n"),
    "half a tag over lines": ("auto", "Hi.\n", "<s\n a="),
    "comparisons": ("auto", "```python\n", "x <s\n"),
    "assignments behind a comparison": ("auto", "```python\nx <s\n", "a = b\n"),
    "arguments": ("auto", "<tool_call>\n<parameter=x>", "<parameter=y"),
    "names of arguments": ("auto", "<tool_call>", "<arg_key>a</arg_key>\n"),
    "marks in a comment": ("auto", "", "# <tool_call> "),
    "marks in a span of code": ("auto", "Hi `", "<think>"),
    "blocks": ("markdown", "", "Hi\n```python\nx = 1\n```\n"),
    "code": ("markdown", "```python\n", "    x = 1\n"),
    "code in one line": ("markdown", "```python\n", "abc "),
    "code in quotes": ("markdown", "> > > ```python\n", "> > > x\n"),
    "code without a name": ("markdown", "```\n", "x = 1\n"),
    "opening fence": ("markdown", "", "`"),
    "info": ("markdown", "```", "python "),
    "closing fence": ("markdown", "```python\n", "`"),
    "closing fence of a shell": ("markdown", "```sh\n", "`"),
    "closing fence in a string": ("markdown", '```python\n"""\n', "`"),
    "blanks after it": ("markdown", "```python\n```", " "),
    "fences in a string": ("markdown", '```python\n"""\n', "```\n"),
    "fences in a line": ("markdown", "```python\n# ", "```x"),
    "indentation": ("markdown", " " * 80 + "```python\n", "x" + "\n" + " " * 80),
    "options": ("markdown", "```{code-cell}\n", ":a: b\n"),
    "attributes": ("tags", "<code ", "a=b "),
    "tags": ("tags", "<code>", "</co"),
    "escapes": ("json", '{"code": "', "\\ud83d"),
    "plain": ("json", '{"code": "', "abc "),
    "nested": ("json", "", "{"),
    "nested arguments": ("json", "", '{"arguments":'),
    "key": ("json", '{"', "code"),
    "nested behind code": ("json", '{"code": "x", "a": ', "["),
    "a key behind code": ("auto", '{"code": "x", "', "a"),
    "calls": ("json", "", '{"code": "x"}'),
    "values in a fence": ("auto", "```json\n", '{"a": 1}\n'),
    "fence in JSON": ("json", '{"code": "', "`"),
}


@pytest.mark.parametrize("size", [4, 1_000_000], ids=["small deltas", "one delta"])
@pytest.mark.parametrize(("format", "start", "again"), ENDLESS.values(), ids=ENDLESS)
def test_linear(format: str, start: str, again: str, size: int) -> None:
    def seconds(length: int) -> float:
        text = start + again * (length // len(again))
        deltas = [text[i : i + size] for i in range(0, len(text), size)]
        extractor: Extractor = make_extractor(format)
        began = time.process_time()
        for delta in deltas:
            for _ in extractor.feed(delta):
                pass
            assert extractor.held <= len(text)  # as the kernel asks after each delta
        for _ in extractor.close():
            pass
        return time.process_time() - began

    # Eight times the text takes eight times as long, or 64 times if the cost is quadratic: far
    # enough apart for a machine that is busy with other things.
    length = max(6_000, len(again))
    for _ in range(5):
        small = min(seconds(length) for _ in range(3))
        if seconds(8 * length) < 24 * small:
            return
    pytest.fail("eight times the text takes more than 24 times as long")


@pytest.mark.parametrize(("format", "start", "again"), ENDLESS.values(), ids=ENDLESS)
def test_what_is_kept_is_counted(format: str, start: str, again: str) -> None:
    text = start + again * (40_000 // len(again))
    extractor: Extractor = make_extractor(format)
    before = size_of(extractor)
    for piece in (text[i : i + 100] for i in range(0, len(text), 100)):
        for _ in extractor.feed(piece):
            pass
    assert size_of(extractor) - before < 50_000 + 100 * extractor.held


def size_of(whole: object) -> int:
    """Bytes of an object and of all that it leads to, but code: much sooner than `tracemalloc`."""
    size, todo, seen = 0, [whole], {id(whole)}
    while todo:
        one = todo.pop()
        size += sys.getsizeof(one)
        for part in gc.get_referents(one):
            if id(part) not in seen and not isinstance(part, CODE):
                seen.add(id(part))
                todo.append(part)
    return size


CODE = (type, ModuleType, FunctionType, BuiltinFunctionType)
