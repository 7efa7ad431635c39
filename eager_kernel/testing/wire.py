"""A client that speaks the wire protocol by hand, so that tests can also speak it wrongly."""

from __future__ import annotations

import contextlib
import queue
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from jupyter_client.blocking.client import BlockingKernelClient

from eager_kernel.protocol import TARGET, ChunkState, Delta, End, attach_code, open_data


@dataclass
class Heard:
    """What the kernel said during one run."""

    iopub: list[dict[str, Any]] = field(default_factory=list)
    comm: list[dict[str, Any]] = field(default_factory=list)
    reply: dict[str, Any] = field(default_factory=dict)
    closed: bool = False

    @property
    def result(self) -> dict[str, Any]:
        """The data of the `result` message."""
        return next(data for data in self.comm if data.get("type") == "result")

    @property
    def stops(self) -> list[dict[str, Any]]:
        """The data of all `stop` messages."""
        return [data for data in self.comm if data.get("type") == "stop"]

    def text(self, name: str = "stdout") -> str:
        """What was written to a stream, `name`."""
        return "".join(
            m["content"]["text"]
            for m in self.iopub
            if m["msg_type"] == "stream" and m["content"]["name"] == name
        )

    def displayed(self) -> list[str]:
        """The plain text of what the last expression showed."""
        return [
            m["content"]["data"]["text/plain"]
            for m in self.iopub
            if m["msg_type"] == "execute_result"
        ]

    def errors(self) -> list[str]:
        """The names of the errors shown."""
        return [m["content"]["ename"] for m in self.iopub if m["msg_type"] == "error"]


class WireStream:
    """One stream of one kernel."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self.client = client
        self.comm_id = uuid4().hex
        self.heard = Heard()
        self.request = ""
        self._idle = False

    def send(self, kind: str, content: dict[str, Any]) -> None:
        """Send a message on the shell channel."""
        self.client.shell_channel.send(self.client.session.msg(kind, content))

    def open(self, **data: Any) -> WireStream:
        """Send `comm_open`; `data` adds to its data, or replaces it."""
        content = {"target_name": TARGET, "data": {**open_data(), **data}}
        self.send("comm_open", {"comm_id": self.comm_id, **content})
        return self

    def execute(self, code: str, **options: Any) -> WireStream:
        """Run an ordinary cell in the stream's place."""
        self._ask(code, options)
        self.heard.closed = True
        return self

    def data(self, data: object) -> WireStream:
        """Send a `comm_msg`, whatever its data."""
        self.send("comm_msg", {"comm_id": self.comm_id, "data": data})
        return self

    def delta(self, text: str, **more: Any) -> WireStream:
        """Send a delta."""
        return self.data({**Delta(text, None).data(), **more})

    def end(self, reason: str | None = None) -> WireStream:
        """Send the end of the text."""
        return self.data(End(reason).data())

    def attach(self, *, view: bool = False, **options: Any) -> WireStream:
        """Send the cell that owns the run, and may show it."""
        self._ask(attach_code(self.comm_id, view=view), options)
        return self

    def listen(self, seconds: float = 0.0, *, until: Any = None) -> Heard:
        """Take messages for some seconds, or until a condition on `Heard` holds."""
        deadline = time.monotonic() + (seconds or 60)
        while time.monotonic() < deadline and not (until is not None and until(self.heard)):
            self.hear(0.05)
        if until is not None:
            assert until(self.heard), f"never heard it; heard {self.heard}"
        return self.heard

    def until_told(self, state: ChunkState, index: int | None = None) -> WireStream:
        """Take messages until a chunk, any or that of an index, is told to be in a state."""

        def is_told(heard: Heard) -> bool:
            return any(
                data.get("state") == state and index in (None, data["index"]) for data in heard.comm
            )

        self.listen(until=is_told)
        return self

    def until_run(self, line: int) -> WireStream:
        """Take messages until the program has run up to a line."""

        def has_run(heard: Heard) -> bool:
            return any(
                data.get("state") == "done" and data["lines"][1] >= line for data in heard.comm
            )

        self.listen(until=has_run)
        return self

    def finish(self, timeout: float = 60) -> Heard:
        """Take messages until the cell is idle and its result is there."""
        self.listen(timeout, until=lambda heard: self.done)
        return self.heard

    @property
    def done(self) -> bool:
        """Whether everything of the run has been heard."""
        return bool(self._idle and self.heard.closed and self.heard.reply)

    def hear(self, seconds: float) -> None:
        """Take the next message, if one comes in time; and the reply, if it is there."""
        # The reply first: a run that is idle may have nothing more to say on iopub.
        if self._idle and not self.heard.reply:
            with contextlib.suppress(queue.Empty):
                message = self.client.get_shell_msg(timeout=seconds)
                if message["parent_header"].get("msg_id") == self.request:
                    self.heard.reply = message["content"]
                    return
        with contextlib.suppress(queue.Empty):
            self._take(self.client.get_iopub_msg(timeout=seconds))

    def _ask(self, code: str, options: dict[str, Any]) -> None:
        # Or an error takes along what is asked soon after it: ipykernel aborts it.
        self.request = self.client.execute(code, **{"stop_on_error": False, **options})

    def _take(self, message: dict[str, Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        if kind in ("comm_msg", "comm_close"):
            if content["comm_id"] == self.comm_id:
                if kind == "comm_close":
                    self.heard.closed = True
                else:
                    self.heard.comm.append(content["data"])
        elif message["parent_header"].get("msg_id") == self.request:
            self.heard.iopub.append(message)
            if kind == "status" and content["execution_state"] == "idle":
                self._idle = True


def run(client: BlockingKernelClient, *pieces: str, pause: float = 0.0, **options: Any) -> Heard:
    """Stream `pieces` as one program."""
    stream = WireStream(client).open(**options).attach()
    for piece in pieces:
        stream.delta(piece)
        time.sleep(pause)
    return stream.end().finish()
