"""What a model is told of the notebook beside earlier prompts: its variables, and its cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eager_kernel.core.conversation.told import in_fence, plain, shortened
from eager_kernel.errors import PromptError
from eager_kernel.magics.namespace import Told, describe


@dataclass(frozen=True, slots=True)
class Cell:
    """An ordinary cell that has been run.

    Parameters
    ----------
    code
        Its text.
    error
        How it failed, in one line; empty where it did not.
    """

    code: str
    error: str = ""


class NotebookContext:
    """Reads the notebook of a shell.

    Parameters
    ----------
    shell
        The IPython shell.
    show
        Makes text of a value, where values are told.
    """

    def __init__(self, shell: Any, show: Callable[[Any], str]) -> None:
        self._shell = shell
        self._show = show
        self._known = 0

    def passed(self) -> None:
        """What has been run so far is known to the model, or need not be."""
        self._known = self._count

    def read(self, told: Told, limit: int) -> str:
        """What the model is to be told now; empty where there is nothing.

        Parameters
        ----------
        told
            How much.
        limit
            Characters that it may have.
        """
        if told == "off" or limit <= 0:
            return ""
        cells = cells_text(self._cells(), limit // 2) if told in ("schema", "values") else ""
        shell = self._shell
        variables = describe(
            shell.user_ns,
            told,
            limit - len(cells),
            hidden=shell.user_ns_hidden,
            show=self._show if told == "values" else None,
        )
        parts = [cells]
        if variables:
            parts.append(f"The notebook has these variables:\n\n{variables}")
        return "\n\n".join(filter(None, parts))

    def fix_prompt(self, number: int | None = None) -> str:
        """The prompt that asks for what a failed cell was to do.

        Parameters
        ----------
        number
            Its execution count; None: the last one that has failed.

        Raises
        ------
        PromptError
            It has not failed, or none has.
        """
        manager = self._shell.history_manager
        errors = {} if manager is None else getattr(manager, "exceptions", {})
        failed = [n for n in errors if isinstance(n, int) and 0 < n < len(manager.input_hist_raw)]
        if not failed:
            raise PromptError(
                "no cell of this session has failed: %eager fix asks for the last one that has"
            )
        if number is None:
            number = max(failed)
        elif number not in failed:
            raise PromptError(
                f"no cell [{number}] of this session has failed: run it again, or take %eager fix "
                f"for the last one that has, [{max(failed)}]"
            )
        traceback = errors[number].get("traceback") or []
        lines = [traceback] if isinstance(traceback, str) else [str(line) for line in traceback]
        error = "\n".join(plain(lines)) or _error_of(manager, number)
        return fix_text(str(manager.input_hist_raw[number]), error)

    def _cells(self) -> list[Cell]:
        """The ordinary cells since the last prompt."""
        manager = self._shell.history_manager
        if manager is None:
            return []
        raw = list(manager.input_hist_raw)
        cells = []
        for number in range(max(1, self._known, len(raw) - _MOST_CELLS), len(raw)):
            code = raw[number]
            if type(code) is str and code.strip() and not code.lstrip().startswith(_OURS):
                cells.append(Cell(code, _error_of(manager, number)))
        return cells

    @property
    def _count(self) -> int:
        manager = self._shell.history_manager
        return 0 if manager is None else len(manager.input_hist_raw)


def fix_text(code: str, error: str) -> str:
    """Ask for what a failed cell was to do."""
    return (
        f"This cell failed:\n\n{in_fence(code.strip(chr(10)))}\n\n"
        f"{shortened(error, _LONGEST_TRACEBACK)}\n\n"
        "What it had done before it failed is in place. Write a program that does what it was to "
        "do."
    )


def cells_text(cells: Sequence[Cell], limit: int) -> str:
    """The last cells as a model is told of them: the latest that fit, each of them shortened."""
    told: list[str] = []
    left = limit
    for cell in reversed(cells):
        text = in_fence(shortened(cell.code.strip("\n"), _LONGEST_CELL))
        if cell.error:
            text += f"\nIt failed: {shortened(cell.error, _LONGEST_ERROR)}"
        left -= len(text)
        if left < 0:
            break
        told.append(text)
    if not told:
        return ""
    return "\n\n".join(["The user has run these cells since:", *reversed(told)])


def _error_of(manager: Any, number: int) -> str:
    error = getattr(manager, "exceptions", {}).get(number)
    if not isinstance(error, dict):
        return ""
    name, value = error.get("ename"), error.get("evalue")
    return f"{name}: {value}" if value else str(name or "")


_OURS: Final = ("%eager", "%%eager", "%load_ext", "%config", "%reload_ext")
_MOST_CELLS: Final = 20
_LONGEST_TRACEBACK: Final = 6_000
_LONGEST_CELL: Final = 2_000
_LONGEST_ERROR: Final = 1_000
