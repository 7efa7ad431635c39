"""A view of a run: hears events, and tells the pages that show it.

`QuietView` shows nothing while the run goes on, and makes the picture that is saved in the
notebook. `eager_kernel.widget.page.EagerView` adds the live widget.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from eager_kernel.widget.picture import Keep, to_markdown, to_text
from eager_kernel.widget.record import Event, Record

Outputs = tuple[list[dict[str, Any]], bool]
"""Messages with outputs, as plain values, and whether there are more after them."""


class QuietView:
    """What a run looks like, without a page that shows it.

    Parameters
    ----------
    title
        What to call the run: the model's name, for instance.
    clock
        Seconds of a monotonic clock.
    start
        When the run began, by this clock; None: now.
    """

    def __init__(
        self,
        title: str = "",
        *,
        clock: Callable[[], float] = time.monotonic,
        start: float | None = None,
    ) -> None:
        self.begin(title, clock, start)

    def begin(self, title: str, clock: Callable[[], float], start: float | None) -> None:
        """Start to hear; what `__init__` does, where that is another class's."""
        self.on_stop: Callable[[], object] | None = None
        """Called when the user wants the run to stop; on any thread."""
        self.on_approve: Callable[[], object] | None = None
        """Called when the user wants nothing of the run to be held; on any thread."""
        self.on_run: Callable[[str | None], object] | None = None
        """Called when the user wants what was asked about to run, with the program if it was
        edited; on any thread."""
        self.keep = Keep()
        """What `saved` keeps."""
        self.on_outputs: Callable[[str | None], Outputs | None] = lambda after: None
        """Gives what was shown since a message; on any thread."""
        self.insert_wanted = False
        """Whether the user wants the program as a cell of its own when the run has ended."""
        self._clock = clock
        self._record = Record(title, clock() if start is None else start)
        self._heard: deque[tuple[Event, float]] = deque()
        self._lock = threading.RLock()

    def hear(self, event: Event) -> None:
        """Note what happened; from any thread, in the order of events.

        Parameters
        ----------
        event
            See `eager_kernel.widget.record.Event`.
        """
        self._heard.append((event, self._clock()))

    def know(self, **facts: Any) -> None:
        """Have pages know more about the run."""
        with self._lock:
            self._record.know(**facts)

    def flush(self) -> None:
        """Send what is new to the pages that show the run; at most 20 times a second."""
        with self._lock:
            self._catch_up()

    def close(self) -> None:
        """Show it nowhere any more; `saved` still answers."""

    @property
    def program(self) -> str:
        """The program as far as it was heard; of several steps, all of them."""
        with self._lock:
            return self._catch_up().whole

    def saved(self) -> dict[str, str]:
        """The run as it is kept in a notebook: a MIME bundle of ``text/plain``, ``text/markdown``.

        It has no scripts and loads nothing. All that a model wrote is code, or escaped.
        """
        with self._lock:
            record, keep = self._catch_up(), self.keep
            return {
                "text/plain": to_text(record, keep),
                "text/markdown": to_markdown(record, keep),
            }

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any] | tuple[dict[str, Any], dict[str, Any]]:
        return self.saved()

    def _catch_up(self) -> Record:
        while self._heard:
            self._record.hear(*self._heard.popleft())
        return self._record


class Audience:
    """The pages that show a view, and when each of them is to hear something.

    Parameters
    ----------
    now
        When the view was shown first.
    certain
        Whether pages are heard at once. Where they may not be, because the kernel is busy, a
        view that was shown is taken to be seen.
    """

    def __init__(self, now: float, *, certain: bool) -> None:
        self._pages: set[str] = set()
        self._met = False
        self._until = now + PATIENCE if certain else float("inf")
        self._told = now

    @property
    def met(self) -> bool:
        """Whether a page has shown the view."""
        return self._met

    def hello(self, page: str) -> None:
        """A page shows the view."""
        self._met = True
        if len(self._pages) < _MOST_PAGES:
            self._pages.add(page)

    def bye(self, page: str) -> None:
        """A page has ceased to."""
        self._pages.discard(page)

    def watches(self, now: float) -> bool:
        """Whether anybody is there, or may be."""
        return bool(self._pages) or (not self._met and now < self._until)

    def wants_beat(self, now: float) -> bool:
        """Whether pages have heard nothing for so long that they may wonder."""
        return now - self._told >= BEAT

    def told(self, now: float) -> None:
        """Pages were told something."""
        self._told = now


PATIENCE: Final = 10.0
"""Seconds in which the page that shows a view says so."""
BEAT: Final = 2.0
"""Seconds between signs of life of a run in which nothing happens."""
_MOST_PAGES: Final = 64
