"""One cell that runs several programs, one after the other: the steps of a model.

Each is what the same text would be as a cell after those before it: a `Pump` of its own runs it,
with a gate, a barrier and events of its own. What is the cell's, they share: the number, the entry
in the history, the reply, and the interrupt that ends all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from signal import SIGINT
from threading import get_ident
from types import FrameType
from typing import Any, Protocol

from IPython.core.interactiveshell import ExecutionResult

from eager_kernel.core.conversation.steps import gap
from eager_kernel.execution.after import After
from eager_kernel.execution.held import HeldPump
from eager_kernel.execution.history import GrowingEntry
from eager_kernel.execution.intake import Intake
from eager_kernel.execution.options import CellOptions
from eager_kernel.execution.outcome import Outcome
from eager_kernel.execution.pump import Pump
from eager_kernel.execution.repair import Repair

MakePump = Callable[[Intake, CellOptions, Repair | None], Pump | HeldPump]
"""Makes what runs one program."""


class Steps(Protocol):
    """Knows what comes after a step. On the main thread."""

    @property
    def intake(self) -> Intake:
        """Where the program of the step that is to run comes from."""

    @property
    def repair(self) -> Repair | None:
        """Has that program written on when it fails."""

    def ended(self, outcome: Outcome, *, interrupted: bool) -> bool:
        """Take how a step ended; tell whether another follows."""

    def go_on(self) -> None:
        """Ask for the next step, when all that the last one shows has been shown."""

    def sum_up(self) -> Outcome:
        """How the cell ended: the last thing that is asked."""


class SteppedPump:
    """Runs the steps of one cell. To a kernel it is what a `Pump` is.

    Parameters
    ----------
    make
        Makes the pump of a step.
    shell
        The IPython shell.
    options
        What the owning request asked for.
    steps
        What comes after each step.
    """

    def __init__(self, make: MakePump, shell: Any, options: CellOptions, steps: Steps) -> None:
        self._make = make
        self._shell = shell
        self._steps = steps
        self._entry = StepsEntry(shell)
        self._options = replace(options, entry=self._entry.open)
        self._counts = options.store_history and not options.silent
        self._signalled = False
        self._pump = make(steps.intake, self._options, steps.repair)
        self.outcome: Outcome | None = None
        """How the cell ended; None until then."""

    async def run(self) -> ExecutionResult:
        """Run steps until none follows."""
        number = self._shell.execution_count
        self._entry.number = number
        try:
            while True:
                if self._counts:
                    self._shell.execution_count = number
                try:
                    with self._entry.of_whole_cells():
                        result = await self._pump.run()
                finally:
                    if self._counts and self._shell.execution_count == number:
                        self._shell.execution_count = number + 1  # of a step without a program
                assert self._pump.outcome is not None
                follows = self._steps.ended(self._pump.outcome, interrupted=self._pump.signalled)
                if not follows:
                    return result
                await self._step_on(result)
        finally:
            self._entry.close()
            self._forget_errors(number)
            if self._pump.outcome is not None:
                self.outcome = self._steps.sum_up()

    def _forget_errors(self, number: int) -> None:
        """Of a cell that ended well, keep no error of an earlier step."""
        manager, outcome = self._shell.history_manager, self._pump.outcome
        if manager is not None and outcome is not None and outcome.error is None:
            getattr(manager, "exceptions", {}).pop(number, None)

    async def _step_on(self, result: ExecutionResult) -> None:
        """Do what follows a cell, and make what runs the next one."""
        pump = self._pump
        pump.after.follow_up(result, {})
        self._steps.go_on()
        await pump.after.outlive()
        self._signalled = self._signalled or pump.signalled
        self._pump = self._make(self._steps.intake, self._options, self._steps.repair)
        self._pump.after.stops_loop = pump.after.stops_loop
        if self._signalled:
            self._pump.on_sigint(SIGINT, None)  # it came between the two

    # As of a `Pump`: of the step that runs, or ran last ------------------------------------

    def on_sigint(self, signum: int, frame: FrameType | None) -> bool:
        """Handle SIGINT in whatever the step is doing."""
        return self._pump.on_sigint(signum, frame)

    @property
    def signalled(self) -> bool:
        """Whether SIGINT came during the run."""
        return self._signalled or self._pump.signalled

    @property
    def after(self) -> After:
        """What follows the cell: what follows its last step."""
        return self._pump.after


class StepsEntry:
    """The entry of a cell of several steps in the history: all of their code.

    Parameters
    ----------
    shell
        The IPython shell.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._entry: GrowingEntry | None = None
        self._before = ("", "")
        self._now = ("", "")
        self._thread = get_ident()
        self.number = 0
        """The cell's execution count."""

    def open(self, shell: Any, number: int, parsed: str, raw: str) -> StepsEntry:
        """Begin the next step; as `GrowingEntry`."""
        if self._entry is None:
            self._entry = GrowingEntry(shell, number, parsed, raw)
        else:
            self._before = self._whole
        self.update(parsed, raw)
        return self

    @contextmanager
    def of_whole_cells(self) -> Iterator[None]:
        """Have the shell put the text of a step that it runs as a cell here, too."""
        manager = self._shell.history_manager
        if manager is None:
            yield
            return
        store, own_store = manager.store_inputs, vars(manager).get("store_inputs")

        def store_inputs(line_num: int, source: str, source_raw: str | None = None) -> None:
            raw = source if source_raw is None else source_raw
            own = line_num == self.number and get_ident() == self._thread
            if not own or manager._exit_re.match(raw.strip()):
                store(line_num, source, source_raw)
            else:
                self.open(self._shell, line_num, source, raw)

        manager.store_inputs = store_inputs
        try:
            yield
        finally:
            if vars(manager).get("store_inputs") is store_inputs:
                del manager.store_inputs
                if own_store is not None:
                    manager.store_inputs = own_store

    def worth_updating(self, size: int) -> bool:
        """Whether the text has grown so much that replacing it keeps the cost linear."""
        return self._entry is not None and self._entry.worth_updating(len(self._before[1]) + size)

    def update(self, parsed: str, raw: str) -> None:
        """Replace the text of the step that runs."""
        self._now = parsed, raw
        if self._entry is not None:
            self._entry.update(*self._whole)

    def store(self, parsed: str, raw: str) -> None:
        """Replace it for the last time. The database has to wait for the other steps."""
        self.update(parsed, raw)

    def close(self) -> None:
        """Have all of it written to the database."""
        if self._entry is not None:
            self._entry.store(*self._whole)

    @property
    def _whole(self) -> tuple[str, str]:
        parsed, raw = self._before
        return _joined(parsed, self._now[0]), _joined(raw, self._now[1])


def _joined(before: str, text: str) -> str:
    return before + gap(before) + text if text else before
