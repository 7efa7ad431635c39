"""Warm kernels through `jupyter_client`: they are interrupted, restarted and ended as all are."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from jupyter_core.paths import jupyter_runtime_dir

from eager_kernel import AsyncEagerClient, EagerClient
from eager_kernel.places import connection_traits
from eager_kernel.testing.wire import WireStream, run
from tests.processes import gone
from tests.warm.conftest import template_of, value

Start = Callable[..., EagerClient]
Kernel = tuple[KernelManager, BlockingKernelClient]


def until(happens: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@pytest.fixture(params=["tcp", "ipc"])
def kernel(specs: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kernel]:
    """A warm kernel, over Jupyter's own ports or over sockets of the file system."""
    traits = {"transport": "ipc", "ip": str(tmp_path / "s")} if request.param == "ipc" else {}
    manager = KernelManager(kernel_name=specs, **traits)
    manager.start_kernel(extra_arguments=["--log-level=ERROR"])
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield manager, client
    client.stop_channels()
    if manager.has_kernel:
        manager.shutdown_kernel(now=True)


def shown(client: BlockingKernelClient, code: str) -> str:
    heard: list[str] = []
    client.execute_interactive(
        code, timeout=60, output_hook=lambda m: heard.append(m["content"].get("text", ""))
    )
    return "".join(heard).strip()


def test_restart_gives_a_fresh_one_at_the_same_address(kernel: Kernel) -> None:
    manager, client = kernel
    before = shown(client, "x = 1\nimport os\nprint(os.getpid())")
    ports = manager.ports
    for now in (False, True):
        manager.restart_kernel(now=now)
        client.wait_for_ready(timeout=60)
        after = shown(client, "import os\nprint(os.getpid(), 'x' in globals())")
        assert after.split()[1] == "False"
        assert after.split()[0] != before
        assert manager.ports == ports
    assert gone(int(before))


def test_interrupt(kernel: Kernel) -> None:
    manager, client = kernel
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
    assert run(client, "6 * 7").displayed() == ["42"]


def test_it_ends_when_it_is_asked_to(kernel: Kernel) -> None:
    manager, client = kernel
    pid = manager.provisioner.pid
    process = manager.provisioner.process
    client.stop_channels()
    manager.shutdown_kernel()
    assert process.returncode == 0
    assert not manager.has_kernel
    assert gone(pid)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import os; os._exit(3)", 3),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
)
def test_exit_codes(specs: str, code: str, expected: int) -> None:
    manager = KernelManager(kernel_name=specs, **connection_traits())
    manager.start_kernel(extra_arguments=["--log-level=ERROR"])
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        process = manager.provisioner.process
        client.execute(code)
        assert process.wait(timeout=60) == expected
        assert not manager.is_alive()
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_kernel_that_is_killed(warm: Start) -> None:
    first, second = warm(), warm()
    os.kill(value(first, "__import__('os').getpid()"), signal.SIGKILL)
    with pytest.raises(Exception, match="died"):
        first.run("1")
    assert value(second, "6 * 7") == 42


def test_a_template_that_is_killed(warm: Start) -> None:
    """Its kernels go on, can be ended, and the next kernel has a new template."""
    first, second = warm(), warm()
    template = template_of(first)
    os.kill(template, signal.SIGKILL)
    until(lambda: gone(template))
    assert first.run("6 * 7").status == "ok"
    first.interrupt()
    pid = value(second, "__import__('os').getpid()")
    second.close()
    until(lambda: gone(pid))
    third = warm()
    assert template_of(third) != template
    assert value(first, "6 * 7") == 42


def test_exit_code_without_a_template(specs: str) -> None:
    manager = KernelManager(kernel_name=specs, **connection_traits())
    manager.start_kernel(extra_arguments=["--log-level=ERROR"])
    process = manager.provisioner.process
    template = int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(template, signal.SIGKILL)
    until(lambda: gone(template))
    assert manager.is_alive()
    manager.shutdown_kernel(now=True)
    assert process.returncode == 255  # nobody is left who could tell


STARTS = """
import os, sys, time
from eager_kernel import AsyncEagerClient, EagerClient
client = EagerClient.start(warm=True, extra_arguments=["--log-level=ERROR"])
print(client.execute("import os; os.getpid()").outputs[0]["data"]["text/plain"], flush=True)
time.sleep(60)
"""


def test_it_ends_with_whoever_started_it() -> None:
    process = subprocess.Popen([sys.executable, "-c", STARTS], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    assert not gone(pid)
    process.kill()
    process.wait()
    until(lambda: gone(pid))
    process.stdout.close()


def test_what_it_started_ends_with_it(warm: Start) -> None:
    client = warm()
    started = "import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid)"
    pid = int(client.execute(started).outputs[0]["text"])
    client.close()  # at once, as with any kernel: the whole group
    until(lambda: gone(pid))


def test_streams_of_its_own(specs: str, tmp_path: Path) -> None:
    manager = KernelManager(kernel_name=specs, **connection_traits())
    with (tmp_path / "err").open("wb") as err:
        manager.start_kernel(stdout=subprocess.PIPE, stderr=err)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        said = "import sys\nprint('out', file=sys.__stdout__, flush=True)\n"
        client.execute_interactive(f"{said}\n", timeout=60, output_hook=lambda m: None)
    finally:
        client.stop_channels()
        stdout = manager.provisioner.process.stdout
        manager.shutdown_kernel(now=True)
    assert stdout is not None
    assert stdout.closed


def test_many_at_once(warm: Start) -> None:
    before = warm()
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(lambda number: warm(), range(8)))
        results = list(pool.map(lambda pair: value(pair[1], f"{pair[0]} ** 2"), enumerate(clients)))
    assert results == [number**2 for number in range(8)]
    assert len({value(client, "__import__('os').getpid()") for client in clients}) == 8
    assert {template_of(client) for client in clients} == {template_of(before)}


def test_more_open_files_than_select_knows(warm: Start) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < 2000:
        pytest.skip("no more files can be open here")
    # So many that this process, which may have run a thousand tests, opens some more.
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[1], 10_000), before[1]))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        client = warm()
        assert value(client, "6 * 7") == 42
        client.close()
    finally:
        for fd in opened:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_folder_that_is_not_there(warm: Start, tmp_path: Path) -> None:
    """As a new process's: the same error."""
    with pytest.raises(FileNotFoundError):
        EagerClient.start(cwd=str(tmp_path / "no"))
    with pytest.raises(FileNotFoundError):
        warm(cwd=str(tmp_path / "no"))


async def test_a_start_that_is_given_up(warm: Start) -> None:
    """At whatever moment: no kernel is left, nor anything of it."""
    files = set(Path(jupyter_runtime_dir()).glob("kernel-*"))
    client = warm()
    template = template_of(client)
    loop = asyncio.get_running_loop()
    for number in range(12):
        starting = asyncio.create_task(
            AsyncEagerClient.start(warm=True, extra_arguments=["--log-level=ERROR"])
        )
        loop.call_later(number * 0.008, starting.cancel)
        (result,) = await asyncio.gather(starting, return_exceptions=True)
        if isinstance(result, AsyncEagerClient):
            await result.close()
    own = value(client, "__import__('os').getpid()")
    until(lambda: {c.pid for c in psutil.Process(template).children()} == {own})
    client.close()
    assert set(Path(jupyter_runtime_dir()).glob("kernel-*")) <= files
