"""A program's failure as a value: the error, and what the shell would show of it.

The shell shows an error where it catches it. By then it is not known whether that is to be seen: a
model may write the program on, and an effect that may not happen is no failure of the program's.
Nor is the text known that follows the failed line, which a traceback has. So what the shell would
call is noted, and called when the pump has decided.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from sys import exception
from threading import get_ident
from typing import Any, Final

from IPython.core.error import UsageError

from eager_kernel.execution.attribute import attribute


@dataclass(frozen=True, slots=True)
class Show:
    """One call by which the shell shows an error.

    Parameters
    ----------
    error
        The error that is being handled where the shell calls it.
    call
        What it calls, with its arguments.
    by_statement
        Whether the shell calls it where it runs a statement; an error of the call itself is then
        shown, too.
    custom
        Whether it is the user's own handler (``set_custom_exc``).
    """

    error: BaseException
    call: Callable[[], Any]
    by_statement: bool = False
    custom: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a program has failed.

    Parameters
    ----------
    error
        The error; None where the shell keeps it to itself.
    shows
        How it is shown. Empty where it has been shown, or is not; and where the program does not
        parse, which is shown of the whole program.
    malformed
        Whether the program turns out to be none.
    before_exec
        Whether the statement that failed did not run at all.
    ran
        What to add of the lines that ran.
    """

    error: BaseException | None
    shows: tuple[Show, ...] = ()
    malformed: bool = False
    before_exec: bool = False
    ran: str = ""

    @property
    def of_whole(self) -> bool:
        """Whether the error of the whole program is to be shown."""
        return self.malformed and not self.shows

    @property
    def may_wait(self) -> bool:
        """Whether it has not been shown, and is not for the user's own handler."""
        shown_later = self.of_whole or (bool(self.shows) and not self.shows[0].custom)
        return shown_later and isinstance(self.error, Exception)


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


class ShellErrors:
    """Notes what the shell would show of a failed program.

    Parameters
    ----------
    shell
        The IPython shell.
    failing
        Whether the program has failed; until then errors are shown at once, as of a value that
        can't be displayed.
    """

    def __init__(self, shell: Any, failing: Callable[[], bool]) -> None:
        self._shell = shell
        self._failing = failing
        self._thread = get_ident()
        self._as_ever = shell.showtraceback
        self._noted: list[Show] = []
        self._noting = False

    def take(self) -> tuple[Show, ...]:
        """What has been noted since the last call."""
        noted, self._noted = tuple(self._noted), []
        return noted

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Stand where the shell shows errors, for as long as the cell is open."""
        with attribute(self._shell, "showtraceback", self._showtraceback):
            yield

    @contextmanager
    def of_statement(self) -> Iterator[None]:
        """Note what the shell shows of the statement that runs now.

        Anything else is shown at once, as of a cell that the text of an error runs.
        """
        self._noting = True
        try:
            with self._handler_noted() if self._shell.custom_exceptions else nullcontext():
                yield
        finally:
            self._noting = False

    @contextmanager
    def _handler_noted(self) -> Iterator[None]:
        """Note, too, what the user's own handler would be given."""
        handler = vars(self._shell).get("CustomTB")
        if handler is None:
            yield
            return

        def note(*given: Any) -> None:
            error = exception()
            assert error is not None
            self._noted.append(Show(error, lambda: handler(*given), True, custom=True))

        with attribute(self._shell, "CustomTB", note):
            yield

    def _showtraceback(self, *given: Any, **named: Any) -> Any:
        """Note an error of the program's, or show it as the shell does."""
        __tracebackhide__ = True
        error = exception()
        if (
            get_ident() == self._thread  # else a cell in a subshell has failed
            and error is not None
            and self._noting
            and self._failing()
            and not isinstance(error, SystemExit)  # after which the shell says more
            and sys._getframe(1).f_code.co_name in _OF_THE_SHELL
        ):
            call = lambda: self._as_ever(*given, **named)  # noqa: E731 - of these arguments
            self._noted.append(Show(error, call, by_statement=bool(named)))
            return None
        return self._as_ever(*given, **named)


def show(shell: Any, shows: tuple[Show, ...], result: Any) -> None:
    """Show what was noted, as the shell would have done.

    Parameters
    ----------
    shell
        The IPython shell.
    shows
        What was noted.
    result
        Of the cell: where showing fails, the shell has that error there.

    Raises
    ------
    BaseException
        What can't be shown, as an exception whose text raises `SystemExit`.
    """
    __tracebackhide__ = True
    for each in shows:
        try:
            _handling(each.error, each.call)
        except BaseException as error:
            if not each.by_statement:
                raise
            result.error_before_exec = error
            shell.showtraceback()
            return


def capture(shell: Any, error: Exception, call: Callable[[], Any]) -> Unshown:
    """What the shell would show of an error.

    Parameters
    ----------
    shell
        The IPython shell.
    error
        The error.
    call
        Shows it.
    """
    shown: list[Any] = []
    with (
        attribute(shell, "_showtraceback", lambda *what: shown.append(what)),
        attribute(shell, "show_usage_error", lambda error: None),
    ):
        call()
    if isinstance(error, UsageError):  # which has no traceback: the shell prints it
        shown = [(type(error), error, [f"UsageError: {error}"])]
    return Unshown(error, shown[-1] if shown else (type(error), error, []))


def show_kept(shell: Any, kept: Unshown) -> None:
    """Show what `capture` has kept."""
    if isinstance(kept.error, UsageError):
        shell.show_usage_error(kept.error)
    else:
        shell._showtraceback(*kept.shown)


def without_own_frames(error: BaseException) -> tuple[Any, Any, Any]:
    """What `sys.exc_info` would be if IPython had called what failed."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals["__name__"].startswith("eager_kernel."):
        trace = trace.tb_next
    return type(error), error.with_traceback(trace), trace


def _handling(error: BaseException, call: Callable[[], Any]) -> None:
    """Call something while an error is being handled, which is as it was caught."""
    __tracebackhide__ = True
    trace, context = error.__traceback__, error.__context__
    try:
        raise error
    except BaseException:  # noqa: BLE001 - the one that was raised
        error.with_traceback(trace)
        error.__context__ = context
        call()


_OF_THE_SHELL: Final = frozenset({"run_ast_nodes", "run_code"})
"""What shows errors of a program; anything else is the user's, and shows what it likes."""
