"""A cell that runs while its text is still arriving.

`StreamedCell` does what `InteractiveShell.run_cell_async` does with a whole cell, statement by
statement: the same steps in the same order, through the shell's own `run_code`, so errors,
interrupts, `SystemExit`, custom exception handlers and top-level `await` are the shell's.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from contextlib import suppress
from sys import exc_info
from typing import Any

from IPython.core.interactiveshell import ExecutionResult

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.text.parse_lock import undisturbed
from eager_kernel.core.text.positions import parse_at
from eager_kernel.errors import EagerError, EffectHeld
from eager_kernel.execution.attribute import attribute
from eager_kernel.execution.books import Books, new_info
from eager_kernel.execution.cell_text import CellText
from eager_kernel.execution.exits import Exits
from eager_kernel.execution.failure import (
    Failed,
    ShellErrors,
    Show,
    Unshown,
    capture,
    show,
    show_kept,
    without_own_frames,
)
from eager_kernel.execution.history import Recording
from eager_kernel.execution.malformed import NO_PROGRAM, lines_that_ran, show_malformed
from eager_kernel.execution.options import CellOptions
from eager_kernel.execution.quiet import Quiet
from eager_kernel.execution.statements import Statements
from eager_kernel.execution.whole import whole_cell, would_await


class StreamedCell:
    """One cell, one chunk at a time.

    Parameters
    ----------
    shell
        The IPython shell to run in.
    options
        From the owning request.

    Notes
    -----
    Call `begin`, then `run` for each chunk until it says why the program has failed, then
    `show_last` if it has not, then `end`; or `run_whole` alone. What failed is shown by `show`, or
    kept by `keep`. `close` at the end, whatever happened, and `stop_recording` after the events
    that follow.
    """

    def __init__(self, shell: Any, options: CellOptions) -> None:
        self._shell = shell
        self._options = options
        self._exit, self._exit_quiet = Exits(), Exits()
        self._recording: Recording | None = None
        self._books: Books | None = None
        self.is_async = False
        """Whether the program has used top-level `await`."""
        self.result: ExecutionResult | None = None

    def begin(self, raw: str) -> None:
        """Open the cell: count, events, history, displays.

        Parameters
        ----------
        raw
            The program as far as it is known.
        """
        shell, options = self._shell, self._options
        self._prepare()
        self._books = books = Books(shell, options, raw)
        self.result = result = books.result
        interactivity = "none" if options.silent else shell.ast_node_interactivity
        self._exit.enter_context(shell.builtin_trap)
        self._text = CellText(shell.compile, books.count)
        self._exit.enter_context(shell.display_trap)
        self._errors = ShellErrors(shell, self._has_failed)
        self._exit.enter_context(self._errors.installed())
        self._statements = Statements(shell, self._text.name, result, self._errors, interactivity)
        self._statements.on_await = self._awaits
        shell.displayhook.exec_result = result
        # Whether the program ends in ";" is not known yet; till then nothing it displays is
        # hidden, and no half statement is searched for one.
        quiet = Quiet(shell.displayhook)
        self._exit_quiet.enter_context(attribute(shell.displayhook, "quiet", quiet))

    def _has_failed(self) -> bool:
        return self.result is not None and not self.result.success

    def _prepare(self) -> None:
        """Do what `run_cell` does around `run_cell_async`, in the shell and in ipykernel's."""
        shell = self._shell
        shell._last_traceback = None
        shell._last_traceback_during_displayhook = False
        self._recording = self._recording or Recording(shell)

    # What runs ------------------------------------------------------------------------------

    async def run(self, chunk: Chunk) -> Failed | None:
        """Run the next chunk. Returns why the program has failed, if it has."""
        try:
            text, line, column = self._text.add(chunk)
        except Exception as error:  # noqa: BLE001 - user code: IPython shows whatever it raises
            raised = without_own_frames(error)
            shows = Show(error, lambda: self._shell.showtraceback(raised))
            return Failed(error, (shows,), malformed=True, before_exec=True)
        failure: Exception | None = None
        try:
            tree = parse_at(text, line=line, column=column, parse=self._parse)
        except self._shell.custom_exceptions as error:
            handler, caught = self._shell.CustomTB, exc_info()
            shows = Show(error, lambda: handler(*caught), custom=True)
            return Failed(error, (shows,), before_exec=True)
        except NO_PROGRAM as error:
            failure = error
        if failure is not None:  # outside the handler, so that it is no error's context
            ran = lines_that_ran(self._text.written[:-1])
            return Failed(failure, malformed=True, before_exec=True, ran=ran)
        for node in tree.body:
            if await self._statements.run(node):
                return self._why()
        return None

    async def show_last(self, program: str, *, complete: bool) -> Failed | None:
        """Display the last value, where it is known now to be the last.

        Parameters
        ----------
        program
            The whole code text.
        complete
            Whether it ended as its writer wanted.

        Returns
        -------
        Failed or None
            Why that has failed, if it has.
        """
        assert self.result is not None
        self.know(program)
        self._exit_quiet.close()
        if self.result.success and complete:
            return self._why() if await self._statements.show_last() else None
        if not self.is_async and would_await(self._shell, program):
            self._awaits()  # in text that has not run
        return None

    def _why(self) -> Failed:
        assert self.result is not None
        error = self.result.error_in_exec or self.result.error_before_exec
        return Failed(error, self._errors.take())

    async def run_whole(self, program: str) -> ExecutionResult:
        """Run the whole program as the shell runs any cell."""
        shell = self._shell
        self.is_async, given = whole_cell(shell, program, self._options, self._prepare)
        try:
            self.result = await shell.run_cell_async(program, **given)
        except Exception as error:  # noqa: BLE001 - as run_cell: the shell itself could not
            return self.fail(program, error)
        return self.result

    # What has failed ------------------------------------------------------------------------

    def refuse(self, error: Exception, held: EffectHeld | None) -> Failed:
        """Say why the program as a whole is none; some of it has run.

        Parameters
        ----------
        error
            What the parser said.
        held
            What ended it at an effect that it may not have; None where nothing has.
        """
        written = self._text.written
        ran = lines_that_ran(written if held is None else written[:-1])
        if held is not None:
            where = "It stopped where it" if held.line is None else f"Line {held.line}"
            ran += f" {where} {held.effect}: that did not happen."
        return Failed(error, malformed=True, before_exec=True, ran=ran.strip())

    def show(self, failed: Failed, rest: list[Chunk], told: str = "") -> None:
        """Show what has failed as the shell does.

        Parameters
        ----------
        failed
            That.
        rest
            The chunks after it that are part of the program: a traceback has their lines.
        told
            What to add where the program does not parse; empty: nothing.
        """
        assert self.result is not None
        self._text.complete(rest)
        error = failed.error
        if failed.of_whole:
            assert isinstance(error, Exception)
            ran = f"{failed.ran} {told}".strip()
            error = show_malformed(
                self._shell, self._parse, error, "".join(self._text.written), ran
            )
        else:
            show(self._shell, failed.shows, self.result)
        if failed.before_exec:
            assert error is not None
            self.result.error_before_exec = error
            self._books_of_cell.store_error(error)

    def keep(self, failed: Failed, program: str = "") -> Unshown:
        """Keep what `show` would show, since the program is to be written on.

        Parameters
        ----------
        failed
            What has failed; it `may_wait`.
        program
            All of it, where it is known by now; empty: what has run, and what failed.
        """
        error = failed.error
        assert isinstance(error, Exception)
        text = program or "".join(self._text.written)

        def call() -> None:
            if failed.of_whole:
                show_malformed(self._shell, self._parse, error, text)
            else:
                show(self._shell, failed.shows, self.result)

        return capture(self._shell, error, call)

    def show_kept(self, kept: Unshown) -> None:
        """Show what has been kept, since the program is not written on after all."""
        assert self.result is not None
        if self.result.success:
            self.result.error_in_exec = kept.error
        show_kept(self._shell, kept)

    def forget_error(self) -> None:
        """What ended the program is not its own failure."""
        assert self.result is not None
        self.result.error_in_exec = None

    def cut_back(self, count: int) -> None:
        """Go on after the first `count` chunks, as if nothing else had been there.

        Their effects stay, and so do those of what had failed.
        """
        assert self.result is not None
        self.result.error_in_exec = self.result.error_before_exec = None
        self._statements.forget()
        self._text.cut_back(count)

    # Its end --------------------------------------------------------------------------------

    def end(self, program: str) -> ExecutionResult:
        """Close the cell: what the shell and its history keep of it.

        Parameters
        ----------
        program
            The whole code text.
        """
        assert self.result is not None
        self._statements.forget()
        self._books_of_cell.settle(program)
        return self.result

    def abandon(self, program: str, error: BaseException) -> ExecutionResult:
        """Close the cell with an error that is not its program's.

        Parameters
        ----------
        program
            The code text so far.
        error
            What to show, without any traceback.
        """
        shell = self._shell
        if self.result is None:
            self.begin(program)
        assert self.result is not None
        self._statements.forget()
        self.result.error_in_exec = self.result.error_in_exec or error
        if isinstance(error, EagerError):
            lines = error._render_traceback_()
        else:
            lines = shell.InteractiveTB.get_exception_only(type(error), error)
        shell._showtraceback(type(error), error, lines)
        self.know(program)
        self._books_of_cell.settle(program)
        return self.result

    def fail(self, program: str, error: BaseException) -> ExecutionResult:
        """Close the cell after an error that the shell could not show.

        For example an exception whose text raises `SystemExit`. `run_cell` has the same guard.
        """
        if self._books is not None:
            self._books.salvage(program, lambda: self._text.parsed(program))
        self.result = ExecutionResult(new_info(self._options, program, program))
        self.result.error_in_exec = error
        with suppress(BaseException):
            frames = without_own_frames(error)
            self._shell.showtraceback(frames, running_compiled_code=True)
        return self.result

    def close(self) -> None:
        """Give back what the cell took from the shell."""
        self._exit_quiet.close()
        self._exit.close()

    def stop_recording(self) -> None:
        """What is written from now on is no output of this cell."""
        if self._recording is not None:
            self._recording.stop()

    def know(self, program: str) -> None:
        """Tell the history and the events how the program goes so far."""
        self._books_of_cell.know(program, self._text.parsed(program))

    def know_if_grown(self, size: int, program: Callable[[], str]) -> None:
        """`know`, but only where the text has grown much, so that the cost stays linear."""
        if self._books_of_cell.worth_telling(size):
            self.know(program())

    @property
    def _books_of_cell(self) -> Books:
        assert self._books is not None
        return self._books

    @property
    def filename(self) -> str:
        """What the program's code calls its file."""
        return self._text.name

    def _awaits(self) -> None:
        if not self.is_async:
            self.is_async = True
            if self._recording is not None:
                self._recording.discard()  # the shell records only cells that do not await

    def _parse(self, text: str) -> ast.Module:
        parse, name = self._shell.compile.ast_parse, self._text.name
        tree: ast.Module = undisturbed(lambda: parse(text, filename=name))
        return tree
