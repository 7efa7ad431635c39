"""The journals of a kernel: the last run's, and those that other kernels have left."""

from __future__ import annotations

import os
from dataclasses import dataclass
from os.path import isdir
from typing import Final

from eager_kernel.core.effects.undo import paths_in, restored_by_itself
from eager_kernel.execution import journal_file
from eager_kernel.execution import plain_files as files
from eager_kernel.execution.journal import Journal, Limits
from eager_kernel.execution.journal_file import Left
from eager_kernel.execution.undoing import Trouble, changed_since, drop, told_of, undo


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of a journal that was left.

    Parameters
    ----------
    folder
        The journal's.
    paths
        What was put back.
    troubles
        What could not be.
    """

    folder: str
    paths: tuple[str, ...]
    troubles: tuple[Trouble, ...]

    @property
    def told_of_troubles(self) -> str:
        """What could not be put back, for a person."""
        return told_of(list(self.troubles))


class Journals:
    """Makes the journals of a kernel's runs.

    Parameters
    ----------
    root
        The folder that journals are in. It is made when it is needed.
    limits
        What each may keep.
    """

    def __init__(self, root: str, limits: Limits | None = None) -> None:
        self.root = os.path.realpath(root)
        self.last: Journal | None = None
        """That of the last run; None before the first."""
        self._limits = limits or Limits()

    def new(self) -> Journal | None:
        """A journal for one run; None where this system lacks what it takes."""
        return Journal(self.root, self._limits, self._start) if files.can_journal() else None

    def _start(self, journal: Journal) -> None:
        last, self.last = self.last, journal
        if last is not None and last.can_be_taken_back:
            last.forget()

    def close(self) -> None:
        """The kernel ends: nobody takes its last run back."""
        if self.last is not None and self.last.can_be_taken_back:
            self.last.forget()

    def restore_left(self) -> list[Restored]:
        """Undo what kernels of this machine have left that were killed in a run.

        And forget what those have kept whose runs had ended.
        """
        restored = []
        for left in left_in(self.root):
            if not left.is_left:
                continue
            if restored_by_itself(left.state):
                restored.append(restore(left))
            elif left.state in ("known", "ended"):
                drop(left.folder)
        return restored


def left_in(root: str) -> list[Left]:
    """The journals in a folder, the oldest first. Those that can't be read are left out."""
    found = []
    for name in sorted(os.listdir(root)) if isdir(root) else ():  # noqa: PTH112, PTH208 - as elsewhere
        try:
            found.append(journal_file.read(f"{root}{os.sep}{name}"))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # another kernel is just making or dropping it, or it is of another version
    return found


def restore(left: Left) -> Restored:
    """Undo a journal that nobody works at any more.

    A file that was changed after its kernel had been killed is left.
    """
    records = left.records[left.since :]
    undone = left.left
    foreign = changed_since(left.seen, records)
    if not left.seen and undone is None:
        latest = (left.when + _SLACK) * 1e9
        for path in paths_in(records):
            entry = files.glance(path)
            if entry.kind == "file" and entry.attributes and entry.attributes.modified > latest:
                foreign.add(path)
    troubles = undo(
        left.folder,
        records,
        foreign=foreign,
        born=left.born,
        note_born=lambda was, now: journal_file.add_born(left.folder, was, now),
        left=None if undone is None else undone - left.since,
        note_left=lambda number: journal_file.add_left(left.folder, number + left.since),
    )
    amiss = {trouble.path for trouble in troubles}
    if troubles:
        journal_file.add_state(left.folder, "undone")
    else:
        drop(left.folder)
    paths = tuple(path for path in paths_in(records) if path not in amiss)
    return Restored(left.folder, paths, tuple(troubles))


_SLACK: Final = 30.0
"""Seconds that a kernel may have gone on writing after it was last seen going on."""
