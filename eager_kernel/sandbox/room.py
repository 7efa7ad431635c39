"""A room: namespaces that bubblewrap builds, and a process that keeps them."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Final

from eager_kernel.sandbox.bubblewrap import Plan, arguments
from eager_kernel.sandbox.system import NS_GET_PARENT


class NoRoomError(Exception):
    """A room can't be made; the message is bubblewrap's."""


@dataclass(frozen=True, slots=True)
class Room:
    """Namespaces, until it is closed; then all processes in it end.

    Parameters
    ----------
    namespaces
        File descriptors of the namespaces, in the order in which `enter` wants them.
    first
        Of the first process in it, a pidfd: when that ends, all do.
    keeper
        Keeps it, until its stdin is closed.
    """

    namespaces: tuple[int, ...]
    first: int
    keeper: subprocess.Popen[bytes]

    def close_namespaces(self) -> None:
        """Let nobody else enter."""
        for fd in self.namespaces:
            os.close(fd)

    def close(self) -> None:
        """End all processes in it."""
        assert self.keeper.stdin is not None
        end_all(self.first)
        os.close(self.first)
        self.keeper.stdin.close()
        self.keeper.wait()


def end_all(first: int) -> None:
    """End all processes in a room.

    Parameters
    ----------
    first
        Its first process, which Linux lets none of the others outlive. It is killed, not asked: the
        others could have stopped it.
    """
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(first, signal.SIGKILL)


def make_room(plan: Plan) -> Room:
    """Build a room.

    Parameters
    ----------
    plan
        What is in it.

    Raises
    ------
    NoRoomError
        It can't be built.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise NoRoomError(_MISSING)
    with ExitStack() as exits:
        told, telling = os.pipe()
        exits.callback(os.close, told)
        said = _memory("\0".join(arguments(plan)))
        try:
            keeper = subprocess.Popen(  # noqa: S603 - bubblewrap, by its full path
                # The arguments are not for those in the room to read.
                [program, "--args", str(said), "--info-fd", str(telling), "--", *_KEEP],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(said, telling),
                env={"PATH": "/usr/bin:/bin"},  # nor is the environment
                start_new_session=True,
            )
        finally:
            os.close(said)
            os.close(telling)
        exits.callback(_end, keeper)
        _wait_for(keeper)
        pid = json.loads(os.read(told, 1 << 16))["child-pid"]
        first = os.pidfd_open(pid)
        exits.callback(os.close, first)
        room = Room(_namespaces(pid, network=not plan.policy.network), first, keeper)
        exits.pop_all()
        os.close(told)
        for stream in (keeper.stdout, keeper.stderr):
            assert stream is not None
            stream.close()
        return room


def _wait_for(keeper: subprocess.Popen[bytes]) -> None:
    """Wait until the room is built."""
    assert keeper.stdout is not None
    poll = select.poll()
    poll.register(keeper.stdout, select.POLLIN)
    if poll.poll(_PATIENCE * 1000) and os.read(keeper.stdout.fileno(), 1):
        return
    keeper.kill()
    _, errors = keeper.communicate()
    said = errors.decode(errors="replace").strip()
    raise NoRoomError(said or f"bwrap ended with {keeper.returncode}, or did not within its time")


def _namespaces(pid: int, *, network: bool) -> tuple[int, ...]:
    opened: list[int] = []
    try:
        inner = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        opened.append(inner)
        # Where namespaces of users are forbidden within, there is one in the other, and all others
        # belong to the outer one.
        outer = fcntl.ioctl(inner, NS_GET_PARENT)
        opened.append(outer)
        os.set_inheritable(outer, False)
        names = ["ipc", "uts", *(["net"] if network else []), "pid", "mnt"]
        for name in names:
            namespace = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
            opened.append(namespace)
    except OSError as error:
        for fd in opened:
            os.close(fd)
        raise NoRoomError(f"its namespaces can't be opened: {error}") from error
    return (outer, *opened[2:], inner)


def _memory(text: str) -> int:
    fd = os.memfd_create("eager-room", os.MFD_CLOEXEC)
    os.write(fd, text.encode() + b"\0")
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _end(keeper: subprocess.Popen[bytes]) -> None:
    keeper.kill()
    keeper.communicate()


_MISSING: Final = "bwrap is not installed"
_KEEP: Final = ("/bin/sh", "-c", "echo; read end")
_PATIENCE: Final = 20.0
