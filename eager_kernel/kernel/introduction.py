"""What a page asks that comes, or comes again, while a program runs.

JupyterLab shows no widget before it knows the kernel's info, its comms and the widgets' states.
The main thread would tell them when its cell has ended. So while a streamed program runs, they
are told past it: a view that was shown is there again as soon as its page is.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final, Protocol


class Host(Protocol):
    """What an introduction needs of the kernel."""

    session: Any
    log: Any
    shell_stream: Any
    comm_manager: Any
    _shell_parent: ContextVar[Any]

    @property
    def kernel_info(self) -> Any:
        """What a `kernel_info_reply` says."""


class Introduction:
    """Answers questions that change nothing.

    Parameters
    ----------
    host
        The kernel.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._questions: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def answers(self, kind: str, content: dict[str, Any]) -> bool:
        """Whether a message is such a question.

        Parameters
        ----------
        kind
            The message's type.
        content
            Its content.
        """
        if kind in _INFO:
            return True
        if kind == "comm_open":
            return content.get("target_name") == _CONTROL
        comm = self._host.comm_manager.comms.get(content.get("comm_id"))
        target = getattr(comm, "target_name", None)
        if kind == "comm_msg" and target == _WIDGET:
            data = content.get("data")
            return isinstance(data, dict) and data.get("method") == "request_state"
        return kind.startswith("comm_") and target == _CONTROL

    def answer(self, message: dict[str, Any], ident: Any) -> None:
        """Answer it; on the shell channel thread, whose socket it is.

        Parameters
        ----------
        message
            The question.
        ident
            The identities of its sender.
        """
        kind = message["header"]["msg_type"]
        if kind in _INFO:
            content = {"status": "ok", **self._info(kind, message["content"])}
            reply = kind.replace("_request", "_reply")
            host = self._host
            host.session.send(host.shell_stream, reply, content, parent=message, ident=ident)
            return
        # States may be large, and a widget's own code may make them: not on this thread.
        handler = getattr(self._host.comm_manager, kind)

        def tell() -> None:
            # A page knows the state that it has asked for by its question's id. Only this thread's
            # context has it for the parent: what the program says meanwhile is its cell's.
            self._host._shell_parent.set(message)
            handler(None, ident, message)

        self._questions.put(tell)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=_THREAD, daemon=True)
            self._thread.start()

    def _info(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        if kind == "kernel_info_request":
            return dict(self._host.kernel_info)
        target = content.get("target_name")
        # A copy: the main thread may open and close comms.
        comms = {
            comm_id: {"target_name": comm.target_name}
            for comm_id, comm in dict(self._host.comm_manager.comms).items()
            if target is None or comm.target_name == target
        }
        return {"comms": comms}

    def _run(self) -> None:
        while True:
            question = self._questions.get()
            try:
                question()
            except Exception:
                self._host.log.exception("A widget's state can't be told")


_INFO: Final = frozenset({"kernel_info_request", "comm_info_request"})
_CONTROL: Final = "jupyter.widget.control"
_WIDGET: Final = "jupyter.widget"
_THREAD: Final = "eager-introduction"
