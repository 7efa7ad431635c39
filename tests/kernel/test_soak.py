"""A kernel that has run much holds no more than one that has run a little."""

from __future__ import annotations

import json
from itertools import cycle
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from eager_kernel.testing.kernels import start_kernel
from eager_kernel.testing.wire import WireStream

psutil = pytest.importorskip("psutil")

# What grows with stock ipykernel too is kept out. Nothing is stored, as In, Out and the history
# grow with every cell; the list of displayed values is emptied, because IPython keeps that even
# so. The programs are few: IPython keeps each cell's source for tracebacks, by a name made of its
# text. (A streamed cell's name is its own, so its source does stay: two objects and its text.) No
# program leaves a name behind that the next of its kind does not replace. What stays too is the
# session's list of the signatures it has seen: 100 bytes a message, at most 65536.
WARM_UP, RUNS = 100, 500
PER_RUN = 4_000
"""Bytes of Python's that a run may leave: less than the smallest stream that is not freed."""
OBJECTS_PER_RUN = 5
"""The same in objects; a stream that is not freed is some 50."""
RESIDENT_PER_RUN = 20_000
"""The same of the process: C code could leak too, but its memory comes and goes by megabytes."""

MEASURE = """
import gc as _gc, json as _json, os as _os, sys as _sys, threading as _threading
import tracemalloc as _tracemalloc
import psutil as _psutil
get_ipython().history_manager.outputs.clear()
_gc.collect()
if not _tracemalloc.is_tracing():
    _tracemalloc.start()  # what the warm-up has left is not counted
print(_json.dumps({
    "threads": sorted(thread.name for thread in _threading.enumerate()),
    "stacks": len(_sys._current_frames()),
    "files": _psutil.Process().num_fds(),
    "objects": len(_gc.get_objects()),
    "traced": _tracemalloc.get_traced_memory()[0],
    "resident": _psutil.Process().memory_info().rss,
    "children": len(_psutil.Process().children()),
}))
"""


def measure(client: BlockingKernelClient) -> dict[str, Any]:
    heard = WireStream(client).execute(MEASURE, store_history=False).finish()
    found: dict[str, Any] = json.loads(heard.text())
    return found


def status(stream: WireStream) -> str:
    said: str = stream.finish().result["status"]
    return said


def test_five_hundred_runs_leave_nothing_behind() -> None:
    manager, client = start_kernel("eager_python", extra_arguments=["--log-level=ERROR"])
    try:
        soak(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def soak(manager: KernelManager, client: BlockingKernelClient) -> None:
    def start(*pieces: str) -> WireStream:
        stream = WireStream(client).open().attach(store_history=False)
        for piece in pieces:
            stream.delta(piece)
        return stream

    def going(*pieces: str) -> WireStream:
        stream = start("print('go')\n", *pieces)
        stream.listen(until=lambda heard: heard.text() == "go\n")
        return stream

    def ok() -> str:
        return status(start("x = [0] * 1000\ndef f():\n    ret", "urn len(x)\n\nf()").end())

    def error() -> str:
        return status(start("x = [0] * 1000\n", "x / 0\n", "never\n"))

    def cancelled() -> str:
        stream = going("x = 1\n", "x = ")  # before that, a cancel would drop the stream
        return status(stream.data({"type": "cancel"}))

    def whole() -> str:
        stream = WireStream(client).open().delta("y = [1] * 1000\nlen(y)").end()
        return status(stream.attach(store_history=False))

    def awaiting() -> str:
        return status(start("import asyncio\nawait asy", "ncio.sleep(0)\nz = 1\n").end())

    def interrupted() -> str:
        stream = going("while True: pass\n\n")
        manager.interrupt_kernel()
        return status(stream)

    ends = {ok: "ok", error: "error", cancelled: "cancelled", whole: "ok", awaiting: "ok"}
    ends[interrupted] = "error"
    for number, kind in enumerate(cycle(ends), start=1):
        assert kind() == ends[kind], (number, kind.__name__)
        if number == WARM_UP:
            measure(client)  # its own first time leaves something behind
            before = measure(client)
        if number == RUNS:
            break
    after = measure(client)
    grown = {name: after[name] - before[name] for name in ("objects", "traced", "resident")}
    runs = RUNS - WARM_UP
    assert after["threads"] == before["threads"]
    assert after["stacks"] == before["stacks"]  # of threads that are in no list, too
    assert after["files"] == before["files"]
    assert after["children"] == before["children"] == 0
    assert grown["traced"] < PER_RUN * runs, grown
    assert grown["objects"] < OBJECTS_PER_RUN * runs, grown
    assert grown["resident"] < RESIDENT_PER_RUN * runs, grown
