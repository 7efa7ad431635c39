"""Locked-in kernels: how they start, what may be allowed, how they end, and when there is none."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from jupyter_core.paths import jupyter_runtime_dir

from eager_kernel import EagerClient
from eager_kernel.errors import KernelConnectionError, SandboxError
from eager_kernel.sandbox.policy import Policy
from eager_kernel.sandbox.probe import explain_room, probe
from eager_kernel.testing.wire import WireStream, run
from tests.sandbox.conftest import QUIET
from tests.warm.conftest import value
from tests.warm.test_life import until

Start = Callable[..., EagerClient]
Kernel = tuple[KernelManager, BlockingKernelClient]


@pytest.fixture(params=["eager_python_sandbox", "eager_python_both"])
def kernel(
    needs_sandbox: None, specs: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Kernel]:
    """By its kernelspec, as Jupyter starts it: it would have ports."""
    manager = KernelManager(kernel_name=request.param)
    assert manager.transport == "tcp"
    manager.start_kernel(cwd=str(tmp_path), extra_arguments=QUIET)
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield manager, client
    client.stop_channels()
    if manager.has_kernel:
        manager.shutdown_kernel(now=True)


def test_a_kernel_of_jupyters(kernel: Kernel) -> None:
    manager, client = kernel
    assert manager.transport == "ipc"
    assert run(
        client, "import os\n", "os.path.exists(os.path.expanduser('~/.bashrc'))"
    ).displayed() == ["False"]
    for now in (True, False):
        before = manager.provisioner.pid
        manager.restart_kernel(now=now)
        client.wait_for_ready(timeout=60)
        assert run(client, "6 *", " 7").displayed() == ["42"]
        assert manager.provisioner.pid != before
    stream = (
        WireStream(client).open().attach().delta("print('runs')\nimport time\ntime.sleep(60)\n")
    )
    stream.listen(until=lambda heard: heard.text() == "runs\n")
    manager.interrupt_kernel()
    assert stream.finish().errors() == ["KeyboardInterrupt"]
    stream = WireStream(client).execute("print('runs')\nimport time\ntime.sleep(60)\n")
    stream.listen(until=lambda heard: heard.text() == "runs\n")
    manager.signal_kernel(signal.SIGINT)
    assert stream.finish().errors() == ["KeyboardInterrupt"]
    process = manager.provisioner.process
    client.execute("import os; os._exit(7)")
    assert process.wait(timeout=60) == 7


def marked(mark: str) -> list[psutil.Process]:
    """Processes on whose command line something is."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if any(mark in word for word in words) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


DAEMON = """
import ctypes, os, subprocess
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv("/bin/sleep", ["sleep", {seconds!r}])
    os._exit(0)
os.wait()
# Stop the first process of the room, which is to end all others.
ctypes.CDLL(None).ptrace(16, 1, 0, 0)
"""


@pytest.mark.parametrize("warm", [False, True])
def test_nothing_of_it_remains(locked_in: Start, warm: bool) -> None:
    seconds = str(100_000 + os.getpid() + warm)
    runtime = Path(jupyter_runtime_dir())
    others = set(runtime.glob("kernel-*"))  # kernels of other tests
    client = locked_in(warm=warm)
    assert client.execute(DAEMON.format(seconds=seconds)).status == "ok"
    until(lambda: len(marked(seconds)) == 1)  # it may not have been executed yet
    client.close()
    until(lambda: not marked(seconds))
    assert not set(runtime.glob("kernel-*")) - others


STARTS = """
import os, sys, time
from eager_kernel import EagerClient
client = EagerClient.start(sandbox=True, cwd=sys.argv[1], extra_arguments=["--log-level=ERROR"])
assert client.execute(sys.argv[2]).status == "ok"
print("started", flush=True)
time.sleep(60)
"""


def test_nothing_of_it_remains_when_whoever_started_it_is_killed(
    needs_sandbox: None, tmp_path: Path
) -> None:
    seconds = str(200_000 + os.getpid())
    process = subprocess.Popen(
        [sys.executable, "-c", STARTS, str(tmp_path), DAEMON.format(seconds=seconds)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    kernels = psutil.Process(process.pid).children(recursive=True)
    process.stdout.close()
    process.kill()
    process.wait()
    until(lambda: not any(p.is_running() and p.status() != "zombie" for p in kernels))
    until(lambda: len(marked(seconds)) == 0)


def test_a_kernel_that_is_killed(locked_in: Start) -> None:
    client = locked_in()
    with pytest.raises(KernelConnectionError, match="died"):
        client.run("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")


def test_processor_time(locked_in: Start) -> None:
    client = locked_in(cpu=3)
    with pytest.raises(
        KernelConnectionError, match=r"used up its 3 s of processor time.*option cpu"
    ):
        client.run("while True: pass")


def test_what_is_allowed(locked_in: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, changed = tmp_path / "seen", tmp_path / "changed"
    for folder in (seen, changed):
        folder.mkdir()
        (folder / "data.txt").write_text("data")
        (folder / ".git").mkdir()
    monkeypatch.setenv("MY_NAME", "Ada")
    monkeypatch.setenv("MY_API_KEY", "secret")
    service = socket.create_server(("127.0.0.1", 0))
    port = service.getsockname()[1]
    client = locked_in(
        network=True, read=[str(seen)], write=[str(changed)], environment=["MY_NAME"], warm=True
    )
    assert value(client, f"open({str(seen / 'data.txt')!r}).read()") == "data"
    assert value(client, "dict(__import__('os').environ).get('MY_NAME')") == "Ada"
    assert value(client, "dict(__import__('os').environ).get('MY_API_KEY')") is None
    assert client.execute(f"open({str(changed / 'new')!r}, 'w').write('x')").status == "ok"
    assert (changed / "new").read_text() == "x"
    denied = client.run(f"open({str(seen / 'new')!r}, 'w')")
    assert denied.error is not None
    assert "Read-only" in denied.error.evalue
    assert f"write=['{seen}']" in denied.outputs[-1]["text"]
    assert "Read-only" in str(client.run(f"open({str(changed / '.git' / 'x')!r}, 'w')").error)
    connect = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 10).close()\n"
    with service:
        assert client.run(connect).status == "ok"
        accepted, _ = service.accept()
        accepted.close()


def test_denials_are_told_once_and_of_the_sandbox_alone(locked_in: Start) -> None:
    client = locked_in()
    failed = client.run(["x = 1\n", "open('/data/orders.csv')\n", "y = 2\n"])
    assert failed.error is not None
    assert failed.error.ename == "FileNotFoundError"
    told = [o["text"] for o in failed.outputs if o.get("name") == "stderr"]
    assert told == [
        "The sandbox: /data/orders.csv can't be seen, whether it exists or not; "
        "its option read=['/data'] allows that.\n"
    ]
    for program in (
        "open('not-here.csv')",
        "1 / 0",
        "import socket; socket.socket().getpeername()",
        "raise OSError('no number')",
        "raise MemoryError.__base__('x')",
        "import json; json.loads('x')",
    ):
        result = client.run(program)
        assert result.status == "error"
        assert not [o for o in result.outputs if o.get("name") == "stderr"], program
    caught = client.run("try:\n    open('/data/x')\nexcept OSError:\n    print('as usual')")
    assert [o["text"] for o in caught.outputs] == ["as usual\n"]


@pytest.mark.parametrize(
    ("program", "option"),
    [
        ("import urllib.request\nurllib.request.urlopen('http://example.org')", "network=True"),
        ("import requests\nrequests.get('http://127.0.0.1:9')", "network=True"),
        ("import pandas\npandas.read_csv('/srv/data/x.csv')", "read=['/srv/data']"),
        ("import pathlib\npathlib.Path('/usr/share/x').write_text('')", "write=['/usr/share']"),
        (
            "from concurrent.futures import ThreadPoolExecutor as T\n"
            "T().submit(open, '/nowhere/x.csv').result()",
            "read=['/nowhere']",
        ),
    ],
)
def test_denials_of_libraries(locked_in: Start, program: str, option: str) -> None:
    told = locked_in(warm=True).run(program).outputs[-1]["text"]
    assert told.startswith("The sandbox: ")
    assert option in told


# Where it can't be -------------------------------------------------------------------------------


def kernels() -> set[int]:
    """The kernels that this process has started, those of other tests, too."""
    children = psutil.Process().children(recursive=True)
    return {child.pid for child in children if "eager_kernel" in " ".join(child.cmdline())}


@pytest.fixture
def bwrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have another bubblewrap, or none."""

    def put(script: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        if script:
            (folder / "bwrap").write_text(f"#!/bin/sh\n{script}\n")
            (folder / "bwrap").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return put


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("", r"bubblewrap is not installed\. Install it: `apt install bubblewrap`"),
        (
            "echo 'bwrap: No permissions to create new namespace, likely because' >&2; exit 1",
            "user namespaces are",
        ),
        ("echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1", "user namespaces are"),
        ('echo "bwrap: Can\'t mount proc on /newroot/proc: " >&2; exit 1', "a /proc of their own"),
        ("echo 'bwrap: Unknown option --disable-userns' >&2; exit 1", r"too old.*0\.8"),
        ("echo 'bwrap: something new' >&2; exit 1", "bwrap failed: bwrap: something new"),
        ("exit 1", "bwrap failed"),
        ("exit 0", "bwrap failed"),
    ],
)
def test_where_it_can_not_be_there_is_no_kernel(
    bwrap: Callable[[str], None],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    script: str,
    message: str,
) -> None:
    bwrap(script)
    others = kernels()
    for warm in (False, True):
        with pytest.raises(SandboxError, match=message) as raised:
            EagerClient.start(sandbox=True, warm=warm, cwd=str(tmp_path), extra_arguments=QUIET)
        assert "so it is not started" in str(raised.value)
    assert kernels() <= others  # none was started
    assert "Traceback" not in capfd.readouterr().err
    assert probe().state == ("unknown" if "bwrap failed" in message else "not usable")


def test_a_folder_that_holds_too_much(needs_sandbox: None, tmp_path: Path) -> None:
    others = kernels()
    for folder in (Path.home(), Path("/"), Path(jupyter_runtime_dir()).parent, Path("/usr/lib")):
        with pytest.raises(SandboxError, match="working folder"):
            EagerClient.start(sandbox=True, cwd=str(folder))
    with pytest.raises(SandboxError, match="is not there"):
        EagerClient.start(sandbox=True, cwd=str(tmp_path / "no"))
    with pytest.raises(SandboxError, match="'/no/such/place' is not there"):
        EagerClient.start(sandbox={"read": ["/no/such/place"]}, cwd=str(tmp_path))
    assert kernels() <= others  # none was started


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"net": True}, "no option 'net'; it has network, read"),
        ({"memory": 0}, "memory: must be a whole number from 1, not 0"),
        ({"memory": True}, "memory: must be a whole number"),
        ({"read": "/data"}, "read: must be a list of texts, not '/data'"),
        ({"environment": [1]}, "environment: must be a list of texts"),
        ({"network": "yes"}, "network: must be True or False, not 'yes'"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, object], message: str) -> None:
    with pytest.raises(SandboxError, match=message):
        Policy.of(options)
    with pytest.raises(SandboxError, match=message):
        EagerClient.start(sandbox=options)


def test_what_is_told_of_a_room_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eager_kernel.sandbox.probe.sys.platform", "darwin")
    assert explain_room("").state == "not usable"
    assert "only Linux" in explain_room("").message


def test_a_terminal_is_not_given_to_it(needs_sandbox: None, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom eager_kernel import EagerClient\n"
        f"with EagerClient.start(sandbox=True, cwd={str(tmp_path)!r}) as client:\n"
        "    print(client.execute('import os; [os.isatty(n) for n in range(64)].count(True)')"
        ".outputs[0]['data']['text/plain'])\n"
    )
    ours, its = os.openpty()
    process = subprocess.Popen([sys.executable, "-c", code], stdin=its, stdout=its, stderr=its)
    os.close(its)
    said = b""
    reader = threading.Thread(target=process.wait)
    reader.start()
    while True:
        try:
            more = os.read(ours, 1000)
        except OSError:
            break
        said += more
    reader.join()
    os.close(ours)
    assert said.split() == [b"0"]
