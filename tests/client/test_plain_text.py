"""What is left on the screen, and what is left of text that is too long."""

from __future__ import annotations

import io

import pytest
from tqdm import tqdm

from eager_kernel.client.plain_text import on_screen, without_escapes
from eager_kernel.client.shortening import shorten


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n", "plain\n"),
        ("\x1b[1;31mred\x1b[0m and \x9b4munder", "red and under"),
        ("\x1b]8;;https://a.example\x1b\\link\x1b]8;;\x07", "link"),
        ("\x1b(Bplain\x1b=", "plain"),
        ("a\x1b", "a"),
        ("a\x00\x07b\tc", "ab\tc"),
        ("a\r\nb\r\n", "a\nb\n"),
        (" 10%\r 50%\r100%\n", "100%\n"),
        ("longer\rab", "abnger"),
        ("longer\r\x1b[Kab", "ab"),
        ("12\b3\n", "13\n"),
        ("\b\b1", "1"),
        ("a\nb\n\x1b[2Axy\n", "xy\nb\n"),
        ("\x1b[99999999999999999999Aa", "a"),
        ("a\r", "a"),
        ("", ""),
    ],
)
def test_on_screen(text: str, shown: str) -> None:
    assert on_screen(text) == shown


def test_a_carriage_return_in_a_message_is_the_end_of_a_line() -> None:
    assert without_escapes("a\rb\r\n\x1b[31mc") == "a\nb\nc"


@pytest.mark.parametrize("leave", [True, False])
def test_bars_of_tqdm_show_as_they_were_last(leave: bool) -> None:
    file = io.StringIO()
    for _ in tqdm(range(3), desc="outer", file=file, mininterval=0, ncols=60):
        for _ in tqdm(range(4), desc="inner", file=file, mininterval=0, ncols=60, leave=leave):
            pass
    shown = on_screen(file.getvalue())
    assert len(file.getvalue()) > 15 * 60
    assert shown.count("outer") == 1
    assert "outer: 100%" in shown
    assert shown.count("inner: 100%") == (3 if leave else 0)


def test_the_cost_is_linear_whatever_moves() -> None:
    # Were it not, this would take hours: so it needs no clock.
    on_screen("x" * 200_000 + "\ry" * 200_000 + "\b" * 200_000)
    on_screen("\x1b]" * 200_000 + "\r")
    without_escapes("\x1b[" * 200_000)


def test_shortening_says_how_much_is_left_out() -> None:
    text = "a" * 500 + "b" * 500
    short = shorten(text, 200)
    assert len(short) <= 200
    head, _, tail = short.partition(" […")
    assert "characters left out…] " in tail
    kept = len(head) + len(tail.partition("…] ")[2])
    assert f"[…{1000 - kept} characters" in short
    assert short.startswith("aaa")
    assert short.endswith("bbb")


def test_shortening_says_how_many_lines() -> None:
    short = shorten("line\n" * 1000, 300)
    assert len(short) <= 300
    lines = short.count("line\n")
    assert 0 < lines < 60
    assert "ends of lines…]" in short


@pytest.mark.parametrize("limit", range(60))
def test_no_limit_is_exceeded(limit: int) -> None:
    assert len(shorten("x\n" * 500, limit)) <= limit
    assert shorten("short", 5) == "short"


def test_a_limit_is_no_negative_number() -> None:
    with pytest.raises(ValueError, match="must not be negative, but is -1"):
        shorten("", -1)
