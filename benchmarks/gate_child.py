"""Run a program statement by statement, and tell how long each takes and what it does outside.

Started by `gate_programs` in a process of its own: ``gate_child.py DESCRIPTOR SECONDS``, with the
program on standard input. Lines of JSON go to the descriptor.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import os
import resource
import socket
import sys
import time
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from eager_kernel.execution.main_thread import Doing, MainThread
from eager_kernel.kernel.config import EagerGate

_NOBODY = 65534
_FILE = "<program>"


def main() -> None:
    """Run the program."""
    descriptor, seconds = int(sys.argv[1]), float(sys.argv[2])
    message = json.load(sys.stdin)
    sys.argv[:] = ["program"]
    os.set_inheritable(descriptor, False)

    def tell(**line: object) -> None:
        os.write(descriptor, json.dumps(line).encode() + b"\n")

    _limit(seconds)
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    running = -1
    start = 0.0
    told = False

    def note(effect: str, line: int | None) -> None:
        nonlocal told
        if not told:
            told = True
            tell(effect=effect, chunk=running, seconds=time.perf_counter() - start)

    barrier = EagerGate().make_barrier("effect")
    assert barrier is not None
    barrier._wait = note  # type: ignore[method-assign]  # tell of an effect, and let it happen
    barrier.begin(_FILE, 0)
    main = MainThread()
    try:
        _execute(shell, loop, message["before"])
    except BaseException as error:  # noqa: BLE001 - whatever a program raises
        tell(end=f"{type(error).__name__} in what ran before")
        return
    with barrier.armed(main, shell.user_ns), barrier.program():
        _cut_off()
        for index, source in enumerate(message["chunks"]):
            start = time.perf_counter()
            running = index
            try:
                with main.at(Doing.PROGRAM):
                    _execute(shell, loop, source)
            except BaseException as error:  # noqa: BLE001 - as above
                running = -1
                tell(end=type(error).__name__)
                return
            running = -1
            tell(seconds=time.perf_counter() - start)
    tell(end="ok")


def _execute(shell: InteractiveShell, loop: asyncio.AbstractEventLoop, source: str) -> None:
    text = shell.transform_cell(source)
    code = compile(text, _FILE, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result: Any = eval(code, shell.user_ns)  # returns a coroutine where it awaits
    if code.co_flags & inspect.CO_COROUTINE:
        loop.run_until_complete(result)


def _limit(seconds: float) -> None:
    """Give up rights, and bound what the process may use."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    for what, most in (
        (resource.RLIMIT_CPU, int(2 * seconds)),
        (resource.RLIMIT_AS, 4 << 30),
        (resource.RLIMIT_FSIZE, 64 << 20),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 256),
    ):
        resource.setrlimit(what, (most, most))


def _cut_off() -> None:
    """Fail what needs the network, at once and after it was told."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.getaddrinfo":
            raise socket.gaierror(socket.EAI_FAIL, "no network")
        if event == "socket.connect" and isinstance(arguments[1], tuple):
            raise ConnectionRefusedError("no network")

    sys.addaudithook(hook)


if __name__ == "__main__":
    main()
