"""Which modules to import before a program asks for them: those listed, and those learned."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from jupyter_core.paths import jupyter_data_dir

from eager_kernel.execution.warm import WarmThread, imports_of, is_library


class WarmImports:
    """Begins imports at request time.

    Parameters
    ----------
    listed
        Modules to import, in order.
    learn
        Whether to import what earlier programs of this user imported, too.
    file
        Where that is kept; default: ``eager_python/imports.json`` in Jupyter's data folder.
    """

    def __init__(self, listed: list[str], *, learn: bool, file: Path | None = None) -> None:
        self._listed = listed
        self._learn = learn
        self._file = file or Path(jupyter_data_dir(), "eager_python", "imports.json")
        self._begun = False

    def begin(self, until: Callable[[], bool]) -> None:
        """Begin to import, once a process; returns at once.

        Parameters
        ----------
        until
            Says when the program has begun.
        """
        if self._begun or not (self._listed or self._learn):
            return
        self._begun = True
        names = dict.fromkeys([*self._listed, *(self._learned() if self._learn else ())])
        WarmThread(names, until).start()

    def note(self, program: str) -> None:
        """Learn from a program that has run.

        Raises
        ------
        OSError
            The file can't be written.
        """
        if not self._learn:
            return
        counts = self._counts()
        for name in imports_of(program):
            if name in sys.modules and is_library(name):
                counts[name] = counts.get(name, 0) + 1
        self._file.parent.mkdir(parents=True, exist_ok=True)
        beside = self._file.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(counts), encoding="utf-8")
        beside.replace(self._file)

    def _learned(self) -> list[str]:
        counts = self._counts()
        return sorted(counts, key=lambda name: -counts[name])[:_MOST]

    def _counts(self) -> dict[str, int]:
        try:
            counts = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError:
            return {}  # cut off by a crash: it is learned anew
        return {str(name): int(count) for name, count in counts.items()}


_MOST: Final = 30
