"""What follows a cell: events, the user's expressions, the context that its program leaves."""

from __future__ import annotations

import contextvars
from typing import Any

from IPython.core.interactiveshell import ExecutionResult

from eager_kernel.execution.cell import StreamedCell
from eager_kernel.execution.main_thread import Doing, MainThread
from eager_kernel.execution.options import CellOptions


class After:
    """What has been done after a cell, which the kernel is not to do again.

    Parameters
    ----------
    shell
        The IPython shell.
    options
        From the owning request.
    cell
        The cell.
    main
        What the main thread does.
    """

    def __init__(
        self, shell: Any, options: CellOptions, cell: StreamedCell, main: MainThread
    ) -> None:
        self._shell = shell
        self._options = options
        self._cell = cell
        self._main = main
        self.context: contextvars.Context | None = None
        """Where the program's context variables were set; None if it used `await`."""
        self.fired: list[str] = []
        """The events that `follow_up` has fired."""
        self.answers: dict[str, Any] | None = None
        """The values of the user's expressions, if `follow_up` has evaluated them."""
        self.stops_loop = False
        """Whether the program has asked the event loop to stop."""

    def note_context(self) -> None:
        """Keep the context in which the program ran, if it did not await."""
        if self._cell.result is not None and not self._cell.is_async:
            self.context = contextvars.copy_context()

    def follow_up(self, result: ExecutionResult, expressions: dict[str, str]) -> None:
        """Do what follows a cell that does not await.

        The kernel fires events and evaluates the user's expressions before the loop runs anything
        else, such as the program's tasks, and where its context variables are set.

        Parameters
        ----------
        result
            Of the cell.
        expressions
            The ``user_expressions`` of the request.
        """
        shell = self._shell
        try:
            with self._main.at(Doing.PROGRAM):
                self.fired.append("post_execute")
                shell.events.trigger("post_execute")
                if not self._options.silent:
                    self.fired.append("post_run_cell")
                    shell.events.trigger("post_run_cell", result)
                self.end()
                if result.success and not shell._last_traceback_during_displayhook:
                    self.answers = shell.user_expressions(expressions)
        except KeyboardInterrupt:
            pass  # came between them: one in user code is shown there
        self.context = contextvars.copy_context()

    async def outlive(self) -> None:
        """Have the reply sent, whatever the program has done; see `MainThread.outlive`."""
        self.stops_loop = await self._main.outlive() or self.stops_loop

    def end(self) -> None:
        """The events that follow the cell have fired. May be called twice."""
        self._cell.stop_recording()
