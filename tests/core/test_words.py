"""Times, lines and hostile strings as words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eager_kernel.core.text.phrases import line_range, listing, part_of, plain, seconds
from tests.core.runs import HOSTILE


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 s"),
        (0.0001, "under 1 ms"),
        (0.0006, "1 ms"),
        (0.0454, "45 ms"),
        (0.0994, "99 ms"),
        (0.0996, "0.1 s"),
        (3.24, "3.2 s"),
        (99.94, "99.9 s"),
        (99.96, "100 s"),
        (1234.5, "1234 s"),
    ],
)
def test_seconds(value: float, text: str) -> None:
    assert seconds(value) == text


def test_part_of() -> None:
    assert part_of(3.2, 3.6) == "3.2 of 3.6 s"
    assert part_of(0.02, 0.03) == "20 of 30 ms"
    assert part_of(0.02, 3.6) == "20 ms of 3.6 s"
    assert part_of(0.0001, 0.03) == "under 1 ms of 30 ms"


def test_lines_and_lists() -> None:
    assert (line_range(4, 4), line_range(4, 40)) == ("line 4", "lines 4-40")
    assert [listing(list("abc"[:n])) for n in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_plain() -> None:
    assert plain("\x1b[1;31mred\x1b[0m\r\n two\tthree\u202e\x00 ") == "red two three"
    assert plain("\x1b]0;title\x07x \x9b2Jy \x1bcz") == "x y z"
    assert plain("ab" * 10, 5) == "abab…"
    assert plain("é 中文 🐍") == "é 中文 🐍"
    assert plain(HOSTILE).startswith("[red]<script>alert('1')</script>]]>&amp; [/red]")


@given(st.text(st.characters()), st.integers(1, 50))
def test_plain_is_short_and_printable(text: str, limit: int) -> None:
    shown = plain(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    assert shown == plain(shown, limit)
