"""Whether a program runs chunk by chunk, or as the one cell that it is."""

from __future__ import annotations
import __future__

from typing import Any, Final

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.ledger import Ending, TextState
from eager_kernel.execution.intake import Intake
from eager_kernel.execution.main_thread import MainThread
from eager_kernel.execution.syntax import Wants, wants_whole_cell


async def runs_whole(shell: Any, intake: Intake, main: MainThread) -> bool:
    """Wait for the first of a program; say whether it runs as one cell, once all of it is known."""
    while not intake.caught_up and not main.interrupted:
        await main.wait()
    flags = shell.compile.flags & _FUTURES
    while True:
        ending = intake.ending
        first = intake.supply.peek()
        if ending is not None:
            if intake.repairable and _can_stream(shell, intake, ending, first):
                intake.supply.start_streaming(flags)
                return False
            # Nothing has run yet: run it as the one cell it is, unless it has a tail
            # that must not run, or is not wanted any more.
            return ending.state is TextState.COMPLETE
        if main.interrupted:
            return False
        if first is not None:
            wants = wants_whole_cell(shell, first)
            if wants is Wants.NOTHING or (
                wants is Wants.NEXT_LINE and intake.chars > len(first.source)
            ):
                if intake.supply.start_streaming(flags):
                    return False
                continue
        await main.wait()


def _can_stream(shell: Any, intake: Intake, ending: Ending, first: Chunk | None) -> bool:
    """Whether a program whose text has ended can run chunk by chunk all the same."""
    if ending.state is not TextState.COMPLETE:
        return True
    wants = Wants.WHOLE if first is None else wants_whole_cell(shell, first)
    return wants is Wants.NOTHING or (wants is Wants.NEXT_LINE and len(intake.notes.waiting()) > 1)


_FUTURES: Final = sum(
    {getattr(__future__, name).compiler_flag for name in __future__.all_feature_names}
)
