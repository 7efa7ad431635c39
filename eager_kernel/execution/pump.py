"""The loop on the main thread that takes batches and runs them inside the owning cell."""

from __future__ import annotations
import __future__

import asyncio
import contextvars
import signal
import sys
from asyncio import CancelledError, current_task, get_running_loop, sleep
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from subprocess import CalledProcessError
from sys import exception
from traceback import walk_tb
from types import FrameType
from typing import Any, Final, Literal

from IPython.core.interactiveshell import ExecutionResult

from eager_kernel.core.cell_lines import line_in_text
from eager_kernel.core.chunk import Chunk
from eager_kernel.core.extract import NOTHING_LEFT_OUT, LeftOut
from eager_kernel.core.queue import Pending
from eager_kernel.core.report import Report
from eager_kernel.errors import (
    EagerError,
    EffectHeld,
    IncompleteProgramError,
    RunCancelledError,
)
from eager_kernel.execution.cell import CellOptions, StreamedCell, Unshown
from eager_kernel.execution.intake import DOES_NOT_PARSE, Ending, Intake
from eager_kernel.execution.leftovers import Leftovers
from eager_kernel.execution.repair import Failure, Repair
from eager_kernel.execution.syntax import Fault, Wants, empty_lines_before, wants_whole_cell
from eager_kernel.execution.tracing import Tracing
from eager_kernel.execution.undoing import told_of

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
        self._cell = StreamedCell(shell, options, self._failed, self._is_held, self._repairs)
        self._batch: deque[Pending] = deque()
        self._current: Pending | None = None
        self._left_out: list[Pending] = []
        self._executed_lines = 0
        self._error_lines: tuple[int, int] | None = None
        self._in_user_code = False
        self._blocked = False
        self._interrupted = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._streams = (sys.stdout, sys.stderr)
        self._tracing = Tracing()
        self._leftovers: Leftovers | None = None
        self._told = False
        self._news: asyncio.Future[None] | None = None
        self.signalled = False
        """Whether SIGINT came during the run."""
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
        self._loop = get_running_loop()
        self._task = current_task()
        self._intake.listen(self._wake)
        cell = self._cell
        try:
            try:
                result = await self._run_to_its_end()
            except BaseException as error:  # noqa: BLE001 - as run_cell: the cell gets its reply
                self._failed()
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
            self._interrupted = True
            result = self._end_badly(KeyboardInterrupt(_INTERRUPTED))
        return result

    async def outlive(self) -> None:
        """Have the reply sent, whatever the program has done to the loop and to our task.

        A cell without `await` runs in no task of its own: a cancellation that the program has
        asked for, and not awaited, would be that of the reply here. And there, the loop stops when
        the reply has been sent.
        """
        loop = self._loop
        if getattr(loop, "_stopping", False):
            loop._stopping = False  # type: ignore[union-attr]
            self.stops_loop = True
        own = getattr(loop, "__dict__", {})
        for name in _OF_THE_LOOP & own.keys():
            if not callable(own[name]):
                del own[name]
        while getattr(self._task, "_must_cancel", False):
            with suppress(CancelledError):
                await sleep(0)
        while self._task is not None and self._task.cancelling():
            self._task.uncancel()

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
            self._in_user_code = True
            self.fired.append("post_execute")
            shell.events.trigger("post_execute")
            if not self._options.silent:
                self.fired.append("post_run_cell")
                shell.events.trigger("post_run_cell", result)
            self.close()
            if result.success and not shell._last_traceback_during_displayhook:
                self.answers = shell.user_expressions(expressions)
            self._in_user_code = False
        except KeyboardInterrupt:  # came between them: one in user code is shown there
            self._in_user_code = False
        self.context = contextvars.copy_context()

    def close(self) -> None:
        """The events that follow the cell have fired. May be called twice."""
        self._cell.stop_recording()

    def _wake(self) -> None:
        assert self._loop is not None
        # The class's own: a program may have put something else in its place.
        type(self._loop).call_soon_threadsafe(self._loop, self._tell)

    def _tell(self) -> None:
        self._told = True
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    # Interrupts -----------------------------------------------------------------------------

    def on_sigint(self, signum: int, frame: FrameType | None) -> bool:
        """Handle SIGINT, on the main thread, in whatever the run is doing.

        A program that awaits is cancelled; a pump that waits for text stops waiting. Nothing here
        takes a lock.

        Returns
        -------
        bool
            Whether Python code of the program runs, which is to get a `KeyboardInterrupt`. It is
            not raised here, as this frame would show in its traceback.
        """
        self.signalled = True
        loop, task = self._loop, self._task
        if loop is None or task is None:
            self._interrupted = True  # seen as soon as the run begins
        elif self._blocked:
            raise KeyboardInterrupt
        elif not self._in_user_code:
            self._interrupted = True
            loop.call_soon_threadsafe(self._tell)
        else:
            if not self._in_own_task():
                loop.call_soon_threadsafe(task.cancel)
            if self._barrier is not None and self._barrier.waiting is not None:
                self._interrupted = True
                raise KeyboardInterrupt  # to the barrier, which lets the program go
            return self._in_own_task()
        return False

    def _in_own_task(self) -> bool:
        return self._task is not None and current_task(self._loop) is self._task

    @contextmanager
    def _program(self) -> Iterator[None]:
        """Code of the program runs: what happens now, signals included, is its own."""
        barrier = self._barrier
        self._in_user_code = True
        self._tracing.go_on()
        try:
            with barrier.program() if barrier is not None else nullcontext():
                yield
        finally:
            self._tracing.put_aside()
            self._in_user_code = False

    # The two ways to run --------------------------------------------------------------------

    async def _whole_cell_wanted(self) -> bool:
        """Wait for the first batch; decide how to run the program."""
        while not self._intake.caught_up and not self._interrupted:
            await self._wait()
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
                return ending.kind == "complete"
            if self._interrupted:
                return False
            if first is not None:
                wants = wants_whole_cell(self._shell, first)
                if wants is Wants.NOTHING or (
                    wants is Wants.NEXT_LINE and self._intake.chars > len(first.source)
                ):
                    if self._intake.start_streaming(flags):
                        return False
                    continue
            await self._wait()

    def _can_stream(self, ending: Ending, first: Chunk | None) -> bool:
        """Whether a program whose text has ended can run chunk by chunk all the same."""
        if ending.kind != "complete":
            return True
        wants = Wants.WHOLE if first is None else wants_whole_cell(self._shell, first)
        return wants is Wants.NOTHING or (wants is Wants.NEXT_LINE and self._intake.waiting > 1)

    async def _run_whole(self) -> ExecutionResult:
        intake = self._intake
        program, batch = intake.program, intake.take()
        intake.batch_started()
        for pending in batch:
            intake.started(pending)
        with self._program():
            self._check_interrupt()
            result = await self._cell.run_whole(program)
        failed_line = _failed_line(result, program, [pending.chunk for pending in batch])
        for place, pending in enumerate(batch):
            if failed_line is None or pending.chunk.last_line < failed_line:
                self._executed_lines = pending.chunk.last_line
                intake.finished(pending, "done")
            else:
                self._error_lines = pending.chunk.statement_lines
                intake.finished(pending, "failed")
                intake.skip_running(batch[place + 1 :])
                break
        if result.error_before_exec is not None and not _was_compiling(result.error_before_exec):
            self._executed_lines = 0
        intake.batch_finished()
        return result

    async def _run_streaming(self) -> ExecutionResult:
        barrier = self._barrier
        if barrier is None:
            return await self._run_batches()
        barrier.in_program = lambda: self._in_user_code
        barrier.in_own_task = self._in_own_task
        barrier.in_helper = self._in_script_thread
        barrier.namespace = self._shell.user_ns
        self._cell.told_of_files = lambda: barrier.told_of_files
        with barrier.armed():
            result = await self._run_batches()
        if barrier.troubles:
            self._streams[1].write(told_of(barrier.troubles))
        return result

    def _in_script_thread(self) -> bool:
        """Whether this is the thread in which `%%bash` starts processes, for every cell."""
        magics = self._shell.magics_manager.registry.get("ScriptMagics")
        loop = getattr(magics, "event_loop", None)
        return loop is not None and asyncio._get_running_loop() is loop

    async def _run_batches(self) -> ExecutionResult:
        intake = self._intake
        while not self._interrupted:
            ending = intake.ending
            batch = intake.take() if self._cell.held is None else []
            if batch:
                failed = await self._run_batch(batch)
                if self._cell.failure is not None and self._current is not None:
                    failed_chunk = self._current.chunk
                    self._ask_for_repair(failed_chunk, failed_chunk.source)
                elif failed and self._cell.held is None:
                    return await self._finish(complete=False)
            elif ending is None:
                # The loop stands still, as it does between the statements of any cell: a task
                # that the program made must not run before the program awaits.
                self._blocked = True
                try:
                    self._check_interrupt()
                    intake.wait_for_news()
                finally:
                    self._blocked = False
            elif intake.cancelled is not None and (self._left_out or intake.waiting):
                return self._end_badly(intake.cancelled)
            elif ending.kind == "complete":
                repaired = not self._show_unrepaired()
                return await self._finish(complete=repaired)
            elif ending.fault is not None:
                if not self._keep_fault(ending.fault.error):
                    return await self._refuse(ending.fault)
                self._ask_for_repair(ending.fault.chunk, self._not_executed)
            elif ending.kind == "cut_off" and self._keep_cut_off(self._why(ending)):
                self._ask_for_repair(next(iter(intake.unfinished), None), self._not_executed)
            else:
                return self._end_badly(self._why(ending))
        return self._end_badly(KeyboardInterrupt(_INTERRUPTED))

    async def _run_batch(self, batch: list[Pending]) -> bool:
        """Run chunks in order. Returns True when the program has failed."""
        intake, cell = self._intake, self._cell
        intake.batch_started()
        if cell.result is None:
            cell.begin(intake.program)
            if self._barrier is not None and self._loop is not None:
                self._leftovers = Leftovers(self._shell, self._loop)
        elif intake.ending is not None:
            cell.know(intake.program)
        else:
            cell.know_if_grown(intake.chars, lambda: intake.program)
        if self._barrier is not None and not intake.executed:
            self._barrier.filename = cell.filename
            self._barrier.lines_before = empty_lines_before(batch[0].chunk.source)
        self._batch = deque(batch)
        failed = False
        while self._batch and not failed and not self._interrupted and intake.wanted:
            pending = self._current = self._batch.popleft()
            intake.started(pending)
            if self._barrier is not None:
                self._barrier.watch_databases()
                self._barrier.goes_on()
            try:
                with self._program():
                    self._check_interrupt()
                    failed = await cell.run(pending.chunk)
            except BaseException:
                intake.finished(pending, "failed")  # interrupted outside its own code
                raise
            finally:
                # What has come as an error is over; what has not is for the next `await`.
                if self._task is not None and not getattr(self._task, "_must_cancel", False):
                    while self._task.cancelling():
                        self._task.uncancel()
            intake.finished(pending, "failed" if failed else "done")
            if failed:
                self._error_lines = pending.chunk.statement_lines
            else:
                self._executed_lines = pending.chunk.last_line
        self._left_out = self._skip_batch()
        if self._barrier is not None:
            self._barrier.stands_still()
        for stream in self._streams:  # the kernel's: no cell flushes what a program puts there
            # A flush waits for another thread, a millisecond each, also where there is nothing.
            if getattr(stream, "_flush_pending", True):
                with suppress(Exception):  # closed by the program
                    stream.flush()
        intake.batch_finished()
        return failed

    def _check_interrupt(self) -> None:
        """Raise for a signal that came just before there was code to raise it in."""
        if self._interrupted:
            raise KeyboardInterrupt

    async def _wait(self) -> None:
        if not self._told:
            assert self._loop is not None
            self._news = self._loop.create_future()
            await self._news
            self._news = None
        self._told = False

    # Endings --------------------------------------------------------------------------------

    def _failed(self) -> list[Chunk]:
        """The program has failed: end its text. Returns its chunks that have not run."""
        result = self._cell.result
        error = None
        if result is not None:
            error = result.error_in_exec or result.error_before_exec or exception()
        # The program may raise a `KeyboardInterrupt` of its own: an error like any other.
        interrupted = self._interrupted or self.signalled
        if self._cell.malformed and self._barrier is not None:
            self._barrier.deny(DOES_NOT_PARSE)
            self._disown()
        if self._on_error == "stop" or interrupted:
            self._intake.stop("interrupted" if interrupted else "error", message=_describe(error))
        else:
            if self._current is not None:  # what follows is waiting, not work
                self._intake.finished(self._current, "failed")
                self._intake.batch_finished()
            try:
                self._intake.wait_for_end()
            except KeyboardInterrupt:
                # The user waits no longer for the text; the error is still the program's.
                self._intake.stop("interrupted", message=_INTERRUPTED)
        rest = self._left_out + self._skip_batch() + self._intake.drop()
        return [pending.chunk for pending in rest]

    # Repair ---------------------------------------------------------------------------------

    def _repairs(self, error: Exception) -> bool:
        """Whether the program is to be written on after `error`; then its text ends here."""
        if self._repair is None or self._interrupted or self.signalled:
            return False
        if self._shell.ast_node_interactivity == "last":
            return False  # there, a statement runs only when the next one has come
        if not self._repair.wants(error):
            return False
        return self._intake.pause("error", _describe(error))

    def _keep_fault(self, error: Exception) -> bool:
        """Whether a program that does not parse is to be written on."""
        self._begin_if_needed()
        return self._cell.keep_fault(error, self._intake.program)

    def _keep_cut_off(self, error: BaseException) -> bool:
        """Whether a program whose model was cut off is to be written on."""
        self._begin_if_needed()
        return isinstance(error, EagerError) and self._cell.keep_cut_off(error)

    def _begin_if_needed(self) -> None:
        if self._cell.result is None:
            self._cell.begin(self._intake.program)

    def _ask_for_repair(self, failed: Chunk | None, failing: str) -> None:
        """Have the model write on from what has run, in the place of `failing`."""
        intake, cell, unshown = self._intake, self._cell, self._cell.failure
        assert self._repair is not None
        assert unshown is not None
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
        self._repaired_from = len(intake.executed)
        self._skip_batch()
        self._left_out = []
        intake.drop()
        cell.cut_back(len(intake.executed))
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
        self._cell.show(self._unshown)
        self._executed_lines, self._error_lines = failure.executed_lines, failure.lines
        return True

    def _skip_batch(self) -> list[Pending]:
        rest = list(self._batch)
        self._batch.clear()
        self._intake.skip(rest)
        return rest

    async def _finish(self, *, complete: bool) -> ExecutionResult:
        with self._program():
            return await self._cell.finish(self._intake.program, complete=complete)

    async def _refuse(self, fault: Fault) -> ExecutionResult:
        """End a run whose program turned out to be none."""
        self._error_lines = fault.chunk.statement_lines
        self._disown()
        self._cell.refuse(fault.error)
        return await self._finish(complete=False)

    def _disown(self) -> None:
        """Leave nothing of the program that would act later: its effects may not happen."""
        if self._barrier is None or not self._barrier.denied:
            return
        self._barrier.take_back()
        leftovers, self._leftovers = self._leftovers, None
        if leftovers is not None:
            leftovers.take_back(self._barrier.mark)
            self._tracing.give_up()
            self._barrier.clear_away()

    def _is_held(self, error: BaseException | None) -> EffectHeld | None:
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
            self._intake.stop("interrupted", message=_INTERRUPTED)
        self._disown()
        self._skip_batch()
        self._intake.drop()
        self._show_unrepaired()
        return self._cell.abandon(self._intake.program, error)

    def _why(self, ending: Ending) -> BaseException:
        if ending.error is not None:
            return ending.error
        ran = _ran(self._executed_lines)
        if ending.reason == "interrupted":
            return KeyboardInterrupt(_INTERRUPTED)
        if ending.kind == "stopped":
            return RunCancelledError(f"the stream was stopped ({ending.reason}); {ran}")
        unfinished = self._intake.unfinished
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
            interrupted=_is_interrupt(error) and (self._interrupted or self.signalled),
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
_OF_THE_LOOP: Final = frozenset(
    {"call_at", "call_later", "call_soon", "call_soon_threadsafe", "create_future", "create_task"}
)
_INTERRUPTED: Final = "the run was interrupted"
