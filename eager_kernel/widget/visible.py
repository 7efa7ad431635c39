"""Text of strangers, in which nothing is hidden."""

from __future__ import annotations

import re
from typing import Final


def visible(text: str) -> str:
    """`text` with all that can't be seen, or that changes how other text is seen, spelled out.

    Tabs become spaces; control characters, those that turn the direction of text and halves of
    surrogate pairs become ``⟨U+202E⟩``.
    """
    text = text.expandtabs(4)
    return text if text.isascii() and text.isprintable() else _HIDDEN.sub(_spell, text)


def visible_lines(text: str) -> str:
    """`text` of several lines, each of them `visible`."""
    return "\n".join(visible(line) for line in _BREAK.split(text))


def _spell(found: re.Match[str]) -> str:
    return f"⟨U+{ord(found[0]):04X}⟩"


_BREAK: Final = re.compile(r"\r\n?|\n")
# C0 and C1, soft hyphen, Arabic letter mark, Hangul fillers, zero-width and bidi controls, line
# and paragraph separators, variation and tag characters, surrogates, interlinear annotations.
_HIDDEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
