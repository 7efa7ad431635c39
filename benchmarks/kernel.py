"""The kernel: how late text is taken in and started, and what streaming adds to a cell."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

import zmq

from benchmarks import texts
from eager_kernel import AsyncEagerClient
from eager_kernel.bench.measure import Samples, Table, alternate
from eager_kernel.client.local import launch, make_manager
from eager_kernel.client.transport import LocalTransport
from eager_kernel.protocol import TARGET, Delta, End, attach_code, open_data
from eager_kernel.testing.kernels import start_kernel

STOCK, EAGER = "python3", "eager_python"


def run(repeats: int) -> list[Table]:
    """Measure latency, overhead and throughput."""
    with Kernel.start(STOCK) as stock, Kernel.start(EAGER) as eager:
        return [latency(stock), overhead(stock, eager, repeats), throughput(stock, eager, repeats)]


# Latency ------------------------------------------------------------------------------------


def latency(stock: Kernel, statements: int = 200) -> Table:
    """How long after it was sent a statement is started, or at least taken in.

    The program notes its times itself: `time.perf_counter` counts from the same moment in all
    processes of a machine (on Linux, macOS and Windows).
    """
    late = {
        "idle: sent until started": _delays(statements, ""),
        "busy in time.sleep: sent until taken in": _delays(statements, "time.sleep({seconds})\n"),
        "busy in pure Python: sent until taken in": _delays(statements, BUSY),
    }
    cells = stock.start_delays(statements)
    everything = {f"ordinary cell in {STOCK}: sent until started": cells, **late}
    return Table(
        "Kernel: latency of a statement",
        (
            f"{statements} statements a row, each sent in a message of its own 25 ms after the "
            "one before. Taken in: complete, judged and queued for the main thread. Ratios are "
            f"against the first row, an ordinary one-line cell in an idle {STOCK} kernel.",
        ),
        ("main thread", "p50 ms", "p99 ms", "p50 ratio", "p99 ratio"),
        tuple((name, *percentiles(delays, cells)) for name, delays in everything.items()),
        {name: delays.seconds for name, delays in everything.items()},
    )


def percentiles(late: Samples, base: Samples) -> tuple[str, ...]:
    """Cells for the 50th and the 99th percentile in ms, and for their ratios to another's."""
    return (
        *(f"{late.percentile(percent) * 1e3:.2f}" for percent in (50, 99)),
        *(f"{late.percentile(percent) / base.percentile(percent):.2f}" for percent in (50, 99)),
    )


BUSY = "end = time.perf_counter() + {seconds}\nwhile time.perf_counter() < end: pass\n"
"""Keeps a kernel's main thread, and the GIL, for some seconds."""

_PAUSE = 0.025  # longer than the client gathers deltas for one message
_MARK = "_times.append(time.perf_counter())\n"
_MARKS = 20


def _delays(statements: int, busy: str) -> Samples:
    async def measure() -> Samples:
        async with await plain_client() as client:
            return await delays(client, statements, busy)

    return asyncio.run(measure())


async def plain_client() -> AsyncEagerClient:
    """A client that sends each delta in a message of its own, also while statements run."""
    manager = make_manager(EAGER, warm=False, sandbox=False)
    await launch(manager, {})
    return AsyncEagerClient(LocalTransport(manager.client(), manager), interval=0.0)


async def delays(client: AsyncEagerClient, statements: int, busy: str) -> Samples:
    """Stream `statements` statements to a kernel; what they are late by.

    With nothing that keeps the main thread `busy`, that is until each runs; else until each is
    taken in.
    """
    sent: list[float] = []

    async def deltas() -> AsyncIterator[str]:
        yield "import json, time\n_times = []\n"
        marks = _MARKS if busy else statements
        for _ in range(marks):
            await asyncio.sleep(_PAUSE)
            sent.append(time.perf_counter())
            yield _MARK
        if busy:
            await asyncio.sleep(_PAUSE)
            yield busy.format(seconds=(statements + 10) * _PAUSE)
            for _ in range(statements):
                await asyncio.sleep(_PAUSE)
                sent.append(time.perf_counter())
                yield "pass\n"
        await asyncio.sleep(_PAUSE)
        yield "print(json.dumps(_times))\n"

    # The statements read a clock, which the gate would hold them for.
    result = await client.run(deltas(), format="python", gate="off")
    if result.status != "ok" or result.report is None:
        raise RuntimeError(f"the benchmark's program failed: {result.error}")
    times: list[float] = json.loads(result.outputs[-1]["text"])
    if not busy:
        return Samples(tuple(t - s for t, s in zip(times, sent, strict=True)))
    # The report counts from the start of the run. A mark runs right after its chunk's start,
    # so the earliest such difference is when that was, or a little later.
    chunks = result.report.chunks
    marks = chunks[2 : 2 + _MARKS]
    origin = min(t - (chunk.start or 0.0) for t, chunk in zip(times, marks, strict=True))
    ready = [origin + chunk.ready for chunk in chunks[-1 - statements : -1]]
    return Samples(tuple(r - s for r, s in zip(ready, sent[_MARKS:], strict=True)))


# Overhead -----------------------------------------------------------------------------------


def overhead(stock: Kernel, eager: Kernel, repeats: int, statements: int = 1000) -> Table:
    """What many small statements take as a stream, against the same text as one cell."""
    programs = {
        "x = 1": "".join(f"x{i} = {i}\n" for i in range(statements)),
        "print(i)": "".join(f"print({i})\n" for i in range(statements)),
    }
    rows: list[tuple[str, ...]] = []
    samples: dict[str, tuple[float, ...]] = {}
    for style, program in programs.items():
        first, rest = program.split("\n", 1)
        running = [first + "\n", rest]
        pieces = [first + "\n", *texts.pieces_of(rest)]
        ways = {
            f"cell in {STOCK}": lambda p=program: stock.cell(p),
            f"cell in {EAGER}": lambda p=program: eager.cell(p),
            "stream: all before attach": lambda p=program: eager.stream([p], "before"),
            "stream: one delta after attach": lambda p=program: eager.stream([p], "attached"),
            "stream: one delta once it runs": lambda p=running: eager.stream(p, "running"),
            "stream: 4-character deltas once it runs": lambda p=pieces: eager.stream(p, "running"),
        }
        measured = dict(zip(ways, alternate(list(ways.values()), repeats), strict=True))
        base, own = measured[f"cell in {STOCK}"], measured[f"cell in {EAGER}"]
        for way, taken in measured.items():
            rows.append(
                (
                    f"{statements:,} x `{style}`",
                    way,
                    f"{taken.best * 1e3:.0f} ({taken.median * 1e3:.0f})",
                    f"{taken.best / base.best:.2f} ({taken.median / base.median:.2f})",
                    f"{taken.best / own.best:.2f} ({taken.median / own.median:.2f})",
                    f"{(taken.best - base.best) / statements * 1e6:+.0f}",
                )
            )
            samples[f"{style}: {way}"] = taken.seconds
    return Table(
        "Kernel: overhead of many small statements",
        (
            "From the first message sent until the kernel is idle and, for a stream, its comm "
            f"closed. Best of {repeats} (median). No model is that fast: this is what streaming "
            "costs where it can hide nothing.",
            "A program that is all there before it begins runs as one cell. `Once it runs`: the "
            "first statement has run by then, so all others run one by one; timed from there. "
            "4-character deltas are a message each, as fast as the sender can.",
        ),
        ("program", "way", "ms", f"ratio to {STOCK}", "ratio to own cell", "µs more/statement"),
        tuple(rows),
        samples,
    )


# Throughput ---------------------------------------------------------------------------------


def throughput(stock: Kernel, eager: Kernel, repeats: int, messages: int = 5000) -> Table:
    """How many comm messages a second a kernel reads."""
    text = "# 3\n"
    measured = alternate(
        [lambda: stock.flood_echo(text, messages), lambda: eager.flood_stream(text, messages)],
        repeats,
    )
    names = (f"{STOCK}: a comm whose handler does nothing", f"{EAGER}: deltas of a stream")
    base = measured[0]
    return Table(
        "Kernel: throughput of deltas",
        (
            f"{messages:,} messages of {len(text)} characters of comment, signed beforehand and "
            f"sent as fast as the socket takes them. Best of {repeats} (median).",
        ),
        ("kernel", "messages/s", "ratio"),
        tuple(
            (
                name,
                f"{messages / taken.best:,.0f} ({messages / taken.median:,.0f})",
                f"{base.best / taken.best:.2f} ({base.median / taken.median:.2f})",
            )
            for name, taken in zip(names, measured, strict=True)
        ),
        {name: taken.seconds for name, taken in zip(names, measured, strict=True)},
    )


# The kernel's raw messages ------------------------------------------------------------------


@dataclass
class Kernel:
    """A kernel of one's own, spoken to without a client of ours in between."""

    client: Any

    @classmethod
    @contextlib.contextmanager
    def start(cls, name: str) -> Iterator[Kernel]:
        """Start the kernel of a kernelspec; it ends with the context."""
        manager, client = start_kernel(name)
        try:
            yield cls(client)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)

    def cell(self, code: str) -> float:
        """Seconds from sending an ordinary cell until idle."""
        start = time.perf_counter()
        request = self.client.execute(code)
        self._wait(request)
        return time.perf_counter() - start

    def stream(self, pieces: list[str], when: Literal["before", "attached", "running"]) -> float:
        """Seconds from the first message until the stream's cell is idle and its comm closed.

        Parameters
        ----------
        pieces
            The deltas.
        when
            All of them, and the end, are sent ``before`` a cell attaches the stream; when it
            has ``attached`` it; or the first is sent, and when the cell is ``running`` and
            waits for text, so that only then the time begins, the others.
        """
        start = time.perf_counter()
        comm = self._open(TARGET, open_data(format="python"))
        messages = [Delta(piece, None).data() for piece in pieces] + [End(None).data()]
        if when == "before":
            self._send_all(comm, messages)
        request = self.client.execute(attach_code(comm))
        if when != "before":
            self._wait(request, state="busy")
        if when == "running":
            self._send_all(comm, messages[:1])
            self._wait_for_first_chunk(comm)
            messages = messages[1:]
            start = time.perf_counter()
        if when != "before":
            self._send_all(comm, messages)
        self._wait(request, comm)
        return time.perf_counter() - start

    def start_delays(self, cells: int) -> Samples:
        """Seconds from sending an ordinary cell until it runs, of `cells` cells."""
        self.cell("import json, time\n_times = []")
        sent = []
        for _ in range(cells):
            time.sleep(_PAUSE)
            sent.append(time.perf_counter())
            self._wait(self.client.execute(_MARK))
        request = self.client.execute("print(json.dumps(_times))")
        times = json.loads(self._wait(request))
        return Samples(tuple(t - s for t, s in zip(times, sent, strict=True)))

    def flood_echo(self, text: str, messages: int) -> float:
        """Seconds for so many messages to a comm that ignores all but the last."""
        self.cell(_ECHO)
        comm = self._open("benchmark.echo", {})
        return self._flood(comm, text, messages)

    def flood_stream(self, text: str, messages: int) -> float:
        """Seconds for so many deltas to a stream that a cell has attached."""
        comm = self._open(TARGET, open_data(format="python"))
        request = self.client.execute(attach_code(comm))
        self._wait(request, state="busy")
        seconds = self._flood(comm, text, messages)
        # Its idle may have come while only the comm was listened to.
        self.cell("")
        return seconds

    def _flood(self, comm: str, text: str, messages: int) -> float:
        session, iopub = self.client.session, self.client.iopub_channel.socket
        data = [Delta(text, None).data()] * (messages - 1) + [End(None).data()]
        frames = [
            session.serialize(session.msg("comm_msg", {"comm_id": comm, "data": item}))
            for item in data
        ]
        # Status messages of thousands of messages would overrun the socket: hear the comm only.
        iopub.setsockopt(zmq.SUBSCRIBE, f"comm-{comm}".encode())
        iopub.setsockopt(zmq.UNSUBSCRIBE, b"")
        time.sleep(0.2)  # a subscription has no answer
        self._drain()
        shell = self.client.shell_channel.socket
        start = time.perf_counter()
        for message in frames:
            shell.send_multipart(message)
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            if message["msg_type"] == "comm_close":
                break
        seconds = time.perf_counter() - start
        iopub.setsockopt(zmq.SUBSCRIBE, b"")
        iopub.setsockopt(zmq.UNSUBSCRIBE, f"comm-{comm}".encode())
        time.sleep(0.2)
        self._drain()
        return seconds

    def _open(self, target: str, data: dict[str, Any]) -> str:
        comm = uuid4().hex
        self._send("comm_open", {"comm_id": comm, "target_name": target, "data": data})
        return comm

    def _send_all(self, comm: str, messages: list[dict[str, str]]) -> None:
        for data in messages:
            self._send("comm_msg", {"comm_id": comm, "data": data})

    def _send(self, kind: str, content: dict[str, Any]) -> None:
        self.client.shell_channel.send(self.client.session.msg(kind, content))

    def _wait(
        self, request: str, comm: str | None = None, *, state: Literal["idle", "busy"] = "idle"
    ) -> str:
        """Wait until a request is in `state` and `comm` is closed; return what was printed."""
        printed = ""
        reached, closed = False, comm is None
        while not (reached and closed):
            message = self.client.get_iopub_msg(timeout=60)
            kind, content = message["msg_type"], message["content"]
            if kind == "comm_close" and content["comm_id"] == comm:
                closed = True
            elif message["parent_header"].get("msg_id") != request:
                continue
            elif kind == "status":
                reached |= content["execution_state"] == state
            elif kind == "stream":
                printed += content["text"]
            elif kind == "error":
                raise RuntimeError("\n".join(content["traceback"]))
        if state == "idle":
            self._take_reply(request)
        return printed

    def _wait_for_first_chunk(self, comm: str) -> None:
        data: dict[str, Any] = {}
        while data.get("state") != "done":
            message = self.client.get_iopub_msg(timeout=60)
            if message["content"].get("comm_id") == comm:
                data = message["content"]["data"]

    def _take_reply(self, request: str) -> None:
        while self.client.get_shell_msg(timeout=60)["parent_header"].get("msg_id") != request:
            pass

    def _drain(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self.client.get_iopub_msg(timeout=0)


_ECHO = """
from comm import get_comm_manager

def _opened(comm, message):
    @comm.on_msg
    def heard(message):
        if message["content"]["data"]["type"] == "end":
            comm.close()

get_comm_manager().register_target("benchmark.echo", _opened)
"""
