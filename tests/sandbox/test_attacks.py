"""What a hostile program tries, in a kernel that is locked in and in one that is not.

An attack prints GOT when it has what it wants. Those that do no harm succeed in the other kernel:
so that they fail in the sandbox is the sandbox's doing.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from jupyter_core.paths import jupyter_runtime_dir

from eager_kernel import EagerClient
from tests.sandbox.conftest import QUIET
from tests.warm.conftest import PATIENCE


@dataclass(frozen=True)
class Target:
    """What is outside to be had."""

    work: Path
    outside: Path
    """A folder beside the working folder."""
    home: Path
    """A folder in the home."""
    secret: str
    port: int
    """Of a service on loopback."""
    socket: Path
    """Of a service in the file system."""

    def fill(self, code: str) -> str:
        known = {
            "WORK": str(self.work),
            "OUTSIDE": str(self.outside),
            "HOME": str(self.home),
            "SECRET": self.secret,
            "PORT": self.port,
            "SOCKET": str(self.socket),
            "MANAGER": os.getpid(),
        }
        head = "".join(f"{name} = {value!r}\n" for name, value in known.items())
        return head + code


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    base = tmp_path_factory.mktemp("attacked")
    work, outside = base / "work", base / "outside"
    for folder in (work, outside):
        folder.mkdir()
    for name in (".git/hooks", ".venv/bin"):
        (work / name).mkdir(parents=True)
    (work / ".git" / "config").write_text("[core]\n")
    home = Path(tempfile.mkdtemp(prefix=".eager-test-", dir=Path.home()))
    secret = "s3cret" + os.urandom(8).hex()
    for folder in (outside, home):
        (folder / "secret.txt").write_text(secret)
    names = [("127.0.0.1", 0), str(outside / "service"), f"\0eager-{secret}"]
    sockets = []
    for name in names:
        listening = socket.socket(socket.AF_INET if isinstance(name, tuple) else socket.AF_UNIX)
        listening.bind(name)
        listening.listen(50)
        sockets.append(listening)
        threading.Thread(target=_serve, args=(listening,), daemon=True).start()
    yield Target(work, outside, home, secret, sockets[0].getsockname()[1], outside / "service")
    for listening in sockets:
        listening.close()
    shutil.rmtree(home)


def _serve(listening: socket.socket) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            connection.sendall(b"hello")


@pytest.fixture(scope="module", params=["new", "forked"])
def sandbox(request: pytest.FixtureRequest, target: Target) -> Iterator[EagerClient]:
    """A locked-in kernel for all attacks that leave it alive."""
    request.getfixturevalue("needs_sandbox")
    env = {**os.environ, "MY_API_KEY": target.secret}
    options = {"memory": 1024, "processes": 100, "file_size": 64, "scratch": 32}
    with EagerClient.start(
        sandbox=options, warm=request.param == "forked", cwd=str(target.work), env=env,
        extra_arguments=QUIET, timeout=PATIENCE,
    ) as client:  # fmt: skip
        yield client


@pytest.fixture(scope="module")
def plain(target: Target) -> Iterator[EagerClient]:
    """A kernel that is not locked in."""
    env = {**os.environ, "MY_API_KEY": target.secret}
    with EagerClient.start(cwd=str(target.work), env=env, extra_arguments=QUIET) as client:
        yield client


def attempt(client: EagerClient, code: str) -> str:
    """What comes of an attack: what it printed, or the error."""
    result = client.execute(code)
    text = "".join(o.get("text", "") for o in result.outputs)
    if result.error is not None:
        text += f"{result.error.ename}: {result.error.evalue}"
    return text


HARMLESS = {
    "a file of the home": "assert SECRET in open(HOME + '/secret.txt').read(); print('GOT')",
    "the keys for ssh": "import os\nassert os.path.exists(HOME)\nprint('GOT', os.listdir(HOME))",
    "a file of somebody else's": """
assert SECRET in open(OUTSIDE + '/secret.txt').read()
print('GOT')
""",
    "by a symbolic link": """
import os
os.path.lexists(WORK + '/link') and os.unlink(WORK + '/link')
os.symlink(OUTSIDE, WORK + '/link')
assert SECRET in open(WORK + '/link/secret.txt').read()
print('GOT')
""",
    "by a hard link": """
import os
os.path.lexists(WORK + '/hard') and os.unlink(WORK + '/hard')
os.link(OUTSIDE + '/secret.txt', WORK + '/hard')
print('GOT')
""",
    "by the root of another process": """
import glob
for name in glob.glob('/proc/[0-9]*/root' + OUTSIDE + '/secret.txt'):
    try:
        assert SECRET in open(name).read()
    except OSError:
        continue
    print('GOT')
    break
""",
    "by a folder above": """
import os
path = '../outside/secret.txt'
for _ in range(40):
    try:
        assert SECRET in open(path).read()
        print('GOT')
        break
    except OSError:
        path = '../' + path
""",
    "a key of the environment": """
import os
assert os.environ['MY_API_KEY'] == SECRET
print('GOT')
""",
    "the environment of processes": """
import glob
for name in glob.glob('/proc/[0-9]*/environ'):
    try:
        if SECRET.encode() in open(name, 'rb').read():
            print('GOT')
            break
    except OSError:
        continue
""",
    "to see who started it": """
import os
assert str(MANAGER) in os.listdir('/proc')
print('GOT', open(f'/proc/{MANAGER}/cmdline').read())
""",
    "to signal who started it": "import os\nos.kill(MANAGER, 0)\nprint('GOT')",
    "to write beside its folder": "open(OUTSIDE + '/made', 'w').close(); print('GOT')",
    "to write into the home": "open(HOME + '/made', 'w').close(); print('GOT')",
    "to write to the interpreter": """
import os, sysconfig
name = os.path.join(sysconfig.get_path('purelib'), 'eager-test.pth')
open(name, 'w').close()
os.unlink(name)
print('GOT')
""",
    "to change what git runs": "open('.git/hooks/post-checkout', 'w').close(); print('GOT')",
    "to change what git is told": "open('.git/config', 'a').close(); print('GOT')",
    "to change what is executed later": "open('.venv/bin/python', 'w').close(); print('GOT')",
    "a service on loopback": """
import socket
s = socket.create_connection(('127.0.0.1', PORT), 5)
assert s.recv(5) == b'hello'
print('GOT')
""",
    "a service with an abstract name": """
import socket
s = socket.socket(socket.AF_UNIX)
s.connect('\\0eager-' + SECRET)
assert s.recv(5) == b'hello'
print('GOT')
""",
    "a service in the file system": """
import socket
s = socket.socket(socket.AF_UNIX)
s.connect(SOCKET)
assert s.recv(5) == b'hello'
print('GOT')
""",
    "the names of other kernels": """
import glob, os
own = get_ipython().kernel.parent.connection_file
others = [n for n in glob.glob(os.path.dirname(own) + '/*') if n != own]
assert others
print('GOT', others)
""",
    "to change its connection file": """
name = get_ipython().kernel.parent.connection_file
text = open(name).read()
open(name, 'w').write(text)
print('GOT')
""",
    "more namespaces": """
import ctypes, os
pid = os.fork()
if pid == 0:
    os._exit(ctypes.CDLL(None).unshare(0x10000000) & 1)
assert os.waitpid(pid, 0)[1] == 0
print('GOT')
""",
    "a file that somebody has open": """
import os
own = ('/dev/', '/memfd:', os.path.expanduser('~/.ipython'))
for fd in range(256):
    try:
        name = os.readlink(f'/proc/self/fd/{fd}')
    except OSError:
        continue
    if name.startswith('/') and not name.startswith(own):
        print('GOT', name)
""",
}
AS_ROOT = {
    "what the machine does with crashes": """
with open('/proc/sys/kernel/core_pattern', 'r+') as file:
    text = file.read()
    file.seek(0)
    file.write(text)
print('GOT')
""",
    "who may log in": "assert open('/etc/shadow').read(); print('GOT')",
    "to mount": """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
os.makedirs('mounted', exist_ok=True)
if libc.mount(b'none', b'mounted', b'tmpfs', 0, None):
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
libc.umount(b'mounted')
print('GOT')
""",
    "the root of the file system": """
import os
pid = os.fork()
if pid == 0:
    try:
        os.chroot('/')
    except OSError:
        os._exit(1)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
print('GOT')
""",
    "a device": """
import os, stat
os.mknod('device', 0o600 | stat.S_IFBLK, os.makedev(254, 0))
os.unlink('device')
print('GOT')
""",
    "another user": """
import os
pid = os.fork()
if pid == 0:
    try:
        os.setuid(65534)
    except OSError:
        os._exit(1)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
print('GOT')
""",
}


@pytest.mark.parametrize("wanted", HARMLESS)
def test_it_gets_nothing(
    needs_sandbox: None, sandbox: EagerClient, target: Target, wanted: str
) -> None:
    assert "GOT" not in attempt(sandbox, target.fill(HARMLESS[wanted]))


NOT_SO = {
    # Nothing is kept from a kernel that is not locked in, but these are not there to be had.
    "a file that somebody has open",
}


@pytest.mark.parametrize("wanted", [name for name in HARMLESS if name not in NOT_SO])
def test_it_would_get_it(plain: EagerClient, target: Target, wanted: str) -> None:
    """Without a sandbox."""
    assert "GOT" in attempt(plain, target.fill(HARMLESS[wanted]))


BESIDE = """
import os
app = get_ipython().kernel.parent
folder = os.path.dirname(app.connection_file)
open(folder + '/made-by-test', 'w').close()
os.symlink('/etc/passwd', folder + '/linked-by-test')
print(folder)
"""


def test_what_lies_beside_its_connection_file_stays_as_it_is(
    needs_sandbox: None, sandbox: EagerClient, plain: EagerClient
) -> None:
    """Its folder, with the sockets, is the room's own where there is one: it is not outside."""
    folder = Path(jupyter_runtime_dir())
    made = [folder / "made-by-test", folder / "linked-by-test"]
    attempt(sandbox, BESIDE)
    assert not any(os.path.lexists(path) for path in made)
    assert attempt(plain, BESIDE) == f"{folder}\n"
    assert all(os.path.lexists(path) for path in made)
    for path in made:
        path.unlink()


@pytest.mark.skipif(os.getuid() != 0, reason="only root's kernels have these to give up")
@pytest.mark.parametrize("wanted", AS_ROOT)
def test_roots_kernel_gets_nothing(
    needs_sandbox: None, sandbox: EagerClient, plain: EagerClient, target: Target, wanted: str
) -> None:
    assert "GOT" not in attempt(sandbox, target.fill(AS_ROOT[wanted]))
    assert "GOT" in attempt(plain, target.fill(AS_ROOT[wanted]))


def test_it_is_alone(needs_sandbox: None, sandbox: EagerClient) -> None:
    """But for what keeps the room, which has nothing of anybody's."""
    seen = attempt(
        sandbox, "import os\nprint(*sorted(p for p in os.listdir('/proc') if p.isdigit()))"
    )
    assert len(seen.split()) == 3
    environ = "''.join(open(f'/proc/{n}/environ').read() for n in (1, 2)).split('\\0')"
    names = attempt(sandbox, f"print(*{{each.partition('=')[0] for each in {environ}}})")
    assert set(names.split()) <= {"PATH", "PWD"}


def test_it_has_no_rights(needs_sandbox: None, sandbox: EagerClient) -> None:
    status = attempt(sandbox, "print(open('/proc/self/status').read())")
    rights = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(rights[name], 16) == 0, name
    assert rights["NoNewPrivs"] == "1"


def test_programs_with_more_rights_have_none(
    needs_sandbox: None, sandbox: EagerClient, target: Target
) -> None:
    """Neither those of the system, nor one that was put into the folder from outside."""
    program = target.work / "privileged"
    shutil.copy(shutil.which("cat") or "/bin/cat", program)
    program.chmod(0o4755)
    run = (
        "import subprocess\n"
        f"said = subprocess.check_output([{str(program)!r}, '/proc/self/status'], text=True)\n"
        "print([l for l in said.splitlines() if l.startswith(('CapEff', 'NoNewPrivs'))])"
    )
    said = attempt(sandbox, run)
    assert "CapEff:\\t0000000000000000" in said
    assert "NoNewPrivs:\\t1" in said
    for command in ("su -c true nobody", "mount -t tmpfs none /tmp", "chroot / true"):
        text = attempt(
            sandbox, f"import subprocess\nprint(subprocess.run({command.split()!r}).returncode)"
        )
        assert text.strip().splitlines()[-1] != "0", command


def test_a_metadata_service(needs_sandbox: None, sandbox: EagerClient) -> None:
    code = "import socket\nsocket.create_connection(('169.254.169.254', 80), 20)\nprint('GOT')"
    said = attempt(sandbox, code)
    assert "Network is unreachable" in said  # at once: nothing left the machine
    assert "network=True" in said


def test_names_are_not_looked_up(needs_sandbox: None, sandbox: EagerClient) -> None:
    said = attempt(sandbox, "import socket\nsocket.getaddrinfo('example.org', 80)")
    assert "gaierror" in said
    assert "network=True" in said


def test_to_trace(needs_sandbox: None, sandbox: EagerClient, target: Target) -> None:
    code = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for pid in (MANAGER, 1, os.getppid()):
    if libc.ptrace(16, pid, 0, 0) == 0 and pid > 1:
        print('GOT', pid)
class IOVector(ctypes.Structure):
    _fields_ = [('base', ctypes.c_void_p), ('length', ctypes.c_size_t)]
buffer = ctypes.create_string_buffer(8)
local = IOVector(ctypes.addressof(buffer), 8)
remote = IOVector(id(object), 8)
if libc.process_vm_readv(MANAGER, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0) > 0:
    print('GOT memory')
print(os.getppid())
"""
    said = attempt(sandbox, target.fill(code))
    assert "GOT" not in said
    assert said.strip() == "0"  # its parent is nobody whom it could see


# What uses things up -----------------------------------------------------------------------------

BOMB = """
import os, signal, time
children = []
try:
    while len(children) < 5000:
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
        children.append(pid)
    print('GOT')
except OSError as error:
    failed = error
finally:
    count = len(children)
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
print(count < 500, type(failed).__name__)
"""


def test_a_fork_bomb(needs_sandbox: None, sandbox: EagerClient) -> None:
    said = attempt(sandbox, BOMB)
    if os.getuid() == 0 and not _numbers_are_bounded():
        pytest.skip("before Linux 6.14, the number of root's processes can't be bounded")
    assert said == "True BlockingIOError\n"
    assert attempt(sandbox, "print(6 * 7)") == "42\n"


def _numbers_are_bounded() -> bool:
    from eager_kernel.sandbox.system import kernel_version

    return kernel_version() >= (6, 14)


def test_all_memory(needs_sandbox: None, sandbox: EagerClient) -> None:
    said = attempt(sandbox, "kept = []\nwhile True:\n    kept.append(bytearray(64 << 20))")
    assert (
        said.startswith("The sandbox: a process has no more than 1024 MiB") or "MemoryError" in said
    )
    assert "memory=MiB" in said
    assert attempt(sandbox, "kept = None\nprint(6 * 7)") == "42\n"


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm", "~"])
def test_all_of_what_is_its_own(needs_sandbox: None, sandbox: EagerClient, folder: str) -> None:
    code = f"""
import os
name = os.path.expanduser({folder!r}) + '/big'
try:
    with open(name, 'wb') as file:
        for number in range(64):
            file.write(bytes(1 << 20))
    print('GOT')
finally:
    print(os.path.getsize(name) <= 32 << 20)
    os.unlink(name)
"""
    said = attempt(sandbox, code)
    assert "GOT" not in said
    assert "True" in said
    assert "No space left on device" in said
    assert "scratch=MiB" in said


@pytest.mark.parametrize(
    "folder", ["/", "/dev", "/etc", "/usr", "/proc", "/root", "/home", "/run", "/var"]
)
def test_places_that_have_no_bounds(needs_sandbox: None, sandbox: EagerClient, folder: str) -> None:
    """There are none: what bubblewrap makes to mount upon can't be written to."""
    if Path(folder) in (Path.home(), Path.home().parent) and folder != "/":
        pytest.skip("the home has bounds of its own")
    code = f"open({folder!r} + '/eager-test', 'wb').write(b'x')\nprint('GOT')"
    assert "GOT" not in attempt(sandbox, code)


def test_a_huge_file(needs_sandbox: None, sandbox: EagerClient, target: Target) -> None:
    code = """
with open('huge', 'wb') as file:
    for number in range(128):
        file.write(bytes(1 << 20))
print('GOT')
"""
    said = attempt(sandbox, code)
    assert "File too large" in said
    assert "file_size=MiB" in said
    assert (target.work / "huge").stat().st_size <= 64 << 20
    (target.work / "huge").unlink()


def test_threads_without_end(needs_sandbox: None, sandbox: EagerClient) -> None:
    code = """
import threading
wait = threading.Event()
try:
    for number in range(5000):
        threading.Thread(target=wait.wait, daemon=True).start()
    print('GOT')
finally:
    wait.set()
"""
    said = attempt(sandbox, code)
    if os.getuid() == 0 and not _numbers_are_bounded():
        pytest.skip("before Linux 6.14, the number of root's threads can't be bounded")
    assert "can't start new thread" in said
    assert "processes=NUMBER" in said


def test_it_works_all_the_same(needs_sandbox: None, sandbox: EagerClient, target: Target) -> None:
    """After all that."""
    program = (
        "import matplotlib.pyplot as plt, pandas as pd\n"
        "frame = pd.DataFrame({'a': [1, 2]})\n"
        "frame.to_csv('out.csv')\n"
        "frame.plot()\n"
        "frame['a'].sum()"
    )
    result = sandbox.run(program)
    assert result.status == "ok", result.error
    assert {"display_data", "execute_result"} <= {o["output_type"] for o in result.outputs}
    assert (target.work / "out.csv").read_text().startswith(",a")
    assert (
        sys.version.split()[0]
        == attempt(sandbox, "import sys\nprint(sys.version.split()[0])").strip()
    )
