"""A fork of the template, on its way to be the kernel that was asked for."""

from __future__ import annotations

import itertools
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ipykernel.ipkernel
import IPython.core.shellapp

from eager_kernel import _version
from eager_kernel.kernel.app import EagerKernelApp
from eager_kernel.kernel.config import rule_points
from eager_kernel.sandbox.given import Given
from eager_kernel.warm.arguments import take_arguments
from eager_kernel.warm.begin import begin
from eager_kernel.warm.reseed import reseed
from eager_kernel.warm.wire import Request, receive_request


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
    begin(connection, request, handles)
    _take_names(request, inherited)
    os.environ.clear()
    os.environ.update({**inherited.env, **request.env})
    reseed()
    app: Any = EagerKernelApp.instance()
    life = None if request.independent else handles.life
    app.given = Given(dict(zip(request.ports, handles.sockets, strict=True)), life)
    if not sys.stdout.write_through and sys.stdout.isatty():  # type: ignore[union-attr]
        # The template's is a file; the interpreter has chosen the rest as it would have now.
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    # Its default was read from the environment when ipykernel was imported.
    app.parent_handle = int(request.env.get("JPY_PARENT_PID") or 0)
    parse = app.parse_command_line
    app.parse_command_line = lambda argv=None: (
        take_arguments(app, request.argv, inherited.forms) or parse(argv)
    )
    with _modules_known(inherited):
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
    own_files
        The files of a kernel's own modules; empty: not known.
    names
        The names of all modules.
    forms
        Command lines that have been read.
    """

    takes_folder: bool
    env: dict[str, str]
    own_files: tuple[OwnFile, ...]
    names: tuple[str, ...]
    forms: dict[tuple[str, ...], Any]


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A module of the kernel's own, for whoever asks modules for their files."""

    __file__: str


def _take_names(request: Request, inherited: Inherited) -> None:
    """Be called, and find modules, as a process that was started for this."""
    module = str(Path(_version.__file__).with_name("__main__.py"))
    sys.argv = [module, *request.argv]
    flags = sys.orig_argv[1 : sys.orig_argv.index("-m")]
    sys.orig_argv = [sys.orig_argv[0], *flags, "-m", "eager_kernel", *request.argv]
    threading._counter = itertools.count(1).__next__  # type: ignore[attr-defined]  # of their names
    # The working folder is not put before all others: `__main__` takes it away from there.
    if inherited.takes_folder and any(
        name.endswith((".egg-info", ".dist-info"))
        for name in os.listdir()  # noqa: PTH208
    ):
        rule_points.cache_clear()  # there are packages in it, and IPython puts it back


@contextmanager
def _modules_known(inherited: Inherited) -> Iterator[None]:
    """Have two who look at all modules look at what the template has noted of them.

    ipykernel would take all for its own, those of programs too, where its debugger then would not
    stop. IPython only notes the names. But to look at thousands of modules takes a kernel memory of
    its own: that of the pages on which their references are counted.
    """
    looking: dict[Any, dict[str, Any]] = {IPython.core.shellapp: dict.fromkeys(inherited.names)}
    if inherited.own_files:
        looking[ipykernel.ipkernel] = {str(n): own for n, own in enumerate(inherited.own_files)}
    for module, modules in looking.items():
        module.sys = _Sys(modules)
    try:
        yield
    finally:
        for module in looking:
            module.sys = sys


class _Sys:
    """`sys`, with other modules."""

    def __init__(self, modules: dict[str, Any]) -> None:
        self.modules = modules

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)


_PATIENCE: Final = 10.0
