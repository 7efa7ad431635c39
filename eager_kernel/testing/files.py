"""Files that a program finds where it runs: copied where that is cheap, and linked where not."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

if sys.platform == "linux":
    import fcntl
else:
    fcntl: Any = None

COPIED_FILE: Final = 16 << 20
"""Bytes of the largest file that is copied."""
COPIED_IN_ALL: Final = 128 << 20
"""Bytes that are copied in all; what comes after them is linked."""


@dataclass(frozen=True, slots=True)
class Linked:
    """A file that is used where it is, by a link, as it is too big to be copied for each run.

    Parameters
    ----------
    path
        Where it is.
    size, changed
        Its bytes, and when it was written last, in nanoseconds.
    """

    path: str
    size: int
    changed: int

    @classmethod
    def of(cls, path: Path) -> Linked:
        """The file as it is now; size -1 where there is none."""
        try:
            found = path.stat()
        except OSError:
            return cls(str(path), -1, 0)
        return cls(str(path), found.st_size, found.st_mtime_ns)


def place(sources: Sequence[Path], folder: Path) -> list[Linked]:
    """Put files and folders into `folder`, so that a program may do with them what it likes.

    Where the file system shares the data of copies (btrfs, XFS, bcachefs), all files are copied
    at once. Elsewhere those up to `COPIED_FILE` are, and `COPIED_IN_ALL`; others are links: a
    program that writes into one changes the original.

    Returns
    -------
    list of Linked
        The files that are links, as they are now.
    """
    copied = 0
    linked = []
    for source, target in _files(sources, folder):
        target.parent.mkdir(parents=True, exist_ok=True)
        if _clone(source, target):
            continue
        size = source.stat().st_size
        if size <= COPIED_FILE and copied + size <= COPIED_IN_ALL:
            shutil.copyfile(source, target)
            copied += size
        elif _link(source, target):
            linked.append(Linked.of(source))
    return linked


def _files(sources: Sequence[Path], folder: Path) -> Iterator[tuple[Path, Path]]:
    """Each file, and where it goes. Folders that are empty are made."""
    for source in sources:
        if not source.is_dir():
            if source.is_file():
                yield source.resolve(), folder / source.name
            continue
        folder.joinpath(source.name).mkdir(parents=True, exist_ok=True)
        for above, folders, names in os.walk(source):
            folders[:] = sorted(name for name in folders if name not in NO_DATA)
            inside = folder / source.name / Path(above).relative_to(source)
            for name in folders:
                inside.joinpath(name).mkdir(exist_ok=True)
            for name in sorted(names):
                path = Path(above, name)
                if path.is_file():
                    yield path.resolve(), inside / name


def _clone(source: Path, target: Path) -> bool:
    """Copy without copying the data, where the file system can."""
    if fcntl is None:
        return False
    try:
        with source.open("rb") as old, target.open("wb") as new:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
    except OSError:
        target.unlink(missing_ok=True)
        return False
    return True


def _link(source: Path, target: Path) -> bool:
    try:
        target.symlink_to(source)
    except OSError:  # a Windows on which only administrators may
        shutil.copyfile(source, target)
        return False
    return True


NO_DATA: Final = frozenset({"__pycache__", ".ipynb_checkpoints", ".git"})
_FICLONE: Final = 0x40049409  # linux/fs.h
