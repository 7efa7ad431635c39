"""Private temporary files and folders of a program, whose effects need not wait."""

from __future__ import annotations

import os
from contextlib import suppress
from shutil import rmtree


class TemporaryFiles:
    """What a run has made of them."""

    def __init__(self) -> None:
        self._made: dict[str, bool] = {}
        self.clearing = False
        """Whether they are being removed, which is no effect of the program."""

    def note(self, path: str, *, by_program: bool) -> None:
        """Remember one that is being made.

        Parameters
        ----------
        path
            Resolved.
        by_program
            Whether the program itself makes it, not a library for itself.
        """
        self._made.setdefault(path, by_program)

    def __contains__(self, path: str) -> bool:
        """Whether a path is one of them, or in one."""
        made = self._made
        return path in made or any(path.startswith(folder + os.sep) for folder in made)

    def clear_away(self) -> None:
        """Remove what the program has made: nothing of it remains."""
        self.clearing = True
        try:
            for path, by_program in self._made.items():
                if by_program:
                    rmtree(path, ignore_errors=True)
                    with suppress(OSError):
                        os.unlink(path)  # noqa: PTH108 - as it was made
        finally:
            self.clearing = False
