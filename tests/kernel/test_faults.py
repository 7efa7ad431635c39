"""Interrupts, restarts, dead clients and crowds: nothing hangs, nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file
from jupyter_client.manager import KernelManager

from eager_kernel.places import connection_traits
from eager_kernel.testing.kernels import start_kernel
from eager_kernel.testing.wire import Heard, WireStream, run

psutil = pytest.importorskip("psutil")

Kernel = tuple[KernelManager, BlockingKernelClient]


# Interrupts ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Phase:
    """Something a run may be doing: the text that makes it do so, and how the run then ends.

    The program prints "go" when it does, or is about to; it would go on for a minute, or for ever.
    """

    text: str
    ename: str | None = "KeyboardInterrupt"
    on_error: str = "stop"
    end: bool = False
    """Whether the text ends then, and "there" is printed when the run is in the phase."""
    whole: bool = False
    child: bool = False
    """Whether it has a process in the phase."""


GO_WHEN_SUSPENDED = "_ = asyncio.get_running_loop().call_soon(print, 'go')\n"
PHASES = {
    "nothing has come": Phase(""),
    "waiting after a statement": Phase("x = 1\nprint('go')\n"),
    "in an unfinished statement": Phase("print('go')\nif True:\n    x = 1\n"),
    "in a loop": Phase("print('go')\nwhile True: pass\n\nx"),
    "in time.sleep": Phase("import time\nprint('go')\ntime.sleep(60)\n"),
    "in a top-level await": Phase(
        f"import asyncio\n{GO_WHEN_SUSPENDED}await asyncio.sleep(60)\n", "CancelledError"
    ),
    "in a task that it awaits": Phase(
        "import asyncio\nasync def f():\n    await asyncio.sleep(60)\n\n"
        f"{GO_WHEN_SUSPENDED}await asyncio.gather(f(), f())\n",
        "CancelledError",
    ),
    "in input": Phase("print('go')\ninput('?')\n"),
    "joining a thread": Phase(
        "import threading, time\nt = threading.Thread(target=time.sleep, args=(60,), daemon=True)\n"
        "t.start()\nprint('go')\nt.join()\n"
    ),
    "waiting for a process": Phase(
        "import subprocess\nprint('go')\nsubprocess.run(['sleep', '60'])\n", child=True
    ),
    # IPython's `!` hands the interrupt to the command and goes on, with stock ipykernel too.
    "in a shell command": Phase("print('go')\n!sleep 60\n", None, end=True, child=True),
    "draining": Phase("print('go')\n1 / 0\n", "ZeroDivisionError", on_error="drain"),
    "in one whole cell": Phase("import time\nprint('go')\ntime.sleep(60)\n", whole=True),
    "showing the last value": Phase(
        "import time\nclass Slow:\n    def __repr__(self):\n"
        "        print('there')\n        time.sleep(60)\n        return ''\n\nprint('go')\nSlow()",
        end=True,
    ),
}


@pytest.fixture(params=["message", "signal"])
def interrupt(kernel: Kernel, request: pytest.FixtureRequest) -> Callable[[], None]:
    """Interrupt as Jupyter does for this kernel, or as a terminal does."""
    manager, client = kernel
    if request.param == "signal":
        pid = manager.provisioner.process.pid
        return lambda: os.kill(pid, signal.SIGINT)

    def ask() -> None:
        channel = client.control_channel
        channel.send(client.session.msg("interrupt_request", {}))
        reply = client.get_control_msg(timeout=60)
        assert reply["msg_type"] == "interrupt_reply"
        assert reply["content"]["status"] == "ok"

    return ask


def started(kernel: Kernel, phase: Phase) -> WireStream:
    """A run that is in the phase."""
    manager, client = kernel
    # Nothing waits: what is interrupted is the program's work, whatever it works with.
    stream = WireStream(client).open(on_error=phase.on_error, gate="off")
    if phase.whole:  # all is there before a cell attaches it
        stream.delta(phase.text).end().until_told("ready")
        stream.attach()
    else:
        stream.attach(allow_stdin=True)
        if phase.text:
            stream.delta(phase.text)
    goes = bool(phase.text)
    stream.listen(until=lambda heard: heard.text() == "go\n" if goes else bool(heard.iopub))
    if phase.end:  # not earlier, or it would be run as one whole cell
        stream.end()
    if "input(" in phase.text:
        client.get_stdin_msg(timeout=60)
    if phase.on_error == "drain":
        stream.until_told("failed")
    elif "there" in phase.text:
        stream.listen(until=lambda heard: heard.text() == "go\nthere\n")
    process = psutil.Process(manager.provisioner.process.pid)
    while phase.child and not process.children():
        stream.listen(0.05)
    # Whatever there is between what was heard and the phase itself, it is a step or two.
    time.sleep(0.05)
    return stream


@pytest.mark.parametrize("phase", PHASES.values(), ids=PHASES)
def test_an_interrupt_ends_the_run(
    kernel: Kernel, interrupt: Callable[[], None], phase: Phase
) -> None:
    """How soon, `benchmarks/stop_delay.py` measures."""
    stream = started(kernel, phase)
    interrupt()
    heard = stream.finish(timeout=40)
    if phase.ename is None:
        assert heard.reply["status"] == "ok"
    else:
        assert heard.reply["status"] == "error"
        assert heard.errors() == [heard.reply["ename"]] == [phase.ename]
    assert heard.closed
    assert heard.result["status"] == heard.reply["status"]
    assert run(kernel[1], "6 *", " 7").displayed() == ["42"]


# What stays behind --------------------------------------------------------------------------

LEFT = """
import json as _json, sys as _sys, threading as _threading, traceback as _traceback
_streams = get_ipython().kernel.streams
_running = [
    [frame.f_code for frame, _ in _traceback.walk_stack(innermost)]
    for innermost in _sys._current_frames().values()
]
print(_json.dumps({
    "streams": len(_streams._streams),
    "unread": len(_streams._unread), "comms": len(get_ipython().kernel.comm_manager.comms),
    "threads": sorted(thread.name for thread in _threading.enumerate()),
    "stream threads": sum(type(_streams)._run.__code__ in codes for codes in _running),
}))
"""


def left(kernel: Kernel) -> dict[str, Any]:
    """What there is in a kernel, and below it."""
    manager, client = kernel
    for _ in range(20):
        heard = WireStream(client).execute(LEFT, store_history=False).finish()
        if heard.reply["status"] != "aborted":  # by the error of the cell before it
            break
    found: dict[str, Any] = json.loads(heard.text())
    children = psutil.Process(manager.provisioner.process.pid).children(recursive=True)
    found["children"] = [child.name() for child in children]
    return found


@contextmanager
def own_kernel(*arguments: str) -> Iterator[Kernel]:
    """A kernel for one test alone."""
    manager, client = start_kernel(
        "eager_python", extra_arguments=["--log-level=ERROR", *arguments]
    )
    try:
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


DOOMED_CLIENT = """
import sys, time
from jupyter_client.blocking.client import BlockingKernelClient
from eager_kernel.testing.wire import WireStream

client = BlockingKernelClient(connection_file=sys.argv[1])
client.load_connection_file()
client.start_channels()
client.wait_for_ready(timeout=60)
how, text = sys.argv[2:]
stream = WireStream(client).open(on_error="drain" if how == "drain" else "stop", gate="off")
if how != "unattached":
    stream.attach()
stream.delta(text)
if how != "unattached":
    stream.listen(until=lambda heard: heard.text())
print("ready", flush=True)
while True:
    stream.delta("#")
    time.sleep(0.01)
"""

DEATHS = {
    "it writes": ("stop", "print('go')\nx = '"),
    "a statement runs": ("stop", "import time\nprint('go')\ntime.sleep(1.5)\nx = 1\n"),
    "a command runs": ("stop", "print('go')\n!sleep 1.5\nx = 1\n"),
    "it awaits": ("stop", "import asyncio\nprint('go')\nawait asyncio.sleep(1.5)\nx = 1\n"),
    "the kernel drains": ("drain", "print('go')\n1 / 0\n"),
    "nothing is attached": ("unattached", "print('go')\n"),
}


@pytest.fixture(scope="module")
def impatient() -> Iterator[Kernel]:
    """A kernel that soon takes a silent client for gone."""
    arguments = ["--EagerRun.delta_timeout=2", "--EagerRun.attach_timeout=2"]
    with own_kernel(*arguments) as kernel:
        yield kernel


@pytest.mark.parametrize(("how", "text"), DEATHS.values(), ids=DEATHS)
def test_a_client_that_is_killed(impatient: Kernel, how: str, text: str) -> None:
    manager, client = impatient
    run(client, "1")  # starts the stream thread
    run(client, "import asyncio\n", "await asyncio.sleep(0)\n")
    before = left(impatient)
    assert before["stream threads"] == 1
    arguments = [manager.connection_file, how, text]
    doomed = subprocess.Popen(
        [sys.executable, "-c", DOOMED_CLIENT, *arguments], stdout=subprocess.PIPE
    )
    assert doomed.stdout is not None
    try:
        assert doomed.stdout.readline() == b"ready\n"
    finally:
        doomed.kill()
        doomed.wait()
        doomed.stdout.close()
    # The next cell waits for the dead client's run, which ends by itself.
    found = left(impatient)
    if how == "unattached":  # for this one it does not wait
        until = time.monotonic() + 60
        while found != before and time.monotonic() < until:
            time.sleep(0.1)
            found = left(impatient)
    assert found == before
    assert run(client, "6 *", " 7").displayed() == ["42"]


RESTARTS = {
    "waiting": ("print('go')\n", False),
    "asleep": ("import time\nprint('go')\ntime.sleep(60)\n", True),
    "in a command": ("print('go')\n!sleep 60\n", True),
    "awaiting": ("import asyncio\nprint('go')\nawait asyncio.sleep(60)\n", False),
}


def test_restarts_leave_no_process() -> None:
    with own_kernel() as (manager, client):
        for text, now in RESTARTS.values():
            stream = WireStream(client).open(gate="off").attach().delta(text)
            stream.listen(until=lambda heard: heard.text() == "go\n")
            time.sleep(0.1)
            old = psutil.Process(manager.provisioner.process.pid)
            family = [old, *old.children(recursive=True)]
            manager.restart_kernel(now=now)
            client.wait_for_ready(timeout=60)
            _, alive = psutil.wait_procs(family, timeout=60)
            assert alive == []
            assert manager.provisioner.process.pid != old.pid
            assert run(client, "6 *", " 7").displayed() == ["42"]
            assert left((manager, client))["streams"] == 0


# Ports --------------------------------------------------------------------------------------


@pytest.mark.parametrize("taken", ["iopub_port", "hb_port"])
def test_a_port_that_another_program_has(taken: str, tmp_path: Path) -> None:
    """The kernel ends, so that whoever started it can start another; ipykernel's does not."""
    file, about = write_connection_file(str(tmp_path / "kernel.json"))
    with socket.create_server(("127.0.0.1", about[taken])):
        done = subprocess.run(
            [sys.executable, "-m", "eager_kernel", "-f", file],
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "Address already in use" in done.stderr


# Crowds -------------------------------------------------------------------------------------


def test_twenty_kernels_at_once() -> None:
    managers = [KernelManager(kernel_name="eager_python", **connection_traits()) for _ in range(20)]
    clients: list[BlockingKernelClient] = []
    try:
        for manager in managers:
            # They need no history file each.
            quiet = ["--log-level=ERROR", "--HistoryManager.enabled=False"]
            manager.start_kernel(extra_arguments=quiet)
            clients.append(manager.client())
            clients[-1].start_channels()
        for client in clients:
            client.wait_for_ready(timeout=60)
        streams = [WireStream(client).open().attach() for client in clients]
        pieces = ["total = {n}\nprint('be", "gun')\n", "for i in range(5", "):\n    total += i\n"]
        for piece in [*pieces, "total"]:
            for number, stream in enumerate(streams):
                stream.delta(piece.format(n=100 * number))
        for stream in streams:
            stream.end()
        heard: list[Heard] = [stream.finish() for stream in streams]
        assert [h.text() for h in heard] == ["begun\n"] * 20
        assert [h.displayed() for h in heard] == [[str(100 * n + 10)] for n in range(20)]
        assert {h.result["status"] for h in heard} == {"ok"}
    finally:
        for client in clients:
            client.stop_channels()
        for manager in managers:
            if manager.has_kernel:
                manager.shutdown_kernel(now=True)
    assert not [m for m in managers if Path(m.connection_file).exists()]
