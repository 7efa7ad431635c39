"""What watches a program's code does not watch the kernel's, which runs between its statements.

A function that a program gives to `sys.setprofile`, `sys.settrace` or `sys.monitoring` would be
called in the midst of the pump's own code, where a cell has none.
"""

from __future__ import annotations

import sys
from sys import getprofile, gettrace, setprofile, settrace
from typing import Any, Final


class Tracing:
    """Puts a program's tracing aside while the kernel's own code runs."""

    def __init__(self) -> None:
        self._before = gettrace(), getprofile()
        self._tools = _tools()
        self._aside: tuple[Any, Any] | None = None
        self._events: dict[int, int] = {}

    def put_aside(self) -> None:
        """The kernel's own code comes."""
        now = gettrace(), getprofile()
        if now != self._before:
            self._aside = now
            settrace(self._before[0])
            setprofile(self._before[1])
        if _MONITORING is not None:
            for tool, name in _tools().items():
                if self._tools.get(tool) != name and (events := _MONITORING.get_events(tool)):
                    self._events[tool] = events
                    _MONITORING.set_events(tool, 0)

    def go_on(self) -> None:
        """The program's code comes."""
        if self._events:
            for tool, events in self._events.items():
                _MONITORING.set_events(tool, events)
            self._events.clear()
        if self._aside is not None:
            (trace, profile), self._aside = self._aside, None
            settrace(trace)
            setprofile(profile)

    def give_up(self) -> None:
        """Put it aside for good: the program is none. It may run still, as to show its error."""
        self.put_aside()
        self._aside = None
        for tool in self._events:
            _MONITORING.free_tool_id(tool)
        self._events.clear()


_MONITORING: Final[Any] = getattr(sys, "monitoring", None)  # Python 3.12


def _tools() -> dict[int, str]:
    """The names of the tools that are in use."""
    if _MONITORING is None:
        return {}
    return {tool: name for tool in range(6) if (name := _MONITORING.get_tool(tool)) is not None}
