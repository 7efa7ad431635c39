"""The view of a ``%%eager`` cell's run, under the cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from IPython.display import display

from eager_kernel.widget import QuietView, make_view


class CellView:
    """Shows a run under its cell, from its beginning; what is saved is the finished picture.

    Parameters
    ----------
    title
        What to call the run.
    stop, approve
        What the user's buttons do.
    heard_at_once
        Whether the kernel hears the buttons while the program runs.
    """

    def __init__(
        self,
        title: str,
        *,
        stop: Callable[[], object],
        approve: Callable[[], object],
        heard_at_once: bool,
    ) -> None:
        self.view: QuietView = make_view(title, heard_at_once=heard_at_once)
        self.view.on_stop, self.view.on_approve = stop, approve
        self._handle: Any = None

    def show(self) -> None:
        """Show it in the running cell."""
        self._handle = display(self.view, display_id=True)

    def finish(self) -> None:
        """Show how the run ended, to pages that watch and in the notebook that is saved."""
        self.view.flush()
        if self._handle is not None:
            self._handle.update(self.view)
