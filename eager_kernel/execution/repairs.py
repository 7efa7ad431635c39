"""The repairs of one run: a failed program is cut back to what has run, and written on."""

from __future__ import annotations

from typing import Any

from eager_kernel.core.chunk import Chunk
from eager_kernel.errors import EagerError
from eager_kernel.execution.cell import StreamedCell
from eager_kernel.execution.failure import Failed, Unshown
from eager_kernel.execution.intake import Intake
from eager_kernel.execution.main_thread import MainThread
from eager_kernel.execution.outcome import describe
from eager_kernel.execution.repair import Failure, Repair


class Repairs:
    """Has a failed program written on.

    Parameters
    ----------
    repair
        Who has the model write on; None: a program that has failed ends.
    shell
        The IPython shell.
    intake
        The program.
    cell
        Where it runs.
    main
        What the main thread does: who interrupts a run wants it to end.
    """

    def __init__(
        self,
        repair: Repair | None,
        shell: Any,
        intake: Intake,
        cell: StreamedCell,
        main: MainThread,
    ) -> None:
        self.failures: list[Failure] = []
        """What was to be repaired, in order."""
        self._repair = repair
        self._shell = shell
        self._intake = intake
        self._cell = cell
        self._main = main
        self._unshown: Unshown | None = None
        self._from = 0

    def begin(self, error: BaseException | None) -> bool:
        """Whether the program is to be written on after `error`; then its text ends here."""
        if self._repair is None or self._main.was_interrupted or not isinstance(error, Exception):
            return False
        if self._shell.ast_node_interactivity == "last":
            return False  # there, a statement runs only when the next one has come
        if not self._repair.wants(error):
            return False
        return self._intake.pause("error", describe(error))

    def keep_fault(self, error: Exception) -> Unshown | None:
        """The error of a program that does not parse, if it is to be written on."""
        self._open_cell()
        if not self.begin(error):
            return None
        return self._cell.keep(Failed(error, malformed=True), self._intake.program)

    def keep_cut_off(self, error: BaseException) -> Unshown | None:
        """What is to be said of a model that was cut off, if it is to write on."""
        self._open_cell()
        if not isinstance(error, EagerError) or not self.begin(error):
            return None
        return Unshown(error, (type(error), error, error._render_traceback_()))

    def _open_cell(self) -> None:
        if self._cell.result is None:
            self._cell.begin(self._intake.program)

    def ask(self, unshown: Unshown, failed: Chunk | None, failing: str | None = None) -> None:
        """Have the model write on from what has run.

        Parameters
        ----------
        unshown
            What is shown of it, if nothing is written in its place.
        failed
            The chunk that is to blame; None where none is.
        failing
            The text in whose place the model writes; None: all that has not run.
        """
        assert self._repair is not None
        executed = "".join(chunk.source for chunk in self._intake.supply.executed)
        failure = Failure(
            unshown.error,
            list(unshown.shown[2]),
            executed,
            self._intake.program[len(executed) :] if failing is None else failing,
            None if failed is None else failed.statement_lines,
            describe(unshown.error),
        )
        self.failures.append(failure)
        self._unshown, self._from = unshown, self._intake.supply.done
        self._intake.supply.give_up()
        self._cell.cut_back(self._from)
        self._repair.ask(failure)

    def show_unrepaired(self) -> Failure | None:
        """Show the last error after all, if no statement has come in the failed one's place.

        Returns
        -------
        Failure or None
            That error, if there was one to show.
        """
        if self._unshown is None:
            return None
        if any(chunk.has_statement for chunk in self._intake.supply.executed[self._from :]):
            return None
        failure = self.failures[-1]
        self._intake.put_back(self._from, failure.failing)
        self._cell.cut_back(self._from)
        self._cell.show_kept(self._unshown)
        return failure
