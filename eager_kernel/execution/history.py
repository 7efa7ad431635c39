"""What the history keeps of a cell whose text is not known yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from eager_kernel.execution.exits import Exits


class Entry(Protocol):
    """What the history keeps of a cell; see `GrowingEntry`."""

    def worth_updating(self, size: int) -> bool:
        """Whether the text has grown so much that replacing it keeps the cost linear."""

    def update(self, parsed: str, raw: str) -> None:
        """Replace the text wherever it still stands."""

    def store(self, parsed: str, raw: str) -> None:
        """Replace the text for the last time."""


MakeEntry = Callable[[Any, int, str, str], Entry]
"""Makes an entry, as `GrowingEntry` does."""


class GrowingEntry:
    """One entry in ``In``, ``_i`` and the history database.

    The entry is made when the cell begins, as in any cell, so that ``In`` has its length and
    ``_i`` its meaning; its text is replaced as the program becomes known. The database is
    written once, at the end.

    Parameters
    ----------
    shell
        The IPython shell.
    number
        The cell's execution count.
    parsed, raw
        The text so far, as transformed and as written.
    """

    def __init__(self, shell: Any, number: int, parsed: str, raw: str) -> None:
        self._shell = shell
        self._manager = manager = shell.history_manager
        self._number = number
        self._index = len(manager.input_hist_parsed)
        self._stored = False
        self._raw = raw = raw.rstrip("\n")
        manager.input_hist_parsed.append(parsed.rstrip("\n"))
        manager.input_hist_raw.append(raw)
        manager._iii, manager._ii, manager._i = manager._ii, manager._i, manager._i00
        manager._i00 = raw
        names = {"_i": manager._i, "_ii": manager._ii, "_iii": manager._iii, f"_i{number}": raw}
        shell.push(names, interactive=False)

    def worth_updating(self, size: int) -> bool:
        """Whether the text has grown so much that replacing it keeps the cost linear."""
        return size >= 2 * len(self._raw)

    def update(self, parsed: str, raw: str) -> None:
        """Replace the text wherever it still stands."""
        manager, old = self._manager, self._raw
        self._raw = raw = raw.rstrip("\n")
        # The program may have reset the history, or made entries of its own after this one.
        if self._index < len(manager.input_hist_parsed):
            manager.input_hist_parsed[self._index] = parsed.rstrip("\n")
            manager.input_hist_raw[self._index] = raw
        for name in ("_i00", "_i", "_ii", "_iii"):
            if getattr(manager, name) is old:
                setattr(manager, name, raw)
        namespace = self._shell.user_ns
        for name in (f"_i{self._number}", "_i", "_ii", "_iii"):
            if namespace.get(name) is old:
                self._shell.push({name: raw}, interactive=False)

    def store(self, parsed: str, raw: str) -> None:
        """Replace the text for the last time, and have it written to the database."""
        self.update(parsed, raw)
        if self._stored:
            return
        self._stored = True
        manager = self._manager
        entry = (self._number, parsed.rstrip("\n"), raw.rstrip("\n"))
        with manager.db_input_cache_lock:
            manager.db_input_cache.append(entry)
            if len(manager.db_input_cache) >= manager.db_cache_size and manager.using_thread:
                manager._restart_thread_if_stopped()
                if manager.save_flag is not None:
                    manager.save_flag.set()


class Recording:
    """The record of what a cell writes to stdout and stderr, in ``history_manager.outputs``.

    Parameters
    ----------
    shell
        The IPython shell, before the cell is counted.
    """

    def __init__(self, shell: Any) -> None:
        self._outputs = shell.history_manager.outputs
        self._number = shell.execution_count
        # What an event wrote between the cells counts as the next one's.
        self._before = [
            (output, len(output.bundle.get("stream", ())))
            for output in self._outputs.get(self._number, ())
        ]
        self._exit = Exits()
        for channel in ("stdout", "stderr"):
            self._exit.enter_context(shell._tee(channel=channel))

    def stop(self) -> None:
        """Record nothing more."""
        self._exit.close()

    def discard(self) -> None:
        """Record nothing more, and take back what was recorded."""
        self.stop()
        kept = []
        for output in self._outputs.pop(self._number, ()):
            if output.output_type in ("out_stream", "err_stream"):
                size = next((size for old, size in self._before if old is output), 0)
                del output.bundle["stream"][size:]
                if not size:
                    continue
            kept.append(output)
        if kept:  # the shell expects that no entry is empty
            self._outputs[self._number] = kept
