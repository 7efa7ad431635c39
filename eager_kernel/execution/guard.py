"""A program's code amid the kernel's own: what is its own, what it may do, what it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from eager_kernel.core.chunk import Chunk
from eager_kernel.errors import EffectHeld
from eager_kernel.execution.barrier import Barrier
from eager_kernel.execution.endings import DOES_NOT_PARSE
from eager_kernel.execution.leftovers import Leftovers
from eager_kernel.execution.main_thread import Doing, MainThread
from eager_kernel.execution.syntax import empty_lines_before
from eager_kernel.execution.tracing import Tracing


class Guard:
    """Stands where the kernel's code and a program's meet, on the main thread.

    Parameters
    ----------
    shell
        The IPython shell.
    barrier
        Holds the program's outside effects; None: they happen when they happen, and what it
        leaves behind stays.
    main
        What the main thread does.
    """

    def __init__(self, shell: Any, barrier: Barrier | None, main: MainThread) -> None:
        self._shell = shell
        self._barrier = barrier
        self._main = main
        self._tracing = Tracing()
        self._leftovers: Leftovers | None = None

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Watch the process for effects of the program."""
        if self._barrier is None:
            yield
            return
        with self._barrier.armed(self._main, self._shell.user_ns, self._in_script_thread):
            yield

    def pass_by(self) -> None:
        """The program is known before it begins, and runs as a cell does."""
        if self._barrier is not None:
            self._barrier.pass_by()

    @contextmanager
    def program(self) -> Iterator[None]:
        """Code of the program runs: what happens now, signals included, is its own."""
        barrier = self._barrier
        with self._main.at(Doing.PROGRAM):
            self._tracing.go_on()
            try:
                with barrier.program() if barrier is not None else nullcontext():
                    yield
            finally:
                self._tracing.put_aside()

    def begin(self) -> None:
        """The cell has begun: remember what there was before it."""
        if self._barrier is not None and self._main.loop is not None:
            self._leftovers = Leftovers(self._shell, self._main.loop)

    def know(self, filename: str, first: Chunk) -> None:
        """Know the program's code.

        Parameters
        ----------
        filename
            What it calls its file.
        first
            The first chunk.
        """
        if self._barrier is not None:
            self._barrier.begin(filename, empty_lines_before(first.source))

    def between_statements(self) -> None:
        """Look after what the program has made by now; the next statement begins."""
        if self._barrier is not None:
            self._barrier.watch_databases()
            self._barrier.goes_on()

    def after_statements(self) -> None:
        """Nothing of the program runs for now."""
        if self._barrier is not None:
            self._barrier.stands_still()

    @property
    def told_of_files(self) -> str:
        """What became of the files of a program that is none; empty where there were none."""
        return "" if self._barrier is None else self._barrier.files.told_of_files

    @property
    def troubles(self) -> str:
        """What could not be undone, for a person; empty where there is nothing to tell."""
        return "" if self._barrier is None else self._barrier.files.told_of_troubles

    def refuse(self) -> None:
        """Let no effect happen any more: the program turned out to be none."""
        if self._barrier is not None:
            self._barrier.deny(DOES_NOT_PARSE)
            self.disown()

    def disown(self) -> None:
        """Leave nothing of the program that would act later: its effects may not happen."""
        if self._barrier is None or not self._barrier.denied:
            return
        self._barrier.take_back()
        leftovers, self._leftovers = self._leftovers, None
        if leftovers is not None:
            leftovers.take_back(self._barrier.mark)
            self._tracing.give_up()
            self._barrier.clear_away()

    def held_by(self, error: BaseException | None) -> EffectHeld | None:
        """What ended the program at an effect, if `error` comes of that.

        C code may have made another error of it, as SQLite does, or the program itself.
        """
        if self._barrier is None or not self._barrier.denied:
            return None
        if isinstance(error, EffectHeld):
            return error
        return self._barrier.refused if isinstance(error, Exception) else None

    def close(self) -> None:
        """The run has ended."""
        self._tracing.go_on()
        if self._leftovers is not None:
            self._leftovers.forget()

    def _in_script_thread(self) -> bool:
        """Whether this is the thread in which `%%bash` starts processes, for every cell."""
        magics = self._shell.magics_manager.registry.get("ScriptMagics")
        loop = getattr(magics, "event_loop", None)
        return loop is not None and asyncio._get_running_loop() is loop
