"""What the text of a cell asks for, told to a page, which has no kernel to ask."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, get_args

from IPython.core.error import UsageError

from eager_kernel.magics.options import (
    PromptOptions,
    fix_line,
    is_eager_cell,
    parse_options,
    split_cell,
)
from eager_kernel.protocol import attached_comm

CellKind = Literal["prompt", "fix", "attach", "other"]
"""``prompt``: ``%%eager`` heads it. ``fix``: it is ``%eager fix``. ``attach``: it is
``%eager attach``. ``other``: any other cell."""

CELL_KINDS: Final[tuple[CellKind, ...]] = get_args(CellKind)


@dataclass(frozen=True, slots=True)
class CellText:
    """What a cell's text asks for.

    Parameters
    ----------
    kind
        See `CellKind`.
    prompt
        What is below the line of the magic; empty for other cells.
    options
        The options that the line names, by the names of `PromptOptions`.
    error
        What is wrong with the line, as the cell would say; None: nothing is.
    """

    kind: CellKind
    prompt: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


def read_cell(text: str) -> CellText:
    """Read a cell's text as the magic does; nothing is run, and no file is looked at."""
    if is_eager_cell(text):
        line, prompt = split_cell(text)
        return _with_options("prompt", line, prompt)
    if (fixed := fix_line(text)) is not None:
        return _with_options("fix", fixed, "")
    return CellText("other" if attached_comm(text) is None else "attach")


def _with_options(kind: CellKind, line: str, prompt: str) -> CellText:
    try:
        options = parse_options(line)
    except UsageError as error:
        return CellText(kind, prompt, error=str(error))
    named = {
        option.name: value
        for option in fields(PromptOptions)
        if (value := getattr(options, option.name)) != option.default
    }
    return CellText(kind, prompt, named)
