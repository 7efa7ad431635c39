"""The effect barrier: outside effects wait, at the effect, until the program is known.

An audit hook sees an effect itself, whatever alias, `getattr` or library led to it. In a
streamed program, the thread that attempts one waits there until generation has ended and the
whole program has parsed. If it ends otherwise, `EffectHeld` is raised there and the effect never
happens. What can be undone need not wait, where there is a journal. The barrier decides *when* an
effect happens. It is no sandbox.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from _thread import get_ident
from asyncio import _get_running_loop
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import Token
from shutil import rmtree
from threading import enumerate as enumerate_threads
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from eager_kernel.core.effects.audit_events import Cause, Effects
from eager_kernel.core.effects.table import MAPPINGS, STARTS, Arguments
from eager_kernel.core.report import Report
from eager_kernel.errors import EffectHeld, LeftEffectHeld
from eager_kernel.execution import hook
from eager_kernel.execution.callers import (
    cause_of,
    frames,
    hands_on_code,
    is_of_user,
    lies_in_library,
    runs,
)
from eager_kernel.execution.databases import says_uri, watch
from eager_kernel.execution.loop_clock import LoopClock
from eager_kernel.execution.main_thread import Doing, MainThread
from eager_kernel.execution.places import changes_nothing, resolved
from eager_kernel.execution.repeated import take_off_its_loop
from eager_kernel.execution.waits import Wait, warm_logging

if TYPE_CHECKING:  # loaded where there are any
    from eager_kernel.execution.hosts import Hosts
    from eager_kernel.execution.journal import Journal
    from eager_kernel.execution.undoing import Trouble


class Barrier:
    """Holds the outside effects of one run until it is told how the program ended.

    Parameters
    ----------
    effects
        Which audit events are effects.
    is_kernel_thread
        Whether a thread belongs to the kernel, so that it never waits.
    clock
        Seconds of a monotonic clock.
    journal
        Keeps what it takes to undo effects on files, which then need not wait; None: they wait.
    hosts
        Hosts that the program may connect to at once; None: there are none.

    Notes
    -----
    A waiting thread may hold any lock of its program's, and an effect may come in the middle
    of anything, as in a finaliser. So nothing here takes a lock that another thread needs:
    each wait has a lock of its own, and lists are only appended to.
    """

    def __init__(
        self,
        effects: Effects,
        is_kernel_thread: Callable[[threading.Thread], bool] = lambda thread: False,
        clock: Callable[[], float] = time.perf_counter,
        journal: Journal | None = None,
        hosts: Hosts | None = None,
    ) -> None:
        if journal is not None:
            hook.know(journal.operations)
        self.journal = journal
        """What has happened at once, to be undone; None: files wait."""
        self.troubles: list[Trouble] = []
        """What could not be undone."""
        self.waits: list[Wait] = []
        """All waits of the run so far, the oldest first."""
        self.filename = ""
        """What the program's code calls its file; empty until some of it runs."""
        self.namespace: dict[str, Any] = {}
        """The globals of the user's code."""
        self.refused: EffectHeld | None = None
        """The last effect that the main thread was refused."""
        self._effects = effects
        self._hosts = hosts
        self._is_kernel_thread = is_kernel_thread
        self._clock = clock
        self._main = MainThread()
        self._in_helper = _no
        self._lines_before = 0
        self._decision: str | None = None  # empty: go on
        self._over = False
        self._early: Mapping[str, int] = _NOTHING
        self._wrote = False
        self._taken_back = False
        self._beaten = 0.0
        self._clearing = False
        self._before: WeakSet[threading.Thread] = WeakSet()
        self._idents_before: frozenset[int] = frozenset()
        # Private temporary files and folders, and whether the program itself made them.
        self._temporary: dict[str, bool] = {}
        self._databases: list[Any] = []

    @contextmanager
    def armed(
        self,
        main: MainThread,
        namespace: dict[str, Any],
        in_helper: Callable[[], bool] = lambda: False,
    ) -> Iterator[None]:
        """Watch the process for effects of the run.

        Parameters
        ----------
        main
            What the main thread does.
        namespace
            The globals of the user's code.
        in_helper
            Whether the calling thread, started by an earlier cell, works for the main one.
        """
        self._main, self.namespace, self._in_helper = main, namespace, in_helper
        self._before = WeakSet(enumerate_threads())
        _of_kernel.update(thread for thread in self._before if thread.name in _KERNEL_THREADS)
        # Threads that Python did not start, too, as of C libraries.
        self._idents_before = frozenset(sys._current_frames())
        table = {**self._effects.table, **STARTS}
        if self.journal is not None:
            self.journal.start()
        hook.arm(self, table if self.journal is None else {**MAPPINGS, **table})
        try:
            yield
        finally:
            if self._decision != "":
                self.deny("the run has ended")
            self._over = True
            self.take_back()
            if self.journal is not None:
                self.journal.end(self.troubles)
                self._early = self.journal.early or _NOTHING
                self._wrote = bool(self.journal.lines)
                self.journal = None
            hook.disarm(self, self._is_left)
            if (clock := LoopClock.before(main.loop)) is not None:
                clock.sum_up()
            # The hook may keep it, to know the program's code. So it keeps nothing of the run.
            self._main, self._in_helper = MainThread(), _no
            self._before, self._idents_before = _NOBODY, frozenset()
            self._databases.clear()

    def pass_by(self) -> None:
        """The run begins, and nothing has to wait: its program is known."""
        if self.journal is not None:
            self.journal.start_unkept()

    def begin(self, filename: str, lines_before: int) -> None:
        """The first of the program comes.

        Parameters
        ----------
        filename
            What its code calls its file.
        lines_before
            Empty lines at its beginning, which its code does not count.
        """
        self.filename, self._lines_before = filename, lines_before

    @contextmanager
    def program(self) -> Iterator[None]:
        """Mark what runs as the program's, tasks included that it leaves behind."""
        token = hook.RUN.set(self)
        try:
            yield
        finally:
            hook.RUN.reset(token)

    def mark(self) -> Token[hook.Holder]:
        """Take the context at hand for the program's, as of something that it has left behind."""
        return hook.RUN.set(self)

    # Any thread -----------------------------------------------------------------------------

    def release(self) -> None:
        """Let effects happen: generation has ended and the whole program has parsed."""
        self._decide("")
        journal = self.journal  # which another thread may just give up
        if journal is not None and self._decision == "":
            journal.know()

    def deny(self, why: str) -> None:
        """Let no effect happen any more.

        Parameters
        ----------
        why
            How generation ended, for the message of `EffectHeld`.
        """
        self._decide(why)

    def hold_again(self) -> None:
        """Hold effects anew: the program is written on, so its end is unknown again."""
        self._decision = self.refused = None
        if self.journal is not None:
            self.journal.open_again()

    def _decide(self, decision: str) -> None:
        if self._decision is None:
            self._decision = decision
            for wait in list(self.waits):  # later ones see the decision
                wait.end()

    @property
    def denied(self) -> bool:
        """Whether no effect may happen any more."""
        return bool(self._decision)

    @property
    def released(self) -> bool:
        """Whether effects happen when they happen."""
        return self._decision == ""

    @property
    def waiting(self) -> Wait | None:
        """The wait that the main thread is in; None if it is in none."""
        waits = (w for w in self.waits if w.finish is None and w.thread == hook.MAIN)
        return next(waits, None)

    @property
    def main_waits(self) -> list[Wait]:
        """Where the main thread has stood still, without waits in the midst of others."""
        waits: list[Wait] = []
        for wait in self.waits:
            # A signal handler or a finaliser may come to an effect during a wait.
            nested = waits and wait.start < (waits[-1].finish or math.inf)
            if wait.thread == hook.MAIN and not nested:
                waits.append(wait)
        return waits

    # The thread that attempts an effect -----------------------------------------------------

    def attempt(
        self, event: str, arguments: Arguments, effect: str, *, may_wait: bool = True
    ) -> None:
        """Return when the effect may happen.

        Parameters
        ----------
        event, arguments
            As an audit hook gets them.
        effect
            What `Effects.describe` says of it.
        may_wait
            Whether this thread may stand still here; if not, what would wait does not happen.

        Raises
        ------
        EffectHeld
            It may never happen.
        """
        if self._clearing:
            return
        if self._decision == "" and (self.journal is None or self._over):
            return
        if event in STARTS and not self._decision:
            return  # a thread of the program: its effects wait
        frame = sys._getframe(1)
        cause = cause_of(frame, self.namespace, self.filename, self._lines_before)
        paths = resolved(event, arguments, cause.cwd)
        if self._spares(event, arguments, cause, paths):
            # The module that is compiled may be one that the program has written.
            if cause.compiled and not self._decision and not lies_in_library(cause.compiled):
                self._keeps(event, arguments, cause, paths)
            return
        if not self._decision and self._keeps(event, arguments, cause, paths):
            if not self._decision:
                return
        elif self._decision == "" and (journal := self.journal) is not None:
            journal.miss(event, effect)
        elif self._decision is None and may_wait:
            self._wait(effect, cause.line)
        if self._decision != "":
            why = self._decision or NOWHERE_TO_WAIT
            in_program = may_wait and not self._over
            held = (EffectHeld if in_program else LeftEffectHeld)(effect, why, cause.line)
            if not in_program:
                take_off_its_loop(frame)
            if self._decision and get_ident() == hook.MAIN:
                self.refused = held
            raise held

    def _keeps(
        self, event: str, arguments: Arguments, cause: Cause, paths: list[str] | None
    ) -> bool:
        """Whether an effect can be taken back if it happens now."""
        journal = self.journal
        if journal is None or event in self._effects.events:
            return False
        # What raised the event; in some modules, no path begins in another folder.
        caller = next(frames(3), None)
        name = str(caller.f_globals.get("__name__")) if caller is not None else ""
        plain = name.partition(".")[0] in _IN_PLACE
        return journal.keep(
            event, arguments, cause.cwd, cause.line or 0, plain=plain, resolved=paths
        )

    def _spares(
        self, event: str, arguments: Arguments, cause: Cause, paths: list[str] | None
    ) -> bool:
        if changes_nothing(event, arguments, paths):
            return True
        if self._reaches_host(event, arguments):
            return True
        if event == "sqlite3.connect" and says_uri(frames(2), arguments):
            return True
        if paths:
            if self._effects.is_temporary(event, paths) and self._decision is None:
                self._temporary.setdefault(paths[0], cause.caller == "program")
            if self._effects.is_of_workers(event, cause, paths) and not hands_on_code(
                sys._getframe(2), self.namespace
            ):
                self._temporary.setdefault(paths[0], False)
            if all(self._is_temporary(path) for path in paths):
                return True
        return self._effects.spares(event, arguments, cause, paths)

    def _reaches_host(self, event: str, arguments: Arguments) -> bool:
        # What has been sent stays sent. So where the program is none, nothing more is.
        if self._hosts is None or self._decision is not None or event in self._effects.events:
            return False
        return self._hosts.spare(event, arguments)

    def _is_temporary(self, path: str) -> bool:
        temporary = self._temporary
        return path in temporary or any(path.startswith(made + os.sep) for made in temporary)

    def clear_away(self) -> None:
        """Remove what the program has made of temporary files: nothing of it remains.

        On the main thread, when no effect may happen any more.
        """
        self._clearing = True
        try:
            for path, by_program in self._temporary.items():
                if by_program:
                    rmtree(path, ignore_errors=True)
                    with suppress(OSError):
                        os.unlink(path)  # noqa: PTH108 - as it was made
        finally:
            self._clearing = False

    def take_back(self) -> list[Trouble]:
        """Undo what has happened at once, if the program turned out to be none.

        On the main thread, when no effect may happen any more. May be called again, for what
        another thread has done at the same moment.

        Returns
        -------
        list of Trouble
            What could not be undone.
        """
        journal = self.journal
        if journal is None or not self._decision:
            return []
        if not self._taken_back or not journal.is_undone:
            if self._threads_left:
                time.sleep(_A_MOMENT)  # what has been recorded there may still be about to happen
            self._taken_back = True
            self.troubles = journal.undo()
        return self.troubles

    @property
    def told_of_troubles(self) -> str:
        """What could not be undone, for a person; empty where there is nothing to tell."""
        if not self.troubles:
            return ""
        from eager_kernel.execution.undoing import told_of  # noqa: PLC0415 - there is a journal

        return told_of(self.troubles)

    @property
    def told_of_files(self) -> str:
        """What became of the files that the program had written, for a person."""
        wrote = self._wrote if self.journal is None else bool(self.journal.lines)
        if not wrote or not self._taken_back:
            return ""
        if self.troubles:
            return "What it had done to files by then was undone, but for what is told below."
        return "What it had done to files by then was undone."

    def note_files(self, report: Report) -> Report:
        """Name in a report what has been done to files before the program was known."""
        journal = self.journal
        known = self._early if journal is None else journal.early
        if not known:
            return report
        early = {
            os.fsencode(path).decode("utf-8", "replace"): line for path, line in dict(known).items()
        }
        return report.with_files(early, undone=self._taken_back)

    def beat(self) -> None:
        """The run goes on. Called now and then, by any thread."""
        now, journal = self._clock(), self.journal
        if journal is not None and now - self._beaten >= 1.0:
            self._beaten = now
            journal.beat()

    @property
    def _threads_left(self) -> bool:
        """Whether threads of the program run."""
        return any(
            self._is_left(ident, thread) for ident, thread in list(hook.active_threads().items())
        )

    def stands_still(self) -> None:
        """Nothing of the program runs now; what changes files meanwhile is somebody else."""
        # Of a known program, nothing is put back without being asked for.
        if self.journal is not None and self._decision is None and not self._threads_left:
            self.journal.rest()

    def goes_on(self) -> None:
        """The program runs again."""
        if self.journal is not None and self._decision is None:
            self.journal.go_on()

    def note_database(self, connection: Any) -> None:
        """Remember a connection to a database that is being made."""
        self._databases.append(connection)

    def watch_databases(self) -> None:
        """Hold what the connections do that the program has made by now, as by ``ATTACH``.

        Between its statements: at the event a connection is not there yet.
        """
        while self._databases:
            watch(self._databases.pop(), self._attach)

    def _attach(self, effect: str, path: str | None) -> None:
        arguments = (path,) if path is not None else ()
        self.attempt("sqlite3.attach", arguments, effect)

    def _wait(self, effect: str, line: int | None) -> None:
        wait = Wait(effect, line, get_ident(), self._clock())
        main = self._main
        stands_still = wait.thread == hook.MAIN and main.doing is Doing.PROGRAM
        # The program's own loops, whose timers are not to know of it.
        clocks = {LoopClock.of(loop) for loop in (main.loop, _get_running_loop())}
        stops = [(clock, clock.stop()) for clock in clocks if clock is not None]
        try:
            warm_logging()
            if stands_still:
                main.doing = Doing.EFFECT
            self.waits.append(wait)
            if self._decision is None:
                wait.wait()
        except KeyboardInterrupt:
            # Not the program's to handle: whatever it did next could not have effects either.
            self.deny(INTERRUPTED)
        finally:
            if stands_still:
                main.doing = Doing.PROGRAM
            wait.finish = self._clock()
            for clock, stop in stops:
                clock.go_on(stop)

    # Whose an effect is ---------------------------------------------------------------------

    def owns_main(self, *, marked: bool, fresh: bool) -> bool | None:
        """Whether what the main thread does may wait; None: it isn't the program's.

        Parameters
        ----------
        marked
            Whether it runs in a context of the program's.
        fresh
            Whether it runs in a context that was made anew.
        """
        if marked:
            return True
        if not self.filename:
            return None  # nothing of the program has run
        if self._main.in_own_task:
            if self._main.in_program:
                return True  # in a context that it made anew
            # Something of the program's runs in the midst of the kernel's own code, as a finaliser
            # does: that may hold any lock of ours.
            return False if self._of_program() else None
        if not self._main.in_program:
            return None
        if runs(self.filename, depth=3) or (fresh and self._of_program()):
            return True
        return None

    def _of_program(self, *, otherwise: bool = True) -> bool:
        """Whether the innermost code of the user's is the program's, not another cell's.

        Parameters
        ----------
        otherwise
            What to say where there is none, as where a function of a library was registered.
        """
        for frame in frames(3):
            if is_of_user(frame, self.namespace):
                # What is made of text by `exec` may be anybody's.
                return frame.f_code.co_filename in (self.filename, "<string>")
        return otherwise

    def owns_thread(self, *, marked: bool) -> bool | None:
        """The same, of this thread, which is not the main one."""
        thread = hook.active_threads().get(get_ident())
        if self._is_left(get_ident(), thread) or self._in_helper():
            return True
        # On the kernel's own others depend; the one that reads streams is in no list.
        if thread is None or self.is_of_kernel(thread):
            ours = marked or (self.filename and self._of_program(otherwise=False))
            return False if ours else None
        return True if marked or (self.filename and runs(self.filename, depth=3)) else None

    def _is_left(self, ident: int, thread: threading.Thread | None) -> bool:
        """Whether a thread was started by the program."""
        if thread is None:
            return ident not in self._idents_before
        return thread not in self._before and not self._is_kernel_thread(thread)

    def is_of_kernel(self, thread: threading.Thread | None) -> bool:
        """Whether a thread is the kernel's, so that others depend on it."""
        return thread is not None and (thread in _of_kernel or self._is_kernel_thread(thread))


def _no() -> bool:
    return False


INTERRUPTED: Final = "the run was interrupted"

# The kernel's plain threads, which were there before a program, and what they are called.
_of_kernel: Final[WeakSet[threading.Thread]] = WeakSet()
_KERNEL_THREADS: Final = ("IOPub", "eager-introduction", "eager-stream")
_NOBODY: Final[WeakSet[threading.Thread]] = WeakSet()
NOWHERE_TO_WAIT: Final = "the kernel's own code can't wait there until the program is known"
_IN_PLACE: Final = ("fileinput", "pathlib")
_A_MOMENT: Final = 0.05
_NOTHING: Final[Mapping[str, int]] = {}
