"""Pools: fresh kernels for many at once, within limits, with nothing left behind."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_core.paths import jupyter_runtime_dir

from eager_kernel import AsyncEagerPool, EagerPool
from eager_kernel.client import pool as pool_module
from eager_kernel.client.pool import own_memory
from eager_kernel.client.pooled import Pooled
from eager_kernel.errors import KernelConnectionError, PoolError, SandboxError
from tests.processes import gone
from tests.sandbox.conftest import found, needs_sandbox
from tests.servers import Server
from tests.warm.conftest import PATIENCE, _templates_end
from tests.warm.test_life import until

__all__ = ["_templates_end", "found", "needs_sandbox"]  # fixtures

WARM = sys.platform == "linux"


async def answer(client: Any, expression: str) -> str:
    shown: str = (await client.execute(expression)).outputs[0]["data"]["text/plain"]
    return shown


async def pid_of(client: Any) -> int:
    return int(await answer(client, "import os; os.getpid()"))


async def becomes(happens: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not happens():
            await asyncio.sleep(0.02)


async def ended(kernel: Pooled) -> None:
    """Wait until its death can be seen: its threads end after its first one."""
    async with asyncio.timeout(60):
        with suppress(KernelConnectionError):
            while True:
                await kernel.check()
                await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_LOOK_UP", 0.05)


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[AsyncEagerPool]]:
    """All pools of a test; nothing of theirs may be left."""
    made: list[AsyncEagerPool] = []
    before = AsyncEagerPool.__init__

    def note(self: AsyncEagerPool, *arguments: Any, **options: Any) -> None:
        options.setdefault("timeout", PATIENCE)
        if options.get("url") is None:
            options.setdefault("extra_arguments", ["--log-level=ERROR"])
        before(self, *arguments, **options)
        made.append(self)

    monkeypatch.setattr(AsyncEagerPool, "__init__", note)
    threads = set(threading.enumerate())
    runtime = Path(jupyter_runtime_dir())
    others = set(runtime.glob("kernel-*"))  # kernels of other tests
    yield made
    for pool in made:
        assert set(pool.counts.values()) == {0}, pool.counts
    assert set(threading.enumerate()) <= threads
    assert not set(runtime.glob("kernel-*")) - others


async def test_kernels_are_fresh_and_each_is_ones_own(pools: list[AsyncEagerPool]) -> None:
    async with AsyncEagerPool(size=2) as pool:
        used = set()
        for _ in range(4):
            async with await pool.take() as client:
                assert (await client.run(["x = 1\n", "x"])).status == "ok"
                used.add(await pid_of(client))
            client = await pool.take()
            assert await answer(client, "'x' in globals()") == "False"
            used.add(await pid_of(client))
            await client.close()
            await client.close()  # it is given back once
        assert len(used) == 8
        with pytest.raises(KernelConnectionError, match="given back to its pool"):
            await client.run("1")
        await becomes(lambda: all(gone(pid) for pid in used))
    with pytest.raises(PoolError, match="not open"):
        await pool.take()


async def test_there_are_never_too_many(pools: list[AsyncEagerPool]) -> None:
    async with AsyncEagerPool(size=1, most=2) as pool:
        first, second = await pool.take(), await pool.take()
        with pytest.raises(PoolError, match=r"no kernel within 0\.3 s: 2 are taken"):
            await pool.take(timeout=0.3)
        waiting = asyncio.create_task(pool.take())
        await asyncio.sleep(0)
        assert pool.counts["waiting"] == 1
        await first.close()
        third = await waiting
        assert pool.counts["taken"] == 2
        assert await answer(third, "6 * 7") == "42"
        await second.close()


async def test_who_no_longer_waits_loses_nothing(pools: list[AsyncEagerPool]) -> None:
    async with AsyncEagerPool(size=1, most=1) as pool:
        kernel = await pool.take()
        waiting = [asyncio.create_task(pool.take()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await kernel.close()
        taken = await waiting[1]
        await taken.close()
        # One that is cancelled at the moment at which it has been given a kernel.
        until_given = asyncio.create_task(pool.take())
        (await waiting[2], until_given)[0]
        await (await waiting[2]).close()
        while not pool.counts["taken"]:
            await asyncio.sleep(0)
        until_given.cancel()
        await asyncio.gather(until_given, return_exceptions=True)
        last = await pool.take(timeout=60)
        assert await answer(last, "6 * 7") == "42"


async def test_tenants(pools: list[AsyncEagerPool]) -> None:
    async with AsyncEagerPool(size=2, most=3, per_tenant=1) as pool:
        ada = await pool.take(tenant="ada")
        more = asyncio.create_task(pool.take(tenant="ada"))
        bob = await pool.take(tenant="bob", timeout=60)  # goes before her
        assert {ada.tenant, bob.tenant} == {"ada", "bob"}
        assert not more.done()
        await ada.close()
        assert (await more).tenant == "ada"


async def test_idle_kernels_are_ended(pools: list[AsyncEagerPool], tmp_path: Path) -> None:
    end = tmp_path / "end"
    wait = f"import os, time\nwhile not os.path.exists({str(end)!r}):\n    time.sleep(0.02)\n"
    async with AsyncEagerPool(size=1, idle=1.5) as pool:
        busy = await pool.take()
        running = asyncio.create_task(busy.run(wait))
        idle = await pool.take()
        while pool.counts["taken"] > 1:
            await asyncio.sleep(0.02)
        with pytest.raises(KernelConnectionError, match=r"was idle for 1\.5 s"):
            await idle.run("1")
        end.touch()
        assert (await running).status == "ok"  # it was not idle


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured on Linux alone")
async def test_kernels_that_take_too_much_memory_are_ended(pools: list[AsyncEagerPool]) -> None:
    async with AsyncEagerPool(size=1, memory=300) as pool:
        client = await pool.take()
        assert 1 < own_memory(await pid_of(client)) < 200
        with pytest.raises(KernelConnectionError, match="more than 300 MiB"):
            await client.run("import time\nx = bytearray(b'x' * (400 << 20))\ntime.sleep(60)")
    assert own_memory(None) == 0


async def test_kernels_that_die(pools: list[AsyncEagerPool]) -> None:
    async with AsyncEagerPool(size=2) as pool:
        while pool.counts["ready"] < 2:
            await asyncio.sleep(0.02)
        for kernel in list(pool._ready):
            process = kernel.process()
            assert process is not None
            os.kill(process, signal.SIGKILL)
            await ended(kernel)
        client = await pool.take()
        assert await answer(client, "6 * 7") == "42"
        os.kill(await pid_of(client), signal.SIGKILL)
        with pytest.raises(KernelConnectionError, match="died"):
            await client.run("1")
        await client.close()
        async with await pool.take() as another:
            assert await answer(another, "6 * 7") == "42"


async def test_kernels_that_do_not_start(
    pools: list[AsyncEagerPool], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KernelConnectionError, match="there is no kernel 'nope'"):
        await AsyncEagerPool(kernel_name="nope").open()
    with pytest.raises(SandboxError, match="working folder"):
        await AsyncEagerPool(sandbox=True, cwd="/").open()
    folder = tmp_path / "work"
    folder.mkdir()
    async with AsyncEagerPool(size=1, cwd=str(folder), warm=WARM) as pool:
        kernel = await pool.take()
        while not pool.counts["ready"]:
            await asyncio.sleep(0.02)
        await (await pool.take()).close()
        while pool.counts != {"ready": 1, "taken": 1, "starting": 0, "ending": 0, "waiting": 0}:
            await asyncio.sleep(0.02)
        folder.rmdir()  # now none starts any more
        await kernel.close()
        last = await pool.take()
        with caplog.at_level(logging.WARNING), pytest.raises(FileNotFoundError):
            await pool.take(timeout=60)
        folder.mkdir()
        async with await pool.take(timeout=60) as again:
            assert await answer(again, "6 * 7") == "42"
        await last.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size: must be at least 1"),
        ({"size": 4, "most": 3}, "most: must not be less than size"),
        ({"per_tenant": 0}, "per_tenant: must be at least 1"),
        ({"memory": 100, "url": "http://localhost:8888"}, "memory: can be watched"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PoolError, match=message):
        EagerPool(**options)


async def test_it_is_closed_while_kernels_start_and_are_used(pools: list[AsyncEagerPool]) -> None:
    pool = AsyncEagerPool(size=4)
    await pool.open()
    client = await pool.take()
    pid = await pid_of(client)
    waiting = [asyncio.create_task(pool.take()) for _ in range(8)]
    running = asyncio.create_task(client.run("import time\ntime.sleep(60)"))
    await asyncio.sleep(0.1)
    await pool.close()
    with pytest.raises(KernelConnectionError):
        await running
    for result in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(result, PoolError) or not isinstance(result, BaseException)
    await becomes(lambda: gone(pid))


def sessions(pool: EagerPool, count: int, clients: int) -> list[list[str]]:
    """So many sessions of three runs each, from so many threads at once."""

    def session(number: int) -> list[str]:
        with pool.take(tenant=f"tenant {number % 5}", timeout=120) as client:
            shown = []
            for step in range(3):
                program = f"x = globals().get('x', {number}) + {step}\nprint('step', x)\nx"
                result = client.run([program[:9], program[9:]])
                assert result.status == "ok", result.error
                shown += [o.get("text") or o["data"]["text/plain"] for o in result.outputs]
            return shown

    with ThreadPoolExecutor(clients) as threads:
        return list(threads.map(session, range(count)))


def expected(number: int) -> list[str]:
    found = []
    for step in (0, 1, 2):
        number += step
        found += [f"step {number}\n", str(number)]
    return found


def check_load(pool: EagerPool, count: int, clients: int) -> None:
    """Nothing is lost, or mixed up."""
    found = sessions(pool, count, clients)
    assert found == [expected(number) for number in range(count)]
    until(lambda: pool.counts["taken"] == pool.counts["ending"] == 0)


def test_many_sessions_at_once(pools: list[AsyncEagerPool]) -> None:
    """The benchmark `python -m benchmarks pool` has 200 of them."""
    children = set(psutil.Process().children(recursive=True))
    with EagerPool(size=3, most=6, per_tenant=4) as pool:
        check_load(pool, 24, 8)
        assert pool.counts["ready"] + pool.counts["starting"] <= 6
    assert set(psutil.Process().children(recursive=True)) <= children
    with pytest.raises(PoolError, match="not open"):
        pool.take()


def test_over_plain_kernels(pools: list[AsyncEagerPool]) -> None:
    with EagerPool(size=2, most=3, warm=False) as pool:
        check_load(pool, 3, 2)


def test_over_kernels_that_are_locked_in(
    pools: list[AsyncEagerPool], needs_sandbox: None, tmp_path: Path
) -> None:
    with EagerPool(size=2, most=4, sandbox=True, cwd=str(tmp_path)) as pool:
        check_load(pool, 6, 3)
        with pool.take() as client:
            assert client.run("open('/data/x')").outputs[-1]["text"].startswith("The sandbox")


def test_over_a_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with EagerPool(size=2, most=3, url=server.url, token=server.token) as pool:
        check_load(pool, 3, 2)
    import json
    import urllib.request

    headers = {"Authorization": f"token {server.token}"}
    request = urllib.request.Request(f"{server.url}api/kernels", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        assert json.loads(response.read()) == []
