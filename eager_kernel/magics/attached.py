"""``%eager attach COMM_ID --view``: the run of a client's stream, shown under its cell."""

from __future__ import annotations

from collections.abc import Callable

from eager_kernel.execution.pump import Outcome
from eager_kernel.kernel.stream import Stream
from eager_kernel.magics.shown import Shown


class AttachedCell:
    """One cell that runs a client's stream and shows it, from its request to its end.

    Parameters
    ----------
    stream
        The stream.
    shown
        Shows the run, if it is to be shown.
    finished
        Told how the run ended, if it came to that.
    """

    def __init__(
        self, stream: Stream, shown: Shown | None, finished: Callable[[Outcome], None]
    ) -> None:
        self.stream = stream
        self._shown = shown
        self._finished = finished

    def close(self) -> None:
        """Note what came of the run, which has ended."""
        if self.stream.outcome is not None:
            self._finished(self.stream.outcome)
        if self._shown is not None:
            self._shown.close()
