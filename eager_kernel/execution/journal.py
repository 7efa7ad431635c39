"""The journal of a run: what its effects on files need to be taken back.

Before an effect, in the thread that attempts it, the journal keeps what was there: another name of
a file that goes, a copy of one that is written, nothing but the name for a new one. So nothing here
takes a lock, and each step is safe beside the same step in another thread: records are only
appended, and where two threads keep the same file, the earlier record is undone last.
"""

# The plain calls, since a program may patch pathlib.
# ruff: noqa: PTH120

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from os import getpid
from os.path import dirname, realpath
from typing import Any, Final

from eager_kernel.core.effects.table import Arguments
from eager_kernel.core.effects.undo import (
    ANNOUNCED,
    JOURNALLED,
    Entry,
    Identity,
    Record,
    State,
    Wanted,
    followed,
    new_in,
    wanted,
)
from eager_kernel.execution import journal_file
from eager_kernel.execution import plain_files as files
from eager_kernel.execution.covered import Covered
from eager_kernel.execution.kept_files import KeptFiles, Limits
from eager_kernel.execution.kept_paths import (
    AS_RESOLVED,
    LocalPaths,
    is_unknown,
    leaves_owner,
    paths_of,
)
from eager_kernel.execution.strangers import Strangers
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
        self.records: list[Record] = []
        """What has been recorded, the oldest first."""
        self.folder = ""
        """Where it is; empty until there is something to record."""
        self.early: dict[str, int] = {}
        """The paths that were changed while the program was not known, and the first lines to."""
        self.missed: list[str] = []
        """Effects of a known program that could not be kept: nobody can take these back."""
        self.failure: Exception | None = None
        """Why something could last not be kept, if an error was the reason."""
        self.is_over = False
        """Whether the run has ended, or nothing of it is kept."""
        self.is_kept = True
        """Whether anything of it is kept."""
        self._root = root
        self._limits = limits or Limits()
        self._local = LocalPaths(root)
        self._kept = KeptFiles(self._limits)
        self._strangers = Strangers()
        self._covered = Covered(self._strangers.foreign)
        self._since = 0
        self._left: int | None = None
        self._pid = getpid()
        self._state: State = "open"
        self._follows: tuple[Journal, ...] = ()
        self._born: dict[Identity, Identity] = {}

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

    def keep(
        self,
        event: str,
        arguments: Arguments,
        cwd: str,
        line: int = 0,
        *,
        plain: bool = False,
        resolved: list[str] | None = None,
    ) -> bool:
        """Keep what it takes to undo an effect that is about to happen.

        Parameters
        ----------
        event, arguments
            As an audit hook gets them.
        cwd
            The working directory; empty where it is gone.
        line
            The program's line; 0 where none led there.
        plain
            Whether the path of an `os.open` is known to begin in the working directory.
        resolved
            What `places.resolved` has given for it; None: nothing.

        Returns
        -------
        bool
            False: it can't be undone, or what it needs can't be kept.
        """
        if event in ANNOUNCED:
            return True
        if event not in JOURNALLED or getpid() != self._pid:
            return False
        if not plain and is_unknown(event, arguments):
            return False
        try:
            if event == "os.chown" and not leaves_owner(arguments, cwd, self._covered):
                return False
            if resolved is None or event not in AS_RESOLVED:
                resolved = paths_of(event, arguments, cwd, self._covered)
                if not resolved:
                    return resolved is not None
            return self._keep(event, resolved, line)
        except Exception as error:  # noqa: BLE001 - the effect waits, as without a journal
            self.failure = error
            return False

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

    def _keep(self, event: str, paths: list[str], line: int) -> bool:
        verb = JOURNALLED[event]
        if not all(path in self._local for path in paths):
            return False
        path, other = paths[0], paths[1] if len(paths) > 1 else ""
        entry = files.look(path)
        at_other = files.look(other) if other else entry
        self._covered.look(path, entry)
        if other:
            self._covered.look(other, at_other)
        wants = wanted(verb, path, entry, other, at_other, line=line) if other else None
        if not other:
            wants = wanted(verb, path, entry, line=line)
            if verb == "change" and entry.kind == "link":
                # Whether the link or what it leads to is meant is not told.
                target = realpath(path)
                behind = files.look(target)
                more = wanted(verb, target, behind, line=line)
                wants = None if wants is None or more is None else wants + more
                if wants and target not in self._local:
                    return False
        if wants is None:
            return False
        self._begin()
        if wants and verb != "change":
            self._keep_times([*paths], [entry, at_other], verb)
        if other:
            self._covered.look_below(path)
            self._covered.replace(path, other)
        return all(self._add(want, new=event != "os.link") for want in wants)

    def _begin(self) -> None:
        if not self.folder:
            before = files.descriptors()
            folder = journal_file.new_folder(self._root)
            if not self.folder:  # another thread may have been faster
                self._kept.begin(before)
                self.folder = folder
                if self._state != "open":
                    journal_file.add_state(folder, self._state)
            else:
                drop(folder)

    def _keep_times(self, paths: list[str], entries: list[Entry], verb: str) -> None:
        for path, entry in zip(paths, entries, strict=False):
            if verb == "write" and entry.kind != "absent":
                continue
            folder = dirname(path)
            there = files.look(folder)
            self._covered.look(folder, there)
            identity = there.identity
            if there.kind != "folder" or identity is None or self._covered.has_times(identity):
                continue
            if files.owner_is_me(folder):  # others write in the folders of others, as in `/tmp`
                self._write_down(Record("times", folder, there))
            self._covered.note_times(identity)

    def _add(self, want: Wanted, *, new: bool) -> bool:
        """Keep the file that a record needs, and write the record down.

        Parameters
        ----------
        want
            The record.
        new
            Whether what is made is a file of the program's own, not another name of one.
        """
        record, was = want.record, want.record.was
        path = record.path
        if record.op == "contents":
            if self._covered.has_contents(was.identity):
                self._strangers.touch(record)
                return True
            if not files.owner_is_me(path) or files.is_written_elsewhere(path):
                return False
        elif record.op == "attributes":
            if self._covered.has_attributes(was):
                self._strangers.touch(record)
                return True
            if not files.owner_is_me(path):
                return False
        kept = ""
        if want.keep:
            by_name = want.keep == "name"
            kept = self._kept.keep(self.folder, path, was, self._covered, by_name=by_name)
            if not kept:
                return False
        self._strangers.touch(record)
        record = replace(record, kept=kept)
        self._write_down(record)
        self._covered.note(record, new=new)
        return True

    def _write_down(self, record: Record) -> None:
        journal_file.add_record(self.folder, record)
        self.records.append(record)
        if self._state == "open" and record.op != "times":
            self.early.setdefault(record.other or record.path, record.line)

    # While the program stands still ---------------------------------------------------------

    @property
    def has_begun(self) -> bool:
        """Whether there is anything to be undone, of this run or of the steps before it."""
        return bool(self.folder or self._follows)

    def rest(self) -> None:
        """Note what is there, as the program stands still now."""
        for step in self._follows:
            step.rest()
        self._strangers.rest(self._covered)
        self._kept.release()

    def go_on(self) -> None:
        """The program goes on: find out what has changed since `rest`; that was somebody else."""
        self._go_on_before()
        self._strangers.go_on(self._covered)

    def find_foreign(self) -> None:
        """The same, before it is undone: what changes from now on is ours."""
        self._strangers.find(self._covered)

    # Endings --------------------------------------------------------------------------------

    def know(self) -> None:
        """The program is one: its effects stay. Called by any thread."""
        self._enter("known")

    def open_again(self) -> None:
        """The program is written on; what a known one has done stays."""
        if self._state == "known":
            self._since = len(self.records)
            self._covered = Covered(self._strangers.foreign)
            self._enter("open")

    def _enter(self, state: State) -> None:
        self._state = state
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
        self._kept.lead_away(self.folder, records)
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
            foreign=self._strangers.foreign,
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
            if record.path not in self._strangers.foreign
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
        if self._state == "known":
            self.rest()
            with suppress(OSError):  # a full disk: only who takes it back later would ask
                journal_file.add_seen(self.folder, self._strangers.seen)
            self._enter("ended")
            left = self._limits.ended_bytes
            for step in (self, *reversed(before)):  # none is taken back before those after it
                left -= step._kept.bytes
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
        if self._state != "ended" or not self.folder:
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
        return self._state == "ended" and bool(self.folder)

    @property
    def is_lost(self) -> bool:
        """Whether the run has ended well, but what would take it back is not kept."""
        return self._state == "ended" and not self.folder and bool(self.records)

    def beat(self) -> None:
        """Note on disk that the run goes on. Called now and then, by any thread."""
        if self.folder and self._state == "open":
            with suppress(OSError):  # just dropped
                journal_file.touch(self.folder)

    def forget(self) -> None:
        """Drop it, and what it keeps."""
        if self.folder and getpid() == self._pid:
            with suppress(OSError):  # the next kernel drops it: nothing is to be undone any more
                drop(self.folder)
            self.folder = ""

    @property
    def lines(self) -> dict[str, int]:
        """The paths that were written, and the program's line that was the first to."""
        found: dict[str, int] = {}
        for record in self.records:
            if record.op != "times":
                found.setdefault(record.other or record.path, record.line)
        return found
