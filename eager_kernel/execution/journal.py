"""The journal of a run: what its effects on files need to be taken back.

Before an effect, in the thread that attempts it, the journal keeps what was there: another name of
a file that goes, a copy of one that is written, nothing but the name for a new one. So nothing here
takes a lock, and each step is safe beside the same step in another thread: records are only
appended, and where two threads keep the same file, the earlier record is undone last.
"""

# The plain calls, since a program may patch pathlib.
# ruff: noqa: PTH117, PTH120

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from os import getpid, sep
from os.path import dirname, isabs, realpath
from typing import Any, Final

from eager_kernel.core.effects.table import Arguments
from eager_kernel.core.effects.undo import (
    ANNOUNCED,
    JOURNALLED,
    Entry,
    Identity,
    Record,
    Seen,
    State,
    Wanted,
    followed,
    new_in,
    places_of,
    wanted,
)
from eager_kernel.execution import journal_file
from eager_kernel.execution import plain_files as files
from eager_kernel.execution.places import resolve
from eager_kernel.execution.undoing import Trouble, drop, undo


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
        self.foreign: set[str] = set()
        """Paths that somebody else has changed while the program stood still."""
        self.is_over = False
        """Whether the run has ended, or nothing of it is kept."""
        self.is_kept = True
        """Whether anything of it is kept."""
        self._root = root
        self._limits = limits or Limits()
        self._numbers = count(1)
        self._bytes = 0
        self._since = 0
        self._left: int | None = None
        self._pid = getpid()
        self._state: State = "open"
        self._follows: tuple[Journal, ...] = ()
        self._rests = False
        self._born: dict[Identity, Identity] = {}
        # What was at the paths when the program stood still; None: it has had an effect since.
        self._seen: dict[str, Seen | None] = {}
        self._forget_what_is_covered()
        self._before: dict[int, Identity] = {}
        # Names given to files that were to go, and the paths of these.
        self._given: dict[str, str] = {}
        self._types: dict[str, bool] = {}

    def _forget_what_is_covered(self) -> None:
        self._own: set[Identity] = set()  # files that the run has made
        self._made: set[str] = set()  # where it has made them
        self._written: set[Identity] = set()  # whose contents are kept
        self._changed: set[Identity] = set()  # whose attributes are
        self._timed: set[Identity] = set()  # folders whose times are

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
        if (
            event == "open"
            and arguments[1] is None
            and not plain
            and not _begins_at_root(arguments)
        ):
            return False  # `os.open` does not tell in which folder a path begins
        try:
            if event == "os.chown" and not self._leaves_owner(arguments, cwd):
                return False
            if resolved is None or event not in _AS_RESOLVED:
                resolved = self._places(event, arguments, cwd)
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

    def _places(self, event: str, arguments: Arguments, cwd: str) -> list[str] | None:
        """The paths that an effect changes; none if nothing more is to be kept, None if unknown."""
        given, of_name = places_of(event, arguments)
        paths = []
        for path, folder in given:
            if type(path) is int:
                if self._is_covered(path):
                    return []
                found = files.path_of(path)
                if found is None:
                    return None
                paths.append(found)
            elif folder is None or type(folder) is int:
                paths.append(resolve(_text(path), folder, cwd, of_name=of_name))
            else:
                return None
        return paths

    def _leaves_owner(self, arguments: Arguments, cwd: str) -> bool:
        """Whether a change of owner changes none but that of a file that the run has made."""
        ((path, folder),), of_name = places_of("os.chown", arguments)
        if type(path) is not int:
            if folder is not None and type(folder) is not int:
                return False
            path = resolve(_text(path), folder, cwd, of_name=of_name)
        user, group = arguments[1:3]
        return all(
            (there.st_dev, there.st_ino) in self._own
            or (user in (there.st_uid, *_SAME) and group in (there.st_gid, *_SAME))
            for there in files.stats(path)
        )

    def _keep(self, event: str, paths: list[str], line: int) -> bool:
        verb = JOURNALLED[event]
        if not all(self._may_be_kept(path) for path in paths):
            return False
        path, other = paths[0], paths[1] if len(paths) > 1 else ""
        entry = files.look(path)
        at_other = files.look(other) if other else entry
        self._note_own(path, entry)
        if other:
            self._note_own(other, at_other)
        wants = wanted(verb, path, entry, other, at_other, line=line) if other else None
        if not other:
            wants = wanted(verb, path, entry, line=line)
            if verb == "change" and entry.kind == "link":
                # Whether the link or what it leads to is meant is not told.
                target = realpath(path)
                behind = files.look(target)
                more = wanted(verb, target, behind, line=line)
                wants = None if wants is None or more is None else wants + more
                if wants and not self._may_be_kept(target):
                    return False
        if wants is None:
            return False
        self._begin()
        if wants and verb != "change":
            self._keep_times([*paths], [entry, at_other], verb)
        if other:
            for made in list(self._made):
                if made.startswith(path + sep):  # which has another path from now on
                    self._note_own(made, files.glance(made))
            self._made.difference_update((path, other))  # another file is there now
        return all(self._add(want, new=event != "os.link") for want in wants)

    def _is_covered(self, descriptor: int) -> bool:
        """Whether a descriptor is at a file of which nothing more has to be kept."""
        there = os.fstat(descriptor)
        identity = (there.st_dev, there.st_ino)
        return identity in self._own or identity in self._written

    def _may_be_kept(self, path: str) -> bool:
        """Whether a path is a local one, and not the journal's own."""
        root = self._root
        if path == root or path.startswith(root + sep) or root.startswith(path + sep):
            return False
        folder = dirname(path)
        known = self._types.get(folder)
        if known is None:
            system = folder == "/dev" or folder.startswith(("/dev/", "/proc/", "/sys/"))
            known = not system and files.mounted_type(folder) in _LOCAL
            self._types[folder] = known
        return known

    def _note_own(self, path: str, entry: Entry) -> None:
        if path in self._made and path not in self.foreign and entry.identity is not None:
            self._own.add(entry.identity)

    def _begin(self) -> None:
        if not self.folder:
            before = files.descriptors()
            folder = journal_file.new_folder(self._root)
            if not self.folder:  # another thread may have been faster
                self._before = before
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
            self._note_own(folder, there)
            identity = there.identity
            if there.kind != "folder" or identity is None or identity in self._timed | self._own:
                continue
            if files.owner_is_me(folder):  # others write in the folders of others, as in `/tmp`
                self._write_down(Record("times", folder, there))
            self._timed.add(identity)

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
        path, identity = record.path, was.identity
        if record.op == "contents":
            if identity in self._own or identity in self._written:
                self._touch(record)
                return True
            if not files.owner_is_me(path) or files.is_written_elsewhere(path):
                return False
        elif record.op == "attributes":
            if identity in self._changed or (identity in self._own and was.kind != "folder"):
                self._touch(record)
                return True
            if not files.owner_is_me(path):
                return False
        kept = ""
        if want.keep:
            kept = self._keep_file(path, was, by_name=want.keep == "name")
            if not kept:
                return False
        self._touch(record)
        self._write_down(replace(record, kept=kept))
        if record.op == "made":
            if new:
                self._made.add(path)
            else:
                self._made.discard(path)
        elif record.op == "removed" and was.kind == "folder" and identity is not None:
            for known in (self._own, self._timed, self._changed):
                known.discard(identity)  # another may get its number
        elif identity is not None and record.op in ("contents", "attributes"):
            self._changed.add(identity)
            if record.op == "contents":
                self._written.add(identity)
        return True

    def _keep_file(self, path: str, was: Entry, *, by_name: bool) -> str:
        """Keep a file; the name that it has in the journal's folder, or nothing."""
        name = str(next(self._numbers))
        kept = f"{self.folder}{sep}{name}"
        if self._bytes + was.size > self._limits.run_bytes:
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
                self._bytes += was.size
                self._given[kept] = path
                return name
        if was.size > self._limits.file_bytes:
            return ""
        files.copy(path, kept)
        self._bytes += was.size
        if by_name and was.identity is not None:
            for known in (self._own, self._written, self._changed):
                known.discard(was.identity)  # as above
        return name

    def _write_down(self, record: Record) -> None:
        journal_file.add_record(self.folder, record)
        self.records.append(record)
        if self._state == "open" and record.op != "times":
            self.early.setdefault(record.other or record.path, record.line)

    def _touch(self, record: Record) -> None:
        self._seen[record.path] = None
        if record.other:
            self._seen[record.other] = None

    # While the program stands still ---------------------------------------------------------

    def rest(self) -> None:
        """Note what is there, as the program stands still now."""
        for step in self._follows:
            step.rest()
        self._rests = True
        for path in list(self._seen):
            entry = files.glance(path)
            self._note_own(path, entry)
            self._seen[path] = Seen.of(entry)
        while self._given:
            kept, path = self._given.popitem()
            if files.glance(path).identity == files.glance(kept).identity:
                with suppress(OSError):
                    files.take_name(kept)  # what was to go has stayed, and has one name again

    def go_on(self) -> None:
        """The program goes on: find out what has changed since `rest`; that was somebody else."""
        self._go_on_before()
        if self._rests:
            self._rests = False
            self._find_foreign()

    def find_foreign(self) -> None:
        """The same, before it is undone: what changes from now on is ours."""
        self._find_foreign()
        self._seen = dict.fromkeys(self._seen)

    def _find_foreign(self) -> None:
        for path, seen in list(self._seen.items()):
            if seen is None:
                continue
            entry = files.glance(path)
            if Seen.of(entry) != seen and not self._is_open(seen, entry):
                self.foreign.add(path)
                if entry.identity is not None:
                    self._own.discard(entry.identity)

    def _is_open(self, seen: Seen, entry: Entry) -> bool:
        """Whether the process itself may have written the file, as at the flush of a buffer."""
        return seen.identity == entry.identity and entry.identity in files.descriptors().values()

    # Endings --------------------------------------------------------------------------------

    def know(self) -> None:
        """The program is one: its effects stay. Called by any thread."""
        self._enter("known")

    def open_again(self) -> None:
        """The program is written on; what a known one has done stays."""
        if self._state == "known":
            self._since = len(self.records)
            self._forget_what_is_covered()
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
        self._lead_away()
        since = self._since
        records = self.records[since:]
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
            foreign=self.foreign,
            born=self._born,
            note_born=note_born,
            left=left,
            note_left=note_left,
        )

    def _lead_away(self) -> None:
        """What the program's open files still write must not reach what is put back."""
        written = {
            record.was.identity: record.path
            for record in self.records[self._since :]
            if record.op == "contents"
        }
        for descriptor, identity in files.descriptors().items():
            if identity in written and self._before.get(descriptor) != identity:
                spare = f"{self.folder}{sep}{next(self._numbers)}"
                with suppress(OSError):  # a full disk, or closed just now: as above
                    files.lead_away(descriptor, spare, self._limits.file_bytes)

    @property
    def is_undone(self) -> bool:
        """Whether nothing is there that was made since the program was last known to be one."""
        return self._left == 0 and all(
            files.glance(record.path).kind == "absent"
            for record in new_in(self.records[self._since :])
            if record.path not in self.foreign
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
            seen = {path: seen for path, seen in self._seen.items() if seen is not None}
            with suppress(OSError):  # a full disk: only who takes it back later would ask
                journal_file.add_seen(self.folder, seen)
            self._enter("ended")
            left = self._limits.ended_bytes
            for step in (self, *reversed(before)):  # none is taken back before those after it
                left -= step._bytes
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


def _text(path: object) -> str:
    text = os.fsdecode(path)  # type: ignore[arg-type]
    return str.__getitem__(text, slice(None))  # a subclass may be anything


def _begins_at_root(arguments: Arguments) -> bool:
    return isabs(_text(arguments[0]))


# Of the paths of these, `places.resolved` follows the same links.
_AS_RESOLVED: Final = frozenset(
    {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}
)

# The owner that stands for the one that there is; its event tells it without its sign.
_SAME: Final = (-1, 2**32 - 1)

# File systems of this machine's own, on which what was renamed, linked and copied stays so.
_LOCAL: Final = frozenset(
    {
        "bcachefs",
        "btrfs",
        "ext2",
        "ext3",
        "ext4",
        "f2fs",
        "jfs",
        "overlay",
        "ramfs",
        "reiserfs",
        "tmpfs",
        "xfs",
        "zfs",
    }
)
