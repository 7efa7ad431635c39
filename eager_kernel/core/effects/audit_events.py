"""Which audit events are outside effects that have to wait.

What the effect barrier (`eager_kernel.execution.barrier`) asks. Which events are effects at all is
in `eager_kernel.core.effects.table`; here is which of those nobody outside would notice.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from eager_kernel.core.effects.table import EVENTS, Arguments, Describe, named

Caller = Literal["program", "library", "import"]
"""Who causes an event: the program's own code, a library that it called, or a library that is
being imported."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Where an event comes from.

    Parameters
    ----------
    caller
        Who causes it.
    module
        Name of the module whose code is innermost.
    cwd
        The working directory; empty where it is gone.
    compiled
        Where the import system keeps the compiled form of the module that it is loading at the
        event; empty where it isn't.
    line
        1-based line of the program that led there; None where none did.
    """

    caller: Caller
    module: str
    cwd: str
    compiled: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Effects:
    """Decides which audit events are effects.

    Parameters
    ----------
    events
        Names of further audit events to take for effects, whatever their arguments.
    folders
        Absolute, resolved folders in which writing is no effect.
    caches
        The same, for libraries while they are imported. One that ends in ``*`` stands for
        all whose path begins like it. The folders around them may be made.
    temporary
        Resolved folder in which private temporary files are made; None: they are effects.
    hosts
        Names of this machine.
    """

    events: frozenset[str] = frozenset()
    folders: tuple[str, ...] = ()
    caches: tuple[str, ...] = ()
    temporary: str | None = None
    hosts: frozenset[str] = frozenset()
    table: Mapping[str, Describe] = field(init=False)
    """Event name → what says whether it is an effect."""

    def __post_init__(self) -> None:
        further = dict.fromkeys(self.events, named)
        object.__setattr__(self, "table", {**EVENTS, **further})

    def describe(self, event: str, arguments: Arguments) -> str | None:
        """Say what the effect of an audit event is, for a person; None where it has none."""
        describe = self.table.get(event)
        if describe is None:
            return None
        try:
            return describe(event, arguments)
        except Exception:  # noqa: BLE001 - a program may raise an event with any arguments
            return named(event, arguments)

    def spares(
        self, event: str, arguments: Arguments, cause: Cause, paths: list[str] | None = None
    ) -> bool:
        """Whether an effect is one that need not wait: nobody outside would notice it.

        Parameters
        ----------
        event, arguments
            As an audit hook gets them.
        cause
            Where it comes from.
        paths
            The paths that it writes, absolute and resolved; None: it has none, or they can't be
            told. See `paths_of`.
        """
        if event in self.events:
            return False
        try:
            return self._spares(event, arguments, cause, paths or [])
        except Exception:  # noqa: BLE001 - as above
            return False

    def _spares(self, event: str, arguments: Arguments, cause: Cause, paths: list[str]) -> bool:
        folders = self.folders
        if cause.caller != "program" and (
            event.startswith("ctypes.") or _asks_the_machine(_command(event, arguments), cause)
        ):
            return True  # libraries bind to native ones, and ask what machine this is
        if event in _LOOK_UPS and _host(arguments) in self.hosts:
            return True  # the machine asks for itself
        if cause.caller == "import":
            if _tries_loopback(event, arguments):
                return True  # whether there is IPv6
            if paths and all(_is_compiled(event, path, cause.compiled) for path in paths):
                return True
            folders += self.caches
            if event == "os.mkdir" and all(_leads_to(path, self.caches) for path in paths):
                return bool(paths)
        if cause.caller == "library" and cause.module == _FOLDERS_OF_CD[0]:
            folders += tuple(p for p in paths if p.endswith(_FOLDERS_OF_CD[1:]))
        return bool(paths) and all(_lies_in(path, folders) for path in paths)

    def is_temporary(self, event: str, paths: list[str]) -> bool:
        """Whether a private temporary file or folder is made, which the event tells beforehand."""
        return (
            event in ("tempfile.mkstemp", "tempfile.mkdtemp")
            and len(paths) == 1
            and os.path.dirname(paths[0]) == self.temporary  # noqa: PTH120 - no I/O
        )

    def is_of_workers(self, event: str, cause: Cause, paths: list[str]) -> bool:
        """Whether the folder is made by which `joblib` hands values to its worker processes."""
        if event != "os.mkdir" or len(paths) != 1 or cause.module.partition(".")[0] != "joblib":
            return False
        folder, name = os.path.split(paths[0])
        return name.startswith(_OF_WORKERS) and folder in (self.temporary, *_SHARED)


def paths_of(event: str, arguments: Arguments) -> list[tuple[str, int | None]] | None:
    """The paths that an effect writes, with the descriptors of folders in which they begin.

    Returns
    -------
    list of (str, int or None), or None
        None where they can't be told. A descriptor is None where the path begins in the working
        directory, if it is relative.
    """
    try:
        return _paths_of(event, arguments)
    except Exception:  # noqa: BLE001 - as above
        return None


def _paths_of(event: str, arguments: Arguments) -> list[tuple[str, int | None]] | None:
    count = _PATHS.get(event, 0)
    given = arguments[:count]
    begin = _FOLDERS.get(event)
    folders = arguments[begin : begin + count] if begin is not None else ()
    found = []
    for index, path in enumerate(given):
        folder = folders[index] if index < len(folders) else None
        if not isinstance(path, (str, bytes, os.PathLike)):
            return None  # a descriptor
        text = os.fsdecode(path)
        text = str.__getitem__(text, slice(None))  # a subclass may be anything
        if folder is not None and type(folder) is not int:
            return None
        if event == "open" and len(arguments) > 1 and arguments[1] is None and text[:1] != os.sep:
            return None  # `os.open` does not tell in which folder a path begins
        found.append((text, None if folder == -1 else folder))
    return found if len(found) == count and found else None


# What nobody would notice ---------------------------------------------------------------------


def _lies_in(path: str, folders: Iterable[str]) -> bool:
    return any(
        path == folder
        or path.startswith(folder.removesuffix("*") if folder.endswith("*") else folder + os.sep)
        for folder in folders
    )


def _leads_to(path: str, folders: Iterable[str]) -> bool:
    return any(folder.startswith(path.rstrip(os.sep) + os.sep) for folder in folders)


def _is_compiled(event: str, path: str, compiled: str) -> bool:
    """Whether it is the compiled form of the module that is loaded, or on the way to it."""
    folder, _, name = compiled.rpartition(os.sep)
    if not name.endswith(".pyc") or os.path.basename(folder) != "__pycache__":  # noqa: PTH119
        return False
    if event == "os.mkdir":
        return path == folder
    # It is written under another name first, which ends in a number.
    rest = path.removeprefix(compiled)
    written = path == compiled or (rest != path and rest[:1] == "." and rest[1:].isdecimal())
    return written and event in ("open", "os.rename", "os.remove")


def _tries_loopback(event: str, arguments: Arguments) -> bool:
    """Whether a socket is bound to a free port of this machine, as `urllib3` does once."""
    address = arguments[-1] if event == "socket.bind" and arguments else None
    return isinstance(address, tuple) and address[:2] in {("::1", 0), ("127.0.0.1", 0)}


def _host(arguments: Arguments) -> object:
    host = arguments[0] if arguments else None
    if isinstance(host, tuple):
        host = host[0] if host else None
    return host.decode("ascii", "replace") if type(host) is bytes else host


def _command(event: str, arguments: Arguments) -> str:
    """The name of the program that is started, where it is looked for as the system does."""
    if event != "subprocess.Popen" or len(arguments) < 2:
        return ""
    words = arguments[1]
    first = words if isinstance(words, (str, bytes)) else next(iter(words or ()), "")
    folder, name = os.path.split(os.fsdecode(first))
    if name == "ldconfig" and list(words)[1:] == ["-p"]:
        name += " -p"
    return name if folder in _SYSTEM_FOLDERS else ""


def _asks_the_machine(command: str, cause: Cause) -> bool:
    return command in _ASKING_COMMANDS or command in _ASKING_MODULES.get(cause.module, ())


_SYSTEM_FOLDERS: Final = ("", "/bin", "/sbin", "/usr/bin", "/usr/sbin")

# Commands that libraries start to learn about the machine.
_ASKING_COMMANDS: Final = frozenset(
    {
        "fc-list",
        "getconf",
        "ldconfig -p",
        "lscpu",
        "nproc",
        "sysctl",
        "system_profiler",
        "uname",
    }
)

# Modules that do so with other commands.
_ASKING_MODULES: Final = {
    "ctypes.util": frozenset({"cc", "gcc", "ld", "objdump", "dump"}),
    "platform": frozenset({"cmd", "file", "ver"}),
    "uuid": frozenset({"arp", "ifconfig", "ip", "ipconfig", "lanscan", "netstat"}),
    "joblib.externals.loky.backend.context": frozenset({"powershell.exe", "wmic"}),
    "loky.backend.context": frozenset({"powershell.exe", "wmic"}),
    "_aix_support": frozenset({"lslpp"}),
    "_osx_support": frozenset({"cc", "clang", "gcc", "sw_vers", "xcrun"}),
}

# Where `%cd` notes the folders that it has been in.
_FOLDERS_OF_CD: Final = (
    "IPython.external.pickleshare",
    os.sep + "db",
    os.path.join(os.sep, "db", "dhist"),  # noqa: PTH118 - no I/O
)

_OF_WORKERS: Final = "joblib_memmapping_folder_"
_SHARED: Final = ("/dev/shm", "/run/shm")  # noqa: S108 - where joblib has it, not we

_LOOK_UPS: Final = ("socket.getaddrinfo", "socket.gethostbyaddr", "socket.gethostbyname")

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
# paths begin.
_FOLDERS: Final = {
    "os.chmod": 2,
    "os.mkdir": 2,
    "os.remove": 1,
    "os.rename": 2,
    "os.rmdir": 1,
    "os.utime": 3,
    "shutil.rmtree": 1,
}
