"""Programs under a barrier with a journal, in this process."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from eager_kernel.core.effects.audit_events import Effects
from eager_kernel.errors import EffectHeld
from eager_kernel.execution import hook
from eager_kernel.execution.barrier import Barrier
from eager_kernel.execution.hosts import Hosts
from eager_kernel.execution.journal import Journal, Limits
from eager_kernel.execution.main_thread import Doing, MainThread

NAME = "<the program>"


def state_of(folder: Path) -> dict[str, Any]:
    """Everything that is to be as it was: names, contents, modes, times, attributes, links."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        there = path.lstat()
        content: Any = None
        if stat.S_ISREG(there.st_mode):
            # Not by `open`, which would change the time of access before it is looked at.
            content = path.read_bytes()
        elif stat.S_ISLNK(there.st_mode):
            content = str(path.readlink())
        extended = {}
        if not stat.S_ISLNK(there.st_mode):
            extended = {name: os.getxattr(path, name) for name in os.listxattr(path)}
        found[str(path.relative_to(folder))] = (
            there.st_mode,
            there.st_mtime_ns,
            there.st_nlink if not stat.S_ISDIR(there.st_mode) else 0,
            content,
            extended,
        )
    return found


class AlwaysOwn(MainThread):
    """The main thread where there is no event loop, so that nothing runs in its midst."""

    @property
    def in_own_task(self) -> bool:
        """Whether it is in the run's own task."""
        return True


class Run:
    """One program, in statements, under a barrier.

    Parameters
    ----------
    root
        Where the journal goes.
    folder
        The program's working directory.
    limits
        What may be kept.
    hosts
        Which the program may connect to.
    """

    def __init__(
        self, root: Path, folder: Path, limits: Limits | None = None, hosts: Hosts | None = None
    ) -> None:
        self.folder = folder
        self.journal = Journal(str(root), limits)
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.held: list[str] = []
        self.barrier = Barrier(Effects(), journal=self.journal, hosts=hosts)
        self.barrier.begin(NAME, 0)
        self.main = AlwaysOwn()

    def go(
        self,
        *statements: str,
        well: bool,
        between: Callable[[], None] | None = None,
        patience: float = 4,
    ) -> None:
        """Run statements; then the program turns out to be one, or none.

        Parameters
        ----------
        statements
            Each is run on its own. One that has to wait does so until somebody decides.
        well
            Whether it is one.
        between
            Called after each, while the program stands still.
        patience
            Seconds after which nothing waits any more, and nothing else happens either.
        """
        before = Path.cwd()
        # What waits would wait for ever here. The thread is there before the program.
        watchdog = threading.Timer(patience, lambda: self.barrier.deny("it has waited"))
        watchdog.daemon = True
        watchdog.start()
        os.chdir(self.folder)
        try:
            with self.armed():
                for statement in statements:
                    self.barrier.goes_on()
                    self.step(statement)
                    self.barrier.stands_still()
                    if between is not None:
                        between()
                if well:
                    self.barrier.release()
                else:
                    self.barrier.deny("the program does not parse")
                    self.barrier.take_back()
        finally:
            watchdog.cancel()
            os.chdir(before)
            hook._refused.clear()  # what it has left behind is this process's, which goes on
            hook._alert = False

    def armed(self) -> AbstractContextManager[None]:
        """Watch the process for effects of the program."""
        return self.barrier.armed(self.main, self.namespace)

    def step(self, statement: str) -> None:
        """Run one statement, in the working directory."""
        with self.main.at(Doing.PROGRAM), self.barrier.program():
            try:
                exec(compile(statement, NAME, "exec"), self.namespace)
            except EffectHeld as held:
                self.held.append(held.effect)
            except OSError:
                pass
