"""A program that runs as one ordinary cell, because all of it is known before any of it runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from traceback import walk_tb
from typing import Any

from IPython.core.interactiveshell import ExecutionResult

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.text.cell_lines import line_in_text
from eager_kernel.execution.failure import without_own_frames
from eager_kernel.execution.options import CellOptions
from eager_kernel.execution.syntax import transforms_as_stock


def whole_cell(
    shell: Any, program: str, options: CellOptions, before_sync: Callable[[], None]
) -> tuple[bool, dict[str, Any]]:
    """Prepare a program to run as the shell runs any cell.

    Parameters
    ----------
    shell
        The IPython shell.
    program
        The code text.
    options
        From the owning request.
    before_sync
        Does what the shell does before a cell that does not await.

    Returns
    -------
    tuple
        Whether it awaits, and what to call the shell's `run_cell_async` with.
    """
    failure = None
    try:
        transformed = shell.transform_cell(program)
    except Exception as error:  # noqa: BLE001 - user code: IPython shows whatever it raises
        transformed = program
        failure = without_own_frames(error)
    is_async = shell.should_run_async(
        program, transformed_cell=transformed, preprocessing_exc_tuple=failure
    )
    if not is_async:
        # ipykernel transforms such a cell twice, and what a transformer prints with it. Of
        # IPython's own, only those of single lines print.
        before_sync()
        if len(transformed.splitlines()) == 1 or not transforms_as_stock(shell):
            with suppress(Exception):
                transformed = shell.transform_cell(program)
    return bool(is_async), {
        "store_history": options.store_history,
        "silent": options.silent,
        "transformed_cell": transformed,
        "preprocessing_exc_tuple": failure,
        "cell_id": options.cell_id,
        "cell_meta": options.cell_meta,
    }


def failed_line(result: ExecutionResult, program: str, chunks: list[Chunk]) -> int | None:
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


def was_compiling(error: BaseException) -> bool:
    """Whether `error` is of one statement, when those before it had run."""
    trace = error.__traceback__
    return any(frame.f_code.co_name == "run_ast_nodes" for frame, _ in walk_tb(trace))


def would_await(shell: Any, program: str) -> bool:
    """Whether the shell would take `program` for one that awaits."""
    if "await" not in program and "async" not in program:
        return False
    with suppress(Exception):
        text = shell.transform_cell(program)
        return bool(shell.should_run_async(program, transformed_cell=text))
    return False
