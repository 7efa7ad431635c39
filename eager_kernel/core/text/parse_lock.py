"""Parse in one thread while another one parses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def undisturbed(parse: Callable[[], T]) -> T:
    """Do what `parse` does, whatever other threads parse meanwhile.

    CPython 3.11 counts for all threads together how deep a tree is that it makes. Where the garbage
    that it collects on the way lets another thread in, which makes one too, that count is wrong
    afterwards, and it fails with a `SystemError`. Nothing else is wrong then, so it is made again.
    """
    while True:
        try:
            return parse()
        except SystemError as error:
            if "recursion depth mismatch" not in str(error):
                raise
