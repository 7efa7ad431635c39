"""An attribute that an object has for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final


@contextmanager
def attribute(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Give an object an attribute of its own; take it back unless it was replaced meanwhile."""
    own = vars(owner).get(name, _NONE)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if vars(owner).get(name) is value:
            if own is _NONE:
                delattr(owner, name)
            else:
                setattr(owner, name, own)


_NONE: Final = object()
