"""Templates: what they import, when they are out of date, when they end, and when there is none."""

from __future__ import annotations

import logging
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_core.paths import jupyter_runtime_dir

from eager_kernel import EagerClient
from eager_kernel.kernel.app import EagerKernelApp
from eager_kernel.warm import requesting
from eager_kernel.warm.arguments import read_forms, take_arguments
from eager_kernel.warm.requesting import Launch, UnlikeError, cant_fork, shadowing
from eager_kernel.warm.rights import read_while_importing
from tests.processes import gone
from tests.warm.conftest import template_of, value
from tests.warm.test_life import until

Start = Callable[..., EagerClient]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that kernels and templates can import."""
    folder = tmp_path / "lib"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    file = folder / "acme_tools.py"
    file.write_text("VERSION = 1\n")
    return file


def said(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records)


def test_what_changes_is_noticed(warm: Start, configured: Any, package: Path) -> None:
    configured(modules=["acme_tools"], exercise="")
    first = warm()
    version = "__import__('sys').modules['acme_tools'].VERSION"
    assert value(first, version) == 1
    assert template_of(warm()) == template_of(first)
    package.write_text("VERSION = 22\n")
    second = warm()
    assert value(second, version) == 22
    assert template_of(second) != template_of(first)
    assert value(first, version) == 1  # it goes on as it is, and so does its template
    assert not gone(template_of(first))
    package.with_name("another.py").write_text("")  # a package comes: the folder changes
    assert template_of(warm()) != template_of(second)


THREAD = "from threading import Event, Thread\nThread(target=Event().wait, daemon=True).start()\n"
PRELOAD = """
from eager_kernel.warm.preload import Imported, preload
class Trial:
    def outcome(self):
        return Imported([], [])
print(preload(Trial(), ["json", "acme_tools"], "").unsafe)
"""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (THREAD, "importing acme_tools has left 1 threads running"),
        ("import socket\nkept = socket.socket()", "socket"),
        ("import asyncio\nkept = asyncio.new_event_loop()", "eventpoll"),
        ("from threading import Thread\nt = Thread(target=int)\nt.start()\nt.join()", ""),
    ],
)
def test_what_makes_a_fork_unsafe(package: Path, text: str, why: str) -> None:
    package.write_text(text + "\n")
    done = subprocess.run(
        [sys.executable, "-c", PRELOAD], capture_output=True, text=True, check=True
    )
    assert why in done.stdout
    assert bool(done.stdout.strip()) is bool(why)


def test_where_a_fork_is_unsafe(
    configured: Any, package: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The kernel starts as ever, and says so."""
    package.write_text(THREAD)
    configured(modules=["json", "acme_tools"], exercise="")
    with caplog.at_level(logging.WARNING), EagerClient.start(warm=True) as client:
        assert value(client, "__import__('sys').orig_argv[2]") == "eager_kernel"
        assert value(client, "'acme_tools' in __import__('sys').modules") is False
    assert "not forked but started as ever" in said(caplog)
    assert "importing acme_tools has left 1 threads running" in said(caplog)


def test_what_can_not_be_imported_is_left_out(warm: Start, configured: Any, package: Path) -> None:
    package.write_text("1 / 0\n")
    configured(modules=["acme_tools", "no_such_module", "fractions"], exercise="no_such:function")
    client = warm()
    assert template_of(client) != os.getpid()
    assert value(client, "'fractions' in __import__('sys').modules") is True
    failed = client.execute("import acme_tools")
    assert failed.error is not None
    assert failed.error.ename == "ZeroDivisionError"  # as in any kernel, where it is imported


def test_a_module_of_the_working_folder_goes_first(
    warm: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "pandas.py").write_text("mine = True\n")
    with caplog.at_level(logging.WARNING):
        client = warm(cwd=str(tmp_path))
    assert value(client, "__import__('pandas').mine") is True
    assert "pandas.py in the working folder goes before" in said(caplog)


def test_what_of_a_folder_goes_first(tmp_path: Path) -> None:
    added = ["pandas", "numpy", "matplotlib"]
    assert shadowing(str(tmp_path), added) == ""
    (tmp_path / "pandas").mkdir()  # no package: the installed one goes before
    (tmp_path / "numpy.txt").touch()
    assert shadowing(str(tmp_path), added) == ""
    (tmp_path / "pandas" / "__init__.py").touch()
    assert shadowing(str(tmp_path), added) == "pandas"
    (tmp_path / "pandas" / "__init__.py").unlink()
    (tmp_path / "matplotlibrc").touch()
    assert shadowing(str(tmp_path), added) == "matplotlibrc"
    assert shadowing(str(tmp_path), ["numpy"]) == ""
    assert shadowing(str(tmp_path / "no"), added) == ""


def test_it_ends_when_nobody_wants_it(warm: Start, configured: Any) -> None:
    configured(modules=["fractions"], exercise="", idle=0.5)
    client = warm()
    template = template_of(client)
    time.sleep(1)
    assert not gone(template)  # its kernel lives
    client.close()
    until(lambda: gone(template))
    assert not list(Path(jupyter_runtime_dir()).glob("eager-*.s.new"))


def test_it_ends_when_all_who_asked_have_ended(configured: Any) -> None:
    code = (
        "from eager_kernel.client import local\n"
        "before = local._stanza\n"
        "local._stanza = lambda c, *r: before({**c, 'modules': ['graphlib'], 'alone': 0.5}, *r)\n"
        "from eager_kernel import EagerClient\n"
        "with EagerClient.start(warm=True) as client:\n"
        "    print(client.execute('import os; os.getppid()').outputs[0]['data']['text/plain'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    until(lambda: gone(int(done.stdout)))


def test_it_ends_when_its_socket_is_gone(warm: Start, configured: Any) -> None:
    configured(modules=["colorsys"], exercise="")
    before = set(Path(jupyter_runtime_dir()).glob("eager-*.s"))
    client = warm()
    template = template_of(client)
    (own,) = set(Path(jupyter_runtime_dir()).glob("eager-*.s")) - before
    own.unlink()
    time.sleep(0.1)
    assert value(client, "6 * 7") == 42
    assert template_of(warm()) != template
    client.close()
    until(lambda: gone(template))


def test_it_is_the_users_own(warm: Start) -> None:
    warm()
    sockets = list(Path(jupyter_runtime_dir()).glob("eager-*.s"))
    assert sockets
    for file in sockets:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) & 0o077 == 0
        assert file.stat().st_uid == os.getuid()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_nobody_else_can_ask_it(warm: Start, tmp_path: Path) -> None:
    warm()
    (file, *_) = Path(jupyter_runtime_dir()).glob("eager-*.s")
    code = (
        "import os, socket, sys\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        "try:\n    s.connect(sys.argv[1])\nexcept PermissionError:\n    print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "refused\n"


def test_a_user_whom_its_folder_lets_in_is_refused_all_the_same() -> None:
    """Root, for one: its kernels are not to be another user's."""
    from eager_kernel.warm.stamp import Stamp
    from eager_kernel.warm.template import Settings, Template, _listen

    folder = Path(jupyter_runtime_dir())
    folder.mkdir(parents=True, exist_ok=True)
    path = str(folder / "t.s")
    listener = _listen(path, "{}")
    settings = Settings(path=path, log="", modules=[], exercise="", idle=1, alone=1)
    template = Template(listener, settings, Stamp(()), user=os.getuid() + 1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asks:
        asks.connect(path)
        assert template._answer() is None
        assert asks.recv(10) == b""
    listener.close()
    Path(path).unlink()


def test_who_connects_and_says_nothing_keeps_nobody(warm: Start) -> None:
    client = warm()
    (file,) = {
        connection.laddr.removesuffix(".new")  # its name until it is complete
        for connection in psutil.Process(template_of(client)).net_connections("unix")
        if connection.laddr.endswith(".s.new")
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as silent:
        silent.connect(file)
        assert value(warm(), "6 * 7") == 42
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as babbles:
        babbles.connect(file)
        babbles.send(b"not a request")
        assert value(warm(), "6 * 7") == 42
    assert value(client, "6 * 7") == 42


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_where_there_is_no_fork(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, platform: str
) -> None:
    if platform == "win32":
        monkeypatch.delattr(os, "fork")
        assert "no fork" in cant_fork()
        return
    monkeypatch.setattr(requesting.sys, "platform", platform)
    assert "not safe" in cant_fork()
    monkeypatch.setattr(requesting, "cant_fork", lambda: "it is not safe here")
    monkeypatch.setattr(requesting.sys, "platform", "linux")
    with caplog.at_level(logging.WARNING), EagerClient.start(warm=True) as client:
        assert value(client, "6 * 7") == 42
    assert "started as ever: it is not safe here" in said(caplog)


def test_what_only_a_new_process_can_be() -> None:
    command = [sys.executable, "-P", "-m", "eager_kernel", "-f", "x"]
    launch = Launch.read(command, {"env": {"A": "1"}})
    assert launch.interpreter == (sys.executable, "-P")
    assert launch.argv == ["-f", "x"]
    assert launch.env == {"A": "1", "JPY_PARENT_PID": str(os.getpid())}
    with pytest.raises(UnlikeError, match="preexec_fn"):
        Launch.read(command, {"preexec_fn": print})
    for other in (["bash", "kernel"], [sys.executable, "-m", "ipykernel_launcher"]):
        with pytest.raises(UnlikeError, match="is not `python -m eager_kernel`"):
            Launch.read(other, {})


def test_command_lines_that_were_read_before() -> None:
    forms = read_forms()
    for argv in (["-f", "/a b/c.json"], ["-f", "/x.json", "--log-level=ERROR"]):
        ours, its = EagerKernelApp(), EagerKernelApp()
        assert take_arguments(ours, argv, forms)
        its.parse_command_line(argv)
        assert ours.cli_config == its.cli_config
        assert ours.config == its.config
        assert (ours.argv, ours.extra_args) == (its.argv, its.extra_args)
        assert ours.connection_file == its.connection_file == argv[1]
    for argv in ([], ["-f"], ["-f", "x", "y"], ["--f=x"], ["-f", "x", "--log-level=DEBUG"]):
        assert not take_arguments(EagerKernelApp(), argv, forms)


def test_what_a_template_has_of_the_environment() -> None:
    env = {
        "HOME": "/h", "PATH": "/p", "LC_ALL": "C", "OMP_NUM_THREADS": "2", "MPLBACKEND": "agg",
        "OPENAI_API_KEY": "k", "MPL_TOKEN": "t", "XDG_SECRET": "s", "SOMETHING": "else",
        "AWS_ACCESS_KEY_ID": "k", "JUPYTER_TOKEN": "t",
    }  # fmt: skip
    assert list(read_while_importing(env)) == [
        "HOME",
        "PATH",
        "LC_ALL",
        "OMP_NUM_THREADS",
        "MPLBACKEND",
    ]


READS = """
import os, sys
read = set()
class Environment(type(os.environ)):
    def __getitem__(self, name):
        read.add(name)
        return super().__getitem__(name)
    def get(self, name, default=None):
        read.add(name)
        return super().get(name, default)
    def __contains__(self, name):
        read.add(name)
        return super().__contains__(name)
os.environ.__class__ = Environment
import numpy, pandas, matplotlib.pyplot
from eager_kernel.warm.exercises import run
run()
print(sorted(read))
"""


def test_what_libraries_read_while_they_are_imported_makes_a_template() -> None:
    """Else a kernel would have what another one's environment says."""
    done = subprocess.run([sys.executable, "-c", READS], capture_output=True, text=True, check=True)
    read = dict.fromkeys(eval(done.stdout), "x")
    known = {
        # Of Python's own and of no account for what is imported.
        "COLUMNS", "LINES", "TERM", "NO_COLOR", "FORCE_COLOR", "SOURCE_DATE_EPOCH",
        "__PYVENV_LAUNCHER__", "SYSTEMROOT", "WINDIR", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA",
        # Of systems on which nothing is forked, or set by what is imported itself.
        "KMP_DUPLICATE_LIB_OK", "SETUPTOOLS_USE_DISTUTILS",
    }  # fmt: skip
    assert set(read) - set(read_while_importing(read)) <= known
