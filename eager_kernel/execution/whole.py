"""A program that runs as one ordinary cell, because all of it is known before any of it runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

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
