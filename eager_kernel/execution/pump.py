"""The loop on the main thread that takes batches and runs them inside the owning cell."""

from __future__ import annotations
import __future__

import asyncio
import contextvars
import signal
import sys
from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from enum import Enum
from subprocess import CalledProcessError
from traceback import walk_tb
from types import FrameType
from typing import Any, Final, Literal

from IPython.core.interactiveshell import ExecutionResult

from eager_kernel.core.cell_lines import line_in_text
from eager_kernel.core.chunk import Chunk
from eager_kernel.core.extract import NOTHING_LEFT_OUT, LeftOut
from eager_kernel.core.ledger import Fault, TextState
from eager_kernel.core.report import Report
from eager_kernel.errors import (
    EagerError,
    EffectHeld,
    IncompleteProgramError,
    RunCancelledError,
)
from eager_kernel.execution.barrier import INTERRUPTED
from eager_kernel.execution.cell import StreamedCell
from eager_kernel.execution.failure import Failed, Unshown
from eager_kernel.execution.intake import DOES_NOT_PARSE, Ending, Intake
from eager_kernel.execution.leftovers import Leftovers
from eager_kernel.execution.main_thread import Doing, MainThread
from eager_kernel.execution.options import CellOptions
from eager_kernel.execution.repair import Failure, Repair
from eager_kernel.execution.syntax import Wants, empty_lines_before, wants_whole_cell
from eager_kernel.execution.tracing import Tracing

OnError = Literal["stop", "drain"]

Status = Literal["ok", "error", "cancelled", "no_code"]
"""How a run ended: ``cancelled`` where the client, not the program, ended it; ``no_code`` where
all of the text came, and there was no Python in it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Parameters
    ----------
    status
        See `Status`.
    execution_count
        The cell's number; None where the cell never began.
    error
        What went wrong, if anything.
    error_lines
        First and last line of the statement that failed, or that was cut off.
    program
        The whole code text.
    executed_lines
        Lines 1 to this one have run.
    report
        The timings.
    left_out
        What of the text is no part of the program.
    failures
        What was repaired on the way.
    interrupted
        Whether the user ended it, by an interrupt that came during the run.
    """

    status: Status
    execution_count: int | None
    error: BaseException | None
    error_lines: tuple[int, int] | None
    program: str
    executed_lines: int
    report: Report
    left_out: LeftOut = NOTHING_LEFT_OUT
    failures: tuple[Failure, ...] = ()
    interrupted: bool = False


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
        self._intake = intake
        self._barrier = intake.barrier
        self._options = options
        self._on_error = on_error
        self._shell = shell
        self._repair = repair
        self._failures: list[Failure] = []
        self._unshown: Unshown | None = None
        self._repaired_from = 0
        self._cell = StreamedCell(shell, options)
        self._held: EffectHeld | None = None
        self._current: Chunk | None = None
        self._executed_lines = 0
        self._error_lines: tuple[int, int] | None = None
        self._main = MainThread()
        self._streams = (sys.stdout, sys.stderr)
        self._tracing = Tracing()
        self._leftovers: Leftovers | None = None
        self.context: contextvars.Context | None = None
        """Where the program's context variables were set; None if it used `await`."""
        self.fired: list[str] = []
        """The events that `follow_up` has fired."""
        self.answers: dict[str, Any] | None = None
        """The values of the user's expressions, if `follow_up` has evaluated them."""
        self.stops_loop = False
        """Whether the program has asked the event loop to stop."""
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
            if cell.result is not None and not cell.is_async:
                self.context = contextvars.copy_context()
            self.outcome = self._sum_up(result)
            return result
        finally:
            self._intake.listen(None)
            with suppress(Exception):  # has been shown as the program's
                cell.close()
            self._tracing.go_on()
            if self._leftovers is not None:
                self._leftovers.forget()

    async def _run_to_its_end(self) -> ExecutionResult:
        try:
            if await self._whole_cell_wanted():
                result = await self._run_whole()
            else:
                result = await self._run_streaming()
            self._cell.close()  # the program may have broken what is given back
        except (KeyboardInterrupt, CancelledError):
            # Raised between statements: a statement's own reaches the shell.
            self._main.interrupted = True
            result = self._end_badly(KeyboardInterrupt(INTERRUPTED))
        return result

    async def outlive(self) -> None:
        """Have the reply sent, whatever the program has done; see `MainThread.outlive`."""
        self.stops_loop = await self._main.outlive()

    def follow_up(self, result: ExecutionResult, expressions: dict[str, str]) -> None:
        """Do what follows a cell that does not await.

        The kernel fires events and evaluates the user's expressions before the loop runs anything
        else, such as the program's tasks, and where its context variables are set.

        Parameters
        ----------
        result
            What `run` returned.
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
                self.close()
                if result.success and not shell._last_traceback_during_displayhook:
                    self.answers = shell.user_expressions(expressions)
        except KeyboardInterrupt:
            pass  # came between them: one in user code is shown there
        self.context = contextvars.copy_context()

    def close(self) -> None:
        """The events that follow the cell have fired. May be called twice."""
        self._cell.stop_recording()

    def on_sigint(self, signum: int, frame: FrameType | None) -> bool:
        """Handle SIGINT; see `MainThread.on_sigint`."""
        return self._main.on_sigint(signum, frame)

    @property
    def signalled(self) -> bool:
        """Whether SIGINT came during the run."""
        return self._main.signalled

    @contextmanager
    def _program(self) -> Iterator[None]:
        """Code of the program runs: what happens now, signals included, is its own."""
        barrier = self._barrier
        with self._main.at(Doing.PROGRAM):
            self._tracing.go_on()
            try:
                with barrier.program() if barrier is not None else nullcontext():
                    yield
            finally:
                self._tracing.put_aside()

    # The two ways to run --------------------------------------------------------------------

    async def _whole_cell_wanted(self) -> bool:
        """Wait for the first batch; decide how to run the program."""
        while not self._intake.caught_up and not self._main.interrupted:
            await self._main.wait()
        flags = self._shell.compile.flags & _FUTURES
        while True:
            ending = self._intake.ending
            first = self._intake.peek()
            if ending is not None:
                if self._intake.repairable and self._can_stream(ending, first):
                    self._intake.start_streaming(flags)
                    return False
                # Nothing has run yet: run it as the one cell it is, unless it has a tail
                # that must not run, or is not wanted any more.
                return ending.state is TextState.COMPLETE
            if self._main.interrupted:
                return False
            if first is not None:
                wants = wants_whole_cell(self._shell, first)
                if wants is Wants.NOTHING or (
                    wants is Wants.NEXT_LINE and self._intake.chars > len(first.source)
                ):
                    if self._intake.start_streaming(flags):
                        return False
                    continue
            await self._main.wait()

    def _can_stream(self, ending: Ending, first: Chunk | None) -> bool:
        """Whether a program whose text has ended can run chunk by chunk all the same."""
        if ending.state is not TextState.COMPLETE:
            return True
        wants = Wants.WHOLE if first is None else wants_whole_cell(self._shell, first)
        return wants is Wants.NOTHING or (
            wants is Wants.NEXT_LINE and len(self._intake.waiting()) > 1
        )

    async def _run_whole(self) -> ExecutionResult:
        intake = self._intake
        program, batch = intake.program, [entry.chunk for entry in intake.take()]
        intake.batch_started()
        for chunk in batch:
            intake.started(chunk)
        with self._program():
            self._main.check()
            result = await self._cell.run_whole(program)
        failed_line = _failed_line(result, program, batch)
        for chunk in batch:
            if failed_line is None or chunk.last_line < failed_line:
                self._executed_lines = chunk.last_line
                intake.finished(chunk, "done")
            else:
                self._error_lines = chunk.statement_lines
                intake.finished(chunk, "failed")
                intake.skip_from(chunk.index + 1)
                break
        if result.error_before_exec is not None and not _was_compiling(result.error_before_exec):
            self._executed_lines = 0
        intake.batch_finished()
        return result

    async def _run_streaming(self) -> ExecutionResult:
        barrier = self._barrier
        if barrier is None:
            return await self._run_batches()
        with barrier.armed(self._main, self._shell.user_ns, self._in_script_thread):
            return await self._run_batches()

    def _in_script_thread(self) -> bool:
        """Whether this is the thread in which `%%bash` starts processes, for every cell."""
        magics = self._shell.magics_manager.registry.get("ScriptMagics")
        loop = getattr(magics, "event_loop", None)
        return loop is not None and asyncio._get_running_loop() is loop

    async def _run_batches(self) -> ExecutionResult:
        intake = self._intake
        while not self._main.interrupted:
            ending = intake.ending
            batch = intake.take() if self._held is None else []
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
                    intake.wait_for_news()
            elif ending.state is TextState.COMPLETE:
                repaired = not self._show_unrepaired()
                return await self._finish(complete=repaired)
            elif ending.fault is not None:
                kept = self._keep_fault(ending.fault.error)
                if kept is None:
                    return await self._refuse(ending.fault)
                self._ask_for_repair(kept, ending.fault.chunk, self._not_executed)
            else:
                why = self._why(ending)
                cut_off = ending.state is TextState.CUT_OFF
                kept = self._keep_cut_off(why) if cut_off else None
                if kept is None:
                    return self._end_badly(why)
                begun = next(iter(ending.unfinished), None)
                self._ask_for_repair(kept, begun, self._not_executed)
        return self._end_badly(KeyboardInterrupt(INTERRUPTED))

    async def _run_batch(self, batch: list[Chunk]) -> Went | Unshown:
        """Run chunks in order, until one fails. Returns what is to be repaired, if anything is."""
        intake, cell = self._intake, self._cell
        intake.batch_started()
        if cell.result is None:
            cell.begin(intake.program)
            if self._barrier is not None and self._main.loop is not None:
                self._leftovers = Leftovers(self._shell, self._main.loop)
        elif intake.ending is not None:
            cell.know(intake.program)
        else:
            cell.know_if_grown(intake.chars, lambda: intake.program)
        if self._barrier is not None and not intake.done:
            self._barrier.begin(cell.filename, empty_lines_before(batch[0].source))
        went: Went | Unshown = Went.ON
        for chunk in batch:
            if went is not Went.ON or self._main.interrupted or not intake.wanted:
                break  # whoever ends the run gives up the rest
            self._current = chunk
            intake.started(chunk)
            if self._barrier is not None:
                self._barrier.watch_databases()
            try:
                with self._program():
                    self._main.check()
                    failed = await cell.run(chunk)
            except BaseException:
                intake.finished(chunk, "failed")  # interrupted outside its own code
                raise
            finally:
                self._main.settle()
            if failed is None:
                intake.finished(chunk, "done")
                self._executed_lines = chunk.last_line
            else:
                self._error_lines = chunk.statement_lines
                try:
                    went = self._decide(failed)
                finally:
                    intake.finished(chunk, "failed")
        for stream in self._streams:  # the kernel's: no cell flushes what a program puts there
            # A flush waits for another thread, a millisecond each, also where there is nothing.
            if getattr(stream, "_flush_pending", True):
                with suppress(Exception):  # closed by the program
                    stream.flush()
        intake.batch_finished()
        return went

    # Endings --------------------------------------------------------------------------------

    def _decide(self, failed: Failed) -> Went | Unshown:
        """Say what a failure leads to: it is shown now, or it is kept."""
        held = self._held_by(failed.error) if not failed.malformed else None
        if held is not None:
            self._held = held
            self._cell.forget_error()
            return Went.HELD
        if failed.may_wait and self._is_repaired(failed.error):
            with self._program():
                return self._cell.keep(failed)
        self._report(failed)
        return Went.FAILED

    def _report(self, failed: Failed) -> None:
        """End the text of a program that has failed, and show why."""
        rest = self._end_text(failed.error, malformed=failed.malformed)
        # An error's text is the program's code, but of a text that does not parse the shell's.
        with self._program() if not failed.of_whole else nullcontext():
            self._cell.show(failed, rest)

    def _end_text(self, error: BaseException | None, *, malformed: bool = False) -> list[Chunk]:
        """The program has failed: end its text. Returns its chunks that have not run."""
        # The program may raise a `KeyboardInterrupt` of its own: an error like any other.
        interrupted = self._main.was_interrupted
        if malformed and self._barrier is not None:
            self._barrier.deny(DOES_NOT_PARSE)
            self._disown()
        if self._on_error == "stop" or interrupted:
            self._intake.stop("interrupted" if interrupted else "error", message=_describe(error))
        else:
            if self._current is not None:  # what follows is waiting, not work
                self._intake.finished(self._current, "failed")
                self._intake.batch_finished()
            try:
                with self._main.at(Doing.WAITING):
                    self._main.check()
                    self._intake.wait_for_end()
            except KeyboardInterrupt:
                # The user waits no longer for the text; the error is still the program's.
                self._intake.stop("interrupted", message=INTERRUPTED)
        return self._intake.give_up()

    # Repair ---------------------------------------------------------------------------------

    def _is_repaired(self, error: BaseException | None) -> bool:
        """Whether the program is to be written on after `error`; then its text ends here."""
        if self._repair is None or self._main.was_interrupted or not isinstance(error, Exception):
            return False
        if self._shell.ast_node_interactivity == "last":
            return False  # there, a statement runs only when the next one has come
        if not self._repair.wants(error):
            return False
        return self._intake.pause("error", _describe(error))

    def _keep_fault(self, error: Exception) -> Unshown | None:
        """The error of a program that does not parse, if it is to be written on."""
        self._begin_if_needed()
        if not self._is_repaired(error):
            return None
        return self._cell.keep(Failed(error, malformed=True), self._intake.program)

    def _keep_cut_off(self, error: BaseException) -> Unshown | None:
        """What is to be said of a model that was cut off, if it is to write on."""
        self._begin_if_needed()
        if not isinstance(error, EagerError) or not self._is_repaired(error):
            return None
        return Unshown(error, (type(error), error, error._render_traceback_()))

    def _begin_if_needed(self) -> None:
        if self._cell.result is None:
            self._cell.begin(self._intake.program)

    def _ask_for_repair(self, unshown: Unshown, failed: Chunk | None, failing: str) -> None:
        """Have the model write on from what has run, in the place of `failing`."""
        intake, cell = self._intake, self._cell
        assert self._repair is not None
        failure = Failure(
            unshown.error,
            list(unshown.shown[2]),
            self._executed,
            failing,
            None if failed is None else failed.statement_lines,
            _describe(unshown.error),
        )
        self._failures.append(failure)
        self._unshown, self._error_lines = unshown, None
        self._repaired_from = intake.done
        intake.give_up()
        self._held = None
        cell.cut_back(intake.done)
        self._repair.ask(failure)

    @property
    def _executed(self) -> str:
        return "".join(chunk.source for chunk in self._intake.executed)

    @property
    def _not_executed(self) -> str:
        return self._intake.program[len(self._executed) :]

    def _show_unrepaired(self) -> bool:
        """Show the last error after all, if no statement has come in the failed one's place."""
        if self._unshown is None:
            return False
        if any(chunk.has_statement for chunk in self._intake.executed[self._repaired_from :]):
            return False
        failure = self._failures[-1]
        self._intake.put_back(self._repaired_from, failure.failing)
        self._cell.cut_back(self._repaired_from)
        self._cell.show_kept(self._unshown)
        self._executed_lines, self._error_lines = failure.executed_lines, failure.lines
        return True

    async def _finish(self, *, complete: bool) -> ExecutionResult:
        cell, program = self._cell, self._intake.program
        with self._program():
            failed = await cell.show_last(program, complete=complete)
        if failed is not None and self._held_by(failed.error) is None:
            self._report(failed)
        with self._program():
            return cell.end(program)

    async def _refuse(self, fault: Fault) -> ExecutionResult:
        """End a run whose program turned out to be none."""
        self._error_lines = fault.chunk.statement_lines
        self._disown()
        self._report(self._cell.refuse(fault.error, self._held))
        return await self._finish(complete=False)

    def _disown(self) -> None:
        """Leave nothing of the program that would act later: its effects may not happen."""
        if self._barrier is None or not self._barrier.denied:
            return
        leftovers, self._leftovers = self._leftovers, None
        if leftovers is not None:
            leftovers.take_back(self._barrier.mark)
            self._tracing.give_up()
            self._barrier.clear_away()

    def _held_by(self, error: BaseException | None) -> EffectHeld | None:
        """What ended the program at an effect, if `error` comes of that.

        C code may have made another error of it, as SQLite does, or the program itself.
        """
        if self._barrier is None or not self._barrier.denied:
            return None
        if isinstance(error, EffectHeld):
            return error
        return self._barrier.refused if isinstance(error, Exception) else None

    def _end_badly(self, error: BaseException) -> ExecutionResult:
        """End a run that its program did not end."""
        if isinstance(error, KeyboardInterrupt):
            self._intake.stop("interrupted", message=INTERRUPTED)
        self._disown()
        self._intake.give_up()
        self._show_unrepaired()
        return self._cell.abandon(self._intake.program, error)

    def _why(self, ending: Ending) -> BaseException:
        if ending.error is not None:
            return ending.error
        ran = _ran(self._executed_lines)
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

    def _sum_up(self, result: ExecutionResult) -> Outcome:
        error = result.error_before_exec or result.error_in_exec
        try:
            str(error)  # as whoever makes the reply does
        except BaseException as failure:  # noqa: BLE001 - the program's own __str__
            error = result.error_in_exec = failure
            result.error_before_exec = None
        status: Status = "error"
        if isinstance(error, RunCancelledError):
            status = "cancelled"
        elif error is None:
            status = "ok" if self._intake.program.strip() else "no_code"
        return Outcome(
            status=status,
            execution_count=result.execution_count,
            error=error,
            error_lines=self._error_lines if error is not None else None,
            program=self._intake.program,
            executed_lines=self._executed_lines,
            report=self._intake.report(),
            left_out=self._intake.left_out,
            failures=tuple(self._failures),
            interrupted=_is_interrupt(error) and self._main.was_interrupted,
        )


def _is_interrupt(error: BaseException | None) -> bool:
    """Whether `error` is what SIGINT leads to, in Python or in a process that was waited for."""
    if isinstance(error, CalledProcessError):
        return error.returncode == -signal.SIGINT
    return isinstance(error, (KeyboardInterrupt, asyncio.CancelledError))


def _failed_line(result: ExecutionResult, program: str, chunks: list[Chunk]) -> int | None:
    """The 1-based line of `program` at which its cell failed; None where it did not."""
    error = result.error_before_exec or result.error_in_exec
    if error is None:
        return None
    line = 1
    if isinstance(error, SyntaxError) and result.error_before_exec is not None:
        line = error.lineno or 1
    else:
        frames = walk_tb(error.__traceback__)
        line = next((at for frame, at in frames if frame.f_code.co_name == "<module>"), 1)
    return line_in_text(line, program, chunks)


def _was_compiling(error: BaseException) -> bool:
    """Whether `error` is of one statement, when those before it had run."""
    trace = error.__traceback__
    return any(frame.f_code.co_name == "run_ast_nodes" for frame, _ in walk_tb(trace))


def _describe(error: BaseException | None) -> str:
    if error is None:
        return ""
    # Models raise what they like: a message is never longer than a client can show.
    try:
        text = f"{type(error).__name__}: {error}".removesuffix(": ")
    except BaseException:  # noqa: BLE001 - the program's own __str__
        return type(error).__name__
    return text if len(text) <= 500 else text[:500] + "…"


def _ran(lines: int) -> str:
    if not lines:
        return "nothing has run"
    return "line 1 has run" if lines == 1 else f"lines 1-{lines} have run"


_FUTURES: Final = sum(
    {getattr(__future__, name).compiler_flag for name in __future__.all_feature_names}
)
