"""The life of a run that a cell owns, in our kernel and in a stock one: begun, told, released."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from eager_kernel.execution.options import CellOptions
from eager_kernel.execution.pump import Pump
from eager_kernel.kernel.stream import Runs, Stream
from eager_kernel.kernel.streams import Streams


class Claim(Protocol):
    """A program that runs in the place of a cell's text."""

    @property
    def stream(self) -> Stream:
        """Where the program comes from."""

    def close(self) -> None:
        """The cell has ended."""


class OwnedRun:
    """One run, from the cell that claims it to its result.

    Parameters
    ----------
    stream
        Where the program comes from.
    pump
        What runs it.
    """

    def __init__(self, stream: Stream, pump: Runs) -> None:
        self.stream = stream
        self.pump = pump

    def tell(self, traceback: list[str]) -> None:
        """Tell the client how the run ended, if it came to that.

        Parameters
        ----------
        traceback
            The error's, as it was shown; empty where there was none.
        """
        if self.pump.outcome is not None:
            self.stream.tell_result(self.pump.outcome, traceback)


@contextmanager
def owned(
    shell: Any,
    streams: Streams,
    claim: Claim,
    options: CellOptions,
    make_pump: Callable[..., Pump] = Pump,
) -> Iterator[OwnedRun]:
    """Own a run as long as its cell lasts; then its stream is released, whatever happened.

    Parameters
    ----------
    shell
        The IPython shell.
    streams
        The open streams.
    claim
        What the cell has claimed.
    options
        What its request asked for.
    make_pump
        Makes what runs it.
    """
    stream = claim.stream
    pump = stream.make_pump(make_pump, shell, options)
    try:
        yield OwnedRun(stream, pump)
    finally:
        pump.after.end()
        # Only where the kernel itself failed is there no outcome: have the model stop.
        stream.intake.stop("error", message="the kernel could not run the program")
        streams.release(stream)
        claim.close()
