"""Real tracebacks: what an IPython shell gives for programs that fail."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from IPython.core.interactiveshell import InteractiveShell


@dataclass(frozen=True)
class Shown:
    """What was shown of an error."""

    ename: str
    evalue: str
    traceback: list[str]


class _Shell(InteractiveShell):  # type: ignore[misc]
    """A shell that keeps what it would print of errors."""

    def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
        self.shown = Shown(etype.__name__, str(evalue), stb)


@cache
def _shell() -> Any:
    return _Shell.instance()


def shown_of(*cells: str, mode: str = "Context", colors: str = "linux") -> Shown:
    """Run cells in a shell; return what it shows of the error of the last one."""
    shell = _shell()
    shell.InteractiveTB.set_mode(mode)
    shell.colors = colors
    for cell in cells:
        shell.run_cell(cell, store_history=True)
    shown: Shown = shell.shown
    return shown


def count() -> int:
    """The number that the next cell will have."""
    number: int = _shell().execution_count
    return number
