"""What the shell and its history are told of a cell that grows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult

from eager_kernel.execution.options import CellOptions


def new_info(options: CellOptions, raw: str, transformed: str) -> ExecutionInfo:
    """What the shell's events are told of a cell.

    Parameters
    ----------
    options
        From the owning request.
    raw, transformed
        The cell's text, as written and as Python.
    """
    return ExecutionInfo(
        raw,
        options.stores_history,
        options.silent,
        True,  # shares __future__ imports with the shell
        options.cell_id,
        options.cell_meta,
        transformed_cell=transformed,
    )


class Books:
    """The count, the events and the history of one cell.

    Parameters
    ----------
    shell
        The IPython shell.
    options
        From the owning request.
    raw
        The program as far as it is known.
    """

    def __init__(self, shell: Any, options: CellOptions, raw: str) -> None:
        self._shell = shell
        self._stores_history = options.stores_history
        self._info = new_info(options, raw, raw)
        self.result = ExecutionResult(self._info)
        """What the cell comes to."""
        self.count: int = shell.execution_count
        """The cell's number."""
        self.result.execution_count = self.count
        if self._stores_history:
            shell.execution_count += 1
        shell.events.trigger("pre_execute")
        if not options.silent:
            shell.events.trigger("pre_run_cell", self._info)
        self._entry = options.entry(shell, self.count, raw, raw) if self._stores_history else None
        if not options.silent:
            shell.logger.log(raw, raw)  # of what never ran: else the log is off, or the text known

    def know(self, program: str, parsed: str) -> None:
        """Tell the history and the events how the program goes so far.

        Parameters
        ----------
        program, parsed
            The code text, as written and as Python.
        """
        self._info.raw_cell, self._info.transformed_cell = program, parsed
        if self._entry is not None:
            self._entry.update(parsed, program)

    def worth_telling(self, size: int) -> bool:
        """Whether the text has grown so much that telling it keeps the cost linear.

        Parameters
        ----------
        size
            Its characters by now.
        """
        return self._entry is not None and self._entry.worth_updating(size)

    def settle(self, program: str) -> None:
        """Have the shell keep what came of the cell.

        Parameters
        ----------
        program
            The whole code text.
        """
        shell, result = self._shell, self.result
        shell.last_execution_succeeded = result.success
        shell.last_execution_result = result
        shell.displayhook.exec_result = None
        if self._entry is not None:
            self._entry.store(str(self._info.transformed_cell), program)
            shell.history_manager.store_output(self.count)
            if result.error_in_exec is not None:
                self.store_error(result.error_in_exec)

    def salvage(self, program: str, parsed: Callable[[], str]) -> None:
        """Keep the text at least, where the program has broken what keeps it."""
        if self._entry is not None:
            with suppress(Exception):  # the program's
                self.know(program, parsed())
                self._entry.store(str(self._info.transformed_cell), program)

    def store_error(self, error: BaseException) -> None:
        """Have the history keep an error, if it keeps anything of the cell."""
        if self._stores_history:
            exceptions = self._shell.history_manager.exceptions
            exceptions[self.count] = self._shell._format_exception_for_storage(error)
