"""Whether what a template has imported is still what would be imported now."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_State = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Stamp:
    """The files that a process was made of, as they were.

    Parameters
    ----------
    files
        Of each file or folder: when it was changed, its size and its number; None where it is
        not there.
    """

    files: tuple[tuple[str, _State], ...]

    @classmethod
    def take(cls, more: Iterable[str] = ()) -> Stamp:
        """Look at everything that this process has imported.

        Parameters
        ----------
        more
            Other files that matter, whether they are there or not.
        """
        # A package that comes or goes changes its folder: that is how one with entry points, or
        # one that stands before another, is noticed.
        paths = [sys.executable, str(Path(sys.prefix, "pyvenv.cfg")), *sys.path, *more]
        files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
        paths += [file for file in files if isinstance(file, str)]
        # Copies of the names, which lie together: to look at them touches few pages of memory, and
        # a page that a template has touched is no longer shared with the kernels before.
        copies = [os.fsdecode(os.fsencode(path)) for path in dict.fromkeys(paths) if path]
        return cls(tuple((path, _state(path)) for path in copies))

    def changed(self) -> str:
        """The first file that is not as it was; empty: all are."""
        return next((path for path, state in self.files if _state(path) != state), "")


def _state(path: str) -> _State:
    try:
        found = os.stat(path)  # noqa: PTH116 - thousands of them, before each kernel
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
