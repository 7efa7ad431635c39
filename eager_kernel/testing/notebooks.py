"""The code cells of notebooks."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eager_kernel.errors import MissingExtraError


@dataclass(frozen=True, slots=True)
class CodeCell:
    """A cell of a notebook that holds code.

    Parameters
    ----------
    number
        Its place among all cells of the notebook, from 1.
    source
        Its text.
    """

    number: int
    source: str


def read_cells(path: Path) -> list[CodeCell]:
    """Read the code cells of a notebook, of whichever version of the format.

    Cells that are empty, or tagged ``skip-execution`` as for nbclient, are left out.

    Raises
    ------
    MissingExtraError
        nbformat is not installed.
    ValueError
        The file is no notebook; names it.
    OSError
        It can't be read.
    """
    try:
        import nbformat  # noqa: PLC0415 - an extra; its import takes a second
    except ImportError as error:
        raise MissingExtraError("reading notebooks", "bench") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of cells without ids, which none of us needs
            notebook = nbformat.read(path, as_version=4)
    except OSError:
        raise
    except Exception as error:
        raise ValueError(f"{path} is no notebook: {type(error).__name__}: {error}") from error
    return [
        CodeCell(number, str(cell.source))
        for number, cell in enumerate(notebook.cells, 1)
        if cell.cell_type == "code"
        and cell.source.strip()
        and _SKIPPED not in cell.get("metadata", {}).get("tags", ())
    ]


_SKIPPED: Final = "skip-execution"
