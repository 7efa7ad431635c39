"""Where an effect would happen on the file system, and whether anything would be different then.

Reads the file system, and changes nothing. It runs inside the audit hook, so it imports nothing
and takes no lock, and what can't be found out is an effect.
"""

# The plain calls, since a program may patch pathlib.
# ruff: noqa: PTH112, PTH115, PTH117, PTH118, PTH120

from __future__ import annotations

import os
import sys
from os import lstat, readlink
from os.path import dirname, isabs, isdir, join, realpath, split
from typing import Final

from eager_kernel.core.effects.audit_events import paths_of
from eager_kernel.core.effects.table import Arguments

try:
    from fcntl import F_GETFL, fcntl
except ImportError:  # Windows
    fcntl, F_GETFL = None, 0  # type: ignore[assignment,misc]


def resolved(event: str, arguments: Arguments, cwd: str) -> list[str] | None:
    """The paths that an effect writes, absolute and without links on the way.

    Parameters
    ----------
    event, arguments
        As an audit hook gets them.
    cwd
        The working directory; empty where it is gone.

    Returns
    -------
    list of str, or None
        None where they can't be told.
    """
    given = paths_of(event, arguments)
    try:
        if event == "mmap.__new__":
            return [_path_of(arguments[0])]
        if given is None:
            return None
        of_name = event in _OF_THE_NAME
        return [resolve(path, folder, cwd, of_name=of_name) for path, folder in given]
    except Exception:  # noqa: BLE001 - no such folder, no such descriptor, a NUL in the name
        return None


def resolve(path: str, folder: int | None, cwd: str, *, of_name: bool) -> str:
    """One path, absolute and without links on the way.

    Parameters
    ----------
    path
        As it was given.
    folder
        Descriptor of the folder in which it begins; None: in the working directory.
    cwd
        The working directory; empty where it is gone.
    of_name
        Whether a link itself is meant, not what it leads to.

    Raises
    ------
    OSError
        It can't be told.
    """
    if not isabs(path):
        begin = cwd if folder is None else _path_of(folder)
        if not isabs(begin) or not path:
            raise FileNotFoundError
        path = join(begin, path)
    if of_name:
        above, name = split(path.rstrip(os.sep) or os.sep)
        if name not in ("", ".", ".."):
            return join(realpath(above), name)
    return realpath(path)


def _path_of(descriptor: int) -> str:
    if sys.platform == "darwin":
        answer: bytes = fcntl(descriptor, _F_GETPATH, bytes(1024))
        return os.fsdecode(answer.partition(b"\0")[0])
    return readlink(f"/proc/self/fd/{descriptor}")


def changes_nothing(event: str, arguments: Arguments, paths: list[str] | None) -> bool:
    """Whether the call behind an event fails, by what is there now: it would in any cell.

    For example the `os.mkdir` of a folder that is there, with which ``os.makedirs(exist_ok=True)``
    finds that out.

    Parameters
    ----------
    event, arguments
        As an audit hook gets them.
    paths
        What `resolved` gives for it.
    """
    if not paths:
        return False
    path = paths[0]
    try:
        if event == "mmap.__new__":
            return not writes(arguments[0])
        if event == "os.mkdir":
            return _exists(path) or not _exists(dirname(path))
        if event == "os.truncate" and isdir(path):
            return True
        if event in _OF_WHAT_IS_THERE:
            return not _exists(path)
        if event == "open":
            flags = arguments[2]
            if isdir(path):
                return True  # but for what an `opener` does, which raises events of its own
            if not flags & os.O_CREAT:
                return bool(flags) and not _exists(path)
            if flags & os.O_EXCL and _exists(path):
                return True
            return not _exists(dirname(path))
    except Exception:  # noqa: BLE001 - as above
        return False
    return False


def writes(descriptor: int) -> bool:
    """Whether a descriptor can be written through."""
    return fcntl is None or fcntl(descriptor, F_GETFL) & os.O_ACCMODE != os.O_RDONLY


def _exists(path: str) -> bool:
    try:
        lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


_OF_THE_NAME: Final = frozenset(
    {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "shutil.rmtree", "tempfile.mkdtemp"}
)
_OF_WHAT_IS_THERE: Final = frozenset(
    {"os.chmod", "os.remove", "os.rename", "os.rmdir", "os.truncate", "os.utime", "shutil.rmtree"}
)
_F_GETPATH: Final = 50
