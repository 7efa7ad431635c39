"""The process of a model, and the threads that tend it in the kernel."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Any, Final

from eager_kernel.errors import SourceError
from eager_kernel.sources.generation import Generation
from eager_kernel.sources.needs import Surroundings
from eager_kernel.sources.redact import Fingerprint, redact, secrets_in
from eager_kernel.sources.source import Finish
from eager_kernel.sources.wire import event_from_dict, to_line


class Life:
    """One process, from its beginning to its end, and the four threads that tend it.

    Parameters
    ----------
    model_id
        Whose process it is.
    opening
        The first line that it is told.
    cancel_timeout
        Seconds within which it must confirm that a generation has been cancelled.
    around
        Its environment, and the keys that it is told of.
    lock
        Held by who gives it a generation, so that none is given to a process that has ended.

    Attributes
    ----------
    doomed : bool
        Whether it has ended, or is to end: it takes no more requests.
    """

    def __init__(
        self,
        model_id: str,
        opening: bytes,
        cancel_timeout: float,
        around: Surroundings,
        lock: threading.RLock,
    ) -> None:
        self.doomed = False
        self._model_id = model_id
        self._cancel_timeout = cancel_timeout
        self._around = around
        self._lock = lock
        self._generations: dict[int, Generation] = {}
        self._fingerprints: list[Fingerprint] = []
        self._why = ""
        self._is_over = False
        self._tail = b""
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._outbox.put(to_line({"type": "keys", "variables": around.keys}))
        self._outbox.put(opening)
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | IO[bytes] | None = None
        self._begun = threading.Event()
        self._read_all = threading.Event()
        self._threads = [
            ModelThread(self._watch, "eager-model"),
            ModelThread(self._read, "eager-model-events"),
            ModelThread(self._write, "eager-model-requests"),
            ModelThread(self._read_errors, "eager-model-stderr"),
        ]
        _lives.add(self)
        for thread in self._threads:
            thread.start()

    # Any thread -----------------------------------------------------------------------------

    def take(self, generation: Generation, line: bytes) -> None:
        """Generate what `line` asks for."""
        generation.belongs_to(self)
        self._generations[generation.number] = generation
        self._outbox.put(line)
        self._wakes.put(None)

    def cancel(self, generation: Generation) -> None:
        """Tell the process that a generation is not wanted any more."""
        self._outbox.put(to_line({"type": "cancel", "id": generation.number}))
        self._wakes.put(None)

    def end(self, why: str) -> None:
        """Have the process killed."""
        self._why = self._why or why
        self.doomed = True
        self._wakes.put(None)

    def join(self, until: float) -> bool:
        """Wait for its threads to end, until a time of the monotonic clock. Whether they have."""
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def forget(self) -> None:
        """In a forked child: give its copies of the pipes up, so that their ends are seen."""
        if self._process is None:
            return
        # Not by closing them: their objects would close the same numbers again, later.
        null = os.open(os.devnull, os.O_RDWR)
        for pipe in (self._requests, self._process.stdout, self._process.stderr):
            if pipe is not None and pipe.fileno() >= 0:
                os.dup2(null, pipe.fileno(), inheritable=False)
        os.close(null)

    # Threads --------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Begin the process, see that it answers in time, and clear up after it."""
        # On a thread that lives as long as the process does: Linux ends the one with the other.
        try:
            self._process, self._requests = self._begin()
        except OSError as error:
            self._why = f"it could not be started: {error}"
        self._begun.set()
        if self._process is not None:
            self._watch_process(self._process)
        self._finish()

    def _begin(self) -> tuple[subprocess.Popen[bytes], socket.socket | IO[bytes]]:
        # A pipe's other end can be opened by any process of the same user, in /proc, until the
        # process has hidden itself; a socket's can't. Keys go this way.
        ours, theirs = socket.socketpair() if hasattr(socket, "AF_UNIX") else (None, None)
        try:
            process = subprocess.Popen(  # noqa: S603 - this Python, and our own module
                # Files that lie beside the notebook must not take the place of modules.
                [sys.executable, "-P", "-m", _WORKER],
                bufsize=0,  # a buffer's lock may be held when the kernel forks
                stdin=subprocess.PIPE if theirs is None else theirs.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._around.environment,
                start_new_session=True,
            )
        except BaseException:
            if ours is not None:
                ours.close()
            raise
        finally:
            if theirs is not None:
                theirs.close()
        requests = ours or process.stdin
        assert requests is not None
        return process, requests

    def _watch_process(self, process: subprocess.Popen[bytes]) -> None:
        while not self.doomed and not self._read_all.is_set():
            now = time.monotonic()
            due = [g.overdue(self._cancel_timeout) for g in list(self._generations.values())]
            at, why = min(due, default=(now + _FOR_LONG, ""))
            if due and at <= now:
                self.end(why)
                break
            with contextlib.suppress(queue.Empty):
                self._wakes.get(timeout=min(at - now, _LOOK_UP if due else _FOR_LONG))
            if due and _has_died(process):
                break  # it is dead, though a child of its own may hold its pipes
        self.doomed = True
        _kill(process)
        process.wait()

    def _finish(self) -> None:
        """Clear up, and tell what still waits for an answer how the process ended."""
        process = self._process
        self._outbox.put(None)
        if process is not None:
            for thread in self._threads[1:]:
                thread.join(_LAST_WORDS)
            while any(generation.listening for generation in list(self._generations.values())):
                self._threads[1].join(_LAST_WORDS)  # what came before the end is heard before it
        with self._lock:
            self.doomed = self._is_over = True
            waiting = list(self._generations.values())
            self._generations.clear()
        error = SourceError(self._how_it_ended())
        for generation in waiting:
            generation.take(error)
            generation.finish()
        _lives.discard(self)

    def _read(self) -> None:
        """Pass events on."""
        self._begun.wait()
        if self._process is None or self._process.stdout is None:
            return
        pieces: list[bytes] = []
        with self._process.stdout as pipe:
            while data := os.read(pipe.fileno(), _READ):
                *lines, rest = data.split(b"\n")
                for line in lines:
                    self._hear(json.loads(b"".join([*pieces, line])))
                    pieces.clear()
                pieces.append(rest)
        self._read_all.set()
        self._wakes.put(None)

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "secret":
            self._fingerprints.append(
                Fingerprint(message["length"], message["salt"], message["digest"])
            )
            return
        generation = self._generations.get(message["id"])
        if generation is None or self._is_over:
            return
        if message["type"] != "closed":
            event = event_from_dict(message)
            generation.take(event)
            if not isinstance(event, Finish | SourceError) or generation.cancelled_at is not None:
                return
        self._generations.pop(message["id"], None)
        generation.finish()

    def _write(self) -> None:
        """Write requests: a pipe may be full for as long as the process is busy."""
        self._begun.wait()
        if self._requests is None:
            return
        pipe = self._requests
        # How it ended is told by the others.
        with pipe, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while (line := self._outbox.get()) is not None:
                view = memoryview(line)
                while view:
                    view = view[os.write(pipe.fileno(), view) :]

    def _read_errors(self) -> None:
        """Keep the last of what the process writes to stderr."""
        self._begun.wait()
        if self._process is None or self._process.stderr is None:
            return
        with self._process.stderr as pipe:
            while data := os.read(pipe.fileno(), _READ):
                self._tail = (self._tail + data)[-_TAIL:]

    def _how_it_ended(self) -> str:
        if self._why:
            return f"the process of the model {self._model_id} was ended: {self._why}"
        assert self._process is not None
        code = self._process.returncode
        how = f"with exit code {code}" if code >= 0 else f"by {_signal(-code)}"
        secrets = secrets_in(self._around.environment) | set(self._around.keys.values())
        text = redact(self._tail.decode("utf-8", "replace"), secrets)
        for fingerprint in self._fingerprints:
            text = fingerprint.redact(text)
        # A key whose beginning was cut off is not recognised; it is in what is cut off here.
        if len(text) > _SHOWN:
            text = "…" + text[-_SHOWN:]
        said = f" It wrote last:\n{text.strip()}" if text.strip() else ""
        return (
            f"the process of the model {self._model_id} ended {how}; the next request begins a "
            f"new one.{said}"
        )


class ModelThread(threading.Thread):
    """A thread of the kernel's, not of a program's, whenever it was begun."""

    def __init__(self, target: Callable[[], None], name: str) -> None:
        super().__init__(target=target, name=name, daemon=True)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and those it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _has_died(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has; its number stays its own, for `_kill`, where the system can do that."""
    if not hasattr(os, "waitid"):
        return process.poll() is not None
    try:
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, process.pid, options) is not None
    except ChildProcessError:
        return True  # the program has waited for any child, and got this one


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def forget_all() -> None:
    """In a forked child: all processes are the parent's."""
    for life in list(_lives):
        life.forget()
    _lives.clear()


_WORKER: Final = "eager_kernel.sources.worker"
_READ: Final = 65536
_TAIL: Final = 16384
_SHOWN: Final = 2000
_LOOK_UP: Final = 1.0
_FOR_LONG: Final = 3600.0
_LAST_WORDS: Final = 2.0
_lives: set[Life] = set()
