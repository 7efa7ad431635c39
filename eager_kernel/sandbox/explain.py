"""What a sandbox has denied, in a sentence, from the error that the program saw of it."""

from __future__ import annotations

import errno
import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from eager_kernel.sandbox.policy import Policy


def explain(error: BaseException, policy: Policy) -> str:
    """Say what was denied, and which option allows it.

    Parameters
    ----------
    error
        What ended a program.
    policy
        What its kernel may do.

    Returns
    -------
    str
        A sentence; empty where the error is not of the sandbox, as far as can be told.
    """
    for each in _chain(error):
        if (denied := _explain(each, policy)) is not None:
            what, option, allowed = denied
            return f"The sandbox: {what}; its option {option} allows {allowed}."
    return ""


def _explain(error: BaseException, policy: Policy) -> tuple[str, str, str] | None:
    """What is denied, the option, and what it allows."""
    number, text = getattr(error, "errno", None), str(error)
    name = _name(error)
    if isinstance(error, MemoryError):
        return f"a process has no more than {policy.memory} MiB", "memory=MiB", "more"
    if not policy.network and _is_network(error, number, text):
        what = "there is no network, and nothing of this machine to connect to"
        return what, "network=True", "all of it"
    if (number == errno.EAGAIN and _is_full(policy)) or "can't start new thread" in text:
        what = f"there are no more than {policy.processes} processes and threads"
        return what, "processes=NUMBER", "more"
    if number == errno.EFBIG:
        return f"a file is no larger than {policy.file_size} MiB", "file_size=MiB", "more"
    if number == errno.ENOSPC and _is_scratch(name):
        what = f"each place that is the kernel's own has no more than {policy.scratch} MiB"
        return what, "scratch=MiB", "more"
    if number == errno.EROFS:
        folder = str(PurePosixPath(name).parent) if name else "FOLDER"
        return f"{name or 'this'} can't be changed", f"write=[{folder!r}]", "it"
    if number in (errno.ENOENT, errno.EACCES, errno.EPERM) and _is_outside(name, policy):
        path = PurePosixPath(name)
        shown = str(path.parent if path.suffix else path)  # what lies beside it belongs to it
        return f"{name} can't be seen, whether it exists or not", f"read=[{shown!r}]", "that"
    return None


def _is_network(error: BaseException, number: int | None, text: str) -> bool:
    return (
        isinstance(error, socket.gaierror)
        or number in _UNREACHABLE
        or (number is None and _NO_NETWORK.search(text) is not None)
    )


def _is_full(policy: Policy) -> bool:
    """Whether there are about as many processes and threads as there may be."""
    count = 0
    for process in Path("/proc").glob("[0-9]*/task"):
        try:
            count += len(os.listdir(process))  # noqa: PTH208 - only counted
        except OSError:
            continue  # it has ended
    return count >= policy.processes * _ABOUT


def _is_outside(name: str, policy: Policy) -> bool:
    """Whether a path leads to where there is nothing because it is not shown."""
    path = PurePosixPath(name)
    if not path.is_absolute():
        return False
    shown = [*_OWN, sys.prefix, sys.base_prefix, *policy.read, *policy.write]
    with suppress(OSError):  # it may be gone, by the program's own doing
        shown.append(os.getcwd())  # noqa: PTH109
    return not any(path.is_relative_to(os.path.expanduser(each)) for each in shown)  # noqa: PTH111


def _is_scratch(name: str) -> bool:
    return not name or name.startswith((*_SCRATCH, os.path.expanduser("~")))  # noqa: PTH111


def _name(error: BaseException) -> str:
    """The file that an error is about; empty: none is named."""
    for name in (getattr(error, "filename2", None), getattr(error, "filename", None)):
        if isinstance(name, str | bytes):
            return os.fsdecode(name)
    return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, with those that it comes from and those that it holds."""
    found: list[object] = [error]
    seen: set[int] = set()
    while found and len(seen) < _MOST:
        each = found.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        found += [each.__cause__, each.__context__, *each.args, getattr(each, "reason", None)]
        if isinstance(each, BaseExceptionGroup):
            found += each.exceptions


_UNREACHABLE: Final = (
    errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.ECONNREFUSED,
)  # fmt: skip
_NO_NETWORK: Final = re.compile(
    "Network is unreachable|Name or service not known|Temporary failure in name resolution|"
    "Could not resolve host|getaddrinfo failed"
)
_SCRATCH: Final = ("/tmp", "/dev/shm")  # noqa: S108 - the sandbox's own
_OWN: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/proc", "/dev", "/etc/ssl", *_SCRATCH)
_ABOUT: Final = 0.75
_MOST: Final = 50
