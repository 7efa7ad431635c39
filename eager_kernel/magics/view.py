"""The view of a ``%%eager`` cell's run, under the cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from IPython.display import display

from eager_kernel.widget import QuietView, make_view


class CellView:
    """Shows a run under its cell, and leaves a picture of it.

    A live widget needs its kernel: in a notebook that was closed and opened again, JupyterLab
    would say that its model is gone. So the picture, which needs nothing, takes its place.

    Parameters
    ----------
    shell
        The shell.
    title
        What to call the run.
    stop, approve
        What the user's buttons do.
    heard_at_once
        Whether the kernel hears the buttons while the program runs.
    """

    def __init__(
        self,
        shell: Any,
        title: str,
        *,
        stop: Callable[[], object],
        approve: Callable[[], object],
        heard_at_once: bool,
    ) -> None:
        self.view: QuietView = make_view(title, heard_at_once=heard_at_once)
        self.view.on_stop, self.view.on_approve = stop, approve
        self._shell = shell
        self._handle: Any = None

    def show(self) -> None:
        """Show it in the running cell."""
        self._handle = display(self.view, display_id=True)
        self.view.flush()
        self._shell.events.register("post_run_cell", self._insert)

    def finish(self) -> None:
        """Leave the picture of the run, which has ended."""
        if self._handle is not None:
            self._shell.events.unregister("post_run_cell", self._insert)
            self.view.flush()
            self._handle.update(self.view.saved(), raw=True)
        self.view.close()

    def _insert(self, result: Any) -> None:
        """Put the program into a new cell, if the user wants that: this is where it can be."""
        if self.view.insert_wanted:
            self._shell.set_next_input(self.view.program)
