"""A program's time-outs do not run while it waits at an effect for the rest of its text."""

from __future__ import annotations

import asyncio.base_events
import threading
import time
from collections.abc import Callable, Iterator
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace

import pytest

from eager_kernel.core.effects.audit_events import Effects
from eager_kernel.execution import hook
from eager_kernel.execution.barrier import Barrier
from eager_kernel.execution.loop_clock import LoopClock, Stop, stood_still
from tests.execution.running import Running, Shell, end, run_program, run_stock


class Now:
    """The loops' time, which goes on when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def go_on(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Now:
    now = Now()
    clock = SimpleNamespace(
        monotonic=lambda: now.seconds, time=time.time, get_clock_info=time.get_clock_info
    )
    monkeypatch.setattr(asyncio.base_events, "time", clock)
    return now


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    hook._refused.clear()
    hook._alert = False


def run(program: str, now: Now, *, turn: bool = False) -> Running:
    """Run a program, which waits once for an hour.

    Parameters
    ----------
    program
        In a function ``go_on`` it lets the time go on itself.
    now
        The loops' time.
    turn
        Whether the loop turns meanwhile, as another thread waits.
    """
    barrier = Barrier(Effects())
    shell = Shell()
    shell.user_ns["go_on"] = now.go_on
    loops: list[asyncio.AbstractEventLoop] = []
    shell.user_ns["note"] = lambda: loops.append(asyncio.get_running_loop())

    def decide() -> None:
        while not barrier.waits and not barrier.denied:
            time.sleep(0.001)
        now.go_on(3600)
        if turn:
            turned = threading.Event()
            loops[0].call_soon_threadsafe(turned.set)
            turned.wait(60)
            time.sleep(0.01)  # and it has looked at its timers
        barrier.release()

    deciding = threading.Thread(target=decide)
    deciding.start()
    try:
        return run_program(program, end, shell=shell, barrier=barrier)
    finally:
        barrier.deny("the test has ended")
        deciding.join()


def logged(shell: Shell) -> list[object]:
    return [each for each in shell.seen if not str(each).startswith("<p")]


def test_a_timeout_around_an_effect(now: Now, folder: Path) -> None:
    program = (
        "import asyncio\n"
        "async with asyncio.timeout(5):\n"
        "    await asyncio.sleep(0)\n"
        "    open('f', 'w').close()\n"
        "    await asyncio.sleep(0)\n"
        "    await asyncio.sleep(0)\n"
        "log('in time')\n"
    )
    assert logged(run(program, now).shell) == ["in time"]
    assert Path("f").exists()


def test_a_timeout_that_is_set_by_the_time_of_the_loop(now: Now, folder: Path) -> None:
    program = (
        "import asyncio\n"
        "until = asyncio.get_running_loop().time() + 5\n"
        "open('f', 'w').close()\n"
        "async with asyncio.timeout_at(until):\n"
        "    await asyncio.sleep(0)\n"
        "log(until - asyncio.get_running_loop().time())\n"
    )
    assert logged(run(program, now).shell) == [5]


def test_a_timeout_that_has_come_afterwards_comes(now: Now, folder: Path) -> None:
    program = (
        "import asyncio\n"
        "try:\n"
        "    async with asyncio.timeout(5):\n"
        "        open('f', 'w').close()\n"
        "        go_on(6)\n"
        "        await asyncio.sleep(0)\n"
        "        await asyncio.sleep(0)\n"
        "        log('never')\n"
        "except TimeoutError:\n"
        "    log('too late')\n"
        "x = 1\n"
    )
    assert logged(run(program, now).shell) == ["too late"]


def test_a_wait_in_another_thread_that_is_awaited(now: Now, folder: Path) -> None:
    program = (
        "import asyncio\n"
        "note()\n"
        "file = await asyncio.wait_for(asyncio.to_thread(open, 'f', 'w'), 5)\n"
        "file.close()\n"
        "log('in time')\n"
    )
    assert logged(run(program, now, turn=True).shell) == ["in time"]


def test_a_process(now: Now, folder: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "async def ask():\n"
        "    process = await asyncio.create_subprocess_exec(\n"
        "        sys.executable, '-c', 'print(1)', stdout=asyncio.subprocess.PIPE)\n"
        "    return (await process.communicate())[0]\n"
        "log(await asyncio.wait_for(ask(), 5))\n"
    )
    assert logged(run(program, now).shell) == [b"1\n"]


def test_a_client_with_a_timeout_of_its_own(now: Now, folder: Path) -> None:
    httpx = pytest.importorskip("httpx")
    assert httpx.AsyncClient().timeout.connect == 5
    server = HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    serving = threading.Thread(target=server.handle_request)
    serving.start()
    program = (
        "import httpx\n"
        "async with httpx.AsyncClient(trust_env=False) as client:\n"
        f"    log((await client.get('http://127.0.0.1:{server.server_port}/')).status_code)\n"
        "x = 1\n"
    )
    try:
        assert logged(run(program, now).shell) == [200]
    finally:
        serving.join()
        server.server_close()


GATHERED = (
    "import asyncio\n"
    "async def first():\n"
    "    await asyncio.sleep(30)\n"
    "    log('first')\n"
    "async def second():\n"
    "    open('f', 'w').close()\n"
    "    await asyncio.sleep(10)\n"
    "    log('second')\n"
    "async def time():\n"
    "    for i in range(9):\n"
    "        go_on(5)\n"
    "        for i in range(3): await asyncio.sleep(0)\n"
    "_ = await asyncio.gather(first(), second(), time())\n"
)


def test_tasks_come_in_the_order_of_serial(now: Now, folder: Path) -> None:
    shell = Shell()
    shell.user_ns["go_on"] = now.go_on
    stock = logged(run_stock(GATHERED, shell))
    assert logged(run(GATHERED, now).shell) == stock == ["second", "first"]


def test_a_loop_of_a_thread_of_the_program(now: Now, folder: Path) -> None:
    program = (
        "import asyncio, threading\n"
        "async def work():\n"
        "    async with asyncio.timeout(5):\n"
        "        open('f', 'w').close()\n"
        "        await asyncio.sleep(0)\n"
        "        await asyncio.sleep(0)\n"
        "    log('in time')\n"
        "thread = threading.Thread(target=lambda: asyncio.run(work()))\n"
        "thread.start(); thread.join()\n"
    )
    assert logged(run(program, now).shell) == ["in time"]


# The clock itself ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stops", "now", "seconds"),
    [
        ([], 9, 0),
        ([Stop(2, 5)], 9, 3),
        ([Stop(2)], 9, 7),
        ([Stop(2, 5), Stop(6, 7)], 9, 4),
        ([Stop(3, 6), Stop(2, 5)], 9, 4),
        ([Stop(2, 8), Stop(3, 4)], 9, 6),
        ([Stop(2, 4), Stop(3)], 9, 7),
    ],
)
def test_stops_that_overlap_count_once(stops: list[Stop], now: float, seconds: float) -> None:
    assert stood_still(stops, now) == seconds


def with_loop(use: Callable[[asyncio.AbstractEventLoop], None]) -> None:
    async def run() -> None:
        use(asyncio.get_running_loop())

    asyncio.run(run())


def test_a_loop_keeps_its_clock_and_what_that_has_left_out(now: Now) -> None:
    def use(loop: asyncio.AbstractEventLoop) -> None:
        assert LoopClock.before(loop) is None
        clock = LoopClock.of(loop)
        assert clock is not None
        assert LoopClock.of(loop) is LoopClock.before(loop) is clock
        stop = clock.stop()
        now.go_on(10)
        clock.sum_up()  # too early: nothing is lost
        assert loop.time() == 1000
        clock.go_on(stop)
        now.go_on(5)
        clock.sum_up()
        assert loop.time() == 1005

    with_loop(use)


def test_a_loop_whose_time_the_user_has_replaced_is_left_alone(now: Now) -> None:
    def use(loop: asyncio.AbstractEventLoop) -> None:
        vars(loop)["time"] = lambda: 1.0
        assert LoopClock.of(loop) is None
        assert loop.time() == 1.0
        del vars(loop)["time"]

    with_loop(use)
