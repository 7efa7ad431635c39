"""Linux's own calls for namespaces and rights, of which Python has some from 3.12 on."""

from __future__ import annotations

import ctypes
import os
import platform
from typing import Final

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000

NS_GET_PARENT: Final = 0xB702
"""`ioctl` of a namespace: a file descriptor of the one that it is in."""


def join(namespace: int, kind: int) -> None:
    """Enter a namespace, given as a file descriptor.

    Raises
    ------
    OSError
        It can't be entered.
    """
    _checked(_libc.setns(namespace, kind))


def give_up_rights() -> None:
    """Have no capability, and never get any by executing something.

    Raises
    ------
    OSError
        They can't be given up.
    """
    for number in range(_LAST_POSSIBLE):
        if _libc.prctl(_PR_CAPBSET_READ, number, 0, 0, 0) == 1:
            _checked(_libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0))
    _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)  # where there is that
    header = (ctypes.c_uint32 * 2)(_LINUX_CAPABILITY_VERSION_3, 0)
    _checked(_libc.capset(header, (ctypes.c_uint32 * 6)()))
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def leave_keyring() -> None:
    """Have an empty keyring of one's own in the place of the session's, where it is known how."""
    if (number := _KEYCTL.get(platform.machine())) is not None:
        _libc.syscall(number, _KEYCTL_JOIN_SESSION_KEYRING, None)


def die_with_parent() -> None:
    """Be killed when the process that forked this one ends."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0))


def be_ordinary() -> None:
    """Let this process read of itself in ``/proc`` what any process can."""
    _checked(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0))


def kernel_version() -> tuple[int, int]:
    """Of Linux."""
    first, second = os.uname().release.split(".")[:2]
    return int(first), int("".join(filter(str.isdigit, second)) or 0)


def _checked(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_CAPBSET_READ: Final = 23
_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
_LAST_POSSIBLE: Final = 64
_LINUX_CAPABILITY_VERSION_3: Final = 0x20080522
_KEYCTL_JOIN_SESSION_KEYRING: Final = 1
_KEYCTL: Final = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280}
