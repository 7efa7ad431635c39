"""Which paths an effect changes, and whether what is there can be kept."""

# The plain calls, since a program may patch pathlib.
# ruff: noqa: PTH117, PTH120

from __future__ import annotations

import os
from os import sep
from os.path import dirname, isabs
from typing import Final

from eager_kernel.core.effects.table import Arguments
from eager_kernel.core.effects.undo import places_of
from eager_kernel.execution import plain_files as files
from eager_kernel.execution.covered import Covered
from eager_kernel.execution.mounts import mounted_type
from eager_kernel.execution.places import resolve


def paths_of(event: str, arguments: Arguments, cwd: str, covered: Covered) -> list[str] | None:
    """The paths that an effect changes.

    Parameters
    ----------
    event, arguments
        As an audit hook gets them.
    cwd
        The working directory; empty where it is gone.
    covered
        Of what enough is kept.

    Returns
    -------
    list or None
        Resolved paths; none if nothing more is to be kept. None: they are unknown.
    """
    given, of_name = places_of(event, arguments)
    paths = []
    for path, folder in given:
        if type(path) is int:
            if covered.has_contents(files.identity_of(os.fstat(path))):
                return []
            found = files.path_of(path)
            if found is None:
                return None
            paths.append(found)
        elif folder is None or type(folder) is int:
            paths.append(resolve(_text(path), folder, cwd, of_name=of_name))
        else:
            return None
    return paths


def leaves_owner(arguments: Arguments, cwd: str, covered: Covered) -> bool:
    """Whether a change of owner changes none but that of a file that the run has made.

    Parameters
    ----------
    arguments
        Of ``os.chown``.
    cwd, covered
        As of `paths_of`.
    """
    ((path, folder),), of_name = places_of("os.chown", arguments)
    if type(path) is not int:
        if folder is not None and type(folder) is not int:
            return False
        path = resolve(_text(path), folder, cwd, of_name=of_name)
    user, group = arguments[1:3]
    return all(
        covered.is_own(files.identity_of(there))
        or (user in (there.st_uid, *_SAME) and group in (there.st_gid, *_SAME))
        for there in files.stats(path)
    )


def is_unknown(event: str, arguments: Arguments) -> bool:
    """Whether it is not told in which folder a path begins, as by `os.open`."""
    return event == "open" and arguments[1] is None and not isabs(_text(arguments[0]))


class LocalPaths:
    """Tells paths of this machine's own file systems.

    Parameters
    ----------
    root
        Where journals are, whose own paths are none of them.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._folders: dict[str, bool] = {}

    def __contains__(self, path: str) -> bool:
        root = self._root
        if path == root or path.startswith(root + sep) or root.startswith(path + sep):
            return False
        folder = dirname(path)
        known = self._folders.get(folder)
        if known is None:
            system = folder == "/dev" or folder.startswith(("/dev/", "/proc/", "/sys/"))
            known = not system and mounted_type(folder) in _LOCAL
            self._folders[folder] = known
        return known


def _text(path: object) -> str:
    text = os.fsdecode(path)  # type: ignore[arg-type]
    return str.__getitem__(text, slice(None))  # a subclass may be anything


AS_RESOLVED: Final = frozenset(
    {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}
)
"""Events of whose paths `places.resolved` follows the same links."""

# The owner that stands for the one that there is; its event tells it without its sign.
_SAME: Final = (-1, 2**32 - 1)

# File systems of this machine's own, on which what was renamed, linked and copied stays so.
_LOCAL: Final = frozenset(
    {
        "bcachefs",
        "btrfs",
        "ext2",
        "ext3",
        "ext4",
        "f2fs",
        "jfs",
        "overlay",
        "ramfs",
        "reiserfs",
        "tmpfs",
        "xfs",
        "zfs",
    }
)
