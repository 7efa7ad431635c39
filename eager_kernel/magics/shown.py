"""The view of a cell's run: shown while it goes on, a picture when it has ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ipykernel.jsonutil import json_clean
from IPython.display import display

from eager_kernel.kernel.journal import Journals, unpack
from eager_kernel.kernel.stream import Observer, Stream

if TYPE_CHECKING:
    from eager_kernel.widget.view import Outputs


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a run is shown.

    Parameters
    ----------
    shell
        The shell.
    heard_at_once
        Whether the kernel hears a view while its main thread is busy.
    unfolded
        Whether a program that has run stays open to be read.
    journals
        What keeps outputs for pages that come late; None where nothing does.
    """

    shell: Any
    heard_at_once: bool
    unfolded: bool
    journals: Journals | None


class Shown:
    """Shows one run under its cell.

    A live widget needs its kernel: a notebook that was closed and opened again would say that
    its model is gone. So the picture, which needs nothing, takes its place in the end.

    Parameters
    ----------
    setting
        Where.
    stream
        The run.
    stop
        Stops it; called on any thread.
    elsewhere
        Whether the program will be the cell's own text, so that it need not be kept here.
    """

    def __init__(
        self,
        setting: Setting,
        stream: Stream,
        stop: Callable[[], object],
        *,
        elsewhere: bool = False,
    ) -> None:
        from eager_kernel.widget import EagerView  # noqa: PLC0415 - slow to import

        self._view = view = EagerView(
            stream.options.model, heard_at_once=setting.heard_at_once, start=stream.opened
        )
        view.on_stop, view.on_approve = stop, stream.intake.approve
        view.keep = replace(view.keep, program=not elsewhere, unfolded=setting.unfolded)
        view.know(unfolded=setting.unfolded, elsewhere=elsewhere)
        self._stream = stream
        self._shell = setting.shell
        self._journals = setting.journals
        self._keeps_journal = False
        self._handle: Any = None

    @property
    def view_id(self) -> str:
        """By which pages know the view."""
        return self._view.keep.name

    @property
    def observer(self) -> Observer:
        """What is to be told of the run."""
        return self._view

    @property
    def is_seen(self) -> bool:
        """Whether a page shows it, or has shown it."""
        return self._view.was_met

    def on_run(self, run: Callable[[str | None], object] | None) -> None:
        """Have `run` called, on any thread, when the user wants what is held to run.

        Parameters
        ----------
        run
            Is given the program as the user has edited it; None: as it is.
        """
        self._view.on_run = run

    def begin(self) -> None:
        """Show it; on the main thread, when the cell has begun."""
        header = self._shell.get_parent().get("header", {})
        self._view.know(request=header.get("msg_id", ""), session=header.get("session", ""))
        self._keep_outputs(header.get("msg_id", ""))
        self._handle = display(self._view, display_id=True)
        self._view.flush()
        self._shell.events.register("post_run_cell", self._insert)

    def _keep_outputs(self, request: str) -> None:
        journals, comm_id = self._journals, self._stream.comm_id
        if journals is None or not request:
            return
        if not journals.knows(comm_id):
            self._keeps_journal = True
            journals.open(comm_id, request, outputs_only=True)
            journals.expect(comm_id, request)
        self._view.on_outputs = self._outputs

    def _outputs(self, after: str | None) -> Outputs:
        assert self._journals is not None
        missed = self._journals.since(self._stream.comm_id, after)
        messages = [unpack(self._shell.kernel.session, frames)[0] for frames in missed.messages]
        shown = [m for m in messages if m["header"]["msg_type"] in _SHOWN or m is messages[-1]]
        plain = [json_clean({"header": m["header"], "content": m["content"]}) for m in shown]
        return plain, missed.more

    def close(self) -> None:
        """Leave the picture; the run has ended."""
        self._shell.events.unregister("post_run_cell", self._insert)
        self._view.flush()
        if self._handle is not None:
            metadata = {"eager": {"id": self._view.keep.name}}
            self._handle.update(self._view.saved(), metadata=metadata, raw=True)
        self._view.close()
        if self._keeps_journal and self._journals is not None:
            self._journals.forget(self._stream.comm_id)

    def _insert(self, result: Any) -> None:
        """Put the program into a new cell, if the user wants that: only now there is a way."""
        if self._view.insert_wanted:
            self._shell.set_next_input(self._view.program)


_SHOWN: Final = frozenset(
    {
        "stream",
        "display_data",
        "update_display_data",
        "execute_result",
        "error",
        "clear_output",
    }
)
