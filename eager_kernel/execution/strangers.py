"""What others have changed of a run's files while its program stood still."""

from __future__ import annotations

from eager_kernel.core.effects.undo import Entry, Record, Seen
from eager_kernel.execution import plain_files as files
from eager_kernel.execution.covered import Covered


class Strangers:
    """Finds that out, by what was at the paths when the program ceased to run."""

    def __init__(self) -> None:
        self.foreign: set[str] = set()
        """The paths that somebody else has changed."""
        self._rests = False
        # None: the program has had an effect there since.
        self._seen: dict[str, Seen | None] = {}

    def touch(self, record: Record) -> None:
        """Note that the program has an effect."""
        self._seen[record.path] = None
        if record.other:
            self._seen[record.other] = None

    def rest(self, covered: Covered) -> None:
        """Note what is there, as the program stands still now."""
        self._rests = True
        for path in list(self._seen):
            entry = files.glance(path)
            covered.look(path, entry)
            self._seen[path] = Seen.of(entry)

    def go_on(self, covered: Covered) -> None:
        """The program goes on: what has changed since `rest` was somebody else."""
        if self._rests:
            self._rests = False
            self._find(covered)

    def find(self, covered: Covered) -> None:
        """The same, before all is undone: what changes from now on is the kernel's."""
        self._find(covered)
        self._seen = dict.fromkeys(self._seen)

    @property
    def seen(self) -> dict[str, Seen]:
        """What was where the program has had no effect since."""
        return {path: seen for path, seen in self._seen.items() if seen is not None}

    def _find(self, covered: Covered) -> None:
        for path, seen in list(self._seen.items()):
            if seen is None:
                continue
            entry = files.glance(path)
            if Seen.of(entry) != seen and not _may_be_flushed(seen, entry):
                self.foreign.add(path)
                covered.disown(entry.identity)


def _may_be_flushed(seen: Seen, entry: Entry) -> bool:
    """Whether the process itself may have written the file, as at the flush of a buffer."""
    return seen.identity == entry.identity and entry.identity in files.descriptors().values()
