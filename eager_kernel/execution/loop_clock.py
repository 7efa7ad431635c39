"""The clock of an event loop, which stands still while a program waits at an effect.

A program's time-outs are meant for its own work: `asyncio.timeout`, `asyncio.wait_for` and what
libraries build of them. How long the model goes on writing is not theirs. So while the barrier
holds, the loop's time does not go on; afterwards, each of its timers has as long to go as before,
and they end in the same order.
"""

from __future__ import annotations

import math
from asyncio import AbstractEventLoop, BaseEventLoop
from dataclasses import dataclass


@dataclass(slots=True)
class Stop:
    """One stand of a clock.

    Parameters
    ----------
    start, finish
        Seconds of the loop's own clock; ``finish`` is None while it lasts.
    """

    start: float
    finish: float | None = None


class LoopClock:
    """Gives a loop its time, without what it has stood still.

    What is left out stays so after the run, as the loop's timers go on.

    Parameters
    ----------
    loop
        The loop.

    Notes
    -----
    Stopped in one thread, it may be read in another, and stopped again in a third. It takes no
    lock: lists are only appended to.
    """

    def __init__(self, loop: BaseEventLoop) -> None:
        self._real = loop.time
        self._left_out = 0.0
        self._stops: list[Stop] = []

    @classmethod
    def of(cls, loop: AbstractEventLoop | None) -> LoopClock | None:
        """The clock of a loop, which has one from now on.

        Returns
        -------
        LoopClock, or None
            None for a loop that keeps its time otherwise: in C, or by a function of a program's.
        """
        if not isinstance(loop, BaseEventLoop) or type(loop).time is not BaseEventLoop.time:
            return None
        if "time" not in vars(loop):
            loop.time = cls(loop).time  # type: ignore[method-assign]
        return cls.before(loop)

    @classmethod
    def before(cls, loop: AbstractEventLoop | None) -> LoopClock | None:
        """The clock that a loop has been given before; None if there is none."""
        clock = getattr(getattr(loop, "__dict__", {}).get("time"), "__self__", None)
        return clock if isinstance(clock, cls) else None

    def time(self) -> float:
        """Seconds; what `asyncio.loop.time` gives."""
        now = self._real()
        return now - self._left_out - (stood_still(self._stops, now) if self._stops else 0.0)

    def stop(self) -> Stop:
        """Stand still, until `go_on`."""
        stop = Stop(self._real())
        self._stops.append(stop)
        return stop

    def go_on(self, stop: Stop) -> None:
        """Go on, if nobody else has it stand still."""
        stop.finish = self._real()

    def sum_up(self) -> None:
        """Forget the single stops. Called in the loop's thread, when there is none."""
        stops = self._stops
        if stops and all(stop.finish is not None for stop in stops):
            self._left_out, self._stops = (
                self._left_out + stood_still(stops, self._real()),
                [],
            )


def stood_still(stops: list[Stop], now: float) -> float:
    """Seconds until `now` at which something stood still; stops may overlap."""
    total, reached = 0.0, -math.inf
    for start, end in sorted(
        (stop.start, now if stop.finish is None else stop.finish) for stop in list(stops)
    ):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
