"""The files that a journal keeps: other names, or copies, of those that go or are written."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from os import sep

from eager_kernel.core.effects.undo import Entry, Identity, Record
from eager_kernel.execution import plain_files as files
from eager_kernel.execution.covered import Covered


@dataclass(frozen=True, slots=True)
class Limits:
    """What a journal may keep.

    Parameters
    ----------
    file_bytes
        The largest file that is copied.
    run_bytes
        Bytes of all that is kept for one run.
    ended_bytes
        Bytes that are kept of a run that has ended well, so that its user can take it back.
    """

    file_bytes: int = 64_000_000
    run_bytes: int = 512_000_000
    ended_bytes: int = 512_000_000


class KeptFiles:
    """Keeps files in a journal's folder.

    Parameters
    ----------
    limits
        How much.
    """

    def __init__(self, limits: Limits) -> None:
        self.bytes = 0
        """How much is kept."""
        self._limits = limits
        self._numbers = count(1)
        self._before: dict[int, Identity] = {}
        # Names given to files that were to go, and the paths of these.
        self._given: dict[str, str] = {}

    def begin(self, descriptors: dict[int, Identity]) -> None:
        """Note which files were open before the first of them was kept."""
        self._before = descriptors

    def keep(self, folder: str, path: str, was: Entry, covered: Covered, *, by_name: bool) -> str:
        """Keep a file.

        Parameters
        ----------
        folder
            The journal's.
        path, was
            Where the file is, and what it is.
        covered
            Forgets it, if it is copied before it goes.
        by_name
            Whether it goes, so that another name will do.

        Returns
        -------
        str
            The name that it has in the folder; empty: it can't be kept.
        """
        name = str(next(self._numbers))
        kept = f"{folder}{sep}{name}"
        if self.bytes + was.size > self._limits.run_bytes:
            return ""
        if by_name:
            if was.names != 1:
                return ""  # the program could count the name that is kept among the others
            try:
                files.give_name(path, kept)
            except OSError:
                if not files.owner_is_me(path):
                    return ""  # it would come back without its owner
            else:
                self.bytes += was.size
                self._given[kept] = path
                return name
        if was.size > self._limits.file_bytes:
            return ""
        files.copy(path, kept)
        self.bytes += was.size
        if by_name:
            covered.forget(was.identity)
        return name

    def release(self) -> None:
        """Have what was to go, and has stayed, have one name again."""
        while self._given:
            kept, path = self._given.popitem()
            if files.glance(path).identity == files.glance(kept).identity:
                with suppress(OSError):
                    files.take_name(kept)

    def lead_away(self, folder: str, records: Iterable[Record]) -> None:
        """What the program's open files still write must not reach what is put back.

        Parameters
        ----------
        folder
            The journal's.
        records
            What is put back.
        """
        written = {record.was.identity for record in records if record.op == "contents"}
        for descriptor, identity in files.descriptors().items():
            if identity in written and self._before.get(descriptor) != identity:
                spare = f"{folder}{sep}{next(self._numbers)}"
                with suppress(OSError):  # a full disk, or closed just now
                    files.lead_away(descriptor, spare, self._limits.file_bytes)
