"""Text in pieces as long as a model's tokens."""

from __future__ import annotations

import re
from typing import Final


def tokens(text: str) -> list[str]:
    """Cut `text` into pieces about as long as a model's tokens."""
    return _TOKEN.findall(text)


_TOKEN: Final = re.compile(r"\n[ \t]*|[ \t]?\w{1,6}|[^\S\n]+|[^\w\s]{1,2}")
