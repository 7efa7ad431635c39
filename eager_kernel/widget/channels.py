"""The comms of views, by id: so that a kernel can hear them while its main thread is busy.

ipykernel serves comms on the main thread or on a subshell. A view's Stop must be heard while
the main thread runs, whether there are subshells or not, so `eager_kernel.kernel.ingress` takes
the messages of these comms off the shell channel and calls their handlers there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

Handler = Callable[[dict[str, Any]], None]
"""Takes what a page sent; on any thread, and at once."""


class Channels:
    """Handlers of custom messages, by the id of the comm that they come on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handlers: dict[str, Handler] = {}

    def add(self, comm_id: str, handler: Handler) -> None:
        """Have `handler` called with the custom messages of a comm."""
        with self._lock:
            self._handlers[comm_id] = handler

    def remove(self, comm_id: str) -> None:
        """Forget a comm; one that is not known is no error."""
        with self._lock:
            self._handlers.pop(comm_id, None)

    def takes(self, comm_id: str, data: object) -> bool:
        """Whether `data`, on that comm, is for a handler of ours.

        All else that comes on a widget's comm, such as a request for its state, is for
        ipywidgets.
        """
        return comm_id in self._handlers and _custom(data) is not None

    def deliver(self, comm_id: str, data: object) -> None:
        """Call the handler of a comm; without one, the message is late and has no effect."""
        content = _custom(data)
        handler = self._handlers.get(comm_id)
        if handler is not None and content is not None:
            handler(content)


def _custom(data: object) -> dict[str, Any] | None:
    """What a custom message of the widget protocol holds, if `data` is one."""
    if not isinstance(data, dict) or data.get("method") != "custom":
        return None
    content = data.get("content")
    return content if isinstance(content, dict) else None


CHANNELS: Final = Channels()
"""Those of this process."""
