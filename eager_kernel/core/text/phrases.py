"""Times, lines and hostile strings as words.

Reasons and effects name what a model wrote. What is shown of them must not move a cursor, turn
the direction of text, break a document, or go on for pages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final


def plain(text: str, limit: int = 120) -> str:
    """One line of printable text, of at most `limit` characters."""
    text = text[: _MANY * limit]
    text = _TERMINAL.sub("", text)
    text = "".join(char if char.isprintable() else " " for char in text)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def seconds(value: float) -> str:
    """A time as a person would say it: ``3.2 s``, ``45 ms``."""
    if value < 0.0005:
        return "under 1 ms" if value > 0 else "0 s"
    if value < 0.0995:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 99.95 else f"{value:.0f} s"


def part_of(part: float, whole: float) -> str:
    """A time as a part of another: ``3.2 of 3.6 s``, ``20 ms of 3.6 s``."""
    a, b = seconds(part), seconds(whole)
    number, unit = a.rsplit(" ", 1)
    return f"{number} of {b}" if b.endswith(f" {unit}") and number[0].isdigit() else f"{a} of {b}"


def line_range(first: int, last: int) -> str:
    """``line 4`` or ``lines 4-40``."""
    return f"line {first}" if first == last else f"lines {first}-{last}"


def counted(number: int, noun: str) -> str:
    """``1 line``, ``2,000 lines``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listing(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


# Escape sequences of terminals, whole: without its first character the rest would be text.
_TERMINAL: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"  # titles, links
    r"|\x1b[ -/]*[0-~]"
)
# A little of what follows the limit is looked at, for what it is cut from may be invisible.
_MANY: Final = 8
