"""A process on its way into a room, which it can't leave again."""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eager_kernel.sandbox import system


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What processes in the room may use up; see `eager_kernel.sandbox.policy.Policy`."""

    memory: int
    processes: int
    cpu: int
    file_size: int


def enter(namespaces: Sequence[int], limits: Limits) -> int:
    """Enter a room, in a fork.

    Parameters
    ----------
    namespaces
        Of `eager_kernel.sandbox.room.Room`; they are closed.
    limits
        For this process, and all that it starts.

    Returns
    -------
    int
        0 in the fork, which is in the room, has no rights, and is not yet bounded; else its process
        number, in a process that stays outside to wait for it and has no rights either.

    Raises
    ------
    OSError
        It can't be entered. The process is of no use then.
    """
    outer, ipc, uts, *network, pid, mounts, inner = namespaces
    system.leave_keyring()
    # The outer namespace of users gives the right to enter the others.
    system.join(outer, system.CLONE_NEWUSER)
    system.join(ipc, system.CLONE_NEWIPC)
    system.join(uts, system.CLONE_NEWUTS)
    for net in network:
        system.join(net, system.CLONE_NEWNET)
    system.join(pid, system.CLONE_NEWPID)  # children are in it
    child = os.fork()
    if child == 0:
        _bound_processes(limits.processes)
    system.join(mounts, system.CLONE_NEWNS)
    system.join(inner, system.CLONE_NEWUSER)
    system.give_up_rights()
    for fd in namespaces:
        os.close(fd)
    if child == 0:
        # Only now: a change of rights undoes both.
        system.die_with_parent()
        system.be_ordinary()
    return child


def bound(limits: Limits) -> None:
    """Bound this process and those that it starts; the last thing before the kernel's own work.

    Raises
    ------
    OSError
        It can't be.
    """
    for kind, most, last in (
        (resource.RLIMIT_DATA, limits.memory << 20, limits.memory << 20),
        (resource.RLIMIT_NPROC, limits.processes, limits.processes),
        # The first limit of this one ends a process in a way that tells why.
        (resource.RLIMIT_CPU, limits.cpu, limits.cpu + _GRACE),
        (resource.RLIMIT_FSIZE, limits.file_size << 20, limits.file_size << 20),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        _, hard = resource.getrlimit(kind)
        if hard == resource.RLIM_INFINITY:
            resource.setrlimit(kind, (most, last))
        else:
            resource.setrlimit(kind, (min(most, hard), min(last, hard)))


def _bound_processes(count: int) -> None:
    """Bound processes by their numbers, too: Linux does not count those of root."""
    # Before 6.14 this would be the whole machine's.
    if system.kernel_version() >= _PER_NAMESPACE:
        with suppress(OSError):  # the limit of resources has to do
            Path("/proc/sys/kernel/pid_max").write_text(str(_RESERVED + count), encoding="ascii")


_GRACE: Final = 5
_PER_NAMESPACE: Final = (6, 14)
_RESERVED: Final = 301  # fewer can't be asked for
