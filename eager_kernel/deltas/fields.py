"""Fields of what comes: objects of a package, or dicts as JSON has them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def field(item: Any, name: str) -> Any:
    """Read a field; None where there is none."""
    return item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)


def text(value: Any) -> str:
    """Read text, or a list of parts of which some are text; of what else there is, nothing.

    Raises
    ------
    TypeError
        It is bytes.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray)):
        raise TypeError("deltas must be text, not bytes: decode them first")
    if isinstance(value, list):
        return "".join(text(field(part, "text")) for part in value if field(part, "type") == "text")
    return ""


def arguments(value: Any) -> str:
    """Read arguments of a call: JSON, or what is to be written as JSON."""
    return json.dumps(value) if isinstance(value, Mapping) else text(value)


def plain(usage: Any) -> dict[str, Any]:
    """Make a dict of what says what an answer cost, without what it leaves open."""
    if hasattr(usage, "model_dump"):
        usage = usage.model_dump()
    elif hasattr(usage, "__dict__"):
        usage = vars(usage)
    if not isinstance(usage, Mapping):
        return {}
    return {str(name): value for name, value in usage.items() if value is not None}
