"""Which file systems files lie in, as Linux tells."""

from __future__ import annotations

import os
from os import lstat
from typing import Final

from eager_kernel.execution import plain_files as files


def mounted_type(path: str) -> str:
    """The type of the file system that an absolute path lies in; empty if it isn't known."""
    best, found = "", ""
    for before, after in _mounts(_MOUNTS):
        where = before[4].encode().decode("unicode_escape")
        inside = path == where or path.startswith(where.rstrip("/") + "/")
        if inside and len(where) >= len(best):
            best, found = where, after[0]
    return found or _type_by_device(path)


def _type_by_device(path: str) -> str:
    """The same, where the root is no mount point, as in a chroot: its own mount is not told there.

    A device number is that of one file system, wherever it is mounted.
    """
    try:
        device = lstat(path).st_dev
    except OSError:
        return ""
    number = f"{os.major(device)}:{os.minor(device)}"
    for told in (_MOUNTS, _MOUNTS_OF_ALL):
        try:
            for before, after in _mounts(told):
                if before[2] == number:
                    return after[0]
        except OSError:  # the first process is another user's
            continue
    return ""


def _mounts(told: str) -> list[tuple[list[str], list[str]]]:
    lines = files.read_all(told).decode("utf-8", "surrogateescape").splitlines()
    parts = [line.partition(" - ") for line in lines]
    return [(before.split(" "), after.split(" ")) for before, _, after in parts]


_MOUNTS: Final = "/proc/self/mountinfo"
_MOUNTS_OF_ALL: Final = "/proc/1/mountinfo"
