"""Shows a view of each stream that a cell of this kernel attaches."""

from __future__ import annotations

import signal
import threading
from typing import Any

from IPython.display import display

from eager_kernel.errors import RunCancelledError
from eager_kernel.execution.intake import Intake
from eager_kernel.kernel.stream import Stream
from eager_kernel.widget import make_view

VIEWS: list[Any] = []


def show_runs(*, keep: bool = True) -> None:
    """Patch the kernel so that its streams are shown.

    Parameters
    ----------
    keep
        Leave the live view in place when the run has ended, instead of its picture.
    """
    events: dict[int, list[Any]] = {}
    views: dict[int, Any] = {}
    before_attach, before_code, before_look = Stream.attach, Intake._code, Intake.look
    before_result = Stream.tell_result

    def attach(self: Stream, *rest: Any) -> None:
        view = make_view(self.options.model or "a model", heard_at_once=True)
        handle = display(view, display_id=True)

        def stop() -> None:
            self.intake.cancel(RunCancelledError("the user stopped the run"))
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        view.on_stop, view.on_approve = stop, self.intake.approve
        publish = self._publish

        def tell(kind: str, data: dict[str, Any]) -> None:
            publish(kind, data)
            if kind == "comm_msg":
                view.hear(data)

        self._publish = tell
        views[id(self.intake)] = view
        VIEWS.append((view, handle))
        for event in events.pop(id(self.intake), []):
            view.hear(event)
        before_attach(self, *rest)

    def code(self: Intake, text: str) -> Any:
        event = {"type": "delta", "text": text}
        if id(self) in views:
            views[id(self)].hear(event)
        else:
            events.setdefault(id(self), []).append(event)
        return before_code(self, text)

    def look(self: Intake) -> None:
        before_look(self)
        if id(self) in views:
            views[id(self)].flush()

    def tell_result(self: Stream, *rest: Any) -> None:
        before_result(self, *rest)
        view, handle = VIEWS[-1]
        view.flush()
        if not keep:
            handle.update(view.saved(), raw=True)
            view.close()

    Stream.attach, Intake._code, Intake.look = attach, code, look  # type: ignore[method-assign]
    Stream.tell_result = tell_result  # type: ignore[method-assign]
