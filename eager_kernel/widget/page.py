"""The live widget."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
from traitlets import Unicode

from eager_kernel.widget.channels import CHANNELS
from eager_kernel.widget.module import module
from eager_kernel.widget.picture import Keep, headline
from eager_kernel.widget.view import Audience, QuietView


class EagerView(QuietView, anywidget.AnyWidget):
    """A run in a notebook, live: display it, and have it hear the run's events.

    Its synced state is small and does not grow: what is new goes out in messages, and a page
    that comes later, or again, asks for a snapshot.

    Parameters
    ----------
    title
        What to call the run: the model's name, for instance.
    heard_at_once
        Whether the kernel hands over the view's messages while its main thread is busy, as
        the EAGER kernel does.
    clock
        Seconds of a monotonic clock.
    start
        When the run began, by this clock; None: now.
    """

    _esm = module()
    _css = Path(__file__).parent / "view.css"
    ended = Unicode("", help="How the run ended; for a page without a kernel.").tag(sync=True)

    def __init__(
        self,
        title: str = "",
        *,
        heard_at_once: bool = False,
        clock: Callable[[], float] = time.monotonic,
        start: float | None = None,
    ) -> None:
        anywidget.AnyWidget.__init__(self)
        self.begin(title, clock, start)
        self._audience = Audience(clock(), certain=heard_at_once)
        self._closed = False
        comm = self.comm
        self._comm_id = str(comm.comm_id) if comm is not None else ""
        self.keep = Keep(name=self._comm_id)
        self.know(id=self._comm_id)
        # ipykernel 7.4 sends answers to the thread that spoke last on a comm, so to the main
        # one. A page that sends them to a subshell has its reason: there they are heard.
        if comm is not None and hasattr(comm, "_reply_subshell_for"):
            comm._reply_subshell_for = lambda data, default: default
        CHANNELS.add(self._comm_id, self.take)
        self.on_msg(lambda _, content, __: self.take(content))

    def flush(self) -> None:
        """Send what is new to the pages that show the run; at most 20 times a second."""
        with self._lock:
            record = self._catch_up()
            now = self._clock()
            if record.ended and not self.ended and not self._closed:
                self.ended = headline(record)
            if self._closed or not self._audience.watches(now):
                return
            beat = not record.ended and self._audience.wants_beat(now)
            news = record.news(now, beat=beat)
            if news is not None:
                self._tell(news, now)

    def take(self, message: dict[str, Any]) -> None:
        """Act on a page's message; on any thread. Unknown ones have no effect."""
        match message.get("type"):
            case "hello":
                self._hello(message)
            case "bye":
                self._audience.bye(str(message.get("page")))
            case "stop":
                self._do("stop", self.on_stop)
            case "approve":
                self._do("approve", self.on_approve)
            case "run":
                program = message.get("program")
                run, self.on_run = self.on_run, None  # once
                edited = program if isinstance(program, str) else None
                self._do("run", None if run is None else lambda: run(edited))
            case "outputs":
                self._tell_outputs(message.get("after"))
            case "insert":
                self.insert_wanted = bool(message.get("wanted"))
                self._answer("insert", wanted=self.insert_wanted)

    @property
    def was_met(self) -> bool:
        """Whether a page has shown it."""
        return self._audience.met

    def close(self) -> None:
        """End the widget in all pages, and free what ipywidgets keeps of it."""
        with self._lock:
            self._closed = True
        CHANNELS.remove(self._comm_id)
        anywidget.AnyWidget.close(self)
        self.__dict__.pop("_repr_mimebundle_", None)  # ipywidgets shows a closed one as its name

    def _hello(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._audience.hello(str(message.get("page"))[:80])
            record, now = self._catch_up(), self._clock()
            if message.get("seq") != record.seq and not self._closed:
                self._tell(record.snapshot(now), now)
        self.flush()

    def _do(self, what: str, action: Callable[[], object] | None) -> None:
        if self._record.ended or action is None:
            self._answer(what, done=False)
            return
        self._answer(what, done=True)  # first: the action may take the kernel with it
        action()

    def _tell_outputs(self, after: object) -> None:
        """Tell a page that came late what has been shown since the run began."""
        shown = self.on_outputs(after if isinstance(after, str) else None)
        messages, more = shown if shown is not None else (None, False)
        with self._lock:
            if not self._closed:
                self.send({"type": "outputs", "messages": messages, "more": more})

    def _answer(self, what: str, **more: bool) -> None:
        with self._lock:
            if not self._closed:
                self.send({"type": "answer", "to": what, **more})

    def _tell(self, news: dict[str, Any], now: float) -> None:
        self.send(news)
        self._audience.told(now)

    # A bundle without metadata is one, too.
    def _repr_mimebundle_(  # type: ignore[override]
        self, **more: Any
    ) -> dict[str, Any] | tuple[dict[str, Any], dict[str, Any]]:
        saved = self.saved()
        if self._closed:
            return saved
        made = anywidget.AnyWidget._repr_mimebundle_(self, **more)
        data, metadata = made if made is not None else ({}, {})
        return {**data, **saved}, metadata
