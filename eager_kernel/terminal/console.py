"""A terminal, as rich sees it."""

from __future__ import annotations

import os
from typing import Any

from rich.console import Console


class _Console(Console):
    """A console whose reader may go: that is an error like any other, and ends no thread."""

    def on_broken_pipe(self) -> None:
        """Raise what rich makes the end of the process: it may be another thread's to end."""
        raise BrokenPipeError


def make_console(**options: Any) -> Console:
    """Make a console, without colours if the user wants none (``NO_COLOR``).

    Parameters
    ----------
    options
        As of `rich.console.Console`.
    """
    if os.environ.get("NO_COLOR"):
        options["color_system"] = None
    return _Console(force_jupyter=False, **options)


def shows_colours(stream: Any) -> bool:
    """Whether escape sequences for colours may be written to a stream."""
    is_dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and not is_dumb
