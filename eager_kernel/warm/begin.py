"""A process that becomes the one that was asked for: its rights, its place, its streams."""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
from typing import NoReturn

from eager_kernel.sandbox.enter import Limits, bound, enter
from eager_kernel.sandbox.room import end_all
from eager_kernel.warm.wire import Handles, Request, tell


def begin(connection: socket.socket, request: Request, handles: Handles) -> None:
    """Take over what the kernel is to have; locked in, if that was asked for.

    It returns in the process that is to be the kernel, and has told its number; nothing else of
    whoever asked is in it then. If it can't, it tells that, and the process ends.

    Parameters
    ----------
    connection
        To whoever wants the kernel; it is closed.
    request, handles
        What was asked for.
    """
    limits = None if request.sandbox is None else Limits(**request.sandbox)
    try:
        _take_rights(request)
        if limits is not None and (child := enter(handles.rooms[:-1], limits)):
            _tell_pid(connection, child)
            _wait_for(child, handles, connection)
        os.setsid()
        os.chdir(request.cwd)
        _take_streams(handles)
        if limits is None:
            _tell_pid(connection, os.getpid())
        else:
            _close_all_but((*handles.sockets, handles.life, connection.fileno()))
            bound(limits)
    except OSError as error:
        tell(connection, {"error": f"{type(error).__name__}: {error}"})
        os._exit(1)
    connection.close()


def _take_rights(request: Request) -> None:
    """Have what a child of the requester would have inherited."""
    for number, (soft, hard) in request.limits.items():
        resource.setrlimit(int(number), (soft, hard))
    os.umask(request.umask)
    if request.affinity:
        os.sched_setaffinity(0, request.affinity)
    if difference := request.niceness - os.nice(0):
        os.nice(difference)


def _tell_pid(connection: socket.socket, pid: int) -> None:
    pidfd = os.pidfd_open(pid)
    tell(connection, {"pid": pid}, [pidfd])
    os.close(pidfd)


def _take_streams(handles: Handles) -> None:
    for number, fd in enumerate(handles.streams):
        os.dup2(fd, number)
    for fd in set(handles.streams):
        os.close(fd)


def _wait_for(child: int, handles: Handles, connection: socket.socket) -> NoReturn:
    """Stay outside until the kernel has ended, or is to, and end all that it has started."""
    first = handles.rooms[-1]
    _close_all_but((connection.fileno(), handles.life, first))
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    poll = select.poll()
    poll.register(handles.life, select.POLLIN)
    poll.register(os.pidfd_open(child), select.POLLIN)
    poll.poll()
    end_all(first)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    tell(connection, {"exit": code})
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code & 0xFF)


def _close_all_but(kept: tuple[int, ...]) -> None:
    after = 3
    for fd in sorted(kept):
        os.closerange(after, fd)
        after = fd + 1
    os.closerange(after, os.sysconf("SC_OPEN_MAX"))
