"""A model in a process of its own, as the kernel sees it.

The kernel imports no model's library: code that holds the interpreter, or crashes, or hangs,
does so elsewhere, and can be ended from here. No source can wait for a lock that a program of
the kernel's holds while it waits at an effect.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Final

from eager_kernel.errors import SourceError
from eager_kernel.sources.answer import silence
from eager_kernel.sources.redact import Fingerprint, redact, secrets_in
from eager_kernel.sources.source import Event, Finish, Options, Progress, Request
from eager_kernel.sources.wire import (
    event_from_dict,
    options_to_dict,
    request_to_dict,
    to_line,
)

Hear = Callable[[Event | SourceError], None]
"""Takes what a generation gives."""


class ModelProcess:
    """A model that is kept ready in a process of its own.

    Parameters
    ----------
    model_id
        ``provider/name``; what is wrong with it is heard from `generate`.
    options
        How to reach the model.
    cancel_timeout
        Seconds within which the process must confirm that a generation has been cancelled. If
        it does not, it is killed, and the model loaded again for the next request.
    env
        Environment of the process; None: this one's.

    Raises
    ------
    SourceError
        The options can't cross to another process.

    Notes
    -----
    Every method may be called from any thread and returns at once: what writes, waits or kills
    are threads that begin with the process. A forked child of the kernel has no process and
    begins its own.
    """

    def __init__(
        self,
        model_id: str,
        options: Options,
        *,
        cancel_timeout: float = 5.0,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.model_id = model_id
        self.options = options
        self._opening = to_line(
            {"type": "open", "model": model_id, "options": options_to_dict(options)}
        )
        self._cancel_timeout = cancel_timeout
        self._env = env
        self._numbers = itertools.count()
        # Re-entrant, for a signal handler that comes while this thread has it. Held for the
        # look at the process alone, never while something is written or heard.
        self._lock = threading.RLock()
        self._life: _Life | None = None
        _all.add(self)

    @property
    def alive(self) -> bool:
        """Whether there is a process now, loading or ready."""
        life = self._life
        return life is not None and not life.doomed

    def start(self) -> None:
        """Begin the process, if there is none."""
        with self._lock:
            self._living()

    def generate(self, request: Request, hear: Hear) -> Generation:
        """Ask the model.

        Parameters
        ----------
        request
            What is asked.
        hear
            Called on a thread of this process with each event, in order. The last is a
            `Finish`, also where the source gives none, or a `SourceError`. While it works no
            further event is read. It must not wait for the thread that runs the program.

        Returns
        -------
        Generation
            To cancel it. After that nothing is heard, but for a call that is on its way.
        """
        generation = Generation(self, next(self._numbers), hear)
        message = {
            "type": "generate",
            "id": generation.number,
            "request": request_to_dict(request),
        }
        line = to_line(message)
        with self._lock:
            self._living().take(generation, line)
        return generation

    def close(self) -> None:
        """End the process and free its memory; what generates hears a `SourceError`.

        The next request begins a new one.
        """
        with self._lock:
            life, self._life = self._life, None
        if life is not None:
            life.end("it was closed")

    def join(self, timeout: float) -> bool:
        """Wait until a process that has been closed is gone, and its threads with it.

        Parameters
        ----------
        timeout
            Seconds.

        Returns
        -------
        bool
            Whether none is left.
        """
        until = time.monotonic() + timeout
        return all(life.join(until) for life in list(self._ending))

    @property
    def _ending(self) -> list[_Life]:
        return [life for life in _lives if life.owner() is self and life.doomed]

    def _living(self) -> _Life:
        if self._life is None or self._life.doomed:
            self._life = _Life(self, self._opening, self._cancel_timeout, self._env)
        return self._life

    def _forget(self) -> None:
        """In a forked child: the process is the parent's."""
        self._lock = threading.RLock()
        self._life = None


class Generation:
    """One answer on its way. Made by `ModelProcess.generate`.

    Attributes
    ----------
    done : threading.Event
        Set when the answer has ended, or the model has confirmed that it was cancelled.
    """

    def __init__(self, process: ModelProcess, number: int, hear: Hear) -> None:
        self.number = number
        self.done = threading.Event()
        self.cancelled_at: float | None = None
        self._process: ModelProcess | None = process  # which ends when nobody needs it
        self._hear = hear
        self._options = process.options
        self._first_by = time.monotonic() + process.options.first_timeout
        self._heard_at: float | None = None
        self._listening = False
        self._life: _Life | None = None

    def cancel(self) -> None:
        """Stop it, from any thread or signal handler. Nothing is heard after that."""
        if self.cancelled_at is None:
            self.cancelled_at = time.monotonic()
            if self._life is not None:
                self._life.cancel(self)

    # The threads of its process -------------------------------------------------------------

    def belongs_to(self, life: _Life) -> None:
        """Note who generates it."""
        self._life = life

    def finish(self) -> None:
        """Nothing comes after this. Lets go of what it holds."""
        self._hear = _ignore
        self._process = None
        self.done.set()

    @property
    def listening(self) -> bool:
        """Whether an event is being heard now."""
        return self._listening

    def take(self, event: Event | SourceError) -> None:
        """Pass an event on. Returns when it has been heard."""
        if self.cancelled_at is None:
            self._listening = True
            try:
                self._hear(event)
            except Exception:  # noqa: BLE001 - told as any thread's; other answers go on
                self.cancel()
                hook = threading.excepthook
                hook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))
            finally:
                self._listening = False
        if isinstance(event, str) or (isinstance(event, Progress) and self._heard_at is not None):
            self._heard_at = time.monotonic()

    def overdue(self, cancel_timeout: float) -> tuple[float, str]:
        """Tell when the process must be given up for this generation's sake, and why."""
        if self.cancelled_at is not None:
            return (
                self.cancelled_at + cancel_timeout,
                f"it did not stop within {cancel_timeout:g} s of being cancelled",
            )
        # The process watches over the times itself; this is for one that hangs altogether.
        begun = self._heard_at is not None
        if self._heard_at is not None:
            at = self._heard_at + self._options.stall_timeout
        else:
            at = self._first_by
        if self._listening:
            at = max(at, time.monotonic())
        return at + cancel_timeout, silence(self._options, begun=begun)


class _Life:
    """One process, from its beginning to its end, and the four threads that tend it."""

    def __init__(
        self,
        owner: ModelProcess,
        opening: bytes,
        cancel_timeout: float,
        env: Mapping[str, str] | None,
    ) -> None:
        self.owner = weakref.ref(owner)
        self.doomed = False
        self._model_id = owner.model_id
        self._cancel_timeout = cancel_timeout
        self._env = dict(os.environ if env is None else env)
        self._generations: dict[int, Generation] = {}
        self._fingerprints: list[Fingerprint] = []
        self._why = ""
        self._is_over = False
        self._tail = b""
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._outbox.put(opening)
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = threading.Event()
        self._read_all = threading.Event()
        self._threads = [
            ModelThread(self._watch, "eager-model"),
            ModelThread(self._read, "eager-model-events"),
            ModelThread(self._write, "eager-model-requests"),
            ModelThread(self._read_errors, "eager-model-stderr"),
        ]
        _lives.add(self)
        self._farewell = weakref.finalize(owner, self.end, "it is not needed any more")
        for thread in self._threads:
            thread.start()

    # Any thread -----------------------------------------------------------------------------

    def take(self, generation: Generation, line: bytes) -> None:
        generation.belongs_to(self)
        self._generations[generation.number] = generation
        self._outbox.put(line)
        self._wakes.put(None)

    def cancel(self, generation: Generation) -> None:
        self._outbox.put(to_line({"type": "cancel", "id": generation.number}))
        self._wakes.put(None)

    def end(self, why: str) -> None:
        self._why = self._why or why
        self.doomed = True
        self._wakes.put(None)

    def join(self, until: float) -> bool:
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def forget(self) -> None:
        """In a forked child: give its copies of the pipes up, so that their ends are seen."""
        if self._process is None:
            return
        # Not by closing them: their objects would close the same numbers again, later.
        null = os.open(os.devnull, os.O_RDWR)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None and not pipe.closed:
                os.dup2(null, pipe.fileno(), inheritable=False)
        os.close(null)

    # Threads --------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Begin the process, see that it answers in time, and clear up after it."""
        # On a thread that lives as long as the process does: Linux ends the one with the other.
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this Python, and our own module
                # Files that lie beside the notebook must not take the place of modules.
                [sys.executable, "-P", "-m", _WORKER],
                bufsize=0,  # a buffer's lock may be held when the kernel forks
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._env,
                start_new_session=True,
            )
        except OSError as error:
            self._why = f"it could not be started: {error}"
        self._begun.set()
        if self._process is not None:
            self._watch_process(self._process)
        self._finish()

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
            if due and process.poll() is not None:
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
        owner = self.owner()
        with owner._lock if owner is not None else contextlib.nullcontext():
            self.doomed = self._is_over = True
            waiting = list(self._generations.values())
            self._generations.clear()
        self._farewell.detach()
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
        if self._process is None or self._process.stdin is None:
            return
        pipe = self._process.stdin
        with pipe, contextlib.suppress(BrokenPipeError):  # how it ended is told by the others
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
        text = redact(self._tail.decode("utf-8", "replace"), secrets_in(self._env))
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


def _ignore(event: Event | SourceError) -> None:
    """Hear nothing."""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and those it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _forget_all() -> None:
    for life in list(_lives):
        life.forget()
    _lives.clear()
    for process in list(_all):
        process._forget()


_WORKER: Final = "eager_kernel.sources.worker"
_READ: Final = 65536
_TAIL: Final = 16384
_SHOWN: Final = 2000
_LOOK_UP: Final = 1.0
_FOR_LONG: Final = 3600.0
_LAST_WORDS: Final = 2.0
_all: weakref.WeakSet[ModelProcess] = weakref.WeakSet()
_lives: set[_Life] = set()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
