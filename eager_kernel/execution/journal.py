"""The journal of a run: what it has done to files, and the way back.

A program's effects on files happen before it is known whether it is one. `Recorder` keeps what each
of them needs to be taken back; the journal knows the run's state, whose the changes are, and undoes
them, at once where the program turns out to be none, or later, as its user wants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from os import getpid
from typing import Any, Final

from eager_kernel.core.effects.undo import (
    JOURNALLED,
    Identity,
    Record,
    State,
    followed,
    new_in,
)
from eager_kernel.execution import journal_file
from eager_kernel.execution import plain_files as files
from eager_kernel.execution.covered import Covered
from eager_kernel.execution.kept_files import Limits
from eager_kernel.execution.recorder import Recorder
from eager_kernel.execution.undoing import Trouble, drop, undo


class Journal:
    """Keeps what one run's effects on files need to be taken back.

    Parameters
    ----------
    root
        Absolute folder, without links on the way, in which the journal's own folder is made.
    limits
        What it may keep.
    on_start
        Told when the run begins.
    """

    operations: Final[Mapping[str, Any]] = vars(files)
    """The globals of what a journal itself does to files."""

    def __init__(
        self,
        root: str,
        limits: Limits | None = None,
        on_start: Callable[[Journal], None] = lambda journal: None,
    ) -> None:
        self._on_start = on_start
        self.missed: list[str] = []
        """Effects of a known program that could not be kept: nobody can take these back."""
        self.is_over = False
        """Whether the run has ended, or nothing of it is kept."""
        self.is_kept = True
        """Whether anything of it is kept."""
        self._limits = limits or Limits()
        self.recorder = Recorder(root, self._limits)
        """Keeps what each effect needs, before it happens."""
        self._since = 0
        self._left: int | None = None
        self._pid = getpid()
        self._follows: tuple[Journal, ...] = ()
        self._born: dict[Identity, Identity] = {}

    @property
    def records(self) -> list[Record]:
        """What has been recorded, the oldest first."""
        return self.recorder.records

    @property
    def folder(self) -> str:
        """Where it is; empty until there is something to record."""
        return self.recorder.folder

    def start(self) -> None:
        """The run begins."""
        self._on_start(self)

    def start_unkept(self) -> None:
        """The run begins, and nothing of it is kept: all of its text is there."""
        self.is_kept, self.is_over = False, True
        self._on_start(self)

    def follow(self, steps: Sequence[Journal]) -> None:
        """The run begins, as the next step of a cell.

        What it does to files is done by the cell, whose earlier steps may yet be taken back: it is
        nobody else's.

        Parameters
        ----------
        steps
            The journals of the steps before it, the first one first.
        """
        self._follows = tuple(steps)
        self._go_on_before()

    def _go_on_before(self) -> None:
        for step in self._follows:
            step.go_on()

    def adopt(self, later: Journal) -> None:
        """Learn which files are new ones since a later step of the cell was undone."""
        self._born = followed(self._born, later._born)

    # Before an effect -----------------------------------------------------------------------

    def miss(self, event: str, effect: str) -> None:
        """Note an effect of a known program that could not be kept.

        Parameters
        ----------
        event
            As an audit hook gets it.
        effect
            What it is, for a person.
        """
        if event in JOURNALLED:
            self.missed.append(effect)

    # While the program stands still ---------------------------------------------------------

    @property
    def has_begun(self) -> bool:
        """Whether there is anything to be undone, of this run or of the steps before it."""
        return bool(self.folder or self._follows)

    def rest(self) -> None:
        """Note what is there, as the program stands still now."""
        for step in self._follows:
            step.rest()
        self.recorder.strangers.rest(self.recorder.covered)
        self.recorder.kept.release()

    def go_on(self) -> None:
        """The program goes on: find out what has changed since `rest`; that was somebody else."""
        self._go_on_before()
        self.recorder.strangers.go_on(self.recorder.covered)

    def find_foreign(self) -> None:
        """The same, before it is undone: what changes from now on is ours."""
        self.recorder.strangers.find(self.recorder.covered)

    # Endings --------------------------------------------------------------------------------

    def know(self) -> None:
        """The program is one: its effects stay. Called by any thread."""
        self._enter("known")

    def open_again(self) -> None:
        """The program is written on; what a known one has done stays."""
        if self.recorder.state == "known":
            self._since = len(self.records)
            self.recorder.covered = Covered(self.recorder.strangers.foreign)
            self._enter("open")

    def _enter(self, state: State) -> None:
        self.recorder.state = state
        if self.folder and getpid() == self._pid:
            with suppress(OSError):  # a full disk: then it is undone where this process is killed
                journal_file.add_state(self.folder, state, since=self._since)

    def undo(self) -> list[Trouble]:
        """Put everything back that was recorded since the program was last known to be one.

        On the main thread, when no effect of the program may happen any more. May be called again,
        for what another thread has done in the same moment.

        Returns
        -------
        list of Trouble
            What could not be put back.
        """
        if not self.folder or getpid() != self._pid:
            return []
        self.find_foreign()
        since = self._since
        records = self.records[since:]
        self.recorder.kept.lead_away(self.folder, records)
        if self._left == 0:  # what another thread has done at the same moment
            records, left = new_in(records), None
        else:
            left = None if self._left is None else self._left - since

        def note_left(number: int) -> None:
            self._left = number + since if number else 0
            with suppress(OSError):  # a full disk: it is put back all the same
                journal_file.add_left(self.folder, self._left)

        def note_born(was: Identity, now: Identity) -> None:
            with suppress(OSError):  # as above
                journal_file.add_born(self.folder, was, now)

        return undo(
            self.folder,
            records,
            foreign=self.recorder.strangers.foreign,
            born=self._born,
            note_born=note_born,
            left=left,
            note_left=note_left,
        )

    @property
    def is_undone(self) -> bool:
        """Whether nothing is there that was made since the program was last known to be one."""
        return self._left == 0 and all(
            files.glance(record.path).kind == "absent"
            for record in new_in(self.records[self._since :])
            if record.path not in self.recorder.strangers.foreign
        )

    def end(self, troubles: list[Trouble]) -> None:
        """The run is over.

        Parameters
        ----------
        troubles
            What `undo` has returned; empty where the effects stay.
        """
        if getpid() != self._pid:
            return
        self.is_over = True
        before, self._follows = self._follows, ()
        for step in before:
            step.adopt(self)
            step.rest()
        if not self.folder:
            return
        if self.recorder.state == "known":
            self.rest()
            with suppress(OSError):  # a full disk: only who takes it back later would ask
                journal_file.add_seen(self.folder, self.recorder.strangers.seen)
            self._enter("ended")
            left = self._limits.ended_bytes
            for step in (self, *reversed(before)):  # none is taken back before those after it
                left -= step.recorder.kept.bytes
                if left < 0:
                    step.forget()
        elif troubles:
            self._enter("undone")
        else:
            self.forget()

    def take_back(self) -> list[Trouble]:
        """Undo a run that has ended, as its user wants.

        Returns
        -------
        list of Trouble
            What could not be put back; then what was kept stays.
        """
        if self.recorder.state != "ended" or not self.folder:
            return []
        self._since = 0
        troubles = self.undo()
        self._enter("undone")
        if not troubles:
            self.forget()
        return troubles

    @property
    def can_be_taken_back(self) -> bool:
        """Whether the run has ended well, and all that takes it back is kept."""
        return self.recorder.state == "ended" and bool(self.folder)

    @property
    def is_lost(self) -> bool:
        """Whether the run has ended well, but what would take it back is not kept."""
        return self.recorder.state == "ended" and not self.folder and bool(self.records)

    def beat(self) -> None:
        """Note on disk that the run goes on. Called now and then, by any thread."""
        if self.folder and self.recorder.state == "open":
            with suppress(OSError):  # just dropped
                journal_file.touch(self.folder)

    def forget(self) -> None:
        """Drop it, and what it keeps."""
        if self.folder and getpid() == self._pid:
            with suppress(OSError):  # the next kernel drops it: nothing is to be undone any more
                drop(self.folder)
            self.recorder.folder = ""

    @property
    def lines(self) -> dict[str, int]:
        """The paths that were written, and the program's line that was the first to."""
        found: dict[str, int] = {}
        for record in self.records:
            if record.op != "times":
                found.setdefault(record.other or record.path, record.line)
        return found
