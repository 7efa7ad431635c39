"""What is known of each line of a program: its state, and why it is held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from eager_kernel.core.text.phrases import plain

Mark = Literal[
    "written", "ready", "deferred", "held", "running", "done", "failed", "skipped", "stopped"
]

MARKS: Final[tuple[Mark, ...]] = (
    "written",
    "ready",
    "deferred",
    "held",
    "running",
    "done",
    "failed",
    "skipped",
    "stopped",
)
"""In the order of their codes. ``written``: no complete statement ends there yet. ``stopped``: it
ran when the user ended the run."""

Range = tuple[int, int, int, str]
"""First and last line (1-based), code of the mark, and a note; empty where there is none."""


class Lines:
    """Marks of lines, and which have changed since they were last asked for.

    The kernel tells bursts of chunks by the last one, as order never changes; what that says of
    the lines before is filled in here.
    """

    def __init__(self) -> None:
        self._codes = bytearray()
        self._notes: dict[int, str] = {}
        self._changed: list[tuple[int, int]] = []
        self._done = 0
        self.known = 0
        """The last line of which a chunk was told."""

    @property
    def done(self) -> int:
        """Lines 1 to this one have run."""
        return self._done

    def tell(self, first: int, last: int, mark: Mark, note: str = "") -> None:
        """Note the state of a chunk.

        Parameters
        ----------
        first, last
            Its lines, 1-based.
        mark
            Its state.
        note
            Why it is held or deferred, for a person.
        """
        if self.known < first - 1:
            self._set(self.known + 1, first - 1, "ready")
        self.known = max(self.known, last)
        if mark in {"done", "running", "skipped"}:
            # All before it are as far; what has failed stays so.
            first = min(first, self._done + 1)
            for begin, end in list(self._without_failed(first, last)):
                self._set(begin, end, mark)
            if mark == "done":
                self._done = max(self._done, last)
        else:
            self._set(first, last, mark)
        if mark in {"held", "deferred"} and note:
            self._notes[first] = plain(note, 200)

    def cut(self, first: int) -> None:
        """Forget `first` and all lines after it: they are written anew."""
        del self._codes[first - 1 :]
        self._notes = {line: note for line, note in self._notes.items() if line < first}
        self._changed = [(a, min(b, first - 1)) for a, b in self._changed if a < first]
        self.known = min(self.known, first - 1)
        self._done = min(self._done, first - 1)

    def end(
        self, executed: int, failed: tuple[int, int] | None, total: int, mark: Mark = "failed"
    ) -> None:
        """Note how a run has ended.

        Parameters
        ----------
        executed
            Lines 1 to this one have run.
        failed
            Lines of the statement that failed.
        total
            Lines of the program.
        mark
            What the lines that failed are marked with.
        """
        if executed:
            self._set(1, executed, "done")
        if executed < total:
            self._set(executed + 1, total, "skipped")
        if failed is not None:
            self._set(*failed, mark)
        self._done, self.known = executed, max(self.known, total)

    def changed(self) -> list[Range]:
        """The lines that changed since the last call; their number costs, not the program's."""
        ranges: list[Range] = []
        end = 0
        for first, last in sorted(self._changed):
            ranges += self._ranges(max(first, end + 1), last)
            end = max(end, last)
        self._changed = []
        return ranges

    def everything(self) -> list[Range]:
        """All lines of which something is known."""
        self._changed = []
        return list(self._ranges(1, len(self._codes)))

    @property
    def held(self) -> tuple[int, str] | None:
        """The first line that is held, and why; None where nothing is."""
        at = self._codes.find(_HELD)
        return None if at < 0 else (at + 1, self._notes.get(at + 1, ""))

    def _set(self, first: int, last: int, mark: Mark) -> None:
        if last > len(self._codes):
            self._codes.extend(bytes(last - len(self._codes)))
        code = MARKS.index(mark)
        self._codes[first - 1 : last] = bytes([code]) * (last - first + 1)
        if self._changed and self._changed[-1] == (first, last):
            return
        self._changed.append((first, last))

    def _without_failed(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        at = first
        while (hit := self._codes.find(_FAILED, at - 1, last)) >= 0:
            if hit >= at:
                yield at, hit
            at = hit + 2
        if at <= last:
            yield at, last

    def _ranges(self, first: int, last: int) -> Iterator[Range]:
        last = min(last, len(self._codes))
        begin = first
        for line in range(first, last + 1):
            ends = line == last or self._codes[line] != self._codes[begin - 1]
            if ends or line + 1 in self._notes:
                code = self._codes[begin - 1]
                note = self._notes.get(begin, "") if code in _NOTED else ""
                yield begin, line, code, note
                begin = line + 1


_HELD: Final = MARKS.index("held")
_FAILED: Final = MARKS.index("failed")
_NOTED: Final = {_HELD, MARKS.index("deferred")}
