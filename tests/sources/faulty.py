"""Sources that do what sources should not; installed as a package of its own by the tests."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from eager_kernel.sources import credentials
from eager_kernel.sources.source import Event, Finish, Options, Progress, Request, Usage

HOLLOW = None


def make_source(name: str, options: Options) -> Faulty:
    return Faulty(name, options)


class Faulty:
    def __init__(self, name: str, options: Options) -> None:
        self.name = name
        self.options = options
        self.prepared = asyncio.Event()

    async def prepare(self) -> None:
        self.prepared.set()
        raise RuntimeError("nobody hears this")

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        yield Progress("working", 0.5)
        async with aclosing(getattr(self, self.name)(request.messages[-1].text)) as events:
            async for event in events:
                yield event

    async def aclose(self) -> None:
        pass

    async def words(self, text: str) -> AsyncGenerator[Event, None]:
        for word in text.split():
            yield word
        yield Finish("length", Usage(2, 1))

    async def no_end(self, text: str) -> AsyncGenerator[Event, None]:
        yield text

    async def is_prepared(self, text: str) -> AsyncGenerator[Event, None]:
        await self.prepared.wait()
        yield "prepared"

    async def pid(self, text: str) -> AsyncGenerator[Event, None]:
        yield str(os.getpid())

    async def forever(self, text: str) -> AsyncGenerator[Event, None]:
        while True:
            yield text
            await asyncio.sleep(0.005)

    async def flood(self, text: str) -> AsyncGenerator[Event, None]:
        while True:
            yield text

    async def huge(self, text: str) -> AsyncGenerator[Event, None]:
        yield text * 4_000_000
        yield "\ud800\u2028\r\n\0"

    async def stall(self, text: str) -> AsyncGenerator[Event, None]:
        yield text
        await asyncio.sleep(600)

    async def sleep(self, text: str) -> AsyncGenerator[Event, None]:
        block = time.sleep
        asyncio.get_running_loop().call_soon(block, 600)  # before any cancel
        yield text

    async def hold(self, text: str) -> AsyncGenerator[Event, None]:
        block = ctypes.PyDLL(None).sleep  # C code that keeps the interpreter
        asyncio.get_running_loop().call_soon(block, 600)
        yield text

    async def stubborn(self, text: str) -> AsyncGenerator[Event, None]:
        try:
            yield text
            await asyncio.sleep(600)
        finally:
            await asyncio.sleep(600)

    async def segfault(self, text: str) -> AsyncGenerator[Event, None]:
        yield text
        print("last words", os.environ["FAULTY_API_KEY"])
        os.kill(os.getpid(), signal.SIGSEGV)
        await asyncio.sleep(600)

    async def exit(self, text: str) -> AsyncGenerator[Event, None]:
        yield text
        threading.Thread(target=time.sleep, args=(600,)).start()  # would keep the process
        sys.exit(3)

    async def leave_a_child(self, text: str) -> AsyncGenerator[Event, None]:
        child = subprocess.Popen(["sleep", "600"])
        yield str(child.pid)
        os._exit(4)

    async def prints(self, text: str) -> AsyncGenerator[Event, None]:
        print('{"type": "delta", "id": 0, "text": "printed"}')
        os.write(1, b"\xff no json\n")
        subprocess.run(["echo", "of a child"], check=True)
        yield repr(sys.stdin.read())

    async def raises(self, text: str) -> AsyncGenerator[Event, None]:
        yield text
        raise ValueError(f"with {os.environ['FAULTY_API_KEY']} in it")

    async def asks_for_key(self, text: str) -> AsyncGenerator[Event, None]:
        key = credentials.find_key(text, "")
        yield "found"
        print("the key is", key)
        os._exit(5)
