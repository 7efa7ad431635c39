"""Text that can start nothing waits to be read while a statement runs; nothing else waits."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from eager_kernel.execution.intake import Intake
from eager_kernel.kernel.stream import Stream
from eager_kernel.kernel.streams import Streams
from eager_kernel.protocol import Cancel, Delta, End, Limits, OpenOptions
from eager_kernel.testing.wire import WireStream

LIMITS = Limits(10_000, 100, 8, 600.0, 600.0)


class Publisher:
    """Notes what the client is told."""

    parent: Any = None

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def __call__(self, kind: str, data: dict[str, Any]) -> None:
        self.told.append({"kind": kind, **data})


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Iterator[Streams]:
    """Streams whose thread looks after them when it is asked to: its tick takes ten minutes."""
    monkeypatch.setattr("eager_kernel.kernel.streams._TICK", 600.0)
    streams = Streams(LIMITS, logging.getLogger(__name__))
    yield streams
    streams.close()


@pytest.fixture
def stream(streams: Streams) -> Stream:
    """An open stream whose first statement runs."""
    intake = partial(Intake, "python", hurry=streams.hurry)
    options = OpenOptions("python", "effect", "stop", "")
    made = Stream("a", options, Publisher(), time.monotonic(), intake)
    streams.open("a", lambda: made)
    streams.claim("a", None)
    made.intake.supply.start_streaming(0)
    streams.deliver("a", Delta("x = 1\ny", None), text=True)
    made.intake.supply.wait_for_news()  # what came while there was nothing to run is read at once
    assert [entry.chunk.source for entry in made.intake.supply.take()] == ["x = 1\n"]
    assert not made.intake.hungry
    return made


def program(stream: Stream) -> str:
    return stream.intake.program


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_text_waits_while_a_statement_runs(streams: Streams, stream: Stream) -> None:
    streams.deliver("a", Delta(" = 2\n", None), text=True)
    streams.deliver("a", Delta("z = 3\n", None), text=True)
    time.sleep(0.2)
    assert program(stream) == "x = 1\ny"
    # The statement has ended, and nothing is left to run.
    assert stream.intake.supply.take() == []
    stream.intake.supply.wait_for_news()
    assert [entry.chunk.source for entry in stream.intake.supply.take()] == ["y = 2\n", "z = 3\n"]
    assert program(stream) == "x = 1\ny = 2\nz = 3\n"


def test_what_waits_has_the_time_at_which_it_came(streams: Streams, stream: Stream) -> None:
    before = time.perf_counter()
    streams.deliver("a", Delta(" = 2\n", None), text=True)
    after = time.perf_counter()
    time.sleep(0.2)
    streams.deliver("a", End(None))
    until(lambda: stream.intake.ending)
    begun = stream.intake.notes.timeline._start
    assert before - begun <= stream.intake.report().generation_s <= after - begun


@pytest.mark.parametrize("message", [End("stop"), Cancel("no more"), End("length")])
def test_an_end_does_not_wait(streams: Streams, stream: Stream, message: End | Cancel) -> None:
    streams.deliver("a", Delta(" = 2\n", None), text=True)
    streams.deliver("a", message)
    until(lambda: stream.intake.ending)
    assert program(stream) == "x = 1\ny = 2\n"


def test_what_is_no_text_does_not_wait(streams: Streams, stream: Stream) -> None:
    streams.deliver("a", Delta(" = 2\n", None))
    until(lambda: program(stream) == "x = 1\ny = 2\n")


def test_much_text_does_not_wait(streams: Streams, stream: Stream) -> None:
    for _ in range(LIMITS.max_pending_deltas // 2):
        streams.deliver("a", Delta("#", None), text=True)
    until(lambda: program(stream).endswith("#"))
    assert stream.intake.ending is None


def test_it_is_read_some_times_a_second(
    streams: Streams, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eager_kernel.kernel.streams._TICK", 0.05)
    streams.deliver("a", Delta(" = 2\n", None))  # the thread has seen the new tick by then
    until(lambda: program(stream).endswith("2\n"))
    streams.deliver("a", Delta("z = 3\n", None), text=True)
    until(lambda: program(stream).endswith("3\n"))


def test_a_client_is_told_at_once_that_nothing_runs(streams: Streams, stream: Stream) -> None:
    """It may gather text meanwhile, which is wanted from now on."""
    told = stream._publish.told  # type: ignore[attr-defined]
    first = stream.intake.supply._ledger[0].chunk
    stream.intake.notes.started(first)
    streams._tick(time.monotonic())
    assert [message["state"] for message in told] == ["running"]
    streams.hurry()  # it does run: there is nothing new
    stream.intake.notes.finished(first, "done")
    assert stream.intake.supply.take() == []
    assert stream.is_outdated
    streams.hurry()
    until(lambda: [message["state"] for message in told] == ["running", "done"])
    assert not stream.is_outdated


@pytest.mark.parametrize("idle", [True, False])
def test_deltas_get_an_idle_status_unless_nobody_waits_for_one(
    client: BlockingKernelClient, idle: bool
) -> None:
    heard: list[Any] = []
    stream = WireStream(client).open(idle=idle).attach()
    stream.delta("import time\ntime.sleep(0.3)\n")
    for n in range(20):
        stream.delta(f"x = {n}\n")
    stream.end()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        message = client.get_iopub_msg(timeout=60)
        heard.append(message)
        if message["msg_type"] == "comm_close":
            break
    answers = [
        m
        for m in heard
        if m["msg_type"] == "status"
        and m["parent_header"].get("msg_type") == "comm_info_request"
        and m["content"]["execution_state"] == "idle"
    ]
    assert len(answers) == (23 if idle else 2)  # the comm's opening and the text's end get one
    client.get_shell_msg(timeout=60)
