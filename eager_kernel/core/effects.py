"""Which audit events are outside effects, and how to say so.

The table behind the effect barrier (`eager_kernel.execution.barrier`): what a program does to
the world outside its process, as `sys.audit` tells it. Reading is no effect.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final, Literal

Caller = Literal["program", "library", "import"]
"""Who causes an event: the program's own code, a library that it called, or the import system
and libraries that are being imported."""

Arguments = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Effects:
    """Decides which audit events are effects.

    Parameters
    ----------
    events
        Names of further audit events to take for effects, whatever their arguments.
    folders
        Absolute, normalised folders in which writing is no effect.
    caches
        The same, for libraries while they are imported. One that ends in ``*`` stands for
        all whose path begins like it.
    """

    events: frozenset[str] = frozenset()
    folders: tuple[str, ...] = ()
    caches: tuple[str, ...] = ()
    table: Mapping[str, Describe] = field(init=False)
    """Event name → what says whether it is an effect."""

    def __post_init__(self) -> None:
        further = dict.fromkeys(self.events, _named)
        object.__setattr__(self, "table", {**_EVENTS, **further})

    def describe(self, event: str, arguments: Arguments) -> str | None:
        """Say what the effect of an audit event is, for a person; None where it has none."""
        describe = self.table.get(event)
        if describe is None:
            return None
        try:
            return describe(event, arguments)
        except Exception:  # noqa: BLE001 - a program may raise an event with any arguments
            return _named(event, arguments)

    def spares(
        self, event: str, arguments: Arguments, caller: Caller, module: str, cwd: str
    ) -> bool:
        """Whether an effect is one that need not wait: nobody outside would notice it.

        Parameters
        ----------
        event, arguments
            As an audit hook gets them.
        caller
            Who causes it.
        module
            Name of the module whose code is innermost.
        cwd
            The working directory.
        """
        if event in self.events:
            return False
        try:
            return self._spares(event, arguments, caller, module, cwd)
        except Exception:  # noqa: BLE001 - as above
            return False

    def _spares(
        self, event: str, arguments: Arguments, caller: Caller, module: str, cwd: str
    ) -> bool:
        folders = self.folders
        if caller != "program" and (
            event.startswith("ctypes.")
            or module in _ASKS_THE_MACHINE
            or _command(event, arguments) in _ASKING_COMMANDS
        ):
            return True  # libraries bind to native ones, and ask what machine this is
        if caller == "import":
            if module.startswith("importlib._bootstrap") or _tries_loopback(event, arguments):
                return True  # compiled modules; whether there is IPv6
            folders += self.caches
        if any(fd not in (-1, None) for fd in arguments[_FOLDERS.get(event, len(arguments)) :]):
            cwd = ""  # a relative path begins in another folder, so it lies in none of ours
        paths = arguments[: _PATHS.get(event, 0)]
        return bool(paths and folders) and all(_lies_in(path, folders, cwd) for path in paths)


Describe = Callable[[str, Arguments], "str | None"]


def _lies_in(path: object, folders: Iterable[str], cwd: str) -> bool:
    if isinstance(path, int):
        return False  # a descriptor
    text = os.path.normpath(os.path.join(cwd, os.fsdecode(path)))  # type: ignore[arg-type]  # noqa: PTH118 - no I/O
    return any(
        text == folder
        or text.startswith(folder.removesuffix("*") if folder.endswith("*") else folder + os.sep)
        for folder in folders
    )


def _tries_loopback(event: str, arguments: Arguments) -> bool:
    """Whether a socket is bound to a free port of this machine, as `urllib3` does once."""
    address = arguments[-1] if event == "socket.bind" and arguments else None
    return isinstance(address, tuple) and address[:2] in {("::1", 0), ("127.0.0.1", 0)}


def _command(event: str, arguments: Arguments) -> str:
    if event != "subprocess.Popen" or len(arguments) < 2:
        return ""
    words = arguments[1]
    first = words if isinstance(words, (str, bytes)) else next(iter(words or ()), "")
    return PurePath(os.fsdecode(first)).name


# How each effect is told ----------------------------------------------------------------------


def _show(value: object) -> str:
    """A value of the program, short enough and harmless to show."""
    if isinstance(value, os.PathLike):
        value = value.__fspath__() if type(value).__module__.startswith("pathlib") else "…"
    if isinstance(value, (list, tuple)):
        return _show(" ".join(str(word) for word in value[:8] if isinstance(word, (str, bytes))))
    # The plain types' own methods, since a subclass may do anything. `repr` leaves no character
    # that a terminal would take for a command.
    if isinstance(value, str):
        shown, length = repr(str.__getitem__(value, slice(_LONGEST))), str.__len__(value)
    elif isinstance(value, bytes):
        shown, length = repr(bytes.__getitem__(value, slice(_LONGEST))), bytes.__len__(value)
    elif type(value) is int:
        return repr(value)
    else:
        name = type(value).__name__
        return name[:_LONGEST] if name.isidentifier() else "…"
    return shown[:_LONGEST] + ("…" if max(length, len(shown)) > _LONGEST else "")


def _opened(event: str, arguments: Arguments) -> str | None:
    path, _, flags = (*arguments, None, None, None)[:3]
    if not isinstance(flags, int) or not flags & _WRITING or isinstance(path, int):
        return None  # a descriptor is open already
    if path in (os.devnull, os.fsencode(os.devnull)):
        return None
    return f"opens {_show(path)} for writing"


def _named(event: str, arguments: Arguments) -> str:
    return f"raises the audit event {event}"


def _of_path(verb: str) -> Describe:
    return lambda event, arguments: f"{verb} {_show(arguments[0] if arguments else '')}"


def _of_two(verb: str) -> Describe:
    def describe(event: str, arguments: Arguments) -> str:
        first, second = (*arguments, "", "")[:2]
        return f"{verb} {_show(first)} to {_show(second)}"

    return describe


def _plain(text: str) -> Describe:
    return lambda event, arguments: text


def _process(event: str, arguments: Arguments) -> str:
    return f"starts {_show(arguments[1] if len(arguments) > 1 else '')}"


def _shell(event: str, arguments: Arguments) -> str:
    return f"runs the command {_show(arguments[0] if arguments else '')}"


def _killed(event: str, arguments: Arguments) -> str | None:
    number = arguments[-1] if arguments else 0
    return f"sends signal {_show(number)} to a process" if number != 0 else None


def _connected(event: str, arguments: Arguments) -> str:
    return f"connects to {_show_address(arguments[-1] if arguments else '')}"


def _bound(event: str, arguments: Arguments) -> str:
    return f"listens on {_show_address(arguments[-1] if arguments else '')}"


def _sent(event: str, arguments: Arguments) -> str:
    return "sends data over the network"


def _resolved(event: str, arguments: Arguments) -> str | None:
    host = arguments[0] if arguments else None
    if isinstance(host, (tuple, list)):
        host = host[0] if host else None
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if not isinstance(host, str) or host in _HERE or _ADDRESS.fullmatch(host):
        return None  # nobody is asked
    return f"looks up the host {_show(host)}"


def _database(event: str, arguments: Arguments) -> str | None:
    path = arguments[0] if arguments else ""
    if path in (":memory:", b":memory:", "", b""):
        return None
    return f"opens the database {_show(path)}"


def _control(event: str, arguments: Arguments) -> str | None:
    request = arguments[1] if len(arguments) > 1 else None
    return None if request in _ASKING_REQUESTS else "controls a device"


def _show_address(address: object) -> str:
    if isinstance(address, tuple) and len(address) >= 2:
        host, port = address[:2]
        return f"{_show(host)}, port {_show(port)}"
    return _show(address)


_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_LONGEST: Final = 80
_ADDRESS: Final = re.compile(r"[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%\w]*")
_HERE: Final = ("", "localhost", "localhost.localdomain", "ip6-localhost", "0")
# TIOCGWINSZ, TCGETS, TIOCGPGRP and FIONREAD ask; progress bars do it all the time.
_ASKING_REQUESTS: Final = (0x5413, 0x5401, 0x540F, 0x541B, 0x40087468, 0x4004667F)

# Commands that libraries start to learn about the machine.
_ASKING_COMMANDS: Final = frozenset(
    {"fc-list", "getconf", "ldconfig", "lscpu", "nproc", "sysctl", "system_profiler", "uname"}
)

# Modules that do so with other commands, or bind to native libraries.
_ASKS_THE_MACHINE: Final = frozenset(
    {
        "ctypes.util",
        "joblib.externals.loky.backend.context",
        "loky.backend.context",
        "platform",
        "threadpoolctl",
        "uuid",
        "_aix_support",
        "_osx_support",
    }
)

_EVENTS: Final[dict[str, Describe]] = {
    "open": _opened,
    "os.chflags": _of_path("changes the flags of"),
    "os.chmod": _of_path("changes the mode of"),
    "os.chown": _of_path("changes the owner of"),
    "os.exec": _of_path("becomes the program"),
    "os.fork": _plain("forks the process"),
    "os.forkpty": _plain("forks the process"),
    "os.kill": _killed,
    "os.killpg": _killed,
    "os.link": _of_two("links"),
    "os.lockf": _plain("locks a file"),
    "os.mkdir": _of_path("makes the folder"),
    "os.posix_spawn": _process,
    "os.remove": _of_path("removes"),
    "os.removexattr": _of_path("changes the attributes of"),
    "os.rename": _of_two("renames"),
    "os.rmdir": _of_path("removes the folder"),
    "os.setxattr": _of_path("changes the attributes of"),
    "os.spawn": _process,
    "os.startfile": _of_path("starts"),
    "os.startfile/2": _of_path("starts"),
    "os.symlink": _of_two("links"),
    "os.system": _shell,
    "os.truncate": _of_path("truncates"),
    "os.utime": _of_path("changes the times of"),
    "fcntl.flock": _plain("locks a file"),
    "fcntl.lockf": _plain("locks a file"),
    "fcntl.ioctl": _control,
    "pty.spawn": _shell,
    "shutil.chown": _of_path("changes the owner of"),
    "shutil.copyfile": _of_two("copies"),
    "shutil.copymode": _of_two("copies the mode of"),
    "shutil.copystat": _of_two("copies the attributes of"),
    "shutil.copytree": _of_two("copies"),
    "shutil.make_archive": _of_path("makes the archive"),
    "shutil.move": _of_two("moves"),
    "shutil.rmtree": _of_path("removes the folder"),
    "shutil.unpack_archive": _of_path("unpacks"),
    "tempfile.mkdtemp": _of_path("makes the folder"),
    "tempfile.mkstemp": _of_path("makes the file"),
    "signal.pthread_kill": _killed,
    "subprocess.Popen": _process,
    "webbrowser.open": _of_path("opens a browser at"),
    # A function of a client's process: `eager_kernel.kernel.hosted`.
    "eager_kernel.call": _of_path("calls the client's function"),
    "ctypes.dlopen": _of_path("loads the library"),
    "ctypes.dlsym": _plain("calls into a native library"),
    "ctypes.dlsym/handle": _plain("calls into a native library"),
    "ctypes.call_function": _plain("calls into a native library"),
    "sqlite3.connect": _database,
    "dbm.open": _of_path("opens the database"),
    "socket.bind": _bound,
    "socket.connect": _connected,
    "socket.getaddrinfo": _resolved,
    "socket.gethostbyaddr": _resolved,
    "socket.gethostbyname": _resolved,
    "socket.getnameinfo": _resolved,
    "socket.sendmsg": _sent,
    "socket.sendto": _sent,
    "socket.sethostname": _plain("changes the name of the machine"),
    # Connections of earlier cells: sending on a socket itself raises no event.
    "ftplib.sendcmd": _sent,
    "http.client.send": _sent,
    "imaplib.send": _sent,
    "nntplib.putline": _sent,
    "poplib.putline": _sent,
    "smtplib.send": _sent,
    "telnetlib.Telnet.write": _sent,
    "syslog.syslog": _plain("writes to the system log"),
    "msvcrt.locking": _plain("locks a file"),
    "winreg.CreateKey": _plain("writes to the registry"),
    "winreg.DeleteKey": _plain("writes to the registry"),
    "winreg.DeleteValue": _plain("writes to the registry"),
    "winreg.SaveKey": _plain("writes to the registry"),
    "winreg.SetValue": _plain("writes to the registry"),
    "_winapi.CreateFile": _of_path("opens"),
    "_winapi.CreateJunction": _of_two("links"),
    "_winapi.CreateNamedPipe": _of_path("makes the pipe"),
    "_winapi.CreateProcess": _process,
    "_winapi.TerminateProcess": _plain("ends a process"),
}

# How many of an event's first arguments are the paths that it writes.
_PATHS: Final = {
    "open": 1,
    "os.chmod": 1,
    "os.mkdir": 1,
    "os.remove": 1,
    "os.rename": 2,
    "os.rmdir": 1,
    "os.truncate": 1,
    "os.utime": 1,
    "shutil.rmtree": 1,
    "sqlite3.connect": 1,
    "tempfile.mkdtemp": 1,
    "tempfile.mkstemp": 1,
}

# From which of an event's arguments on there are descriptors of folders, in which its relative
# paths begin. `os.open` does not tell of its own.
_FOLDERS: Final = {
    "os.chmod": 2,
    "os.mkdir": 2,
    "os.remove": 1,
    "os.rename": 2,
    "os.rmdir": 1,
    "os.utime": 3,
    "shutil.rmtree": 1,
}
