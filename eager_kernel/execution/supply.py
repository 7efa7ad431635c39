"""What of a program may run now, for the thread that runs it."""

from __future__ import annotations

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.ledger import Entry, Ledger
from eager_kernel.execution.notifier import Notifier


class Supply:
    """Hands out the chunks of one program; all but `flags` and `streams` on the thread that takes.

    Parameters
    ----------
    ledger
        The program's, which other threads change.
    notifier
        Has its lock, and wakes the thread that waits here.
    repairable
        Whether the program may be cut back and written on after an error. It then never runs
        as one cell, unless it has to.
    """

    def __init__(self, ledger: Ledger, notifier: Notifier, *, repairable: bool) -> None:
        self._ledger = ledger
        self._notifier = notifier
        self._repairable = repairable
        self._flags: int | None = None  # of `compile`, once it runs chunk by chunk

    def start_streaming(self, flags: int) -> bool:
        """Say that the program will run chunk by chunk.

        Parameters
        ----------
        flags
            Of `compile`, from the shell's ``__future__`` imports.

        Returns
        -------
        bool
            False: the text has ended by now, so the program can run as one cell.
        """
        with self._notifier.lock:
            if self._ledger.ending is not None and not self._repairable:
                return False
            self._flags = flags
            return True

    @property
    def streams(self) -> bool:
        """Whether the program runs chunk by chunk, as of `start_streaming`."""
        return self._flags is not None

    @property
    def flags(self) -> int:
        """Of `compile`, from the shell's ``__future__`` imports, if the program runs by now."""
        return self._flags or 0

    def take(self) -> list[Entry]:
        """Everything that may run now, as one batch."""
        with self._notifier.lock:
            entries = self._ledger.take()
            self._notifier.hungry = not entries
        return entries

    def peek(self) -> Chunk | None:
        """The chunk that would run first, if one may run."""
        with self._notifier.lock:
            entry = self._ledger.next
        return entry.chunk if entry is not None else None

    @property
    def wanted(self) -> bool:
        """Whether what was taken may still run."""
        return self._ledger.wanted

    def give_up(self) -> list[Chunk]:
        """Note that nothing that has not begun will run; return it."""
        with self._notifier.lock:
            return [entry.chunk for entry in self._ledger.give_up()]

    def wait_for_news(self) -> None:
        """Block until something may run, or the text has ended."""
        self._notifier.wait_for(
            lambda: self._ledger.ending is not None or self._ledger.next is not None
        )

    def wait_for_end(self) -> None:
        """Block until the text has ended."""
        self._notifier.wait_for(lambda: self._ledger.ending is not None)

    @property
    def executed(self) -> list[Chunk]:
        """The chunks that have run, in order."""
        with self._notifier.lock:
            return self._ledger.executed

    @property
    def done(self) -> int:
        """How many chunks have run."""
        return self._ledger.done
