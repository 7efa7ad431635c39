"""Chunks that wait for the pump: the batching policy of the paper's executor."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.gate import Verdict


@dataclass(frozen=True, slots=True)
class Pending:
    """A chunk with the gate's verdict on it."""

    chunk: Chunk
    verdict: Verdict


class PendingQueue:
    """Keeps chunks in the order of the program until they may run.

    A batch is everything that may run when the pump asks, so the pace adapts by itself: the
    longer a batch ran, the more the next one holds. Deferred chunks ride with the next chunk
    that runs, or run at the end; a held chunk and all after it wait for `approve` or `release`.
    """

    def __init__(self) -> None:
        self._waiting: deque[Pending] = deque()
        self._runnable = 0  # length of the prefix that may run
        self._holding = False
        self._approved = False
        self._released = False

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Pending]:
        return iter(self._waiting)

    @property
    def first_runnable(self) -> Pending | None:
        """What `take` would return first."""
        return self._waiting[0] if self._runnable else None

    def put(self, pending: Pending) -> None:
        """Add the program's next chunk."""
        self._waiting.append(pending)
        if self._released:
            self._runnable = len(self._waiting)
        elif pending.verdict.action == "hold" and not self._approved:
            self._holding = True
        elif pending.verdict.action != "defer" and not self._holding:
            self._runnable = len(self._waiting)

    def flush(self) -> None:
        """Say that no more chunks come: deferred ones wait for nobody, held ones still do."""
        for count, pending in enumerate(self._waiting):
            if pending.verdict.action == "hold" and not (self._released or self._approved):
                break
            self._runnable = max(self._runnable, count + 1)

    def approve(self) -> list[Pending]:
        """Say that the user wants nothing to be held; deferred chunks still ride.

        Returns
        -------
        list
            The chunks that were held themselves, not those behind them.
        """
        self._approved = True
        self._holding = False
        actions = [pending.verdict.action for pending in self._waiting]
        may_run = [count for count, action in enumerate(actions, 1) if action != "defer"]
        self._runnable = max([self._runnable, *may_run])
        return [pending for pending in self._waiting if pending.verdict.action == "hold"]

    def release(self) -> None:
        """Say that generation has ended well: nothing waits any longer."""
        self._released = True
        self._runnable = len(self._waiting)

    def take(self) -> list[Pending]:
        """Remove and return everything that may run now, as one batch."""
        batch = [self._waiting.popleft() for _ in range(self._runnable)]
        self._runnable = 0
        return batch

    def drop(self) -> list[Pending]:
        """Remove and return everything that has not run."""
        dropped = list(self._waiting)
        self._waiting.clear()
        self._runnable = 0
        return dropped
