"""Makes the request for a kernel out of what `subprocess.Popen` would have been told."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import IO, Any, Final

from eager_kernel.errors import EagerError
from eager_kernel.sandbox.enter import Limits
from eager_kernel.warm.sockets import listen
from eager_kernel.warm.wire import Handles, Request


class UnlikeError(EagerError):
    """A fork would not be like the process that is wanted; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What is to be started.

    Parameters
    ----------
    interpreter
        The Python, with its options.
    argv
        The kernel's arguments.
    env, cwd
        Its environment and working folder.
    streams
        Its stdin, stdout and stderr, as for `subprocess.Popen`.
    independent
        Whether it outlives this process.
    """

    interpreter: tuple[str, ...]
    argv: list[str]
    env: dict[str, str]
    cwd: str
    streams: tuple[Any, Any, Any]
    independent: bool

    @classmethod
    def read(cls, command: list[str], options: Mapping[str, Any]) -> Launch:
        """Understand a command line and its options.

        Parameters
        ----------
        command
            The kernelspec's.
        options
            As for `jupyter_client.launcher.launch_kernel`.

        Raises
        ------
        UnlikeError
            It can't be done by a fork here.
        """
        if why := cant_fork():
            raise UnlikeError(why)
        options = dict(options)
        for ignored in ("extra_arguments", "kernel_id"):
            options.pop(ignored, None)
        env = dict(options.pop("env", os.environ))
        cwd = os.path.abspath(options.pop("cwd", None) or os.getcwd())  # noqa: PTH100, PTH109
        streams = tuple(options.pop(name, None) for name in ("stdin", "stdout", "stderr"))
        independent = bool(options.pop("independent", False))
        if options:
            raise UnlikeError(f"there are options that only a new process can have: {[*options]}")
        if not independent:
            env["JPY_PARENT_PID"] = str(os.getpid())
        interpreter, argv = _split([os.path.expanduser(word) for word in command])  # noqa: PTH111
        return cls(
            interpreter=interpreter,
            argv=argv,
            env=env,
            cwd=cwd,
            streams=(streams[0], streams[1], streams[2]),
            independent=independent,
        )

    def prepare(
        self, connection_info: Mapping[str, Any], exits: ExitStack, room: Rooms | None = None
    ) -> Prepared:
        """Make the request and what goes with it.

        Parameters
        ----------
        connection_info
            What is in the connection file.
        exits
            Closes what only the kernel is to have.
        room
            Where it is to be locked in; None: it is not.

        Raises
        ------
        OSError
            Addresses or streams can't be had.
        """
        sockets = listen(connection_info)
        for one in sockets.values():
            exits.callback(one.close)
        ends, ours = _open_streams(self.streams, exits)
        if room is None:
            life = os.pidfd_open(os.getpid())
            exits.callback(os.close, life)
        else:
            life = room.life
        request = Request(
            argv=self.argv,
            cwd=self.cwd,
            env=self.env,
            umask=_umask(),
            niceness=os.getpriority(os.PRIO_PROCESS, 0),
            affinity=sorted(os.sched_getaffinity(0)),
            limits={str(number): list(resource.getrlimit(number)) for number in _LIMITS},
            ports=list(sockets),
            independent=self.independent,
            sandbox=None if room is None else asdict(room.limits),
        )
        fds = tuple(one.fileno() for one in sockets.values())
        handles = Handles(ends, life, fds, () if room is None else room.namespaces)
        return Prepared(request, handles, ours)


@dataclass(frozen=True, slots=True)
class Rooms:
    """Where a kernel is to be locked in.

    Parameters
    ----------
    namespaces
        Of an `eager_kernel.sandbox.room.Room`, and its first process.
    limits
        What it may use up.
    life
        A file descriptor that can be read from when the kernel is to end. It tells a program
        nothing of who is at its other end, and lets it do nothing to that.
    """

    namespaces: tuple[int, ...]
    limits: Limits
    life: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request, ready to be sent.

    Parameters
    ----------
    request, handles
        What is sent.
    streams
        Our ends of the kernel's stdin, stdout and stderr, where they are pipes.
    """

    request: Request
    handles: Handles
    streams: tuple[IO[bytes] | None, IO[bytes] | None, IO[bytes] | None]


def cant_fork() -> str:
    """Why kernels can't be forked on this system; empty: they can."""
    if not hasattr(os, "fork"):
        return "there is no fork on this system"
    if sys.platform != "linux":
        return "a fork is not safe on this system, whose libraries have threads of their own"
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError) as error:
        return f"this Linux has no pidfds, it is older than 5.3 or hides them ({error})"
    return ""


def shadowing(folder: str, added: Iterable[str]) -> str:
    """What in a working folder a program would import instead of what a template has.

    Parameters
    ----------
    folder
        The folder.
    added
        Top-level names in the template that a kernel started as ever would not have by then.

    Returns
    -------
    str
        The name of a file or folder; empty: there is none.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names alone
    except OSError:
        return ""  # whoever starts the kernel there will see
    found = {name.partition(".")[0]: name for name in names}
    for name in set(added) & found.keys():
        spec = PathFinder.find_spec(name, [folder])
        if spec is not None and spec.loader is not None:
            return found[name]
    # matplotlib reads its settings as it is imported, those of the working folder first.
    return _MATPLOTLIBRC if "matplotlib" in added and _MATPLOTLIBRC in names else ""


def _split(command: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """Interpreter with options, and the kernel's arguments."""
    try:
        at = command.index("-m")
    except ValueError:
        at = len(command)
    if command[at + 1 : at + 2] != ["eager_kernel"]:
        raise UnlikeError(f"{' '.join(command[:4])} … is not `python -m eager_kernel`")
    return tuple(command[:at]), command[at + 2 :]


def _open_streams(
    streams: tuple[Any, Any, Any], exits: ExitStack
) -> tuple[tuple[int, int, int], tuple[IO[bytes] | None, IO[bytes] | None, IO[bytes] | None]]:
    """The kernel's ends, and ours."""
    ends: list[int] = []
    ours: list[IO[bytes] | None] = []
    for number, stream in enumerate(streams):
        end, own = _open_stream(stream, number, ends, exits)
        ends.append(end)
        ours.append(own)
    return (ends[0], ends[1], ends[2]), (ours[0], ours[1], ours[2])


def _open_stream(
    stream: Any, number: int, before: list[int], exits: ExitStack
) -> tuple[int, IO[bytes] | None]:
    reads = number == 0
    if stream is None and not reads:
        try:
            os.fstat(number)
        except OSError:
            stream = subprocess.DEVNULL  # we have none ourselves
        else:
            return number, None
    if stream is None or stream == subprocess.DEVNULL:
        end = os.open(os.devnull, os.O_RDWR)
        exits.callback(os.close, end)
        return end, None
    if stream == subprocess.STDOUT:
        return before[1], None
    if stream == subprocess.PIPE:
        reading, writing = os.pipe()
        end, own = (reading, writing) if reads else (writing, reading)
        exits.callback(os.close, end)
        return end, open(own, "wb" if reads else "rb")  # noqa: PTH123 - the caller's to close
    return stream if isinstance(stream, int) else stream.fileno(), None


def _umask() -> int:
    # `os.umask` would change it, for all threads, to tell.
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o022


_LIMITS: Final = (
    [value for name, value in vars(resource).items() if name.startswith("RLIMIT_")]
    if sys.platform == "linux"
    else []
)
_MATPLOTLIBRC: Final = "matplotlibrc"
