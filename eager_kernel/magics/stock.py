"""``%%eager`` in a shell whose kernel is not ours: a stock IPython kernel, or a terminal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from eager_kernel.execution.cell import CellOptions
from eager_kernel.execution.pump import Pump
from eager_kernel.kernel.interrupts import as_handler
from eager_kernel.magics.session import PromptedCell, Session


class StockCells:
    """Runs the programs of ``%%eager`` cells in the place of the cells' text.

    A magic that ran a program would run it inside its own cell: twice the events, two entries
    in the history, and no top-level ``await``. So the shell's way to run a cell is extended
    instead: count, history, events and errors are those of one cell.

    Parameters
    ----------
    shell
        The shell.
    session
        What begins the runs.
    """

    def __init__(self, shell: Any, session: Session) -> None:
        self._shell = shell
        self._session = session
        self._run_cell_async = shell.run_cell_async
        self._should_run_async = shell.should_run_async
        self._claimed: PromptedCell | None = None
        shell.run_cell_async = self.run_cell_async
        shell.should_run_async = self.should_run_async

    def give_back(self) -> None:
        """Leave the shell as it was."""
        for name in ("run_cell_async", "should_run_async"):
            if getattr(vars(self._shell).get(name), "__self__", None) is self:
                delattr(self._shell, name)

    def should_run_async(self, raw_cell: str, **options: Any) -> bool:
        """Whether a cell is to run on the event loop: as ever, or because we run it."""
        return self._claims(raw_cell) or bool(self._should_run_async(raw_cell, **options))

    def _claims(self, raw_cell: str) -> bool:
        return self._session.would_claim(raw_cell)

    async def run_cell_async(self, raw_cell: str, **options: Any) -> Any:
        """Run a cell: as ever, or the program that it asks for."""
        if not self._claims(raw_cell):
            return await self._run_cell_async(raw_cell, **options)
        cell_id = options.get("cell_id")
        # ipykernel takes the cell for one that awaits, which it would cancel: that is of no use
        # while a value shows itself, or to a cell that only writes.
        with _on_sigint(signal.default_int_handler):
            claim = self._session.claim(raw_cell, cell_id, None)
            if claim is None:
                return await self._run_cell_async(raw_cell, **options)
        stream = claim.stream
        cell = CellOptions(
            options.get("store_history", False),
            options.get("silent", False),
            cell_id,
            options.get("cell_meta"),
        )
        pump = stream.make_pump(Pump, self._shell, cell)
        try:
            with _on_sigint(as_handler(pump.on_sigint)):
                result = await pump.run()
                if pump.outcome is not None:
                    stream.tell_result(pump.outcome, self._shell._last_traceback or [])
                return result
        finally:
            pump.close()
            stream.intake.stop("error", message="the kernel could not run the program")
            self._session.streams.release(stream)
            claim.close()


@contextmanager
def _on_sigint(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """Have SIGINT handled so; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
