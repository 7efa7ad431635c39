"""A fork of the template, on its way to be the kernel that was asked for."""

from __future__ import annotations

import itertools
import os
import resource
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import eager_kernel
from eager_kernel.kernel.app import EagerKernelApp
from eager_kernel.kernel.started import Given
from eager_kernel.warm.reseed import reseed
from eager_kernel.warm.wire import Handles, Request, receive_request, tell


def be_kernel(connection: socket.socket, inherited: Inherited) -> None:
    """Take a request and be its kernel, to the kernel's end.

    Parameters
    ----------
    connection
        To whoever wants the kernel; it has just been accepted.
    inherited
        What is not as it is in a new process.
    """
    connection.settimeout(_PATIENCE)
    request, handles = receive_request(connection)
    try:
        _take_rights(request)
        os.setsid()
        os.chdir(request.cwd)
        _tell_pid(connection)
    except OSError as error:
        tell(connection, {"error": f"{type(error).__name__}: {error}"})
        sys.exit(1)
    connection.close()
    _take_streams(handles)
    _take_names(request, inherited)
    os.environ.clear()
    os.environ.update({**inherited.env, **request.env})
    reseed()
    app: Any = EagerKernelApp.instance()
    life = None if request.independent else handles.life
    app.given = Given(dict(zip(request.ports, handles.sockets, strict=True)), life)
    # Its default was read from the environment when ipykernel was imported.
    app.parent_handle = int(request.env.get("JPY_PARENT_PID") or 0)
    app.initialize(request.argv)
    app.start()


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a fork has of its template, and a process that was started for a kernel has not.

    Parameters
    ----------
    takes_folder
        Whether an interpreter with these options looks for modules in its working folder first.
    env
        Variables of the environment that modules have set while they were imported.
    """

    takes_folder: bool
    env: dict[str, str]


def _take_rights(request: Request) -> None:
    """Have what a child of the requester would have inherited."""
    for number, (soft, hard) in request.limits.items():
        resource.setrlimit(int(number), (soft, hard))
    os.umask(request.umask)
    if request.affinity:
        os.sched_setaffinity(0, request.affinity)
    if difference := request.niceness - os.nice(0):
        os.nice(difference)


def _tell_pid(connection: socket.socket) -> None:
    pidfd = os.pidfd_open(os.getpid())
    tell(connection, {"pid": os.getpid()}, [pidfd])
    os.close(pidfd)


def _take_streams(handles: Handles) -> None:
    for number, fd in enumerate(handles.streams):
        os.dup2(fd, number)
        os.close(fd)
    # The template's is a file; the interpreter has chosen the rest as it would have now.
    if not sys.stdout.write_through and sys.stdout.isatty():  # type: ignore[union-attr]
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _take_names(request: Request, inherited: Inherited) -> None:
    """Be called, and find modules, as a process that was started for this."""
    module = str(Path(eager_kernel.__file__).with_name("__main__.py"))
    sys.argv = [module, *request.argv]
    flags = sys.orig_argv[1 : sys.orig_argv.index("-m")]
    sys.orig_argv = [sys.orig_argv[0], *flags, "-m", "eager_kernel", *request.argv]
    threading._counter = itertools.count(1).__next__  # type: ignore[attr-defined]  # of their names
    if inherited.takes_folder:
        sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as the interpreter does


_PATIENCE: Final = 10.0
