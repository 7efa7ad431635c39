"""A cell that runs while its text is still arriving.

`StreamedCell` does what `InteractiveShell.run_cell_async` does with a whole cell, statement by
statement: the same steps in the same order, through the shell's own `run_code`, so errors,
interrupts, `SystemExit`, custom exception handlers and top-level `await` are the shell's.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from sys import exc_info, exception
from threading import get_ident
from types import CodeType
from typing import Any, Final

from IPython.core.error import UsageError
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.positions import parse_at
from eager_kernel.core.undisturbed import undisturbed
from eager_kernel.errors import EagerError, EffectHeld
from eager_kernel.execution.exits import Exits
from eager_kernel.execution.history import GrowingEntry, Recording
from eager_kernel.execution.source import GrowingSource
from eager_kernel.execution.syntax import to_python, transforms_as_stock


@dataclass(frozen=True, slots=True)
class CellOptions:
    """What the `execute_request` that owns the cell asked for."""

    store_history: bool = True
    silent: bool = False
    cell_id: str | None = None
    cell_meta: dict[str, Any] | None = None


class StreamedCell:
    """One cell, one chunk at a time.

    Parameters
    ----------
    shell
        The IPython shell to run in.
    options
        From the owning request.
    on_error
        Called as soon as the program has failed, before its traceback is made. Returns the
        chunks after the failed one that are part of the program, so that the traceback can
        show their lines.
    is_held
        Tells the effect that the program may not have, if that led to an exception: it is not
        its own failure, so it is not shown.
    wants_repair
        Whether the program is to be written on after an error; then the error is kept in
        `failure` instead of being shown.

    Notes
    -----
    Call `begin`, then `run` for each chunk until it says that the program has failed, then
    `finish`; or `run_whole` alone. `close` at the end, whatever happened, and `stop_recording`
    after the events that follow.
    """

    def __init__(
        self,
        shell: Any,
        options: CellOptions,
        on_error: Callable[[], list[Chunk]],
        is_held: Callable[[BaseException | None], EffectHeld | None] = lambda error: None,
        wants_repair: Callable[[Exception], bool] = lambda error: False,
    ) -> None:
        self._shell = shell
        self._options = options
        self._store_history = options.store_history and not options.silent
        self._on_error = on_error
        self._is_held = is_held
        self._wants_repair = wants_repair
        self._exit, self._exit_quiet = Exits(), Exits()
        self._thread = get_ident()
        self._recording: Recording | None = None
        self._kept: _Kept | None = None
        self._raw: list[str] = []
        self._ends_open = False
        self._reported = False
        self._entry: GrowingEntry | None = None
        self.is_async = False
        """Whether the program has used top-level `await`."""
        self.malformed = False
        """Whether the program has turned out not to parse."""
        self.told_of_files: Callable[[], str] = lambda: ""
        """What became of the files that such a program had written."""
        self.held: EffectHeld | None = None
        """What ended the program at an effect that it may not have."""
        self.failure: Unshown | None = None
        """The error after which the program is to be written on."""
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
        self._info = self._new_info(raw, raw)
        self.result = result = ExecutionResult(self._info)
        self._count = result.execution_count = shell.execution_count
        if self._store_history:
            shell.execution_count += 1
        shell.events.trigger("pre_execute")
        if not options.silent:
            shell.events.trigger("pre_run_cell", self._info)
        self._entry = GrowingEntry(shell, self._count, raw, raw) if self._store_history else None
        if not options.silent:
            shell.logger.log(raw, raw)  # of what never ran: else the log is off, or the text known
        self._interactivity = "none" if options.silent else shell.ast_node_interactivity
        self._exit.enter_context(shell.builtin_trap)
        self._source = GrowingSource(shell.compile, self._count)
        self._exit.enter_context(shell.display_trap)
        self._lines = 1
        self._column = 0
        self._show_as_ever = shell.showtraceback
        self._exit.enter_context(_attribute(shell, "showtraceback", self._showtraceback))
        shell.displayhook.exec_result = result
        # Whether the program ends in ";" is not known yet; till then nothing it displays is
        # hidden, and no half statement is searched for one.
        self._exit_quiet.enter_context(_attribute(shell.displayhook, "quiet", self._quiet))

    def _quiet(self) -> bool:
        """Hide nothing; a cell that runs beside this one, in a subshell, as ever."""
        hook = self._shell.displayhook
        return get_ident() != self._thread and bool(type(hook).quiet(hook))

    def _prepare(self) -> None:
        """Do what `run_cell` does around `run_cell_async`, in the shell and in ipykernel's."""
        shell = self._shell
        shell._last_traceback = None
        shell._last_traceback_during_displayhook = False
        self._recording = self._recording or Recording(shell)

    def _new_info(self, raw: str, transformed: str) -> ExecutionInfo:
        options = self._options
        return ExecutionInfo(
            raw,
            self._store_history,
            options.silent,
            True,  # shares __future__ imports with the shell
            options.cell_id,
            options.cell_meta,
            transformed_cell=transformed,
        )

    async def run(self, chunk: Chunk) -> bool:
        """Run the next chunk. Returns True when the program has failed."""
        first = not self._raw
        self._raw.append(chunk.source)
        self._ends_open = _ends_open(chunk)
        try:
            text = to_python(chunk, first=first)
        except Exception as error:  # noqa: BLE001 - user code: IPython shows whatever it raises
            self._source.add(chunk.source)
            raised = _without_own_frames(error)
            if self._keep_for_repair(error, lambda: self._show_as_ever(raised)):
                return True
            self.malformed = True
            self._before_report()
            self._shell.showtraceback(raised)
            return self._fail_before_exec(error)
        line, column = self._lines, self._column
        self._add(text)
        failure: Exception | None = None
        try:
            tree = parse_at(text, line=line, column=column, parse=self._parse)
        except self._shell.custom_exceptions as error:
            self._shell.CustomTB(*exc_info())
            return self._fail_before_exec(error)
        except _NO_PROGRAM as error:
            failure = error
        if failure is not None:  # outside the handler, so that it is no error's context
            return self._show_syntax_error(failure, _lines_of(self._raw[:-1]))
        for node in tree.body:
            if await self._settle() or await self._run_statement(node):
                if self.failure is None and not self._was_held():
                    self._before_report()  # where nothing was shown, it was not told yet
                return True
        return False

    def _was_held(self) -> bool:
        """Whether the program ended at an effect that it may not have."""
        assert self.result is not None
        held = self._is_held(self.result.error_in_exec)
        if held is not None:
            self.held, self.result.error_in_exec = held, None
        return self.held is not None

    def refuse(self, error: Exception) -> None:
        """Show why the program as a whole is none; some of it has run."""
        ran = _lines_of(self._raw if self.held is None else self._raw[:-1])
        if self.held is not None:
            where = "It stopped where it" if self.held.line is None else f"Line {self.held.line}"
            ran += f" {where} {self.held.effect}: that did not happen."
        self._show_syntax_error(error, ran.strip())

    @property
    def filename(self) -> str:
        """What the program's code calls its file."""
        return self._source.name

    async def finish(self, program: str, *, complete: bool) -> ExecutionResult:
        """Close the cell.

        Parameters
        ----------
        program
            The whole code text.
        complete
            Whether it ended as its writer wanted, so that its last statement is the last.
        """
        result = self.result
        assert result is not None
        self.know(program)
        self._wants_repair = lambda error: False  # all of it has run
        self._exit_quiet.close()
        if result.success and complete:
            await self._show_last()
        elif not self.is_async and self._awaits(program):
            self._is_async()  # in text that has not run
        self._kept = None
        self._settle_books(program)
        return result

    def _settle_books(self, program: str) -> None:
        shell, result = self._shell, self.result
        assert result is not None
        shell.last_execution_succeeded = result.success
        shell.last_execution_result = result
        shell.displayhook.exec_result = None
        if self._entry is not None:
            manager = shell.history_manager
            self._entry.store(str(self._info.transformed_cell), program)
            manager.store_output(self._count)
            if result.error_in_exec is not None:
                self._store(result.error_in_exec)

    def _store(self, error: BaseException) -> None:
        history = self._shell.history_manager
        history.exceptions[self._count] = self._shell._format_exception_for_storage(error)

    async def run_whole(self, program: str) -> ExecutionResult:
        """Run the whole program as the shell runs any cell."""
        shell, options = self._shell, self._options
        failure = None
        try:
            transformed = shell.transform_cell(program)
        except Exception as error:  # noqa: BLE001 - user code: IPython shows whatever it raises
            transformed = program
            failure = _without_own_frames(error)
        self.is_async = shell.should_run_async(
            program, transformed_cell=transformed, preprocessing_exc_tuple=failure
        )
        if not self.is_async:
            # ipykernel transforms such a cell twice, and what a transformer prints with it. Of
            # IPython's own, only those of single lines print.
            self._prepare()
            if len(transformed.splitlines()) == 1 or not transforms_as_stock(shell):
                with suppress(Exception):
                    transformed = shell.transform_cell(program)
        try:
            self.result = await shell.run_cell_async(
                program,
                store_history=options.store_history,
                silent=options.silent,
                transformed_cell=transformed,
                preprocessing_exc_tuple=failure,
                cell_id=options.cell_id,
                cell_meta=options.cell_meta,
            )
        except Exception as error:  # noqa: BLE001 - as run_cell: the shell itself could not
            return self.fail(program, error)
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
        self._kept = None
        self.result.error_in_exec = self.result.error_in_exec or error
        if isinstance(error, EagerError):
            lines = error._render_traceback_()
        else:
            lines = shell.InteractiveTB.get_exception_only(type(error), error)
        shell._showtraceback(type(error), error, lines)
        self.know(program)
        self._settle_books(program)
        return self.result

    def fail(self, program: str, error: BaseException) -> ExecutionResult:
        """Close the cell after an error that the shell could not show.

        For example an exception whose text raises `SystemExit`. `run_cell` has the same guard.
        """
        if self._entry is not None:
            with suppress(Exception):  # the program has broken what keeps it
                self.know(program)
                self._entry.store(str(self._info.transformed_cell), program)
        self.result = ExecutionResult(self._new_info(program, program))
        self.result.error_in_exec = error
        with suppress(BaseException):
            frames = _without_own_frames(error)
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
        parsed = self._source.text
        parsed += program[sum(map(len, self._raw)) :]  # what no chunk holds yet
        self._info.raw_cell, self._info.transformed_cell = program, parsed
        if self._entry is not None:
            self._entry.update(parsed, program)

    def know_if_grown(self, size: int, program: Callable[[], str]) -> None:
        """`know`, but only where the text has grown much, so that the cost stays linear."""
        if self._entry is not None and self._entry.worth_updating(size):
            self.know(program())

    # Statements -----------------------------------------------------------------------------

    async def _run_statement(self, node: ast.stmt) -> bool:
        interactivity = self._interactivity
        if interactivity == "last":
            self._kept = _Kept(node, delayed=True)
            return False
        if interactivity != "none" and isinstance(node, ast.Expr):
            # It may be the last one, whose value is shown. A constant has no effect, but if
            # it is a string in the middle, running it sets __doc__: so it waits.
            if isinstance(node.value, ast.Constant):
                self._kept = _Kept(node, delayed=True)
                return False
            return await self._evaluate(node)
        if await self._execute(node):
            return True
        if interactivity == "last_expr_or_assign" and (name := _assigned_name(node)):
            self._kept = _Kept(_load(name), delayed=True, only_if_last=True)
        return False

    async def _evaluate(self, node: ast.Expr) -> bool:
        """Evaluate an expression statement and keep its value."""
        keep = ast.copy_location(ast.Assign([ast.Name(_VALUE, ast.Store())], node.value), node)
        keep.targets[0] = ast.copy_location(keep.targets[0], node.value)
        namespace = self._shell.user_ns
        try:
            failed = await self._execute(keep)
        finally:
            value = namespace.pop(_VALUE, None)
        if not failed and value is not None:
            self._kept = _Kept(node, value)
        return failed

    async def _settle(self) -> bool:
        """What was kept is not the last statement: let go of it."""
        kept, self._kept = self._kept, None
        if kept is None or kept.only_if_last:
            return False
        if kept.delayed:
            return await self._execute(kept.node)
        # The value dies in a frame of the program, at its statement, as it would have done.
        self._shell.user_ns[_VALUE] = kept.value
        forget = ast.copy_location(ast.Delete([ast.Name(_VALUE, ast.Del())]), kept.node)
        ast.copy_location(forget.targets[0], kept.node)
        del kept.value
        return await self._execute(forget)

    async def _show_last(self) -> bool:
        """What was kept is the last statement: display it as the shell does."""
        kept, self._kept = self._kept, None
        if kept is None:
            return False
        if kept.delayed:
            return await self._execute(kept.node, "last")
        assert isinstance(kept.node, ast.Expr)
        marker = ast.copy_location(ast.Constant(_VALUE), kept.node.value)
        shown = ast.copy_location(ast.Expr(marker), kept.node)
        return await self._execute(shown, "last", value=kept.value)

    async def _execute(
        self, node: ast.stmt, interactivity: str = "none", *, value: object = None
    ) -> bool:
        """Compile and run a statement as the shell does. Returns True when it failed.

        Parameters
        ----------
        node
            The statement.
        interactivity
            ``"last"`` to have what it displays shown.
        value
            What stands in the place of the constant `_VALUE`.
        """
        compiler = _Compiler(self._shell.compile, value)
        try:
            failed = await self._shell.run_ast_nodes(
                [node], self._source.name, interactivity, compiler=compiler, result=self.result
            )
        finally:
            if compiler.is_async and not self.is_async:
                self._is_async()
        return bool(failed)

    def _is_async(self) -> None:
        self.is_async = True
        if self._recording is not None:
            self._recording.discard()  # the shell records only cells that do not await

    def _awaits(self, program: str) -> bool:
        """Whether the shell would take `program` for one that awaits."""
        if "await" not in program and "async" not in program:
            return False
        with suppress(Exception):
            text = self._shell.transform_cell(program)
            return bool(self._shell.should_run_async(program, transformed_cell=text))
        return False

    # Text and errors ------------------------------------------------------------------------

    def _parse(self, text: str) -> ast.Module:
        parse, name = self._shell.compile.ast_parse, self._source.name
        tree: ast.Module = undisturbed(lambda: parse(text, filename=name))
        return tree

    def _add(self, text: str) -> None:
        self._source.add(text)
        breaks = text.count("\n")
        if "\r" in text:
            breaks += text.count("\r") - text.count("\r\n")
        last = max(text.rfind("\n"), text.rfind("\r"))
        if breaks:
            self._column = 0
        self._lines += breaks
        self._column += len(text[last + 1 :].encode("utf-8", "surrogatepass"))

    def _showtraceback(self, *args: Any, **kwargs: Any) -> Any:
        """Show an error as the shell does; tell of the program's own failure first."""
        __tracebackhide__ = True
        if get_ident() != self._thread:  # a cell in a subshell has failed
            return self._show_as_ever(*args, **kwargs)
        error = exception()
        if self._is_held(error) is not None:
            return None
        if self.result is not None and not self.result.success:
            if self._keep_for_repair(error, lambda: self._show_as_ever(*args, **kwargs)):
                return None
            self._before_report()
        return self._show_as_ever(*args, **kwargs)

    # Repair ---------------------------------------------------------------------------------

    def _keep_for_repair(self, error: BaseException | None, show: Callable[[], Any]) -> bool:
        """Keep what `show` would show, if the program is to be written on."""
        __tracebackhide__ = True
        if self.failure is not None:
            return True
        if not isinstance(error, Exception) or not self._wants_repair(error):
            return False
        shown: list[Any] = []
        with (
            _attribute(self._shell, "_showtraceback", lambda *what: shown.append(what)),
            _attribute(self._shell, "show_usage_error", lambda error: None),
        ):
            show()
        if isinstance(error, UsageError):  # which has no traceback: the shell prints it
            shown = [(type(error), error, [f"UsageError: {error}"])]
        self.failure = Unshown(error, shown[-1] if shown else (type(error), error, []))
        return True

    def keep_fault(self, error: Exception, program: str) -> bool:
        """Keep the error of a program that does not parse, if it is to be written on."""
        return self._keep_for_repair(error, lambda: self._show_malformed(error, program))

    def keep_cut_off(self, error: EagerError) -> bool:
        """Keep what is to be said of a model that was cut off, if it is to write on."""
        shown = type(error), error, error._render_traceback_()
        return self._keep_for_repair(error, lambda: self._shell._showtraceback(*shown))

    def cut_back(self, count: int) -> None:
        """Go on after the first `count` chunks, as if nothing else had been there.

        Their effects stay, and so do those of what had failed.
        """
        assert self.result is not None
        self.result.error_in_exec = self.result.error_before_exec = None
        self.held = self.failure = self._kept = None
        del self._raw[count:]
        self._lines, self._column = 1, 0
        for text in self._source.cut_back(count):
            self._add(text)

    def show(self, failure: Unshown) -> None:
        """Show what had been kept, since the program is not written on after all."""
        assert self.result is not None
        if self.result.success:
            self.result.error_in_exec = failure.error
        if isinstance(failure.error, UsageError):
            self._shell.show_usage_error(failure.error)
        else:
            self._shell._showtraceback(*failure.shown)

    def _before_report(self) -> None:
        if self._reported:
            return
        self._reported = True
        for chunk in self._on_error():
            self._raw.append(chunk.source)
            try:
                text = to_python(chunk, first=False)
            except Exception:  # noqa: BLE001 - user code, of text that will not run
                text = chunk.source  # it will never run; its lines are context only
            self._source.add(text)
            self._ends_open = _ends_open(chunk)
        if self._ends_open:
            self._source.add("\n")  # as IPython: a last line of white space is a line too

    def _show_syntax_error(self, error: Exception, ran: str) -> bool:
        """Show the error of the program as a whole, as the shell would."""
        if self.keep_fault(error, "".join(self._raw)):
            return True
        self.malformed = True
        self._before_report()
        told = f"{ran} {self.told_of_files()}".strip()
        return self._fail_before_exec(self._show_malformed(error, "".join(self._raw), told))

    def _show_malformed(self, error: Exception, program: str, ran: str = "") -> Exception:
        """Show why `program` does not parse. Returns the error that was shown."""
        shell = self._shell
        try:
            text = shell.transform_cell(program)
        except Exception as failure:  # noqa: BLE001 - IPython's tokenizer may object before Python
            shell.showtraceback(_without_own_frames(failure))
            return failure
        try:
            self._parse(text)
        except _NO_PROGRAM as whole:
            error = whole
            if ran:
                error.add_note(ran)
            if isinstance(error, IndentationError):
                shell.showindentationerror()
            else:
                shell.showsyntaxerror()
        else:
            # Only the blocks of an answer, which end statements, make this possible.
            shell.showtraceback((type(error), error, error.__traceback__))
        return error

    def _fail_before_exec(self, error: BaseException) -> bool:
        self._before_report()
        assert self.result is not None
        self.result.error_before_exec = error
        if self._store_history:
            self._store(error)
        return True


class _Compiler:
    """The shell's compiler, for one statement.

    Parameters
    ----------
    compiler
        The shell's compiler.
    value
        What takes the place of the constant `_VALUE`.
    """

    def __init__(self, compiler: Any, value: object) -> None:
        self._compiler = compiler
        self._value = value
        self.extra_flags = compiler.extra_flags
        self.is_async = False

    def __call__(self, *arguments: Any) -> CodeType:
        code: CodeType = self._compiler(*arguments)
        self.is_async = bool(code.co_flags & inspect.CO_COROUTINE)
        if self._value is None:
            return code
        value = self._value
        return code.replace(co_consts=tuple(value if c == _VALUE else c for c in code.co_consts))


@dataclass(slots=True)
class _Kept:
    """A statement of which it is not known yet whether it is the last."""

    node: ast.stmt
    value: object = None
    delayed: bool = False
    """It has not run yet."""
    only_if_last: bool = False
    """It is no statement of the program: it is there to be shown, or not at all."""


@dataclass(frozen=True, slots=True)
class Unshown:
    """An error, with what would have been shown of it.

    Parameters
    ----------
    error
        The error.
    shown
        Its type, itself, and the lines of its traceback, as the shell's `_showtraceback` takes
        them.
    """

    error: Exception
    shown: tuple[Any, Any, list[str]]


# No program can use this name, or write this constant by accident.
_VALUE: Final = "\0eager value\0"

_NONE: Final = object()

# What parsing raises for text that is no program, as the shell has it.
_NO_PROGRAM: Final = (SyntaxError, OverflowError, ValueError, TypeError, MemoryError)


@contextmanager
def _attribute(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Give an object an attribute of its own; take it back unless it was replaced meanwhile."""
    own = vars(owner).get(name, _NONE)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if vars(owner).get(name) is value:
            if own is _NONE:
                delattr(owner, name)
            else:
                setattr(owner, name, own)


def _lines_of(ran: list[str]) -> str:
    """Say which lines of a program ran before it turned out to be none."""
    if not ran:
        return ""
    lines = "".join(ran).rstrip("\n").count("\n") + 1
    which = "Line 1" if lines == 1 else f"Lines 1-{lines}"
    return f"{which} of the program ran before this was known."


def _without_own_frames(error: BaseException) -> tuple[Any, Any, Any]:
    """What `sys.exc_info` would be if IPython had called what failed."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals["__name__"].startswith("eager_kernel."):
        trace = trace.tb_next
    return type(error), error.with_traceback(trace), trace


def _ends_open(chunk: Chunk) -> bool:
    """Whether the last line of `chunk` has no end, and gets none by `to_python` either."""
    return not chunk.ipython and not chunk.source.endswith(("\n", "\r"))


def _assigned_name(node: ast.stmt) -> str | None:
    """The name that `last_expr_or_assign` shows after `node`."""
    target: ast.expr | None = None
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        target = node.target
    return target.id if isinstance(target, ast.Name) else None


def _load(name: str) -> ast.Expr:
    node = ast.Expr(ast.Name(name, ast.Load()))
    ast.fix_missing_locations(node)
    return node
