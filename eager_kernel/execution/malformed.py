"""The error of a program that does not parse, as the shell shows it of a whole cell."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Final

from eager_kernel.execution.failure import without_own_frames


def show_malformed(
    shell: Any, parse: Callable[[str], ast.Module], error: Exception, program: str, ran: str = ""
) -> Exception:
    """Show why a program does not parse.

    Parameters
    ----------
    shell
        The IPython shell.
    parse
        Parses Python as the cell's.
    error
        What to show where the text as a whole parses after all.
    program
        The code text.
    ran
        What to add of the lines that ran; empty: nothing.

    Returns
    -------
    Exception
        The error that was shown.
    """
    try:
        text = shell.transform_cell(program)
    except Exception as failure:  # noqa: BLE001 - IPython's tokenizer may object before Python
        shell.showtraceback(without_own_frames(failure))
        return failure
    try:
        parse(text)
    except NO_PROGRAM as whole:
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


def lines_that_ran(ran: list[str]) -> str:
    """Say which lines of a program ran before it turned out to be none.

    Parameters
    ----------
    ran
        The texts of its chunks that did.
    """
    if not ran:
        return ""
    lines = "".join(ran).rstrip("\n").count("\n") + 1
    which = "Line 1" if lines == 1 else f"Lines 1-{lines}"
    return f"{which} of the program ran before this was known."


NO_PROGRAM: Final = (SyntaxError, OverflowError, ValueError, TypeError, MemoryError)
"""What parsing raises for text that is no program, as the shell has it."""
