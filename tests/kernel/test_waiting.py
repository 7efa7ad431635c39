"""A program that waits at an effect: what goes on meanwhile, and what ends the wait."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from eager_kernel.testing.wire import Heard, WireStream, run
from tests.afresh import afresh
from tests.conftest import Starter

WAITS = {
    "in the program": "open('f', 'w')\n",
    "in a function of an import": "import pathlib\npathlib.Path('f').touch()\n",
    "under the lock of logging": (
        "import logging\nlogging.getLogger().setLevel(10)\n"
        "logging.basicConfig(filename='f', force=True)\n"
    ),
    "under the lock of an import": "import module_that_writes\n",
    "in an awaited coroutine": (
        "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    open('f', 'w')\n\n"
        "await f()\n"
    ),
    "in a task": (
        "import asyncio\nasync def f():\n    open('f', 'w')\n\n"
        "t = asyncio.create_task(f())\nawait asyncio.sleep(0.01)\nawait t\n"
    ),
    "in a callback from C": "sorted([1, 2], key=lambda n: open('f', 'w') and n)\n",
    "in a finaliser": (
        "class C:\n    def __del__(self): self.effect(self.name, 'w')\n\n"
        "c = C()\nc.name = 'f'\nc.effect = open\ndel c\n"
    ),
    "in a process to start": "!touch f\n",
}


@pytest.fixture(scope="module")
def kernel(start_kernel: Starter) -> tuple[KernelManager, BlockingKernelClient]:
    """A kernel in which files wait, too."""
    return start_kernel("eager_python", "--EagerGate.mode=wait")


@pytest.fixture
def folder(client: BlockingKernelClient, tmp_path: Path) -> Path:
    """The kernel's folder."""
    tmp_path.joinpath("module_that_writes.py").write_text("open('f', 'w').close()\n")
    cell = afresh(tmp_path) + "import sys; sys.path.insert(0, '')"
    client.execute_interactive(cell, store_history=False, timeout=60)
    cell = "sys.modules.pop('module_that_writes', None)"
    client.execute_interactive(cell, store_history=False, silent=True, timeout=60)
    return tmp_path


def held(heard: Heard) -> bool:
    """Whether a chunk is told to be held."""
    return any(data.get("state") == "held" for data in heard.comm)


def waiting(client: BlockingKernelClient, text: str, **options: str) -> WireStream:
    """A stream that waits at its effect."""
    stream = WireStream(client).open(**options).attach().delta("print('before')\n" + text + "0\n")
    stream.listen(until=held)
    return stream


@pytest.mark.parametrize("how", ["message", "signal"])
@pytest.mark.parametrize("where", [where for where in WAITS if where != "in a finaliser"])
def test_an_interrupt_ends_the_wait(
    kernel: tuple[KernelManager, BlockingKernelClient], folder: Path, where: str, how: str
) -> None:
    manager, client = kernel
    stream = waiting(client, WAITS[where])
    if how == "message":
        manager.interrupt_kernel()
    else:
        os.kill(manager.provisioner.process.pid, signal.SIGINT)
    heard = stream.finish()
    # A program that awaits is cancelled, as any cell that does.
    error = "CancelledError" if where == "in a task" else "KeyboardInterrupt"
    assert heard.errors() == [error] == [heard.result["error"]["ename"]]
    assert heard.stops[0]["reason"] == "interrupted"
    assert not folder.joinpath("f").exists()
    shown = "".join(heard.result["error"]["traceback"])
    assert "barrier.py" not in shown


def _go(stream: WireStream) -> None:
    stream.send("comm_close", {"comm_id": stream.comm_id, "data": {}})


ENDINGS: dict[str, tuple[Callable[[WireStream], object], str, str]] = {
    "a client that cancels": (
        lambda s: s.data({"type": "cancel"}),
        "cancelled",
        "RunCancelledError",
    ),
    "a client that goes": (_go, "cancelled", "RunCancelledError"),
    "a text that is cut off": (lambda s: s.end("length"), "error", "IncompleteProgramError"),
    "a text that does not parse": (lambda s: s.delta("x = )").end(), "error", "SyntaxError"),
    "a lost delta": (lambda s: s.delta("x", offset=10_000), "error", "ProtocolError"),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("where", WAITS)
def test_whatever_ends_generation_badly_ends_the_wait(
    client: BlockingKernelClient, folder: Path, where: str, ending: str
) -> None:
    end, status, error = ENDINGS[ending]
    stream = waiting(client, WAITS[where])
    end(stream)
    heard = stream.finish()
    assert heard.text() == "before\n"
    assert heard.result["status"] == status
    assert heard.errors() == [error]
    assert not folder.joinpath("f").exists()


@pytest.mark.parametrize("where", WAITS)
def test_deltas_are_read_and_judged_during_the_wait(
    client: BlockingKernelClient, folder: Path, where: str
) -> None:
    stream = waiting(client, WAITS[where])
    for number in range(5):
        stream.delta(f"x{number} = {number}\n")
    count = len(stream.heard.comm)
    stream.listen(until=lambda heard: sum(d["state"] == "ready" for d in heard.comm[count:]) >= 3)
    assert not folder.joinpath("f").exists()
    heard = stream.delta("x0 + x4").end().finish()
    assert heard.displayed() == ["4"]
    assert folder.joinpath("f").exists()


def test_the_wait_is_told_with_line_and_reason(client: BlockingKernelClient, folder: Path) -> None:
    stream = WireStream(client).open().attach()
    stream.delta("print('before')\ndef f():\n    open('f', 'w')\n\nf").until_told("deferred")
    stream.delta("()\n").listen(until=held)
    stream.listen(0.3)
    heard = stream.end().finish()
    told = [data for data in heard.comm if data["type"] == "chunk"]
    assert next(data for data in told if data["state"] == "deferred")["lines"] == [2, 3]
    wait = next(data for data in told if data["state"] == "held")
    assert wait["lines"] == [4, 5]
    assert wait["category"] == "external-effect"
    assert wait["reason"] == "line 3 opens 'f' for writing, which waits until generation has ended"
    chunk = heard.result["report"]["chunks"][wait["index"]]
    assert chunk["action"] == "run"
    (told_wait,) = chunk["waits"]
    assert told_wait["line"] == 3
    stood = told_wait["finish"] - told_wait["start"]
    took = [one["finish"] - one["start"] for one in heard.result["report"]["chunks"]]
    assert 0.2 < stood < took[wait["index"]]
    # Standing still is no work.
    assert heard.result["report"]["execution_s"] == pytest.approx(sum(took) - stood, abs=0.01)


def test_lines_count_from_the_programs_first(client: BlockingKernelClient, folder: Path) -> None:
    stream = WireStream(client).open().attach().delta("\n  \n\nx = 1\nopen('f', 'w').close()\n")
    stream.listen(until=held)
    assert next(d for d in stream.heard.comm if d["state"] == "held")["reason"].startswith(
        "line 5 "
    )
    (wait,) = stream.end().finish().result["report"]["chunks"][1]["waits"]
    assert wait["line"] == 5


def test_the_hook_is_idle_outside_of_runs(client: BlockingKernelClient, folder: Path) -> None:
    waiting(client, WAITS["in the program"]).delta("x = )").end().finish()
    client.execute_interactive("open('g', 'w').close()", timeout=60)
    assert folder.joinpath("g").exists()


def test_a_thread_of_an_earlier_cell_does_not_wait(
    client: BlockingKernelClient, folder: Path
) -> None:
    cell = (
        "import threading, time\ngoing = True\ndef f():\n    while going:\n"
        "        with open('log', 'a') as log: log.write('.')\n        time.sleep(0.01)\n\n"
        "threading.Thread(target=f).start()"
    )
    client.execute_interactive(cell, timeout=60, output_hook=lambda message: None)
    stream = waiting(client, WAITS["in the program"])
    size = folder.joinpath("log").stat().st_size
    stream.listen(until=lambda heard: folder.joinpath("log").stat().st_size > size)
    stream.delta("going = False").end().finish()


def test_a_thread_left_behind_by_a_broken_program_has_no_effects(
    client: BlockingKernelClient, folder: Path
) -> None:
    program = (
        "import time, os\nname = 'thread' + 'ing'\nthreads = __import__(name)\n"
        "threads.excepthook = lambda args: None\n"
        "def f():\n    time.sleep(0.5)\n    open('f', 'w')\n\n"
        "t = threads.Thread(target=f)\nt.start()\n"
    )
    heard = run(client, program, "x = )\n", pause=0.1)
    assert heard.errors() == ["SyntaxError"]
    time.sleep(0.8)
    assert not folder.joinpath("f").exists()


def test_a_task_left_behind_by_a_broken_program_has_no_effects(
    client: BlockingKernelClient, folder: Path
) -> None:
    program = (
        "import asyncio\nasync def f():\n    await asyncio.sleep(0.3)\n    open('f', 'w')\n\n"
        "t = asyncio.create_task(f())\nawait asyncio.sleep(0)\n"
    )
    heard = run(client, program, "x = )\n", pause=0.1)
    assert heard.errors() == ["SyntaxError"]
    client.execute_interactive(
        "await asyncio.sleep(0.5); type(t.exception()).__name__",
        timeout=60,
        output_hook=lambda message: None,
    )
    assert not folder.joinpath("f").exists()


def test_a_wait_inside_a_wait(client: BlockingKernelClient, folder: Path) -> None:
    # A signal that comes during the wait has a handler with an effect of its own.
    program = (
        "s = __import__('sig' + 'nal')\n"
        "before = s.getsignal(s.SIGALRM)\n"
        "r = getattr(s, 'sig' + 'nal')(s.SIGALRM, lambda *a: open('g', 'w').close())\n"
        "r = getattr(s, 'set' + 'itimer')(s.ITIMER_REAL, 0.2)\n"
        "open('f', 'w').close()\n"
    )
    stream = waiting(client, program)
    stream.listen(0.5)
    assert not {"f", "g"} & {path.name for path in folder.iterdir()}
    heard = stream.delta("print('after')\n").end().finish()
    assert heard.text() == "before\nafter\n"
    assert {"f", "g"} <= {path.name for path in folder.iterdir()}
    (wait,) = heard.result["report"]["chunks"][5]["waits"]
    assert wait["line"] == 6


def test_the_kernel_ends_while_a_program_waits(start_kernel: Starter, tmp_path: Path) -> None:
    manager, client = start_kernel("eager_python", "--EagerGate.mode=wait")
    process = psutil.Process(manager.provisioner.process.pid)
    waiting(client, f"import os\nos.chdir({str(tmp_path)!r})\nopen('f', 'w')\n")
    manager.shutdown_kernel()
    _, alive = psutil.wait_procs([process], timeout=60)
    assert not alive
    assert not tmp_path.joinpath("f").exists()


@pytest.mark.parametrize("ending", ["", "x = )\n"])
def test_exit_functions_are_registered_by_whole_programs_only(
    start_kernel: Starter, tmp_path: Path, ending: str
) -> None:
    manager, client = start_kernel()
    run(client, f"import atexit\nr = atexit.register(open, {str(tmp_path / 'f')!r}, 'w')\n", ending)
    manager.shutdown_kernel()
    assert tmp_path.joinpath("f").exists() == (not ending)


@pytest.mark.parametrize("on_error", ["stop", "drain"])
def test_an_error_after_an_effect(
    client: BlockingKernelClient, folder: Path, on_error: str
) -> None:
    stream = waiting(
        client, "try:\n    1 / 0\nfinally:\n    open('f', 'w').close()\n\n", on_error=on_error
    )
    heard = stream.delta("y = 1\n").end().finish()
    assert heard.errors() == ["ZeroDivisionError"]
    assert folder.joinpath("f").exists()
    assert heard.result["program"].endswith("y = 1\n")


def test_a_program_can_not_go_on_after_an_effect_that_it_may_not_have(
    client: BlockingKernelClient, folder: Path
) -> None:
    program = "try:\n    open('f', 'w')\nexcept Exception:\n    print('no file')\n\n"
    heard = waiting(client, program).delta("x = )").end().finish()
    assert heard.text() == "before\n"
    shown = "".join(heard.result["error"]["traceback"])
    assert "Line 1 of the program ran before this was known." in shown
    assert "Line 3 opens 'f' for writing: that did not happen." in shown
