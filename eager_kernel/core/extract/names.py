"""Tables of names."""

from __future__ import annotations


def names(text: str) -> frozenset[str]:
    """The words of a text: a table that can be read."""
    return frozenset(text.split())
