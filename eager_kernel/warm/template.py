"""The template: a process that has imported everything, and forks kernels.

``python -m eager_kernel.warm.template`` reads its settings from stdin, leaves its parent, and says
on stdout how it went. It ends when none of its kernels lives and nobody has wanted one for a while;
and when its socket is gone, as then nobody can ask it any more. Killed, it takes no kernel along.
"""

from __future__ import annotations

import json
import os
import resource
import select
import socket
import struct
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeVar

from eager_kernel.kernel.app import EagerKernelApp
from eager_kernel.warm.arguments import read_forms
from eager_kernel.warm.child import Inherited, OwnFile, be_kernel
from eager_kernel.warm.preload import freeze, preload
from eager_kernel.warm.rehearsal import Rehearsal
from eager_kernel.warm.stamp import Stamp
from eager_kernel.warm.wire import tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a template is told.

    Parameters
    ----------
    path
        Where its socket is to be.
    log
        Where its output goes.
    modules
        What to import.
    exercise
        What to run then; see `eager_kernel.warm.preload.preload`.
    idle
        Seconds after which it ends, if it has no kernel and is asked for none.
    alone
        The same, from when all processes have ended that ever asked it for one.
    """

    path: str
    log: str
    modules: list[str]
    exercise: str
    idle: float
    alone: float


def main() -> tuple[socket.socket, Inherited] | None:
    """Be a template.

    Returns
    -------
    tuple
        In a fork that is to be a kernel: what it needs. None where the template has ended.
    """
    settings = Settings(**json.load(sys.stdin))
    if os.fork() != 0:
        os._exit(0)  # whoever started it is not its parent, and may end
    report = os.dup(1)
    _redirect(settings.log)
    # It lies among sockets; what a kernel finds there instead is its own folder.
    takes_folder = not sys.flags.safe_path and sys.path.pop(0) == os.getcwd()  # noqa: PTH109
    before = dict(os.environ)
    rehearsal = Rehearsal()
    done = preload(rehearsal, settings.modules, settings.exercise)
    about = json.dumps(asdict(done))
    listener = None if done.unsafe else _listen(settings.path, about)
    os.write(report, about.encode())
    os.close(report)
    if listener is None:
        return None
    inherited = Inherited(
        takes_folder,
        {name: value for name, value in os.environ.items() if before.get(name) != value},
        tuple(map(OwnFile, done.own_files)),
        # Copies, which lie together in memory.
        tuple(name.encode().decode() for name in sys.modules),
        read_forms(),
    )
    EagerKernelApp.instance()  # the kernel's; its sockets and threads come later
    template = Template(listener, settings, Stamp.take(done.files), os.getuid())
    freeze()
    connection = template.serve()
    # In a fork, to free what is the template's would take memory: that of all its pages.
    _KEPT.append((template, before, done, rehearsal, about))
    return None if connection is None else (connection, inherited)


class Template:
    """The socket at which kernels are asked for, and the kernels.

    Parameters
    ----------
    listener
        The socket.
    settings
        What it was told.
    stamp
        The files that it has imported.
    user
        Who may ask.
    """

    def __init__(
        self, listener: socket.socket, settings: Settings, stamp: Stamp, user: int
    ) -> None:
        self._listener = listener
        self._settings = settings
        self._stamp = stamp
        self._user = user
        self._path = Path(settings.path)
        self._inode = self._path.stat().st_ino
        self._poll = select.poll()
        self._kernels: dict[int, _Kernel] = {}
        self._askers: dict[int, int] = {}  # their processes, by pidfd
        self._is_open = True

    def serve(self) -> socket.socket | None:
        """Fork kernels.

        Returns
        -------
        socket
            In a fork that is to be a kernel: its connection. None where the template has ended.
        """
        self._poll.register(self._listener, select.POLLIN)
        last = time.monotonic()
        while True:
            ready = [fd for fd, _ in self._poll.poll(_LOOK_UP * 1000)]
            if ready or self._kernels:
                last = time.monotonic()
            for fd in ready:
                if fd in self._kernels:
                    self._bury(fd)
                elif fd in self._askers:
                    self._drop(self._askers, fd)
                elif self._is_open and (connection := self._answer()) is not None:
                    return connection
            limit = self._settings.idle if self._askers else self._settings.alone
            if time.monotonic() - last >= limit or not self._is_there():
                self._close()
            if not self._is_open and not self._kernels:
                return None

    def _answer(self) -> socket.socket | None:
        """Take a connection. Returns it in a fork that is to be its kernel."""
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return None  # whoever it was has gone, or there is no file descriptor left: later
        pid, user, _ = struct.unpack(
            "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        )
        if user != self._user:  # root's kernels, say, are not to be this user's
            connection.close()
            return None
        if changed := self._stamp.changed():
            tell(connection, {"stale": f"{changed} has changed"})
            connection.close()
            self._close()
            return None
        self._note(pid)
        return self._fork(connection)

    def _fork(self, connection: socket.socket) -> socket.socket | None:
        try:
            pid = os.fork()
        except OSError as error:
            tell(connection, {"error": f"there can be no more processes: {error}"})
            connection.close()
            return None
        if pid == 0:
            self._forget()
            return connection
        pidfd = os.pidfd_open(pid)
        self._kernels[pidfd] = _Kernel(pid, connection)
        self._poll.register(pidfd, select.POLLIN)
        return None

    def _bury(self, pidfd: int) -> None:
        """Tell how a kernel has ended."""
        kernel = self._drop(self._kernels, pidfd)
        _, status = os.waitpid(kernel.pid, 0)
        tell(kernel.connection, {"exit": os.waitstatus_to_exitcode(status)})
        kernel.connection.close()

    def _note(self, pid: int) -> None:
        """Remember who asks."""
        if pid in self._askers.values():
            return
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        self._askers[pidfd] = pid
        self._poll.register(pidfd, select.POLLIN)

    def _drop(self, table: dict[int, _T], pidfd: int) -> _T:
        self._poll.unregister(pidfd)
        os.close(pidfd)
        return table.pop(pidfd)

    def _forget(self) -> None:
        """In a fork: have nothing of the template, nor of other kernels."""
        self._listener.close()
        for kernel in self._kernels.values():
            kernel.connection.close()
        for pidfd in (*self._kernels, *self._askers):
            os.close(pidfd)

    def _is_there(self) -> bool:
        """Whether whoever asks for a kernel comes here."""
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def _close(self) -> None:
        """Take no more requests; the kernels that there are go on."""
        if not self._is_open:
            return
        self._is_open = False
        if self._is_there():
            for end in ("", ".json", ".log"):
                Path(f"{self._path}{end}").unlink(missing_ok=True)
        self._poll.unregister(self._listener)
        self._listener.close()


@dataclass(frozen=True, slots=True)
class _Kernel:
    """A fork, and the connection of whoever wanted it."""

    pid: int
    connection: socket.socket


def _redirect(log: str) -> None:
    """Leave the streams of whoever started this process."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for fd, number in ((nothing, 0), (said, 1), (said, 2)):
        os.dup2(fd, number)
    os.close(nothing)
    os.close(said)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # two for each kernel


def _listen(path: str, about: str) -> socket.socket:
    """Make the socket; it has its name only when it listens, and is this user's alone."""
    Path(f"{path}.json").write_text(about, encoding="utf-8")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    beside = Path(f"{path}.new")
    beside.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        listener.bind(str(beside))
    finally:
        os.umask(before)
    listener.listen(_BACKLOG)
    beside.rename(path)
    return listener


_T = TypeVar("_T")
_KEPT: Final[list[object]] = []
_LOOK_UP: Final = 2.0
_BACKLOG: Final = 1024

if __name__ == "__main__":
    # As far from the interpreter's first frame as a kernel that is started.
    if (wanted := main()) is not None:
        be_kernel(*wanted)
