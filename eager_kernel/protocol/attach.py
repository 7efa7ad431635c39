"""The cell that owns the run of a stream."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Attach:
    """A cell that attaches a stream.

    Parameters
    ----------
    comm_id
        The stream's comm.
    view
        Whether the cell shows the view of the run, too.
    """

    comm_id: str
    view: bool


def attach_code(comm_id: str, *, view: bool = False) -> str:
    """The code of a cell that attaches a stream."""
    return f"%eager attach {comm_id}" + " --view" * view


def parse_attach(code: object) -> Attach | None:
    """Read a cell that attaches a stream; None if `code` is none."""
    match = _ATTACH.fullmatch(code) if isinstance(code, str) else None
    return Attach(match[1], match[2] is not None) if match is not None else None


def attached_comm(code: object) -> str | None:
    """The comm's id if `code` is a cell that attaches a stream; None if it is another one."""
    attach = parse_attach(code)
    return attach.comm_id if attach is not None else None


_ATTACH: Final = re.compile(r"\s*%eager[ \t]+attach[ \t]+(\S+)([ \t]+--view)?\s*")
