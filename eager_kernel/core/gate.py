"""The gate decides when a chunk may run.

A verdict is a value, never an exception. The gate decides *when* code runs. It is no sandbox.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from eager_kernel.core.chunk import Chunk

Action = Literal["run", "defer", "hold"]
Mode = Literal["off", "serial"]

MODES: Final[tuple[Mode, ...]] = ("off", "serial")
"""``off`` lets every chunk run as soon as it is complete; ``serial`` holds all of them until
the program is known, which is the baseline to compare with."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate decided about a chunk.

    Parameters
    ----------
    action
        ``run``: as soon as the pump is free. ``defer``: together with the next chunk that
        runs. ``hold``: this chunk and all after it, once generation has ended.
    category
        Why, as a word that programs may test.
    reason
        Why, for a person; empty for ``run``.
    line
        1-based line of the program that decided.
    """

    action: Action
    category: str
    reason: str
    line: int


class Gate:
    """Judges chunks, in the order of the program.

    Parameters
    ----------
    mode
        One of `MODES`.

    Raises
    ------
    ValueError
        For a mode that does not exist.
    """

    def __init__(self, mode: Mode = "off") -> None:
        if mode not in MODES:
            raise ValueError(f"gate mode must be one of {', '.join(MODES)}, not {mode!r}")
        self.mode = mode

    def judge(self, chunk: Chunk) -> Verdict:
        """Decide when `chunk` may run."""
        if self.mode == "serial":
            reason = "the gate is in serial mode: nothing runs before generation has ended"
            return Verdict("hold", "plain", reason, chunk.first_line)
        return Verdict("run", "plain", "", chunk.first_line)
