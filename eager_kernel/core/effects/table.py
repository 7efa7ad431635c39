"""Audit events that are outside effects, and what to call each.

The table of `eager_kernel.core.effects.audit_events`: what a program does to the world outside its
process, as `sys.audit` tells it. Reading is no effect.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qs

Arguments = tuple[Any, ...]
"""What an audit hook gets with an event."""

Describe = Callable[[str, Arguments], "str | None"]
"""Says what the effect of an event is; None where it has none."""


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


def named(event: str, arguments: Arguments) -> str:
    """Call an effect by its event, where nothing better is known."""
    return f"raises the audit event {event}"


def _opened(event: str, arguments: Arguments) -> str | None:
    path, mode, flags = (*arguments, None, None, None)[:3]
    if isinstance(path, int) or path in _NOWHERE:
        return None  # a descriptor is open already
    if not isinstance(flags, int):
        return None
    # `fopen` in Python's own C code tells no flags, but its mode.
    writes = flags & _WRITING or (not flags and isinstance(mode, str) and _MODE.search(mode))
    if not writes or flags & _UNNAMED == _UNNAMED:
        return None  # a file without a name, which ends with its descriptor
    return f"opens {_show(path)} for writing"


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


def _silent(event: str, arguments: Arguments) -> None:
    return None


def _database(event: str, arguments: Arguments) -> str | None:
    path = arguments[0] if arguments else ""
    if path in IN_MEMORY:
        return None
    return f"opens the database {_show(path)}"


def _extended(event: str, arguments: Arguments) -> str | None:
    allowed = arguments[1] if len(arguments) > 1 else True
    return "lets a database load native code" if allowed else None


def _limited(event: str, arguments: Arguments) -> str | None:
    process, _, limits = (*arguments, None, None, None)[:3]
    if limits is None or (type(process) is int and process in (0, os.getpid())):
        return None
    return "changes the limits of another process"


def _control(event: str, arguments: Arguments) -> str | None:
    request = arguments[1] if len(arguments) > 1 else None
    return None if request in _ASKING_REQUESTS else "controls a device"


def adds_database(path: object) -> str:
    """Say that a database is added to a connection."""
    return f"opens the database {_show(path)}" if isinstance(path, str) else "opens a database"


def reads_only(path: object) -> bool:
    """Whether a database's name, taken for a URI, opens nothing that could be written."""
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if type(path) is not str or not path.startswith("file:"):
        return False
    name, _, query = path.partition("#")[0].partition("?")
    options = parse_qs(query)
    if name in ("file::memory:", "file:"):
        return True
    return "vfs" not in options and options.get("mode", [""])[-1] in ("ro", "memory")


def _show_address(address: object) -> str:
    if isinstance(address, tuple) and len(address) >= 2:
        host, port = address[:2]
        return f"{_show(host)}, port {_show(port)}"
    return _show(address)


# Where what is written is gone.
_NOWHERE: Final = (os.devnull, os.fsencode(os.devnull))
IN_MEMORY: Final = (":memory:", b":memory:", "", b"")
_MODE: Final = re.compile(r"[wax+]")
_UNNAMED: Final = getattr(os, "O_TMPFILE", ~0)
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_LONGEST: Final = 80
_ADDRESS: Final = re.compile(r"[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%\w]*")
_HERE: Final = ("", "localhost", "localhost.localdomain", "ip6-localhost", "0")
# TIOCGWINSZ, TCGETS, TIOCGPGRP and FIONREAD ask; progress bars do it all the time.
_ASKING_REQUESTS: Final = (0x5413, 0x5401, 0x540F, 0x541B, 0x40087468, 0x4004667F)

DATABASE: Final = "sqlite3.connect/handle"
"""Tells of a new connection; no effect, but to be watched."""

EVENTS: Final[dict[str, Describe]] = {
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
    "resource.prlimit": _limited,
    "signal.pthread_kill": _killed,
    "subprocess.Popen": _process,
    "webbrowser.open": _of_path("opens a browser at"),
    # A function of a client's process: `eager_kernel.kernel.hosted`.
    "eager_kernel.call": _of_path("calls the client's function"),
    "ctypes.dlopen": _of_path("loads the library"),
    "ctypes.dlsym": _plain("calls into a native library"),
    "ctypes.dlsym/handle": _plain("calls into a native library"),
    "ctypes.call_function": _plain("calls into a native library"),
    "cpython.PyInterpreterState_New": _plain("makes an interpreter, where nothing can wait"),
    "sqlite3.connect": _database,
    DATABASE: _silent,
    "sqlite3.enable_load_extension": _extended,
    "sqlite3.load_extension": _plain("loads native code into a database"),
    "sys.remote_exec": _plain("runs code in another process"),
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


def _mapped(event: str, arguments: Arguments) -> str | None:
    descriptor, _, access = (*arguments, None, None, None)[:3]
    if descriptor == -1 or access in _MAPPED_TO_READ:
        return None
    return "writes to a file through memory"


_MAPPED_TO_READ: Final = (1, 3)  # ACCESS_READ, ACCESS_COPY

MAPPINGS: Final[dict[str, Describe]] = {"mmap.__new__": _mapped}
"""Effects where files are journalled: what a file had before can be put back, but what is written
through memory afterwards can't be led away. Elsewhere the opening of the file has waited."""

STARTS: Final[dict[str, Describe]] = {
    "_thread.start_joinable_thread": _plain("starts a thread"),
    "_thread.start_new_thread": _plain("starts a thread"),
}
"""No effects, but what a program that is refused may not do either: nothing would know whose a
thread is that comes when its run is over."""
