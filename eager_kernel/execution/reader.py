"""The thread that feeds: it puts what is found in a model's text into the program's ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from eager_kernel.core.ledger import Ending, TextState
from eager_kernel.core.reading import Found, Tail
from eager_kernel.execution.intake import Intake
from eager_kernel.execution.syntax import first_fault


class Reader:
    """Feeds the text of one program, on one thread.

    Parameters
    ----------
    intake
        The program.
    on_code
        Told each piece of code text as it comes, before any of it may run.
    """

    def __init__(self, intake: Intake, on_code: Callable[[str], None] = lambda text: None) -> None:
        self._intake = intake
        self._on_code = on_code

    def feed(self, text: str, at: float | None = None) -> None:
        """Take a delta. One that is not wanted any more is dropped.

        Parameters
        ----------
        text
            The delta.
        at
            When it came, in seconds of the intake's clock; None: now.

        Raises
        ------
        LimitError
            When the program is longer than allowed; what came before that is kept.
        """
        if self._intake.reads:
            self._intake.delta(at)
            self._accept(self._intake.reading.feed(text))

    def end(self, finish_reason: str | None = None) -> None:
        """Say that no more text comes.

        Parameters
        ----------
        finish_reason
            Why the model ended; None if that is not known.
        """
        if self._intake.reads:
            tail = self._accept(self._intake.reading.end(finish_reason))
            reason = finish_reason or "stop"
            if tail.cut_off:
                ending = Ending(TextState.CUT_OFF, reason, unfinished=tail.unfinished)
                self._intake.end(ending)
            else:
                self._complete(tail, reason)

    def write_on(self) -> None:
        """Cut the program back to what has run; the text that comes now goes on from there.

        After `Intake.pause`. Does nothing where the run was stopped meanwhile.
        """
        executed = self._intake.write_on()
        if executed is not None:
            found = self._intake.reading.write_on(executed)
            if found is not None:  # what followed on this line is gone
                self._accept([found])

    def _accept(self, pieces: Iterable[Found | Tail]) -> Tail:
        for piece in pieces:
            if isinstance(piece, Tail):
                return piece
            if piece.code:
                self._on_code(piece.code)
            self._intake.put(piece.judged)
        return Tail()

    def _complete(self, tail: Tail, reason: str) -> None:
        """End a text that is all there.

        The thread that runs the program may wait at an effect, whatever locks it holds. So nothing
        here imports, logs or takes a foreign lock.
        """
        unparsed = self._intake.complete(tail.judged, reason)
        if unparsed is not None:
            fault = first_fault(unparsed, self._intake.supply.flags)
            self._intake.complete(tail.judged, reason, fault)
