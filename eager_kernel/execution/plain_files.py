"""The journal's own operations on files.

All of them are here, because the audit hook knows them by this module: what it does is no effect of
a program. They are the system's plain calls, taken when this module is loaded, since a program may
put others in their place; they import nothing and take no lock.
"""

# ruff: noqa: PTH101, PTH102, PTH104, PTH106, PTH108, PTH112, PTH115, PTH208
# ruff: noqa: PTH211

from __future__ import annotations

import errno
import os
import signal
import stat
from contextlib import suppress
from os import (
    chmod,
    close,
    dup2,
    fsdecode,
    fstat,
    ftruncate,
    link,
    listdir,
    lseek,
    lstat,
    mkdir,
    open,  # noqa: A004 - this one is meant
    read,
    readlink,
    rename,
    rmdir,
    symlink,
    truncate,
    unlink,
    utime,
    write,
)
from typing import Final

from eager_kernel.core.effects.undo import ABSENT, Attributes, Entry, Identity, Kind
from eager_kernel.execution.places import writes

_stat = os.stat  # `stat` is the module

# What Linux alone has. Elsewhere nothing is journalled: `can_journal`.
_copy_range = getattr(os, "copy_file_range", None)
_list_extended = getattr(os, "listxattr", None)
_get_extended = getattr(os, "getxattr", None)
_set_extended = getattr(os, "setxattr", None)
_remove_extended = getattr(os, "removexattr", None)
try:
    from fcntl import F_GETFL, fcntl
except ImportError:  # Windows
    fcntl, F_GETFL = None, 0  # type: ignore[assignment,misc]


def can_journal() -> bool:
    """Whether this system has what the journal needs: copies in the system, `/proc`."""
    return _copy_range is not None and _list_extended is not None and os.path.isdir(_DESCRIPTORS)


# Looking --------------------------------------------------------------------------------------


def look(path: str) -> Entry:
    """What is at a path, links not followed.

    Raises
    ------
    OSError
        That can't be found out.
    """
    try:
        found = lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    kind = _kind(found.st_mode)
    extended = _extended(path) if kind in ("file", "folder") else ()
    attributes = Attributes(
        stat.S_IMODE(found.st_mode), found.st_atime_ns, found.st_mtime_ns, extended
    )
    identity = identity_of(found)
    target = readlink(path) if kind == "link" else ""
    return Entry(kind, identity, found.st_size, found.st_nlink, attributes, target)


def glance(path: str) -> Entry:
    """The same without extended attributes, and absent where it can't be found out."""
    try:
        found = lstat(path)
    except OSError:
        return ABSENT
    attributes = Attributes(stat.S_IMODE(found.st_mode), found.st_atime_ns, found.st_mtime_ns)
    identity = identity_of(found)
    return Entry(_kind(found.st_mode), identity, found.st_size, found.st_nlink, attributes)


def identity_of(found: os.stat_result) -> Identity:
    """The number by which a file system knows a file, and that of the file system."""
    return (found.st_dev, found.st_ino)


def stats(at: str | int) -> list[os.stat_result]:
    """What is at a path or descriptor, and what that leads to if it is a link.

    Raises
    ------
    OSError
        That can't be found out.
    """
    if isinstance(at, int):
        return [fstat(at)]
    found = []
    with suppress(FileNotFoundError, NotADirectoryError):
        found.append(lstat(at))
        if stat.S_ISLNK(found[0].st_mode):
            found.append(_stat(at))
    return found


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"


def _extended(path: str) -> tuple[tuple[str, bytes], ...]:
    if _list_extended is None or _get_extended is None:
        return ()
    try:
        names = _list_extended(path, follow_symlinks=False)
    except OSError as error:
        if error.errno in _UNKNOWN:
            return ()
        raise
    return tuple((name, _get_extended(path, name, follow_symlinks=False)) for name in names)


def owner_is_me(path: str) -> bool:
    """Whether what is at a path is this user's, so that modes and times can be put back."""
    user = os.geteuid()
    return user in (0, lstat(path).st_uid)


def is_written_elsewhere(path: str) -> bool:
    """Whether somebody has the file open for writing, as far as the system tells.

    Asked by a lease, which nobody gets on such a file.
    """
    if fcntl is None:
        return False
    descriptor = open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        # Who opens the file just now has us told by a signal: by one that does nothing.
        fcntl(descriptor, _F_SETSIG, signal.SIGURG)
        fcntl(descriptor, _F_SETLEASE, _F_RDLCK)
        fcntl(descriptor, _F_SETLEASE, _F_UNLCK)
    except OSError as error:
        return error.errno in (errno.EAGAIN, errno.EBUSY)  # otherwise there are no leases here
    finally:
        close(descriptor)
    return False


# Reading and writing --------------------------------------------------------------------------


def read_all(path: str) -> bytes:
    """The contents of a file."""
    descriptor = open(path, os.O_RDONLY | os.O_CLOEXEC)
    pieces = []
    try:
        while piece := read(descriptor, _PAGE):
            pieces.append(piece)
    finally:
        close(descriptor)
    return b"".join(pieces)


def append_line(path: str, line: bytes) -> None:
    """Add a line to a file, in one piece whatever other threads do.

    The file is opened each time: a program that closes descriptors which are not its own must not
    have the line written into a file of its own.
    """
    descriptor = open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        done = write(descriptor, line)
        if done != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    finally:
        close(descriptor)


def make_folder(path: str) -> None:
    """Make a folder that only this user can enter, and those around it."""
    for at in range(1, len(path) + 1):
        if at == len(path) or (path[at] == os.sep):
            with suppress(FileExistsError):
                mkdir(path[:at], 0o700)


def copy(source: str, target: str) -> None:
    """Copy the contents of a file of this user's; the copy is there whole or not at all.

    When the file was last read stays: the program may look at that.
    """
    incoming = open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | _UNNOTICED)
    try:
        outgoing = open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _pour(incoming, outgoing)
        except BaseException:
            unlink(target)
            raise
        finally:
            close(outgoing)
    finally:
        close(incoming)


def _pour(incoming: int, outgoing: int) -> None:
    if _copy_range is not None:
        try:
            if _copy_range(incoming, outgoing, _PIECE):
                while _copy_range(incoming, outgoing, _PIECE):
                    pass
                return
        except OSError as error:
            if error.errno not in _NO_RANGE:
                raise
    while piece := read(incoming, _PIECE):
        rest = memoryview(piece)
        while rest:
            rest = rest[write(outgoing, rest) :]


def overwrite(path: str, kept: str) -> None:
    """Give a file the contents of another, in place: its other names and readers stay."""
    mode = stat.S_IMODE(lstat(path).st_mode)
    if mode & 0o200 == 0:
        chmod(path, mode | 0o200)
    incoming = open(kept, os.O_RDONLY | os.O_CLOEXEC)
    try:
        outgoing = open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            _pour(incoming, outgoing)
            ftruncate(outgoing, fstat(incoming).st_size)
        finally:
            close(outgoing)
    finally:
        close(incoming)


def set_attributes(path: str, attributes: Attributes, *, is_link: bool = False) -> None:
    """Put back a mode, extended attributes and times."""
    if not is_link:
        chmod(path, attributes.mode)
        if _set_extended is not None and _remove_extended is not None:
            now, then = dict(_extended(path)), dict(attributes.extended)
            for name in now.keys() - then.keys():
                _remove_extended(path, name)
            for name, value in then.items():
                if now.get(name) != value:
                    _set_extended(path, name, value)
            chmod(path, attributes.mode)  # an access list changes it
    set_times(path, attributes)


def set_times(path: str, attributes: Attributes) -> None:
    """Put back times."""
    utime(path, ns=(attributes.accessed, attributes.modified), follow_symlinks=False)


def touch(path: str) -> None:
    """Set a file's times to now."""
    utime(path)


# Descriptors of the process -------------------------------------------------------------------


def descriptors() -> dict[int, Identity]:
    """The descriptors of this process that can be written through, and what each is open at."""
    found = {}
    for name in listdir(_DESCRIPTORS):
        number = int(name)
        try:
            there = fstat(number)
            if stat.S_ISREG(there.st_mode) and writes(number):
                found[number] = identity_of(there)
        except OSError:  # that by which they are listed
            continue
    return found


def path_of(descriptor: int) -> str | None:
    """The path that a descriptor was opened by, if the same file is there."""
    path = readlink(f"{_DESCRIPTORS}/{descriptor}")
    here = fstat(descriptor)
    try:
        there = lstat(path)
    except OSError:
        return None
    return path if identity_of(here) == identity_of(there) else None


def lead_away(descriptor: int, spare: str, most: int) -> None:
    """Have what is written through a descriptor reach nobody.

    It goes on with a file without a name, which has the same contents now.

    Parameters
    ----------
    descriptor
        Open at the file.
    spare
        A path where nothing is.
    most
        Bytes up to which contents are copied.
    """
    flags = fcntl(descriptor, F_GETFL)
    size = fstat(descriptor).st_size
    if size <= most:
        copy(f"{_DESCRIPTORS}/{descriptor}", spare)  # its name may be gone
    else:
        close(open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        truncate(spare, size)
    kept_flags = flags & (os.O_ACCMODE | os.O_APPEND | os.O_NONBLOCK)
    new = open(spare, kept_flags | os.O_CLOEXEC)
    try:
        lseek(new, lseek(descriptor, 0, os.SEEK_CUR), os.SEEK_SET)
        dup2(new, descriptor, inheritable=False)
    finally:
        close(new)
        unlink(spare)


# The rest of the plain calls, for `eager_kernel.execution.undoing`.


def move(source: str, target: str) -> None:
    """Rename."""
    rename(source, target)


def give_name(source: str, target: str) -> None:
    """Give a file one more name."""
    link(source, target, follow_symlinks=False)


def take_name(path: str) -> None:
    """Take a file's name away."""
    unlink(path)


def remove_folder(path: str) -> None:
    """Remove an empty folder."""
    rmdir(path)


def add_folder(path: str) -> None:
    """Make a folder."""
    mkdir(path, 0o700)


def make_link(path: str, target: str) -> None:
    """Make a symbolic link."""
    symlink(target, path)


def entries(path: str) -> list[str]:
    """The names in a folder."""
    return [fsdecode(name) for name in listdir(path)]


_PIECE: Final = 1 << 24
_PAGE: Final = 1 << 16  # what `/proc` gives has to fit into memory in one piece
_UNNOTICED: Final = getattr(os, "O_NOATIME", 0)
_DESCRIPTORS: Final = "/proc/self/fd"
_UNKNOWN: Final = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOENT, errno.ENODATA)
_NO_RANGE: Final = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)
# Of Linux; Python has no names for them before 3.12.
_F_SETSIG: Final = 10
_F_SETLEASE: Final = 1024
_F_RDLCK: Final = 0
_F_UNLCK: Final = 2
