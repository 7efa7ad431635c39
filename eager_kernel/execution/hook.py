"""The process's audit hook, which finds out whose an effect is.

Python calls it for every event of the whole process. So it is cheap where nothing can have to wait,
and it takes no lock: an effect may come in the middle of anything, as in a finaliser.
"""

from __future__ import annotations

import sys
import threading
from _thread import get_ident
from collections.abc import Mapping
from contextvars import ContextVar
from queue import Empty
from threading import enumerate as enumerate_threads
from types import CodeType, FrameType
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from eager_kernel.core.effects.table import DATABASE, Arguments, Describe, named
from eager_kernel.execution.callers import (
    Worker,
    frames,
    outermost,
    runs,
    runs_uncalled,
    worker_of,
)


class Ownership(Protocol):
    """Whose an effect is: `eager_kernel.execution.owner.Owner`."""

    filename: str
    """What the program's code calls its file."""
    namespace: dict[str, Any]
    """The globals of the user's code."""

    def owns_main(self, *, marked: bool, fresh: bool) -> bool | None:
        """Whether what the main thread does may wait; None: it isn't the run's."""

    def owns_thread(self, *, marked: bool) -> bool | None:
        """The same, of this thread, which is not the main one."""

    def is_left(self, ident: int, thread: threading.Thread | None) -> bool:
        """Whether a thread is the run's. It may be none that Python started."""

    def is_of_kernel(self, thread: threading.Thread | None) -> bool:
        """Whether a thread is the kernel's."""


class Holder(Protocol):
    """What an effect may have to wait for: `eager_kernel.execution.barrier.Barrier`."""

    @property
    def owner(self) -> Ownership:
        """Whose effects are."""

    @property
    def released(self) -> bool:
        """Whether its effects happen when they happen."""

    def attempt(self, event: str, arguments: Arguments, effect: str, *, may_wait: bool) -> None:
        """Return when the effect may happen."""

    def note_database(self, connection: Any) -> None:
        """Remember a connection to a database that is being made."""


def arm(holder: Holder, table: Mapping[str, Describe]) -> None:
    """Have the effects of a run told to it.

    Parameters
    ----------
    holder
        The run.
    table
        Event name → what says whether it is an effect.
    """
    global _armed, _watched, _alert  # noqa: PLW0603 - a process has one audit hook
    _install()
    _watched = table
    _armed = holder
    _alert = True


def know(operations: Mapping[str, Any]) -> None:
    """Have what a journal itself does to files be no effect.

    Parameters
    ----------
    operations
        The globals of the module that does it.
    """
    global _journals  # noqa: PLW0603 - as above
    _journals = operations


def disarm(holder: Holder) -> None:
    """The run is over. What is left of it has no effects, if its program never became known.

    Parameters
    ----------
    holder
        The run.
    """
    global _armed, _alert  # noqa: PLW0603 - as above
    _armed = None
    if not holder.released:
        is_left = holder.owner.is_left
        _refused[holder.owner.filename] = holder
        threads = active_threads()
        for ident, frame in sys._current_frames().items():
            thread = threads.get(ident)
            if not is_left(ident, thread):
                continue
            if thread is not None:
                _leave(thread, frame, holder)
            else:
                _raw_strays[ident] = (outermost(frame).f_code, holder)
        for thread in enumerate_threads():  # those that have not begun, too
            if is_left(thread.ident or 0, thread) and thread not in _workers:
                _strays[thread] = holder
    _alert = bool(_refused)


def _leave(thread: threading.Thread, frame: FrameType, holder: Holder) -> None:
    """Have a thread that is left behind have no effects.

    One of a library's that serves whoever asks is to serve the user's next cells. What the
    program has asked of it is not done.
    """
    worker = worker_of(frame)
    if worker is None:
        _strays[thread] = holder
        return
    _workers[thread] = (worker, holder)
    while worker.queue is not None:
        try:
            item = worker.queue.get_nowait()
        except Empty:
            break
        if item is None:  # the pool is to end
            worker.queue.put(None)
            break
        item.future.cancel()
        item.future.set_running_or_notify_cancel()


def _hook(event: str, arguments: Arguments) -> None:
    if not _alert:
        return
    describe = _watched.get(event)
    if describe is None:
        return
    try:
        effect = describe(event, arguments)
    except Exception:  # noqa: BLE001 - a program may raise an event with any arguments
        effect = named(event, arguments)
    if effect is None and event != DATABASE:
        return
    caller = sys._getframe().f_back  # None: code in C that nothing in Python has called
    if caller is not None and caller.f_globals is _journals:
        return  # what the journal does itself
    holder, may_wait = _find_holder()
    if holder is None:
        return
    if effect is None:
        holder.note_database(arguments[0])
    else:
        holder.attempt(event, arguments, effect, may_wait=may_wait)


def _find_holder() -> tuple[Holder | None, bool]:
    """The run whose effect this is, and whether it may wait here; None: it is nobody's."""
    armed, run = _armed, RUN.get(None)
    if run is not None and run is not armed:
        return run, True  # of a task that outlived its run
    if get_ident() == MAIN:
        if armed is not None:
            may_wait = armed.owner.owns_main(marked=run is not None, fresh=HOME.get(None) is None)
            if may_wait is not None:
                return armed, may_wait
        return (_left_on_main() if _refused else None), False
    if armed is not None:
        may_wait = armed.owner.owns_thread(marked=run is not None)
        if may_wait is not None:
            return armed, may_wait
    return (_left_on_thread() if _refused else None), False


def _left_on_main() -> Holder | None:
    """The run that has left something behind which the kernel calls now by itself."""
    last = next(reversed(_refused.values()))
    return (
        last
        if runs_uncalled(_refused, last.owner.namespace, 3, fresh=HOME.get(None) is None)
        else None
    )


def _left_on_thread() -> Holder | None:
    """The run that has left this thread behind, or what is called in it."""
    ident = get_ident()
    thread = active_threads().get(ident)
    if thread is not None and (stray := _strays.get(thread)) is not None:
        return stray
    if thread is not None and (left := _workers.get(thread)) is not None:
        worker, holder = left
        if worker.is_loop:
            own = HOME.get(None) is not None
        else:
            own = all(frame is not worker.work for frame in frames(3))
        return None if own and not runs(holder.owner.filename, depth=3) else holder
    if thread is None and ident in _raw_strays:
        code, holder = _raw_strays[ident]
        if outermost(sys._getframe()).f_code is code:
            return holder
        _raw_strays.pop(ident, None)  # another thread has its number by now
    last = next(reversed(_refused.values()))
    if last.owner.is_of_kernel(thread) and runs_uncalled(
        _refused, last.owner.namespace, 3, fresh=HOME.get(None) is None
    ):
        return last
    return None


def active_threads() -> dict[int, threading.Thread]:
    """The threads that Python has started, by their idents; none that is unlisted."""
    # `current_thread` makes an object for a thread that has none, and `enumerate` takes a lock.
    active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]
    if any(ident in active for ident in unlisted):
        # The collector has called a program's code there, which asked for the current thread.
        return {ident: thread for ident, thread in active.copy().items() if ident not in unlisted}
    return active


def _install() -> None:
    """Add the hook, once a process: it can't be removed."""
    global _installed  # noqa: PLW0603 - as above
    if not _installed:
        _installed = True
        sys.addaudithook(_hook)


unlisted: Final[set[int]] = set()
"""The idents of the kernel's threads that are in no list of `threading`."""

_journals: Mapping[str, Any] | None = None
_installed = False
_alert = False
_armed: Holder | None = None
_watched: Mapping[str, Describe] = {}

# What outlived runs that ended badly: their programs, by what their code calls its file, and their
# threads. Of those that Python did not start, what they began with.
_refused: dict[str, Holder] = {}
_strays: WeakKeyDictionary[threading.Thread, Holder] = WeakKeyDictionary()
_workers: WeakKeyDictionary[threading.Thread, tuple[Worker, Holder]] = WeakKeyDictionary()
_raw_strays: dict[int, tuple[CodeType, Holder]] = {}

MAIN: Final = threading.main_thread().ident
RUN: Final[ContextVar[Holder]] = ContextVar("eager_run")
"""The run whose code runs, tasks included that it leaves behind."""
HOME: Final[ContextVar[bool]] = ContextVar("eager_home")
"""Set in whatever context comes of the kernel's own: a context that has been made anew lacks it."""
HOME.set(True)
