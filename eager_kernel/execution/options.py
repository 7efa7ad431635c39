"""What is asked of a run's cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eager_kernel.execution.history import GrowingEntry, MakeEntry


@dataclass(frozen=True, slots=True)
class CellOptions:
    """What the `execute_request` that owns the cell asked for."""

    store_history: bool = True
    silent: bool = False
    cell_id: str | None = None
    cell_meta: dict[str, Any] | None = None
    entry: MakeEntry = GrowingEntry
    """Makes the cell's entry in the history: of the shell, its number, its parsed and raw text."""

    @property
    def stores_history(self) -> bool:
        """Whether the cell has a number and an entry of its own."""
        return self.store_history and not self.silent
