"""Which audit events are outside effects, and how they are told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from eager_kernel.core.effects.audit_events import Caller, Cause, Effects, paths_of
from eager_kernel.core.effects.table import reads_only

EFFECTS = Effects(
    folders=("/data/scratch",),
    caches=("/home/me/.cache", "/home/me/.config/matplotlib", "/tmp/matplotlib-*"),
    events=frozenset(),
    temporary="/tmp",
    hosts=frozenset({"my-machine"}),
)
TRUNCATE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

# What each event of the table is told as. Those that share a function are tried once with
# every argument, and all of them with hostile ones below.
TOLD: dict[str, tuple[tuple[Any, ...], str]] = {
    "open": (("a.txt", "w", TRUNCATE), "opens 'a.txt' for writing"),
    "os.remove": (("a", -1), "removes 'a'"),
    "os.rename": (("a", "b", -1, -1), "renames 'a' to 'b'"),
    "os.mkdir": ((b"a", 0o777, -1), "makes the folder b'a'"),
    "os.rmdir": ((PurePosixPath("a/b"), -1), "removes the folder 'a/b'"),
    "os.symlink": (("a", "b", -1), "links 'a' to 'b'"),
    "os.truncate": ((3, 0), "truncates 3"),
    "os.system": ((b"rm x",), "runs the command b'rm x'"),
    "os.exec": (("/bin/ls", ["ls"], None), "becomes the program '/bin/ls'"),
    "os.fork": ((), "forks the process"),
    "os.kill": ((12, 9), "sends signal 9 to a process"),
    "os.posix_spawn": (("ls", ["ls", "-l"], {}), "starts 'ls -l'"),
    "subprocess.Popen": (("ls", ["ls", "-l"], None, None), "starts 'ls -l'"),
    "shutil.copyfile": (("a", "b"), "copies 'a' to 'b'"),
    "shutil.rmtree": (("a", None), "removes the folder 'a'"),
    "tempfile.mkstemp": (("/tmp/x",), "makes the file '/tmp/x'"),
    "webbrowser.open": (("http://x",), "opens a browser at 'http://x'"),
    "ctypes.dlopen": (("libm.so.6",), "loads the library 'libm.so.6'"),
    "ctypes.dlsym": ((object(), "cos"), "calls into a native library"),
    "sqlite3.connect": (("a.db",), "opens the database 'a.db'"),
    "dbm.open": (("a",), "opens the database 'a'"),
    "socket.connect": ((object(), ("x.org", 80)), "connects to 'x.org', port 80"),
    "socket.bind": ((object(), ("", 80)), "listens on '', port 80"),
    "socket.getaddrinfo": (("x.org", 80, 0, 0, 0), "looks up the host 'x.org'"),
    "sqlite3.load_extension": ((object(), "x"), "loads native code into a database"),
    "sqlite3.enable_load_extension": ((object(), True), "lets a database load native code"),
    "resource.prlimit": ((1, 7, (0, 0)), "changes the limits of another process"),
    "cpython.PyInterpreterState_New": ((), "makes an interpreter, where nothing can wait"),
    "sys.remote_exec": ((1, "x"), "runs code in another process"),
    "socket.getnameinfo": ((("x.org", 80),), "looks up the host 'x.org'"),
    "socket.gethostbyname": ((b"x.org",), "looks up the host 'x.org'"),
    "socket.sendto": ((object(), ("x.org", 80)), "sends data over the network"),
    "smtplib.send": ((object(), b"EHLO"), "sends data over the network"),
    "fcntl.ioctl": ((1, 0x5401 + 1, 0), "controls a device"),
    "fcntl.flock": ((1, 2), "locks a file"),
    "syslog.syslog": ((1, "x"), "writes to the system log"),
}


@pytest.mark.parametrize("event", TOLD)
def test_effect_is_told(event: str) -> None:
    arguments, told = TOLD[event]
    assert EFFECTS.describe(event, arguments) == told


NOTHING: list[tuple[str, tuple[Any, ...]]] = [
    ("open", ("a.txt", "r", os.O_RDONLY)),
    ("open", (3, "w", TRUNCATE)),  # a descriptor: it is open already
    ("open", (os.devnull, "w", TRUNCATE)),
    ("open", (os.fsencode(os.devnull), "w", TRUNCATE)),
    ("open", ("a.txt", "w")),
    ("open", ("a.txt", "r", 0)),  # as `fopen` in Python's own code tells it
    ("open", ("a.txt", "rb", 0)),
    ("open", ("/tmp", None, getattr(os, "O_TMPFILE", 0) | os.O_RDWR))
    if hasattr(os, "O_TMPFILE")
    else ("open", ("a", "r", 0)),
    ("sqlite3.connect/handle", (object(),)),
    ("sqlite3.enable_load_extension", (object(), False)),
    ("resource.prlimit", (0, 7, (0, 0))),
    ("resource.prlimit", (os.getpid(), 7, (0, 0))),
    ("resource.prlimit", (1, 7, None)),
    ("os.kill", (12, 0)),
    ("fcntl.ioctl", (1, 0x5413, 0)),
    ("sqlite3.connect", (":memory:",)),
    ("sqlite3.connect", (b"",)),
    ("socket.getaddrinfo", ("localhost", 80)),
    ("socket.getaddrinfo", ("127.0.0.1", 80)),
    ("socket.getaddrinfo", ("fe80::1%eth0", 80)),
    ("socket.getaddrinfo", (None, 80)),
    ("socket.gethostbyname", (b"",)),
    ("import", ("os", None, None, None, None)),
    ("os.listdir", (".",)),
    ("socket.__new__", (object(), 2, 1, 0)),
    ("", ()),
]


@pytest.mark.parametrize(("event", "arguments"), NOTHING)
def test_what_is_no_effect(event: str, arguments: tuple[Any, ...]) -> None:
    assert EFFECTS.describe(event, arguments) is None


# Hostile arguments ----------------------------------------------------------------------------


class _Text(str):
    """A text that fails in every way it can."""

    __slots__ = ()

    def __repr__(self) -> str:
        raise RuntimeError

    __str__ = __len__ = __getitem__ = __repr__  # type: ignore[assignment]


class _Path:
    def __fspath__(self) -> str:
        raise RuntimeError


class _Odd:
    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError

    def __repr__(self) -> str:
        raise RuntimeError


HOSTILE: list[Any] = [
    None,
    -1,
    10**5000,
    True,
    0.5,
    "",
    "\0",
    "\x1b[2J\r\n\u202e",
    "\ud800",
    "x" * 1_000_000,
    b"\xff" * 1000,
    (),
    [],
    ("::1",),
    ([], 0),
    {"a": 1},
    object(),
    type("\x1b[2J", (), {})(),
    _Text("x"),
    _Path(),
    _Odd(),
    ["x" * 10_000] * 10_000,
    [_Odd()],
    Path("\x1b[2J"),
]


@pytest.mark.parametrize("event", EFFECTS.table)
def test_no_arguments_do_harm(event: str) -> None:
    callers: tuple[Caller, ...] = ("program", "library", "import")
    lists = [(), *((value,) * count for value in HOSTILE for count in (1, 2, 3, 5))]
    lists += [("a", "w", value) for value in HOSTILE]
    for arguments in lists:
        told = EFFECTS.describe(event, arguments)
        assert told is None or (told.isprintable() and len(told) < 250)
        paths_of(event, arguments)
        for caller in callers:
            for paths in (None, [], ["/a"], ["/a", "/b"]):
                cause = Cause(caller, "m", "/", "/c/__pycache__/a.pyc")
                assert EFFECTS.spares(event, arguments, cause, paths) in (True, False)
                assert EFFECTS.is_of_workers(event, cause, paths or []) is False


def test_what_can_not_be_described_is_an_effect() -> None:
    assert EFFECTS.describe("sqlite3.connect", (_Odd(),)) == (
        "raises the audit event sqlite3.connect"
    )
    assert not spared("os.remove", _Path(), caller="import")
    assert paths_of("os.remove", (_Path(),)) is None


@pytest.mark.parametrize("mode", ["a", "w", "x", "r+", "ab"])
def test_the_mode_tells_where_there_are_no_flags(mode: str) -> None:
    # As of `SSLContext.keylog_filename`.
    assert EFFECTS.describe("open", ("f", mode, 0)) == "opens 'f' for writing"


def test_long_names_are_cut() -> None:
    told = EFFECTS.describe("os.remove", ("x" * 1000, -1))
    assert told is not None
    assert told.startswith("removes 'xxx")
    assert told.endswith("x…")
    assert len(told) < 100


# What need not wait ---------------------------------------------------------------------------


def spared(
    event: str,
    *arguments: Any,
    caller: Caller = "program",
    module: str = "__main__",
    cwd: str = "/data/scratch",
    compiled: str = "",
    effects: Effects = EFFECTS,
) -> bool:
    given = paths_of(event, arguments)
    paths = None
    if given is not None and all(folder is None or path[:1] == "/" for path, folder in given):
        paths = [os.path.normpath(Path(cwd, path)) for path, _ in given]
    return effects.spares(event, arguments, Cause(caller, module, cwd, compiled), paths)


def test_the_compiled_form_of_a_module_is_written_when_it_is_loaded() -> None:
    folder = "/usr/lib/x/__pycache__"
    compiled = folder + "/a.cpython-311.pyc"

    def loading(event: str, *arguments: Any, **more: Any) -> bool:
        return spared(event, *arguments, **{"caller": "import", "compiled": compiled, **more})

    assert loading("os.mkdir", folder, 0o777, -1)
    assert loading("open", compiled + ".140", None, TRUNCATE)
    assert loading("os.rename", compiled + ".140", compiled, -1, -1)
    assert loading("os.remove", compiled + ".140", -1)
    # What else is written then, and by whom else it is written.
    assert not loading("open", folder + "/b.cpython-311.pyc", None, TRUNCATE)
    assert not loading("open", compiled + ".txt", None, TRUNCATE)
    assert not loading("open", "/usr/lib/x/a", None, TRUNCATE)
    assert not loading("os.mkdir", "/usr/lib/x", 0o777, -1)
    assert not loading("os.rename", compiled, "/usr/lib/x/a", -1, -1)
    assert not loading("os.chmod", compiled, 0o777, -1)
    assert not loading("open", compiled, None, TRUNCATE, caller="program")
    assert not loading("open", compiled, None, TRUNCATE, compiled="")
    assert not loading("open", "/usr/lib/f", None, TRUNCATE, compiled="/usr/lib/f")
    assert not loading("open", "/usr/f.pyc", None, TRUNCATE, compiled="/usr/f.pyc")


def test_caches_are_written_at_import_only() -> None:
    font = "/home/me/.cache/matplotlib/fontlist.json"
    for caller, expected in (("import", True), ("library", False), ("program", False)):
        assert spared("open", font, "w", TRUNCATE, caller=caller) is expected  # type: ignore[arg-type]
    assert spared("os.mkdir", "/tmp/matplotlib-x1y2", 0o700, -1, caller="import")
    assert spared("os.mkdir", "/home/me/.cache", 0o700, -1, caller="import")
    assert not spared("os.mkdir", "/tmp/mat", 0o700, -1, caller="import")
    assert not spared("os.mkdir", "/home/me/.cached", 0o700, -1, caller="import")
    # The folders around them may not be there either.
    assert spared("os.mkdir", "/home/me/.config", 0o700, -1, caller="import")
    assert spared("os.mkdir", "/home/me", 0o700, -1, caller="import")
    assert not spared("os.mkdir", "/home/me/.config", 0o700, -1, caller="library")
    assert not spared("os.mkdir", "/home/me/.conf", 0o700, -1, caller="import")
    assert not spared("open", "/home/me/.config", "w", TRUNCATE, caller="import")


@pytest.mark.parametrize(
    ("path", "cwd", "expected"),
    [
        ("/data/scratch/a.txt", "/", True),
        ("/data/scratch", "/", True),
        (b"/data/scratch/a.txt", "/", True),
        (Path("/data/scratch/a.txt"), "/", True),
        ("a.txt", "/data/scratch", True),
        ("../scratch/a.txt", "/data/scratch", True),
        ("./b/../a.txt", "/data/scratch/c", True),
        ("/data/scratch/../secret", "/", False),
        ("../a.txt", "/data/scratch", False),
        ("/data/scratchy/a.txt", "/", False),
        ("/data", "/", False),
        ("a.txt", "/home", False),
        ("a.txt", "", False),  # the working directory is gone
        ("", "/", False),
        (7, "/data/scratch", False),
    ],
)
def test_folders_of_the_deployer(path: Any, cwd: str, expected: bool) -> None:
    assert spared("open", path, "w", TRUNCATE, cwd=cwd) is expected
    assert spared("os.remove", path, -1, cwd=cwd) is expected


def test_all_paths_of_an_effect_must_lie_there() -> None:
    inside, outside = "/data/scratch/a", "/home/a"
    assert spared("os.rename", inside, inside + "b", -1, -1)
    assert not spared("os.rename", inside, outside, -1, -1)
    assert not spared("os.rename", outside, inside, -1, -1)
    assert spared("sqlite3.connect", inside)
    assert not spared("os.symlink", outside, inside, -1)  # it could lead out
    assert not spared("os.system", inside)


def test_relative_paths_may_begin_elsewhere() -> None:
    assert spared("os.remove", "a", -1)
    assert not spared("os.remove", "a", 5)
    assert not spared("os.rename", "a", "b", -1, 5)
    assert not spared("os.mkdir", "a", 0o777, 5)
    assert spared("os.remove", "/data/scratch/a", 5)
    assert spared("shutil.rmtree", "a", None)
    assert not spared("shutil.rmtree", "a", 5)


def test_libraries_bind_to_native_ones() -> None:
    for event in ("ctypes.dlopen", "ctypes.dlsym", "ctypes.call_function"):
        assert spared(event, "libm.so.6", caller="library", module="numpy")
        assert spared(event, "libm.so.6", caller="import", module="numpy")
        assert not spared(event, "libm.so.6", caller="program")


@pytest.mark.parametrize("command", ["lscpu", "/usr/bin/lscpu", b"lscpu", Path("/bin/uname")])
def test_libraries_ask_what_machine_this_is(command: Any) -> None:
    for words in ([command, "-x"], (command,), command):
        if isinstance(words, Path):
            continue
        assert spared("subprocess.Popen", None, words, None, None, caller="library")
        assert not spared("subprocess.Popen", None, words, None, None, caller="program")
    assert not spared("subprocess.Popen", None, ["rm", command], None, None, caller="library")
    assert not spared("os.system", command, caller="library")


def test_modules_that_only_ask() -> None:
    def asks(command: str, module: str, caller: Caller = "library") -> bool:
        words = [command, "x"]
        return spared("subprocess.Popen", "x", words, None, None, caller=caller, module=module)

    assert asks("file", "platform")
    assert asks("/sbin/ifconfig", "uuid")
    assert asks("gcc", "ctypes.util")
    assert not asks("file", "platform", "program")
    # The module may be used to start something else.
    assert not asks("touch", "platform")
    assert not asks("touch", "uuid")
    assert not asks("ifconfig", "platform")
    assert not asks("./ifconfig", "uuid")
    assert not asks("/tmp/lscpu", "numpy")


def test_ldconfig_asks_only_if_it_is_to_print() -> None:
    for words, expected in ((["/sbin/ldconfig", "-p"], True), (["ldconfig"], False)):
        given = ("subprocess.Popen", None, words, None, None)
        assert spared(*given, caller="library", module="torch") is expected


def test_the_machine_looks_itself_up() -> None:
    for event in ("socket.gethostbyname", "socket.gethostbyaddr"):
        assert spared(event, "my-machine")
        assert spared(event, b"my-machine")
        assert not spared(event, "my-machine.example.org")
    assert not spared("socket.connect", "my-machine")


def test_temporary_files_and_folders_of_workers() -> None:
    assert EFFECTS.is_temporary("tempfile.mkdtemp", ["/tmp/x"])
    assert EFFECTS.is_temporary("tempfile.mkstemp", ["/tmp/x"])
    assert not EFFECTS.is_temporary("tempfile.mkdtemp", ["/tmp/x/y"])
    assert not EFFECTS.is_temporary("tempfile.mkdtemp", ["/home/x"])
    assert not EFFECTS.is_temporary("os.mkdir", ["/tmp/x"])
    assert not Effects().is_temporary("tempfile.mkdtemp", ["/x"])
    joblib = Cause("library", "joblib.disk", "/")
    folder = "/dev/shm/joblib_memmapping_folder_1"
    assert EFFECTS.is_of_workers("os.mkdir", joblib, [folder])
    assert not EFFECTS.is_of_workers("os.mkdir", Cause("program", "x", "/"), [folder])
    assert not EFFECTS.is_of_workers("os.mkdir", joblib, ["/home/joblib_memmapping_folder_1"])
    assert not EFFECTS.is_of_workers("os.remove", joblib, [folder])


def test_the_history_of_folders_is_ipythons_own() -> None:
    place, module = "/home/me/.ipython/profile_default/db", "IPython.external.pickleshare"
    assert spared("open", place + "/dhist", "w", TRUNCATE, caller="library", module=module)
    assert spared("os.mkdir", place, 0o777, -1, caller="library", module=module)
    assert not spared(
        "open", place + "/autorestore/x", "w", TRUNCATE, caller="library", module=module
    )
    assert not spared("open", place + "/dhist", "w", TRUNCATE, module=module)
    assert not spared("open", place + "/dhist", "w", TRUNCATE, caller="library", module="x")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("file:a?mode=ro", True),
        (b"file:a?mode=ro", True),
        ("file:/x/a?mode=ro&cache=shared", True),
        ("file:a?mode=memory", True),
        ("file::memory:?cache=shared", True),
        ("file:?mode=ro", True),
        ("file:a", False),
        ("file:a?mode=rw", False),
        ("file:a?mode=rwc", False),
        ("file:a?mode=ro&mode=rwc", False),
        ("file:a?mode=ro&vfs=x", False),
        ("file:a#?mode=ro", False),
        ("a?mode=ro", False),
        (":memory:", False),
        (None, False),
        (5, False),
    ],
)
def test_uris_of_databases_that_write_nothing(name: Any, expected: bool) -> None:
    assert reads_only(name) is expected


def test_loopback_is_tried_at_import_only() -> None:
    for address in (("::1", 0), ("127.0.0.1", 0), ("::1", 0, 0, 0)):
        assert spared("socket.bind", object(), address, caller="import", module="urllib3")
        assert not spared("socket.bind", object(), address, caller="library", module="urllib3")
    for address in (("::1", 80), ("", 0), ("0.0.0.0", 0), "/run/x"):
        assert not spared("socket.bind", object(), address, caller="import", module="urllib3")


def test_events_of_the_deployer() -> None:
    effects = Effects(
        events=frozenset({"mytools.publish", "open"}), folders=("/data",), caches=("/data",)
    )
    assert effects.describe("mytools.publish", ()) == "raises the audit event mytools.publish"
    assert effects.describe("open", ("a", "r", 0)) == "raises the audit event open"
    # They wait wherever they come from.
    assert not spared("open", "/data/a", "w", 1, caller="import", effects=effects)
    assert not spared("mytools.publish", "/data/a", caller="library", effects=effects)
    assert spared("os.remove", "/data/a", -1, effects=effects)
    assert EFFECTS.describe("mytools.publish", ()) is None


def test_nothing_is_spared_without_folders() -> None:
    assert not spared("open", "a", "w", TRUNCATE, effects=Effects())
