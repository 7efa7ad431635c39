"""Interrupts, in whatever a run is doing."""

from __future__ import annotations

import os
import re
import signal

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from eager_kernel.testing.wire import Heard, WireStream, run

Kernel = tuple[KernelManager, BlockingKernelClient]


@pytest.fixture(params=["message", "signal"])
def interrupt(kernel: Kernel, request: pytest.FixtureRequest):
    """Interrupt as Jupyter does for this kernel, or as a terminal does."""
    manager = kernel[0]
    if request.param == "message":
        assert manager.kernel_spec.interrupt_mode == "message"
        return manager.interrupt_kernel
    pid = manager.provisioner.process.pid
    return lambda: os.kill(pid, signal.SIGINT)


# A program's own word that it is in `stay`, given by a thread that sees it there. One that the
# program printed itself could be heard while it is still in `print`, where it is interrupted then.
STAY = (
    "import sys, threading\n"
    "def stay():\n    while True: pass\n"
    "def say(word, main=threading.main_thread().ident):\n"
    "    while sys._current_frames()[main].f_code.co_name != 'stay': pass\n"
    "    print(word)\n"
)


def interrupted(stream: WireStream, interrupt) -> Heard:
    """Interrupt a run that would go on for a minute, or for ever, and hear its end."""
    interrupt()
    return stream.finish(timeout=40)


def test_while_waiting_for_text(client: BlockingKernelClient, interrupt) -> None:
    stream = WireStream(client).open().attach().delta("x = 1\nprint('ran')\n")
    stream.listen(until=lambda heard: heard.text() == "ran\n")
    heard = interrupted(stream, interrupt)
    assert heard.reply["ename"] == "KeyboardInterrupt"
    assert heard.errors() == ["KeyboardInterrupt"]
    assert [stop["reason"] for stop in heard.stops] == ["interrupted"]
    assert heard.result["executed_lines"] == 2


def test_while_python_code_runs(client: BlockingKernelClient, interrupt) -> None:
    says = "threading.Thread(target=say, args=('go',)).start()\n"
    stream = WireStream(client).open(gate="off").attach().delta(f"{STAY}{says}stay()\n\nx")
    stream.listen(until=lambda heard: heard.text() == "go\n")
    heard = interrupted(stream, interrupt)
    assert heard.reply["ename"] == "KeyboardInterrupt"
    assert [stop["reason"] for stop in heard.stops] == ["interrupted"]
    assert heard.result["error"]["lines"] == [8, 8]


def test_while_it_sleeps(client: BlockingKernelClient, interrupt) -> None:
    stream = WireStream(client).open().attach()
    stream.delta("import time\nprint('go')\ntime.sleep(60)\n")
    stream.listen(until=lambda heard: heard.text() == "go\n")
    heard = interrupted(stream, interrupt)
    assert heard.reply["ename"] == "KeyboardInterrupt"


def test_in_an_event_after_the_program(client: BlockingKernelClient, interrupt) -> None:
    hook = "def slow():\n    print('in the event')\n    __import__('time').sleep(60)\n"
    register = "get_ipython().events.register('post_execute', slow)"
    stream = WireStream(client).open().attach()
    stream.delta(f"{hook}{register}\nx = 1\n").end()
    stream.listen(until=lambda heard: heard.text() == "in the event\n")
    heard = interrupted(stream, interrupt)
    # As in any cell: the event's error is shown, and the program's outcome stands.
    assert heard.reply["status"] == "ok"
    assert "KeyboardInterrupt" in heard.errors()
    heard = run(client, "get_ipython().events.callbacks['post_execute'].remove(slow)\n", "2 + 2")
    assert heard.displayed() == ["4"]
    assert "in the event" not in heard.text()


def test_while_it_awaits(client: BlockingKernelClient, interrupt) -> None:
    stream = WireStream(client).open().attach()
    # The loop prints it, when the program is suspended.
    says = "asyncio.get_running_loop().call_soon(print, 'go')"
    stream.delta(f"import asyncio\n_ = {says}\nawait asyncio.sleep(60)\n")
    stream.listen(until=lambda heard: heard.text() == "go\n")
    heard = interrupted(stream, interrupt)
    assert heard.reply["ename"] == "CancelledError"  # what ipykernel gives for a cell too
    assert heard.result["status"] == "error"


def test_a_program_may_handle_its_interrupt(client: BlockingKernelClient, interrupt) -> None:
    program = (
        "import time\n"
        "try:\n    print('go')\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('handled')\n"
        "print('after')\n"
    )
    stream = WireStream(client).open().attach().delta(program).end()
    stream.listen(until=lambda heard: heard.text() == "go\n")
    heard = interrupted(stream, interrupt)
    assert heard.text() == "go\nhandled\nafter\n"
    assert heard.reply["status"] == "ok"


def test_while_it_waits_for_input(client: BlockingKernelClient, interrupt) -> None:
    stream = WireStream(client).open().attach(allow_stdin=True).delta("input('?')\n")
    client.get_stdin_msg(timeout=60)
    heard = interrupted(stream, interrupt)
    assert heard.reply["ename"] == "KeyboardInterrupt"


def test_while_it_drains_the_text_of_a_failed_program(
    client: BlockingKernelClient, interrupt
) -> None:
    stream = WireStream(client).open(on_error="drain").attach().delta("print('go')\n1 / 0\n")
    stream.until_told("failed")
    heard = interrupted(stream, interrupt)
    assert heard.errors() == [heard.reply["ename"]] == ["ZeroDivisionError"]
    assert heard.result["error"]["lines"] == [2, 2]
    assert [stop["reason"] for stop in heard.stops] == ["interrupted"]


def test_the_next_run_is_not_affected(client: BlockingKernelClient, kernel: Kernel) -> None:
    for _ in range(3):
        stream = WireStream(client).open().attach().delta("1\n")
        stream.listen(0.1)
        kernel[0].interrupt_kernel()
        stream.finish()
        assert run(client, "6 * 7").displayed() == ["42"]


def test_its_traceback_is_that_of_a_stock_cell(client: BlockingKernelClient, interrupt) -> None:
    program = (
        f"import traceback\n{STAY}"
        "try:\n    threading.Thread(target=say, args=('go',)).start()\n    stay()\n"
        "except KeyboardInterrupt:\n"
        "    threading.Thread(target=say, args=(traceback.format_exc(),)).start()\n"
        "    stay()\n"
    )
    told = []
    for stream in (
        # Else the error of the first may take the second along.
        WireStream(client).execute(program, stop_on_error=False),
        WireStream(client).open().attach(stop_on_error=False).delta(program).end(),
    ):
        stream.listen(until=lambda heard: "go\n" in heard.text())
        interrupt()
        heard = stream.listen(until=lambda heard: "KeyboardInterrupt" in heard.text())
        heard = interrupted(stream, interrupt)
        (error,) = [m["content"] for m in heard.iopub if m["msg_type"] == "error"]
        shown = "\n".join([*error["traceback"], heard.text()])
        shown = re.sub(r"ipykernel_\d+/\d+\.py|In\[\d+\]|<ipython-input-[^>]*>", "", shown)
        told.append(re.sub(r"\x1b\[[\d;]*m|\[\d+\]", "", shown))
    assert told[0] == told[1]
    assert "eager_kernel" not in told[1]
