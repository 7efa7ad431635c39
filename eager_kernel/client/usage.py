"""What a model's stream says that it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any


def usage_of(deltas: object) -> dict[str, Any] | None:
    """Read the attribute ``usage`` of deltas, when they have ended or been closed.

    Parameters
    ----------
    deltas
        What was given to `run`. Its ``usage`` may be a mapping, a dataclass, or an object of a
        provider's package.

    Returns
    -------
    dict or None
        None: it has none, or none of these.
    """
    usage: Any = getattr(deltas, "usage", None)
    if hasattr(usage, "model_dump"):
        usage = usage.model_dump()
    elif is_dataclass(usage) and not isinstance(usage, type):
        usage = asdict(usage)
    return dict(usage) if isinstance(usage, Mapping) else None
