"""The view of a cell's run: shown while it goes on, a picture when it has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from IPython.display import display

from eager_kernel.kernel.stream import Observer, Stream


class Shown:
    """Shows one run under its cell.

    A live widget needs its kernel: a notebook that was closed and opened again would say that
    its model is gone. So the picture, which needs nothing, takes its place in the end.

    Parameters
    ----------
    shell
        The shell.
    stream
        The run.
    stop
        Stops it; called on any thread.
    heard_at_once
        Whether the kernel hears the view while its main thread is busy.
    """

    def __init__(
        self, shell: Any, stream: Stream, stop: Callable[[], object], *, heard_at_once: bool
    ) -> None:
        from eager_kernel.widget import EagerView  # noqa: PLC0415 - slow to import

        self._view = EagerView(
            stream.options.model, heard_at_once=heard_at_once, start=stream.opened
        )
        self._view.on_stop, self._view.on_approve = stop, stream.intake.approve
        self._shell = shell
        self._handle: Any = None

    @property
    def observer(self) -> Observer:
        """What is to be told of the run."""
        return self._view

    def begin(self) -> None:
        """Show it; on the main thread, when the cell has begun."""
        self._handle = display(self._view, display_id=True)
        self._view.flush()
        self._shell.events.register("post_run_cell", self._insert)

    def close(self) -> None:
        """Leave the picture; the run has ended."""
        self._shell.events.unregister("post_run_cell", self._insert)
        self._view.flush()
        if self._handle is not None:
            self._handle.update(self._view.saved(), raw=True)
        self._view.close()

    def _insert(self, result: Any) -> None:
        """Put the program into a new cell, if the user wants that: only now there is a way."""
        if self._view.insert_wanted:
            self._shell.set_next_input(self._view.program)
