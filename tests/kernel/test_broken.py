"""Programs that break what their own process works with get their reply, as in a stock kernel."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from eager_kernel.testing.wire import WireStream, run

BROKEN = {
    "cancels all tasks": "import asyncio\nfor t in asyncio.all_tasks(): t.cancel()\n\n",
    "takes get_ipython out of builtins": "import builtins\ndel builtins.get_ipython\n",
    "replaces get_ipython": "import builtins\nbuiltins.get_ipython = None\n",
    "the cache of lines": "import linecache\nlinecache.cache = None\n1 / 0\n",
    "a function of linecache": "import linecache\nlinecache.checkcache = None\n1 / 0\n",
    "closes stdout": "import sys\nsys.stdout.close()\n",
    "functions of the loop": (
        "import asyncio\nloop = asyncio.get_running_loop()\n"
        "loop.call_soon = loop.create_task = None\n"
    ),
    "traceback": "import traceback\ntraceback.format_exception = None\n1 / 0\n",
    "an error that can't be shown": (
        "class E(Exception):\n    def __str__(self): raise SystemExit\n\nraise E\n"
    ),
    "sys.exc_info": "import sys\nsys.exc_info = sys.exception = None\n1 / 0\n",
}

# After these, a stock kernel answers nothing more either, or has ended.
ENDING = {
    "asks the loop to stop": "import asyncio\nasyncio.get_running_loop().stop()\n",
    "has no stdout": "import sys\nsys.stdout = sys.stderr = None\n",
}


@pytest.fixture
def own(start_kernel: Any) -> tuple[KernelManager, BlockingKernelClient]:
    """A kernel of the test's own, which may be broken afterwards."""
    found: tuple[KernelManager, BlockingKernelClient] = start_kernel(
        "eager_python", "--EagerRun.delta_timeout=15"
    )
    return found


def break_it(client: BlockingKernelClient, program: str) -> None:
    stream = WireStream(client).open().attach().delta("begun = 1\n" + program)
    stream.listen(0.3)
    heard = stream.delta("last = 1\n").end().finish(20)
    assert heard.reply["status"] in ("ok", "error")
    assert heard.result["status"] == heard.reply["status"]


@pytest.mark.parametrize("name", ENDING)
def test_a_reply_comes(own: tuple[KernelManager, BlockingKernelClient], name: str) -> None:
    break_it(own[1], ENDING[name])


@pytest.mark.parametrize("name", BROKEN)
def test_a_reply_comes_and_the_next_run_ends(
    own: tuple[KernelManager, BlockingKernelClient], name: str
) -> None:
    client = own[1]
    break_it(client, BROKEN[name])
    # The next one, and an ordinary cell, answer too, be it by an error.
    again = run(client, "x = 1\n", "x + 1\n", pause=0.05)
    assert again.reply["status"] in ("ok", "error")
    cell = WireStream(client).execute("6 * 7").finish(20)
    assert cell.reply["status"] in ("ok", "error")


PROGRAMS = {
    "waits for text": "x = 1\n",
    "awaits": "import asyncio\nawait asyncio.sleep(60)\n",
    "computes": "while True: pass\n\n",
    "waits at an effect": "import os\nos.system('touch never')\n",
    "is held": "import time\nt = time.time()\n",
    "sleeps": "import time\ntime.sleep(60)\n",
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize(("times", "pause"), [(2, 0.002), (40, 0.005)], ids=["twice", "a storm"])
def test_interrupts_that_come_at_once(
    kernel: tuple[KernelManager, BlockingKernelClient],
    client: BlockingKernelClient,
    name: str,
    times: int,
    pause: float,
) -> None:
    stream = WireStream(client).open().attach().delta("print('go')\n" + PROGRAMS[name] + "y = 1\n")
    stream.listen(until=lambda heard: heard.text() == "go\n")
    stream.listen(0.15)
    pid = kernel[0].provisioner.pid  # type: ignore[union-attr]
    for _ in range(times):
        os.kill(pid, signal.SIGINT)
        time.sleep(pause)
    heard = stream.finish(20)
    assert heard.reply["status"] == "error"
    # ipykernel cancels what is awaited.
    assert heard.result["error"]["ename"] in ("KeyboardInterrupt", "CancelledError")
    assert run(client, "x = 1\n", "x + 1\n").reply["status"] == "ok"
