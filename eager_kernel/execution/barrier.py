"""The effect barrier: outside effects wait, at the effect, until the program is known.

An audit hook sees an effect itself, whatever alias, `getattr` or library led to it. In a
streamed program, the thread that attempts one waits there until generation has ended and the
whole program has parsed. If it ends otherwise, `EffectHeld` is raised there and the effect never
happens. What can be undone need not wait, where there is a journal. The barrier decides *when* an
effect happens. It is no sandbox.
"""

from __future__ import annotations

import sys
import threading
import time
from _thread import get_ident
from asyncio import _get_running_loop
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Token
from typing import TYPE_CHECKING, Any, Final

from eager_kernel.core.effects.audit_events import Cause, Effects
from eager_kernel.core.effects.table import MAPPINGS, STARTS, Arguments
from eager_kernel.errors import EffectHeld, LeftEffectHeld
from eager_kernel.execution import hook
from eager_kernel.execution.callers import cause_of, frames, hands_on_code, lies_in_library
from eager_kernel.execution.databases import says_uri, watch
from eager_kernel.execution.early import EarlyFiles
from eager_kernel.execution.loop_clock import LoopClock
from eager_kernel.execution.main_thread import Doing, MainThread
from eager_kernel.execution.owner import Owner
from eager_kernel.execution.places import changes_nothing, resolved
from eager_kernel.execution.repeated import take_off_its_loop
from eager_kernel.execution.temporary import TemporaryFiles
from eager_kernel.execution.waits import Wait, Waits, warm_logging

if TYPE_CHECKING:  # loaded where there are any
    from eager_kernel.execution.hosts import Hosts
    from eager_kernel.execution.journal import Journal


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
        self.files = EarlyFiles(journal)
        """What has been done to files before the program is known."""
        self.owner = Owner(is_kernel_thread)
        """Whose effects are."""
        self.waits = Waits()
        """Where threads of the run stand, or stood, still."""
        self.refused: EffectHeld | None = None
        """The last effect that the main thread was refused."""
        self._effects = effects
        self._hosts = hosts
        self._clock = clock
        self._main = MainThread()
        self._lines_before = 0
        self._decision: str | None = None  # empty: go on
        self._over = False
        self._temporary = TemporaryFiles()
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
        self._main = main
        self.owner.watch(main, namespace, in_helper)
        table = {**self._effects.table, **STARTS}
        if (journal := self.files.journal) is not None:
            journal.start()
        hook.arm(self, table if journal is None else {**MAPPINGS, **table})
        try:
            yield
        finally:
            if self._decision != "":
                self.deny("the run has ended")
            self._over = True
            self.take_back()
            self.files.end()
            hook.disarm(self)
            if (clock := LoopClock.before(main.loop)) is not None:
                clock.sum_up()
            # The hook may keep it, to know the program's code. So it keeps nothing of the run.
            self._main = MainThread()
            self.owner.forget()
            self._databases.clear()

    def pass_by(self) -> None:
        """The run begins, and nothing has to wait: its program is known."""
        if (journal := self.files.journal) is not None:
            journal.start_unkept()

    def begin(self, filename: str, lines_before: int) -> None:
        """The first of the program comes.

        Parameters
        ----------
        filename
            What its code calls its file.
        lines_before
            Empty lines at its beginning, which its code does not count.
        """
        self.owner.filename, self._lines_before = filename, lines_before

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
        if self._decision == "":
            self.files.know()

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
        self.files.open_again()

    def _decide(self, decision: str) -> None:
        if self._decision is None:
            self._decision = decision
            self.waits.end()

    @property
    def denied(self) -> bool:
        """Whether no effect may happen any more."""
        return bool(self._decision)

    @property
    def released(self) -> bool:
        """Whether effects happen when they happen."""
        return self._decision == ""

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
        if self._temporary.clearing:
            return
        if self._decision == "" and (self.files.journal is None or self._over):
            return
        if event in STARTS and not self._decision:
            return  # a thread of the program: its effects wait
        frame = sys._getframe(1)
        cause = cause_of(frame, self.owner.namespace, self.owner.filename, self._lines_before)
        paths = resolved(event, arguments, cause.cwd)
        if self._spares(event, arguments, cause, paths):
            # The module that is compiled may be one that the program has written.
            if cause.compiled and not self._decision and not lies_in_library(cause.compiled):
                self._keeps(event, arguments, cause, paths)
            return
        if not self._decision and self._keeps(event, arguments, cause, paths):
            if not self._decision:
                return
        elif self._decision == "":
            self.files.miss(event, effect)
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
        if self.files.journal is None or event in self._effects.events:
            return False
        # What raised the event; in some modules, no path begins in another folder.
        caller = next(frames(3), None)
        name = str(caller.f_globals.get("__name__")) if caller is not None else ""
        plain = name.partition(".")[0] in _IN_PLACE
        return self.files.keep(event, arguments, cause, paths, plain=plain)

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
                self._temporary.note(paths[0], by_program=cause.caller == "program")
            if self._effects.is_of_workers(event, cause, paths) and not hands_on_code(
                sys._getframe(2), self.owner.namespace
            ):
                self._temporary.note(paths[0], by_program=False)
            if all(path in self._temporary for path in paths):
                return True
        return self._effects.spares(event, arguments, cause, paths)

    def _reaches_host(self, event: str, arguments: Arguments) -> bool:
        # What has been sent stays sent. So where the program is none, nothing more is.
        if self._hosts is None or self._decision is not None or event in self._effects.events:
            return False
        return self._hosts.spare(event, arguments)

    def clear_away(self) -> None:
        """Remove what the program has made of temporary files.

        On the main thread, when no effect may happen any more.
        """
        self._temporary.clear_away()

    def take_back(self) -> None:
        """Undo what has happened at once, if the program turned out to be none.

        On the main thread, when no effect may happen any more. May be called again, for what
        another thread has done at the same moment.
        """
        files = self.files
        if files.journal is not None and self._decision and not files.are_taken_back:
            if self.owner.has_threads:
                time.sleep(_A_MOMENT)  # what has been recorded there may still be about to happen
            files.take_back()

    def beat(self) -> None:
        """The run goes on. Called now and then, by any thread."""
        self.files.beat(self._clock())

    def stands_still(self) -> None:
        """Nothing of the program runs now; what changes files meanwhile is somebody else."""
        # Of a known program, nothing is put back without being asked for.
        # Nor is there anything to look at before the first effect, which most programs never have.
        unknown = self.files.has_begun and self._decision is None
        if unknown and not self.owner.has_threads:
            self.files.rest()

    def goes_on(self) -> None:
        """The program runs again."""
        if self._decision is None:
            self.files.go_on()

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
            self.waits.add(wait)
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


INTERRUPTED: Final = "the run was interrupted"
NOWHERE_TO_WAIT: Final = "the kernel's own code can't wait there until the program is known"
_IN_PLACE: Final = ("fileinput", "pathlib")
_A_MOMENT: Final = 0.05
