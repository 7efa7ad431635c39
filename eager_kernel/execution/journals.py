"""The journals of a kernel: the last run's, and those that other kernels have left."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from os.path import isdir
from typing import Final

from eager_kernel.core.effects.undo import paths_in, restored_by_itself
from eager_kernel.execution import journal_file
from eager_kernel.execution import plain_files as files
from eager_kernel.execution.journal import Journal
from eager_kernel.execution.journal_file import Left
from eager_kernel.execution.kept_files import Limits
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


@dataclass(frozen=True, slots=True)
class Written:
    """A path that a cell has changed.

    Parameters
    ----------
    path
        Absolute.
    line
        The first line of the program to change it; 0 where it is not known.
    step
        Number of the step whose program that is; 0 in a cell of one program.
    """

    path: str
    line: int
    step: int


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
        self._limits = limits or Limits()
        self._cell = ""
        self._steps: list[Journal] = []

    def new(self, cell: str = "") -> Journal | None:
        """A journal for one run; None where this system lacks what it takes.

        Parameters
        ----------
        cell
            What tells the cell from others that the run is one step of; empty: it is a cell's only
            one.
        """
        if not files.can_journal():
            return None
        return Journal(self.root, self._limits, partial(self._start, cell))

    def _start(self, cell: str, journal: Journal) -> None:
        """A run begins. Where it is a step of the same cell, those before it can be taken back."""
        if not cell or cell != self._cell:
            self.forget()
        self._cell = cell
        if journal.is_kept:  # else what it does is as if somebody else did it
            journal.follow([step for step in self._steps if step.can_be_taken_back])
        self._steps.append(journal)

    def forget(self) -> None:
        """Nobody takes the last cell back: another run begins, or the kernel ends."""
        for journal in self._steps:
            if journal.can_be_taken_back:
                journal.forget()
        self._steps.clear()
        self._cell = ""

    @property
    def _kept(self) -> list[tuple[int, Journal]]:
        """The steps that can be taken back, numbered; none while one runs."""
        if self._steps and not self._steps[-1].is_over:
            return []
        steps = enumerate(self._steps, 1)
        return [(number, journal) for number, journal in steps if journal.can_be_taken_back]

    @property
    def last(self) -> list[Written]:
        """What the last cell has done to files, and can be taken back: each path once, in order."""
        several = len(self._steps) > 1
        found: dict[str, Written] = {}
        for number, journal in self._kept:
            lines = journal.lines
            for path in paths_in(journal.records):
                written = Written(path, lines.get(path, 0), number if several else 0)
                found.setdefault(path, written)
        return list(found.values())

    @property
    def loses_steps(self) -> bool:
        """Whether more was done in the last cell's first steps, but took too much to be kept."""
        return any(journal.is_lost for journal in self._steps)

    @property
    def unkept(self) -> list[int]:
        """Numbers of the last cell's steps of which nothing was kept."""
        return [number for number, step in enumerate(self._steps, 1) if not step.is_kept]

    @property
    def missed(self) -> list[str]:
        """What of the last cell can't be taken back, as it could not be kept."""
        return [effect for journal in self._steps for effect in journal.missed]

    def take_back(self) -> list[Trouble]:
        """Undo the last cell, as its user wants: its steps, the last first.

        Returns
        -------
        list of Trouble
            What could not be put back; then what was kept stays.
        """
        kept = [journal for _, journal in self._kept]
        for journal in kept:  # before any is undone: then all that changes is ours
            journal.find_foreign()
        troubles: dict[str, Trouble] = {}
        later: Journal | None = None
        for journal in reversed(kept):
            if later is not None:
                journal.adopt(later)
            # Of a path, the earliest step tells what it should be.
            troubles.update((trouble.path, trouble) for trouble in journal.take_back())
            later = journal
        return list(troubles.values())

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
