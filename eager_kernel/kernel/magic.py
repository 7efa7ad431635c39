"""`%eager` where it is not the whole cell."""

from __future__ import annotations

from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class

from eager_kernel.kernel.streams import Streams


@magics_class
class EagerMagics(Magics):
    """Explains why ``%eager attach`` did not attach.

    A cell that consists of ``%eager attach COMM_ID`` alone never gets here if the stream can
    be attached: the kernel runs the stream in its place.
    """

    def __init__(self, shell: Any, streams: Streams) -> None:
        super().__init__(shell)
        self._streams = streams

    @line_magic
    def eager(self, line: str) -> None:
        """Run a stream in this cell: `%eager attach COMM_ID`, alone in its cell."""
        command, _, comm_id = line.strip().partition(" ")
        if command != "attach" or not comm_id.strip():
            raise UsageError("use: %eager attach COMM_ID, alone in its cell")
        self._streams.explain(comm_id.strip())
        raise UsageError(
            "%eager attach must be alone in its cell, not inside another run, and needs the "
            "asyncio loop runner (%autoawait asyncio)"
        )
