"""A model in a process of its own, as the kernel sees it.

The kernel imports no model's library: code that holds the interpreter, or crashes, or hangs,
does so elsewhere, and can be ended from here. No source can wait for a lock that a program of
the kernel's holds while it waits at an effect.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
import weakref
from collections.abc import Mapping

from eager_kernel.sources.generation import Generation, Hear
from eager_kernel.sources.life import Life, forget_all
from eager_kernel.sources.needs import Needs, surroundings
from eager_kernel.sources.registry import needs_of
from eager_kernel.sources.source import Options, Request
from eager_kernel.sources.wire import options_to_dict, request_to_dict, to_line

__all__ = ["Generation", "Hear", "ModelProcess"]


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
        The variables of which the process gets what its source needs; None: this process'.
    needs
        What its source needs; None: as it declares. Where it does not, it gets all of them.

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
        needs: Needs | None = None,
    ) -> None:
        self.model_id = model_id
        self.options = options
        self._opening = to_line(
            {"type": "open", "model": model_id, "options": options_to_dict(options)}
        )
        self._cancel_timeout = cancel_timeout
        self._env = env
        # Now, while nothing runs: to find it out, the source's module is imported.
        self._needs = needs or needs_of(model_id, options)
        self._numbers = itertools.count()
        # Re-entrant, for a signal handler that comes while this thread has it. Held for the
        # look at the process alone, never while something is written or heard.
        self._lock = threading.RLock()
        self._life: Life | None = None
        self._ending: list[Life] = []
        self._farewell: weakref.finalize[[str], ModelProcess] | None = None
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
        generation = Generation(self, next(self._numbers), hear, self.options)
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
                self._ending.append(life)

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
        self._ending = [life for life in self._ending if not life.join(until)]
        return not self._ending

    def _living(self) -> Life:
        if self._life is None or self._life.doomed:
            variables = os.environ if self._env is None else self._env
            self._life = Life(
                self.model_id,
                self._opening,
                self._cancel_timeout,
                surroundings(self._needs, variables),
                self._lock,
            )
            if self._farewell is not None:
                self._farewell.detach()
            self._farewell = weakref.finalize(self, self._life.end, "it is not needed any more")
        return self._life

    def _forget(self) -> None:
        """In a forked child: the process is the parent's."""
        self._lock = threading.RLock()
        self._life = None
        self._ending = []


def _forget_all() -> None:
    forget_all()
    for process in list(_all):
        process._forget()


_all: weakref.WeakSet[ModelProcess] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
