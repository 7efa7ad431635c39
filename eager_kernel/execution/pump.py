"""The loop on the main thread that takes batches and runs them inside the owning cell."""

from __future__ import annotations

import sys
from asyncio import CancelledError
from contextlib import nullcontext, suppress
from enum import Enum
from types import FrameType
from typing import Any

from IPython.core.interactiveshell import ExecutionResult

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.ledger import Ending, Fault, TextState
from eager_kernel.errors import EffectHeld, IncompleteProgramError, RunCancelledError
from eager_kernel.execution.after import After
from eager_kernel.execution.barrier import INTERRUPTED
from eager_kernel.execution.cell import StreamedCell
from eager_kernel.execution.failure import Failed, Unshown
from eager_kernel.execution.guard import Guard
from eager_kernel.execution.intake import Intake
from eager_kernel.execution.main_thread import Doing, MainThread
from eager_kernel.execution.options import CellOptions
from eager_kernel.execution.outcome import (
    Outcome,
    describe,
    error_of,
    is_interrupt,
    lines_run,
    status_of,
)
from eager_kernel.execution.repair import Repair
from eager_kernel.execution.repairs import Repairs
from eager_kernel.execution.way import runs_whole
from eager_kernel.execution.whole import failed_line, was_compiling
from eager_kernel.protocol import OnError

__all__ = ["Outcome", "Pump"]


class Went(Enum):
    """How it goes on after a batch."""

    ON = "all of it has run that may"
    FAILED = "the program has failed, which was shown"
    HELD = "it stopped at an effect that it may not have: how its text ends will say why"


class Pump:
    """Runs the program of an `Intake` as one cell.

    Parameters
    ----------
    shell
        The IPython shell.
    intake
        Where the program comes from.
    options
        What the owning request asked for.
    on_error
        ``stop``: a failed program ends the stream at once. ``drain``: the text is awaited, so
        that the whole program is known.
    repair
        Has a failed program written on; None: it ends.
    """

    def __init__(
        self,
        shell: Any,
        intake: Intake,
        options: CellOptions,
        on_error: OnError = "stop",
        repair: Repair | None = None,
    ) -> None:
        self._shell = shell
        self._intake, self._notes = intake, intake.notes
        self._on_error = on_error
        self._cell = cell = StreamedCell(shell, options)
        self._main = main = MainThread()
        self._guard = Guard(shell, intake.barrier, main)
        self._repairs = Repairs(repair, shell, intake, cell, main)
        self.after = After(shell, options, cell, main)
        """What follows the cell."""
        self._held: EffectHeld | None = None
        self._current: Chunk | None = None
        self._executed_lines = 0
        self._error_lines: tuple[int, int] | None = None
        self._streams = (sys.stdout, sys.stderr)
        self.outcome: Outcome | None = None
        """How the run ended; None until then."""

    async def run(self) -> ExecutionResult:
        """Run until the program has ended, failed or been stopped."""
        self._main.begin()
        self._intake.listen(self._main.wake)
        cell = self._cell
        try:
            try:
                result = await self._run_to_its_end()
            except BaseException as error:  # noqa: BLE001 - as run_cell: the cell gets its reply
                self._end_text(error)
                result = cell.fail(self._intake.program, error)
            self.after.note_context()
            self.outcome = self._sum_up(error_of(result), result.execution_count)
            return result
        finally:
            self._intake.listen(None)
            with suppress(Exception):  # has been shown as the program's
                cell.close()
            self._guard.close()

    async def _run_to_its_end(self) -> ExecutionResult:
        try:
            if await runs_whole(self._shell, self._intake, self._main):
                self._guard.pass_by()
                result = await self._run_whole()
            else:
                with self._guard.armed():
                    result = await self._run_batches()
                if troubles := self._guard.troubles:
                    self._streams[1].write(troubles)
            self._cell.close()  # the program may have broken what is given back
        except (KeyboardInterrupt, CancelledError):
            # Raised between statements: a statement's own reaches the shell.
            self._main.interrupted = True
            result = self._end_badly(KeyboardInterrupt(INTERRUPTED))
        return result

    def on_sigint(self, signum: int, frame: FrameType | None) -> bool:
        """Handle SIGINT; see `MainThread.on_sigint`."""
        return self._main.on_sigint(signum, frame)

    @property
    def signalled(self) -> bool:
        """Whether SIGINT came during the run."""
        return self._main.signalled

    # The two ways to run --------------------------------------------------------------------

    async def _run_whole(self) -> ExecutionResult:
        intake, notes = self._intake, self._notes
        program, batch = intake.program, [entry.chunk for entry in intake.supply.take()]
        notes.batch_started()
        for chunk in batch:
            notes.started(chunk)
        with self._guard.program():
            self._main.check()
            result = await self._cell.run_whole(program)
        line = failed_line(result, program, batch)
        for chunk in batch:
            if line is None or chunk.last_line < line:
                self._executed_lines = chunk.last_line
                notes.finished(chunk, "done")
            else:
                self._error_lines = chunk.statement_lines
                notes.finished(chunk, "failed")
                notes.skip_from(chunk.index + 1)
                break
        if result.error_before_exec is not None and not was_compiling(result.error_before_exec):
            self._executed_lines = 0
        notes.batch_finished()
        return result

    async def _run_batches(self) -> ExecutionResult:
        intake = self._intake
        while not self._main.interrupted:
            ending = intake.ending
            batch = intake.supply.take() if self._held is None else []
            if batch:
                went = await self._run_batch([entry.chunk for entry in batch])
                if went is Went.FAILED:
                    return await self._finish(complete=False)
                if isinstance(went, Unshown) and self._current is not None:
                    self._ask_for_repair(went, self._current, self._current.source)
            elif ending is None:
                # The loop stands still, as it does between the statements of any cell: a task
                # that the program made must not run before the program awaits.
                with self._main.at(Doing.WAITING):
                    self._main.check()
                    intake.supply.wait_for_news()
            elif ending.state is TextState.COMPLETE:
                return await self._finish(complete=not self._show_unrepaired())
            elif ending.fault is not None:
                kept = self._repairs.keep_fault(ending.fault.error)
                if kept is None:
                    return await self._refuse(ending.fault)
                self._ask_for_repair(kept, ending.fault.chunk)
            else:
                why = self._why(ending)
                cut_off = ending.state is TextState.CUT_OFF
                kept = self._repairs.keep_cut_off(why) if cut_off else None
                if kept is None:
                    return self._end_badly(why)
                self._ask_for_repair(kept, next(iter(ending.unfinished), None))
        return self._end_badly(KeyboardInterrupt(INTERRUPTED))

    async def _run_batch(self, batch: list[Chunk]) -> Went | Unshown:
        """Run chunks in order, until one fails. Returns what is to be repaired, if anything is."""
        intake, notes, cell = self._intake, self._notes, self._cell
        notes.batch_started()
        if cell.result is None:
            cell.begin(intake.program)
            self._guard.begin()
        elif intake.ending is not None:
            cell.know(intake.program)
        else:
            cell.know_if_grown(intake.chars, lambda: intake.program)
        if not intake.supply.done:
            self._guard.know(cell.filename, batch[0])
        went: Went | Unshown = Went.ON
        for chunk in batch:
            if went is not Went.ON or self._main.interrupted or not intake.supply.wanted:
                break  # whoever ends the run gives up the rest
            self._current = chunk
            notes.started(chunk)
            self._guard.between_statements()
            try:
                with self._guard.program():
                    self._main.check()
                    failed = await cell.run(chunk)
            except BaseException:  # interrupted outside its own code
                notes.finished(chunk, "failed")
                cell.forget_error()  # which the shell may have noted, and nobody has looked at
                raise
            finally:
                self._main.settle()
            if failed is None:
                notes.finished(chunk, "done")
                self._executed_lines = chunk.last_line
            else:
                self._error_lines = chunk.statement_lines
                try:
                    went = self._decide(failed)
                finally:
                    notes.finished(chunk, "failed")
        self._guard.after_statements()
        for stream in self._streams:  # the kernel's: no cell flushes what a program puts there
            # A flush waits for another thread, a millisecond each, also where there is nothing.
            if getattr(stream, "_flush_pending", True):
                with suppress(Exception):  # closed by the program
                    stream.flush()
        notes.batch_finished()
        return went

    # Endings --------------------------------------------------------------------------------

    def _decide(self, failed: Failed) -> Went | Unshown:
        """Say what a failure leads to: it is shown now, or it is kept."""
        held = self._guard.held_by(failed.error) if not failed.malformed else None
        if held is not None:
            self._held = held
            self._cell.forget_error()
            return Went.HELD
        if failed.may_wait and self._repairs.begin(failed.error):
            with self._guard.program():
                return self._cell.keep(failed)
        self._report(failed)
        return Went.FAILED

    def _report(self, failed: Failed) -> None:
        """End the text of a program that has failed, and show why."""
        rest = self._end_text(failed.error, malformed=failed.malformed)
        # An error's text is the program's code, but of a text that does not parse the shell's.
        with self._guard.program() if not failed.of_whole else nullcontext():
            self._cell.show(failed, rest, self._guard.told_of_files if failed.malformed else "")

    def _end_text(self, error: BaseException | None, *, malformed: bool = False) -> list[Chunk]:
        """The program has failed: end its text. Returns its chunks that have not run."""
        # The program may raise a `KeyboardInterrupt` of its own: an error like any other.
        interrupted = self._main.was_interrupted
        if malformed:
            self._guard.refuse()
        if self._on_error == "stop" or interrupted:
            self._intake.stop("interrupted" if interrupted else "error", message=describe(error))
        else:
            if self._current is not None:  # what follows is waiting, not work
                self._notes.finished(self._current, "failed")
                self._notes.batch_finished()
            try:
                with self._main.at(Doing.WAITING):
                    self._main.check()
                    self._intake.supply.wait_for_end()
            except KeyboardInterrupt:
                # The user waits no longer for the text; the error is still the program's.
                self._intake.stop("interrupted", message=INTERRUPTED)
        return self._intake.supply.give_up()

    def _ask_for_repair(
        self, kept: Unshown, failed: Chunk | None, failing: str | None = None
    ) -> None:
        self._held = self._error_lines = None
        self._repairs.ask(kept, failed, failing)

    def _show_unrepaired(self) -> bool:
        failure = self._repairs.show_unrepaired()
        if failure is not None:
            self._executed_lines, self._error_lines = failure.executed_lines, failure.lines
        return failure is not None

    async def _finish(self, *, complete: bool) -> ExecutionResult:
        cell, program = self._cell, self._intake.program
        with self._guard.program():
            failed = await cell.show_last(program, complete=complete)
        if failed is not None and self._guard.held_by(failed.error) is None:
            self._report(failed)
        with self._guard.program():
            return cell.end(program)

    async def _refuse(self, fault: Fault) -> ExecutionResult:
        """End a run whose program turned out to be none."""
        self._error_lines = fault.chunk.statement_lines
        self._guard.disown()
        self._report(self._cell.refuse(fault.error, self._held))
        return await self._finish(complete=False)

    def _end_badly(self, error: BaseException) -> ExecutionResult:
        """End a run that its program did not end."""
        if isinstance(error, KeyboardInterrupt):
            self._intake.stop("interrupted", message=INTERRUPTED)
        self._guard.disown()
        self._intake.supply.give_up()
        self._show_unrepaired()
        return self._cell.abandon(self._intake.program, error)

    def _why(self, ending: Ending) -> BaseException:
        if ending.error is not None:
            return ending.error
        ran = lines_run(self._executed_lines)
        if ending.reason == "interrupted":
            return KeyboardInterrupt(INTERRUPTED)
        if ending.state is TextState.STOPPED:
            return RunCancelledError(f"the stream was stopped ({ending.reason}); {ran}")
        unfinished = ending.unfinished
        where = "after the last complete statement"
        if unfinished:
            self._error_lines = (unfinished[0].first_line, unfinished[-1].last_line)
            where = f"in line {self._error_lines[1]}, in a statement that was not run"
        return IncompleteProgramError(
            f"generation was cut off ({ending.reason}) {where}; {ran}. "
            "Ask the model to go on, or allow it more tokens"
        )

    def _sum_up(self, error: BaseException | None, count: int | None) -> Outcome:
        intake = self._intake
        return Outcome(
            status=status_of(error, intake.program),
            execution_count=count,
            error=error,
            error_lines=self._error_lines if error is not None else None,
            program=intake.program,
            executed_lines=self._executed_lines,
            report=intake.report(),
            left_out=intake.left_out,
            failures=tuple(self._repairs.failures),
            interrupted=is_interrupt(error) and self._main.was_interrupted,
        )
