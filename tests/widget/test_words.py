"""What a model says instead of a program: shown, and nothing in it active."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eager_kernel.widget.view import QuietView
from tests.widget.test_picture import HOSTILE, TAGS, Reader, read_page
from tests.widget.test_record import result

SAFE = TAGS | {"em", "strong", "ul", "ol", "li", "hr", "blockquote"}
SAFE |= {"table", "thead", "tbody", "tr", "th", "td"}
ASKS = """# Which one?

There are *two* columns in [the table](https://example.org):

1. `price`
2. `cost`

```sql
select price

from t
```
"""
ACTIVE = [
    *HOSTILE,
    "![x](https://example.org/seen.png)",
    "[x](javascript:alert(1))",
    "<https://example.org>",
    "[x]: https://example.org\n[x]",
    "<img src=https://example.org/seen.png>",
    "</div></details><script>alert(1)</script>",
    '``` x" onclick=alert(1)\n```',
    "$\\href{javascript:alert(1)}{x}$",
]


def kept(words: str) -> dict[str, str]:
    view = QuietView("a model")
    left_out = {"message": "no Python found; left out: 3 lines of prose"}
    view.hear(result("no_code", program="", words=words, left_out=left_out))
    return view.saved()


def test_an_answer_without_a_program_is_shown() -> None:
    saved = kept(ASKS)
    read = read_page(saved)
    assert {"ol", "li", "em", "pre", "code"} <= read.tags
    assert "h1" not in read.tags, "it would be in the table of contents"
    assert "a" not in read.tags
    assert "There are two columns in [the table](https://example.org):" in read.text
    assert "select price\n\nfrom t" in read.text
    assert ASKS.strip() in saved["text/plain"]
    assert "left out" not in read.text


@pytest.mark.parametrize("text", ACTIVE)
def test_nothing_in_it_is_active(text: str) -> None:
    read = read_page(kept(f"Look:\n\n{text}\n\nWhich?"))
    assert read.open == []
    assert read.tags <= SAFE
    assert read.attributes <= {"class", "style", "data-eager-run", "hidden", "start"}
    assert "Which?" in read.text or len(text) > 20_000
    assert "$" not in kept(text)["text/markdown"]


@given(st.text() | st.text("`*_#-|<>[]()!&\\\n $a"))
def test_any_text_at_all(text: str) -> None:
    read = Reader(kept(text)["text/markdown"])
    assert read.open == []
    assert read.tags <= SAFE
    read = read_page(kept(text))
    assert read.open == []
    assert read.tags <= SAFE


def test_a_long_answer_is_cut() -> None:
    assert "more characters" in read_page(kept("word " * 100_000)).text
