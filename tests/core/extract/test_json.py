"""Programs in the JSON of tool calls."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eager_kernel.core.extract import BlockClose, BlockOpen, Code, Event
from tests.core.extract.reading import check, cut, events

OPEN = BlockOpen("")
PYTHON = BlockOpen("python")
CLOSE = BlockClose()

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
        assert events("json", pieces) == expected


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
    whole = events("json", [text])
    assert events("json", cut(text, places)) == events("json", list(text)) == whole
    try:
        value = json.loads(text, strict=False)["code"]
    except ValueError:
        return
    assert "".join(event.text for event in whole if isinstance(event, Code)) == value


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
    "several calls": (
        '{"code": "x"} {"code": "y"}\n[{"code": "z"}, {"code": "w"}]',
        [e for name in "xyzw" for e in (PYTHON, Code(name), CLOSE)],
    ),
    "an empty object first": ('{} {"code": "y"}', [PYTHON, Code("y"), CLOSE]),
    "any order": ('{"language": "py", "timeout": 1.5, "code": "x"}', [PYTHON, Code("x"), CLOSE]),
    "arguments": ('{"name": "f", "arguments": {"code": "x"}}', [PYTHON, Code("x"), CLOSE]),
    "arguments as a string": (
        json.dumps({"arguments": json.dumps({"a": 1, "code": 'print("x")\n'})}),
        [PYTHON, Code('print("x")\n'), CLOSE],
    ),
    "calls of OpenAI": (
        '{"tool_calls": [{"function": {"name": "f", "arguments": {"code": "x"}}}]}',
        [PYTHON, Code("x"), CLOSE],
    ),
    "arguments of something else": ('{"result": {"code": "x"}}', []),
    "single quotes": ("{'code': 'it\\'s \"x\"'}", [PYTHON, Code('it\'s "x"'), CLOSE]),
    "prose before it": ('I call {f}: [1] {"code": "x"}', [PYTHON, Code("x"), CLOSE]),
    "in a fence": ('```json\n{"code": "x"}\n```\n', [PYTHON, Code("x"), CLOSE]),
    "a fence in it": (json.dumps({"code": "```py\nx\n```"}), [BlockOpen("py"), Code("x\n"), CLOSE]),
    "a fence without a language in it": (
        json.dumps({"code": "\n```\nx\n```\n"}),
        [OPEN, Code("x\n"), CLOSE],
    ),
    "reasoning before it": (
        '<think>{"code": "no"}</think>{"code": "x"}',
        [PYTHON, Code("x"), CLOSE],
    ),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("text", "expected"), JSON.values(), ids=JSON)
def test_json(text: str, expected: list[Event]) -> None:
    check("json", text, expected)


def test_json_field_of_another_name() -> None:
    check("json:source", '{"code": "x", "source": "y"}', [PYTHON, Code("y"), CLOSE])
    check("json:a.b", '{"b": "x", "a": {"b": "no"}}', [])
    nested = '{"code": "x", "input": {"code": "y"}}'
    check("json:input.code", nested, [PYTHON, Code("y"), CLOSE])
