"""Files of which enough is kept: what a run does to them next need not be kept again."""

from __future__ import annotations

from os import sep

from eager_kernel.core.effects.undo import Entry, Identity, Record
from eager_kernel.execution import plain_files as files


class Covered:
    """Knows them by their numbers, and those that the run has made by their paths, too.

    Parameters
    ----------
    foreign
        Paths that somebody else has changed: what is there now is not the run's own. Filled by
        somebody else meanwhile.

    Notes
    -----
    Of a folder that is removed, or a file that is copied before it goes, another file may get the
    number: it is forgotten.
    """

    def __init__(self, foreign: set[str]) -> None:
        self._foreign = foreign
        self._own: set[Identity] = set()  # that the run has made
        self._made: set[str] = set()  # where it has made them
        self._written: set[Identity] = set()  # whose contents are kept
        self._changed: set[Identity] = set()  # whose attributes are
        self._timed: set[Identity] = set()  # folders whose times are

    def look(self, path: str, entry: Entry) -> None:
        """Learn the number of what is at a path, if the run has made it."""
        if path in self._made and path not in self._foreign and entry.identity is not None:
            self._own.add(entry.identity)

    def look_below(self, folder: str) -> None:
        """Learn those of all that the run has made in a folder, which gets another path."""
        for made in list(self._made):
            if made.startswith(folder + sep):
                self.look(made, files.glance(made))

    def replace(self, *paths: str) -> None:
        """Note that something else is at these paths from now on."""
        self._made.difference_update(paths)

    def is_own(self, identity: Identity) -> bool:
        """Whether the run has made a file."""
        return identity in self._own

    def has_contents(self, identity: Identity | None) -> bool:
        """Whether what a file holds need not be kept."""
        return identity in self._own or identity in self._written

    def has_attributes(self, was: Entry) -> bool:
        """Whether modes and times need not be kept."""
        own = was.identity in self._own and was.kind != "folder"
        return own or was.identity in self._changed

    def has_times(self, identity: Identity) -> bool:
        """Whether a folder's times need not be kept."""
        return identity in self._own or identity in self._timed

    def note_times(self, folder: Identity) -> None:
        """Note that a folder's times are kept, or are not to be."""
        self._timed.add(folder)

    def note(self, record: Record, *, new: bool) -> None:
        """Learn what a record covers.

        Parameters
        ----------
        record
            What has been written down.
        new
            Whether what is made is a file of the program's own, not another name of one.
        """
        was = record.was
        if record.op == "made":
            if new:
                self._made.add(record.path)
            else:
                self._made.discard(record.path)
        elif was.identity is None:
            return
        elif record.op == "removed" and was.kind == "folder":
            for known in (self._own, self._timed, self._changed):
                known.discard(was.identity)
        elif record.op in ("contents", "attributes"):
            self._changed.add(was.identity)
            if record.op == "contents":
                self._written.add(was.identity)

    def forget(self, identity: Identity | None) -> None:
        """Forget a file that goes, and was copied before."""
        if identity is not None:
            for known in (self._own, self._written, self._changed):
                known.discard(identity)

    def disown(self, identity: Identity | None) -> None:
        """Take a file for somebody else's."""
        if identity is not None:
            self._own.discard(identity)
