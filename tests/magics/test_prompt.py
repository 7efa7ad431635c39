"""Values in a prompt."""

from __future__ import annotations

import contextlib
import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eager_kernel.errors import PromptError
from eager_kernel.magics.prompt import fill


class Unshowable:
    def __repr__(self) -> str:
        raise ValueError("not today")


class SilentError(Exception):
    def __str__(self) -> str:
        raise ValueError


class Worse:
    @property
    def value(self) -> int:
        raise SilentError


NAMES: dict[str, Any] = {
    "name": "Ada",
    "n": 3,
    "rows": [{"id": 7}, [1, 2]],
    "df": SimpleNamespace(columns=["a", "b"], inner=SimpleNamespace(x="deep")),
    "table": {"a b": 1, "0": "zero", "{n}": "no"},
    "braces": "{n} and {{n}}",
    "größe": 4,
    "bad": Unshowable(),
    "worse": Worse(),
}


@pytest.mark.parametrize(
    ("prompt", "filled"),
    [
        ("Hello {name}, {n} times", "Hello Ada, 3 times"),
        ("{df.columns}", "['a', 'b']"),
        ("{df.inner.x}", "deep"),
        ("{rows[0]}", "{'id': 7}"),
        ("{rows[-1][1]}", "2"),
        ("{rows[0]['id']}", "7"),
        ('{table["a b"]}', "1"),
        ("{table['0']}", "zero"),
        ("{größe}", "4"),
        ("{{name}}", "{name}"),
        ("{{df.columns}}", "{df.columns}"),
        ("{{{name}}}", "{{name}}"),
        ("{braces}", "{n} and {{n}}"),  # what is filled in is not read again
        ("{} {0} { n } {n!r} {n:>3} {n + 1} {f()} {rows[n]}", None),
        ('{"key": [1, {"a": {}}]}', None),
        ("{'name': 1}", None),
        ("if (x) { return; }", None),
        ("{df.}", None),
        ("{", None),
        ("}{", None),
        ("no braces", None),
        ("", None),
    ],
)
def test_only_names_are_filled(prompt: str, filled: str | None) -> None:
    assert fill(prompt, NAMES, repr) == (prompt if filled is None else filled)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (
            "{nobody}",
            r"\{nobody\} has no value in this notebook: define nobody, or write "
            r"\{\{nobody\}\}",
        ),
        ("{df.rows}", r"\{df\.rows\} can't be read: AttributeError"),
        ("{rows[9]}", r"\{rows\[9\]\} can't be read: IndexError"),
        ("{table['x']}", "can't be read: KeyError"),
        ("{n[0]}", "can't be read: TypeError"),
        ("{bad}", r"\{bad\} can't be read: ValueError: not today"),
        ("{worse.value}", "can't be read: SilentError: its message can't be read either"),
    ],
)
def test_what_has_no_value_is_named(prompt: str, said: str) -> None:
    with pytest.raises(PromptError, match=said):
        fill(prompt, NAMES, repr)


def test_a_long_value_is_shortened() -> None:
    filled = fill("<{x}>", {"x": "a" * 5_000 + "b" * 20_000}, repr)
    assert len(filled) < 8_100
    assert filled.startswith("<aaa")
    assert filled.endswith("bbb>")


TEXTS = st.text(st.characters(exclude_characters="{}"))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXTS,
        lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    )
)
def test_json_stays_as_it_is(value: Any) -> None:
    text = json.dumps(value, indent=1)
    assert fill(text, {}, repr) == text


@given(st.text(alphabet="{}[]'\"n.0 a"))
def test_any_text_is_filled_or_refused(prompt: str) -> None:
    with contextlib.suppress(PromptError):
        fill(prompt, {"n": 1, "a": {"n": 2}}, repr)
