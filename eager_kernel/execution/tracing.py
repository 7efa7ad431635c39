"""What watches a program's code does not watch the kernel's, which runs between its statements.

A function that a program gives to `sys.setprofile`, `sys.settrace` or `sys.monitoring` would be
called in the midst of the pump's own code, where a cell has none.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from sys import getprofile, gettrace, setprofile, settrace
from typing import Any, Final


class Tracing:
    """Puts a program's tracing aside while the kernel's own code runs."""

    def __init__(self) -> None:
        self._before = gettrace(), getprofile()
        self._tools = _tools()
        self._back: list[Callable[[], object]] = []
        self._events: dict[int, int] = {}

    def put_aside(self) -> None:
        """The kernel's own code comes."""
        trace, profile = gettrace(), getprofile()
        if trace is not self._before[0] and (trace is None or callable(trace)):
            self._back.append(partial(settrace, trace))
            settrace(self._before[0])
        if profile is not self._before[1]:
            if profile is None or callable(profile):
                self._back.append(partial(setprofile, profile))
                setprofile(self._before[1])
            # One in C is no function, and knows itself how it goes on: `cProfile`, before Python
            # 3.12. Of others that is not known, so they see what is not the program's, too.
            elif isinstance(profile, profilers := _profilers()):
                profilers[0].disable(profile)
                self._back.append(partial(profilers[0].enable, profile))
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
        back, self._back = self._back, []
        for bring in back:
            bring()

    def give_up(self) -> None:
        """Put it aside for good: the program is none. It may run still, as to show its error."""
        self.put_aside()
        self._back = []
        for tool in self._events:
            _MONITORING.free_tool_id(tool)
        self._events.clear()


_MONITORING: Final[Any] = getattr(sys, "monitoring", None)  # Python 3.12


def _profilers() -> tuple[Any, ...]:
    """The class of profilers in C, if one has been made."""
    module = sys.modules.get("_lsprof")
    return () if module is None else (module.Profiler,)


def _tools() -> dict[int, str]:
    """The names of the tools that are in use."""
    if _MONITORING is None:
        return {}
    return {tool: name for tool in range(6) if (name := _MONITORING.get_tool(tool)) is not None}
