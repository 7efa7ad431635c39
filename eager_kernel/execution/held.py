"""A program that is written and held until its user says that it is to run.

To a kernel it is what a `Pump` is. While it is held the event loop turns, as between two cells; an
interrupt ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from signal import SIGINT
from types import FrameType
from typing import Protocol

from IPython.core.interactiveshell import ExecutionResult

from eager_kernel.core.ledger import Ending, TextState
from eager_kernel.errors import RunCancelledError
from eager_kernel.execution.after import After
from eager_kernel.execution.intake import Intake
from eager_kernel.execution.outcome import Outcome
from eager_kernel.execution.pump import Pump


class Asks(Protocol):
    """Asks the user whether a program is to run."""

    in_prompt: bool
    """Whether the main thread stands still in a prompt, which an interrupt is to end."""

    async def decide(self, intake: Intake) -> str | None:
        """The program that is to run, which the user may have edited; None: none is.

        Its task is cancelled where the run is interrupted.

        Parameters
        ----------
        intake
            Holds the program; its text has ended.
        """

    def rewrite(self, text: str) -> Intake:
        """Give another program in the place of the one that was asked about."""


class HeldPump:
    """Asks before it runs a program.

    Parameters
    ----------
    make
        Makes the pump of a program.
    intake
        Where the program comes from that is asked about.
    asks
        Asks.
    """

    def __init__(self, make: Callable[[Intake], Pump], intake: Intake, asks: Asks) -> None:
        self._make = make
        self._intake = intake
        self._asks = asks
        self._pump = make(intake)
        self._holding = True
        self._interrupted = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asking: asyncio.Task[_Decision | None] | None = None
        self._declined = ""

    async def run(self) -> ExecutionResult:
        """Wait for the program and for the user; then run it, if it is to run."""
        self._loop = asyncio.get_running_loop()
        self._asking = asyncio.create_task(self._ask())
        if self._interrupted:
            self._asking.cancel()
        try:
            await self._go_on_with(await self._asking)
        except (asyncio.CancelledError, KeyboardInterrupt):
            self._interrupted = True
        finally:
            self._holding = False
        if self._interrupted:
            why = RunCancelledError("it was stopped before it ran")
            self._intake.stop("interrupted", why)
            self._intake.cancel(why)
            self._pump.on_sigint(SIGINT, None)
        return await self._pump.run()

    async def _ask(self) -> _Decision | None:
        """Wait for the program, and ask; None: there is nothing to ask about."""
        intake = self._intake
        ending = await _ending_of(intake)
        if ending.state is TextState.STOPPED or not intake.program.strip():
            return None
        return _Decision(await self._asks.decide(intake))

    async def _go_on_with(self, decision: _Decision | None) -> None:
        if decision is None:
            return
        if decision.program is None:
            self._declined = self._intake.program
        before = self._pump
        self._intake = self._asks.rewrite(decision.program or "")
        await _ending_of(self._intake)
        self._pump = self._make(self._intake)
        self._pump.after.stops_loop = before.after.stops_loop

    # As of a `Pump` -------------------------------------------------------------------------

    def on_sigint(self, signum: int, frame: FrameType | None) -> bool:
        """Handle SIGINT: it ends a program that is held."""
        if not self._holding:
            return self._pump.on_sigint(signum, frame)
        self._interrupted = True
        if self._asks.in_prompt:
            return True
        if self._loop is not None and self._asking is not None:
            self._loop.call_soon_threadsafe(self._asking.cancel)
        return False

    @property
    def signalled(self) -> bool:
        """Whether SIGINT came during the run."""
        return self._interrupted or self._pump.signalled

    @property
    def after(self) -> After:
        """What follows the cell."""
        return self._pump.after

    @property
    def outcome(self) -> Outcome | None:
        """How the run ended; None until then. Of what the user did not run: cancelled."""
        outcome = self._pump.outcome
        if outcome is None or not self._declined:
            return outcome
        return replace(outcome, status="cancelled", program=self._declined)


@dataclass(frozen=True, slots=True)
class _Decision:
    """What the user wants to run; None: nothing."""

    program: str | None


async def _ending_of(intake: Intake) -> Ending:
    """Wait for the end of a text."""
    news = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell() -> None:
        loop.call_soon_threadsafe(news.set)

    intake.listen(tell)
    try:
        while (ending := intake.ending) is None:
            await news.wait()
            news.clear()
        return ending
    finally:
        intake.listen(None)
