"""A model's process: what it says, how it is stopped, and what is left of it."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from eager_kernel.errors import RecordingError, SourceError, UnknownModelError
from eager_kernel.sources.process import Generation, ModelProcess
from eager_kernel.sources.source import Event, Finish, Message, Options, Progress, Request, Usage
from tests.processes import gone, model_processes
from tests.sources.conftest import KEY, Models

TIMEOUT = 60


def ask(text: str) -> Request:
    return Request((Message("user", text),))


class Ear:
    """Hears a generation."""

    def __init__(self, model: ModelProcess, text: str = "word") -> None:
        self.heard: list[Event | SourceError] = []
        self._queue: queue.SimpleQueue[Event | SourceError] = queue.SimpleQueue()
        self.generation: Generation = model.generate(ask(text), self._hear)

    def _hear(self, event: Event | SourceError) -> None:
        self.heard.append(event)
        self._queue.put(event)

    def next_text(self) -> str:
        while True:
            event = self._queue.get(timeout=TIMEOUT)
            assert not isinstance(event, Exception), event
            if isinstance(event, str):
                return event

    def all(self) -> list[Event | SourceError]:
        assert self.generation.done.wait(TIMEOUT)
        return self.heard

    def error(self) -> str:
        last = self.all()[-1]
        assert isinstance(last, SourceError)
        assert KEY not in repr(last)
        return str(last)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_events_come_in_order(models: Models) -> None:
    heard = Ear(models("faulty/words"), "a b c").all()
    assert heard == [Progress("working", 0.5), "a", "b", "c", Finish("length", Usage(2, 1))]


def test_an_end_is_made_where_the_source_gives_none(models: Models) -> None:
    assert Ear(models("faulty/no_end")).all()[1:] == ["word", Finish("stop")]


def test_the_process_is_kept(models: Models) -> None:
    model = models("faulty/pid")
    assert not model.alive
    model.start()
    assert model.alive
    pids = {Ear(model).all()[1] for _ in range(30)}
    assert len(pids) == 1
    assert pids != {str(os.getpid())}


def test_a_source_is_prepared(models: Models) -> None:
    assert Ear(models("faulty/is_prepared")).all()[1:] == ["prepared", Finish("stop")]


def test_answers_at_the_same_time(models: Models) -> None:
    model = models("faulty/words")
    ears = [Ear(model, f"a{i} b{i}") for i in range(20)]
    for i, ear in enumerate(ears):
        assert ear.all()[1:3] == [f"a{i}", f"b{i}"]


def test_long_deltas_and_odd_characters(models: Models) -> None:
    _, text, odd, _ = Ear(models("faulty/huge"), "x").all()
    assert isinstance(text, str)
    assert len(text) == 4_000_000
    assert odd == "\ud800\u2028\r\n\0"


def test_long_requests(models: Models) -> None:
    text = "é" * 2_000_000
    assert Ear(models("faulty/no_end"), text).all()[1] == text


def test_what_a_source_prints_is_not_the_protocol(models: Models) -> None:
    assert Ear(models("faulty/prints")).all()[1:] == ["''", Finish("stop")]


# Cancelling -----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["forever", "flood", "stall"])
def test_cancel(models: Models, source: str) -> None:
    model = models(f"faulty/{source}")
    ear = Ear(model)
    ear.next_text()
    ear.generation.cancel()
    heard = len(ear.heard)
    assert ear.generation.done.wait(TIMEOUT)
    # One call may have been on its way.
    assert len(ear.heard) <= heard + 1
    assert not any(isinstance(event, Finish | Exception) for event in ear.heard)
    assert model.alive
    ear.generation.cancel()  # again: nothing happens


def test_cancel_at_once(models: Models) -> None:
    model = models("faulty/words")
    for _ in range(20):
        ear = Ear(model)
        ear.generation.cancel()
        assert ear.generation.done.wait(TIMEOUT)
    assert Ear(model).all()[-1] == Finish("length", Usage(2, 1))


def test_cancel_from_the_hearing_thread(models: Models) -> None:
    heard: list[Event | SourceError] = []

    def hear(event: Event | SourceError) -> None:
        heard.append(event)
        if isinstance(event, str):
            generation.cancel()

    model = models("faulty/forever")
    begun = threading.Event()
    generation = model.generate(ask("x"), lambda event: (begun.wait(TIMEOUT), hear(event))[1])
    begun.set()
    assert generation.done.wait(TIMEOUT)
    assert heard == [Progress("working", 0.5), "x"]


@pytest.mark.parametrize("source", ["sleep", "hold", "stubborn"])
def test_a_source_that_does_not_stop_is_killed(models: Models, source: str) -> None:
    model = models(f"faulty/{source}", cancel_timeout=3)
    ear = Ear(model)
    ear.next_text()
    ear.generation.cancel()
    assert not ear.generation.done.is_set()  # it does not wait
    assert ear.generation.done.wait(TIMEOUT)
    assert not model.alive
    assert Ear(model).next_text() == "word"  # another process


def test_what_hears_and_fails_is_not_asked_again(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: told.append(args.exc_value))
    model = models("faulty/forever")

    def fail(event: object) -> None:
        raise ZeroDivisionError

    generation = model.generate(ask("x"), fail)
    assert generation.done.wait(TIMEOUT)
    assert [type(error) for error in told] == [ZeroDivisionError]
    assert model.alive


# What goes wrong ------------------------------------------------------------------------------


def test_a_crash(models: Models) -> None:
    model = models("faulty/segfault")
    ear = Ear(model)
    told = ear.error()
    assert ear.heard[1] == "word"
    assert "ended by SIGSEGV" in told
    assert "It wrote last:\nlast words [key]" in told
    assert Ear(model).next_text() == "word"


def test_an_exit_with_a_thread_left(models: Models) -> None:
    assert "ended with exit code 1" in Ear(models("faulty/exit")).error()


def test_a_kill(models: Models) -> None:
    ear = Ear(models("faulty/stall"))
    ear.next_text()
    (child,) = model_processes()
    child.kill()
    assert "ended by SIGKILL" in ear.error()


def test_a_child_that_holds_the_pipes_ends_too(models: Models) -> None:
    ear = Ear(models("faulty/leave_a_child"))
    pid = int(ear.next_text())
    assert "ended with exit code 4" in ear.error()
    until(lambda: gone(pid))


def test_an_error_is_told_without_traceback_and_key(models: Models) -> None:
    model = models("faulty/raises")
    told = Ear(model).error()
    assert told == "faulty/raises failed: ValueError: with [key] in it"
    assert model.alive


def test_a_key_that_only_the_process_knows(models: Models) -> None:
    models.env["PLAIN"] = KEY[::-1]  # its name does not say what it is
    told = Ear(models("faulty/asks_for_key"), "PLAIN").error()
    assert "the key is [key]" in told


@pytest.mark.parametrize(
    ("model_id", "kind", "says"),
    [
        ("nonsense", UnknownModelError, "PROVIDER/NAME"),
        ("nobody/x", UnknownModelError, "no provider 'nobody'"),
        ("broken/x", UnknownModelError, "can't be loaded from 'faulty_no_such_module:make_source'"),
        ("hollow/x", UnknownModelError, "can't be called"),
        ("recorded/no such", RecordingError, "no recording 'no such'"),
    ],
)
def test_errors_keep_their_kind(
    models: Models, model_id: str, kind: type[SourceError], says: str
) -> None:
    ear = Ear(models(model_id))
    assert says in ear.error()
    assert type(ear.heard[-1]) is kind


def test_silence(models: Models) -> None:
    ear = Ear(models("faulty/stall", stall_timeout=0.3))
    assert "no text for 0.3 s" in ear.error()


def test_silence_of_a_source_that_blocks(models: Models) -> None:
    ear = Ear(models("faulty/hold", stall_timeout=0.3, cancel_timeout=0.3))
    assert "no text for 0.3 s" in ear.error()


def test_options_that_cannot_cross() -> None:
    with pytest.raises(SourceError, match="must be numbers, strings"):
        ModelProcess("recorded/demo", Options(extra={"x": object()}))


# What is left ---------------------------------------------------------------------------------


LEAVES = """
import gc, sys, threading
import psutil
from eager_kernel.sources.process import ModelProcess
from eager_kernel.sources.source import *

model = ModelProcess(sys.argv[1], Options())

def ask_and_close():
    begun = threading.Event()
    hear = lambda event: begun.set() if isinstance(event, str) else None
    generation = model.generate(Request((Message("user", "word"),)), hear)
    assert begun.wait(60)
    model.close()
    assert generation.done.wait(60)
    assert model.join(60)
    assert not model.alive

def held():
    gc.collect()
    this = psutil.Process()
    return this.num_fds(), threading.active_count(), len(this.children(recursive=True))

ask_and_close()  # whatever is made once, is made
before = held()
for _ in range(6):
    ask_and_close()
print(before, held(), sep="\\n")
"""


@pytest.mark.parametrize("source", ["words", "stall", "hold"])
def test_close_leaves_nothing(models: Models, source: str) -> None:
    # In a process of its own: what other tests have left comes and goes in this one.
    command = [sys.executable, "-c", LEAVES, f"faulty/{source}"]
    said = subprocess.run(command, env=models.env, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    before, after = said.stdout.splitlines()
    assert after == before


def test_a_model_that_is_closed_says_so(models: Models) -> None:
    model = models("faulty/stall")
    ear = Ear(model)
    ear.next_text()
    model.close()
    assert "was ended: it was closed" in ear.error()


def test_a_model_that_nobody_needs_ends(packages: Path) -> None:
    model = ModelProcess("recorded/demo", Options(extra={"speed": 0}))
    assert Ear(model).all()
    assert model_processes()
    del model
    until(lambda: not model_processes())


def test_threads_have_names(models: Models) -> None:
    before = set(threading.enumerate())
    models("faulty/words").generate(ask("x"), lambda event: None)
    begun = {thread.name for thread in set(threading.enumerate()) - before}
    assert len(begun) == 4
    assert all(name.startswith("eager-model") for name in begun)


def test_the_callers_ctrl_c_is_not_for_the_model(models: Models) -> None:
    ear = Ear(models("faulty/stall"))
    ear.next_text()
    (worker,) = model_processes()
    assert os.getpgid(worker.pid) != os.getpgid(0)
    assert os.getsid(worker.pid) != os.getsid(0)
    worker.send_signal(signal.SIGINT)
    ear.generation.cancel()
    assert ear.generation.done.wait(TIMEOUT)
    assert worker.is_running()


PARENT = """
import os, sys
from eager_kernel.sources.process import ModelProcess
from eager_kernel.sources.source import *
model = ModelProcess(sys.argv[1], Options())
begun = __import__("threading").Event()
def hear(event):
    if isinstance(event, str):
        begun.set()
model.generate(Request((Message("user", "x"),)), hear)
assert begun.wait(60)
{then}
"""


def run_parent(models: Models, source: str, then: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PARENT.replace("{then}", then), source],
        env=models.env,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("source", ["forever", "sleep", "hold"])
def test_the_process_ends_with_a_kernel_that_is_killed(models: Models, source: str) -> None:
    if source == "hold" and sys.platform != "linux":
        pytest.skip("seen there only when the C code returns")
    then = "import psutil; print(psutil.Process().children()[0].pid, flush=True)\n"
    with run_parent(models, f"faulty/{source}", then + "import time; time.sleep(60)") as parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    worker.wait(TIMEOUT)


def test_the_process_ends_with_a_kernel_that_ends(models: Models) -> None:
    then = "import psutil; print(psutil.Process().children()[0].pid, flush=True)"
    with run_parent(models, "faulty/forever", then) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert parent.wait(TIMEOUT) == 0
    until(lambda: gone(pid))


FORK = """
heard = []
pid = os.fork()
if pid == 0:
    assert not model.alive
    generation = model.generate(Request((Message("user", "y"),)), heard.append)
    while "y" not in heard:  # from a process of its own
        pass
    model.close()
    assert model.join(60)
    print("child", flush=True)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert model.alive
generation = model.generate(Request((Message("user", "z"),)), heard.append)
while "z" not in heard:
    pass
generation.cancel()
assert generation.done.wait(60)
print("parent", flush=True)
"""


def test_fork(models: Models) -> None:
    with run_parent(models, "faulty/forever", FORK) as parent:
        out, _ = parent.communicate(timeout=TIMEOUT)
    assert out == "child\nparent\n"
    assert parent.returncode == 0


def test_a_forked_child_does_not_keep_the_process(models: Models) -> None:
    then = """
import psutil
worker = psutil.Process().children()[0].pid
if os.fork() == 0:
    import time
    time.sleep(60)
    os._exit(0)
child = [c.pid for c in psutil.Process().children() if c.pid != worker][0]
print(worker, child, flush=True)
os.kill(os.getpid(), 9)
"""
    with run_parent(
        models, "faulty/hold" if sys.platform == "linux" else "faulty/stall", then
    ) as p:
        assert p.stdout is not None
        worker, child = map(int, p.stdout.readline().split())
        p.stdout.close()
    try:
        until(lambda: gone(worker))
    finally:
        os.kill(child, signal.SIGKILL)
