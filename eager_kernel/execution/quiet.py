"""What a program displays while it is not known whether its text ends in ``;``."""

from __future__ import annotations

from threading import get_ident
from typing import Any


class Quiet:
    """Hides nothing; of a cell that runs beside this one, in a subshell, what it would hide.

    Parameters
    ----------
    hook
        The shell's display hook, whose method ``quiet`` this stands for.
    """

    def __init__(self, hook: Any) -> None:
        self._hook = hook
        self._thread = get_ident()

    def __call__(self) -> bool:
        """Whether the value at hand is hidden."""
        return get_ident() != self._thread and bool(type(self._hook).quiet(self._hook))
