"""What was there before an effect on files, kept so that the effect can be taken back.

In the thread that attempts the effect, the recorder keeps what was there: another name of a file
that goes, a copy of one that is written, nothing but the name for a new one. So nothing here takes
a lock, and each step is safe beside the same step in another thread: records are only appended, and
where two threads keep the same file, the earlier record is undone last.
"""

# The plain calls, since a program may patch pathlib.
# ruff: noqa: PTH120

from __future__ import annotations

from dataclasses import replace
from os import getpid
from os.path import dirname, realpath

from eager_kernel.core.effects.table import Arguments
from eager_kernel.core.effects.undo import (
    ANNOUNCED,
    JOURNALLED,
    Entry,
    Record,
    State,
    Wanted,
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
from eager_kernel.execution.undoing import drop


class Recorder:
    """Keeps what the effects of one run need to be taken back, before each of them happens.

    Parameters
    ----------
    root
        Absolute folder, without links on the way, in which the journal's own folder is made.
    limits
        What may be kept.
    """

    def __init__(self, root: str, limits: Limits) -> None:
        self.records: list[Record] = []
        """What has been recorded, the oldest first."""
        self.folder = ""
        """The journal's own; empty until there is something to record."""
        self.early: dict[str, int] = {}
        """The paths that were changed while the program was not known, and the first lines to."""
        self.failure: Exception | None = None
        """Why something could last not be kept, if an error was the reason."""
        self.state: State = "open"
        """That of the run, which its journal enters."""
        self.kept = KeptFiles(limits)
        """The files, or their contents, that are kept."""
        self.strangers = Strangers()
        """What others have changed meanwhile."""
        self.covered = Covered(self.strangers.foreign)
        """What need not be kept again."""
        self._root = root
        self._local = LocalPaths(root)
        self._pid = getpid()

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
            if event == "os.chown" and not leaves_owner(arguments, cwd, self.covered):
                return False
            if resolved is None or event not in AS_RESOLVED:
                resolved = paths_of(event, arguments, cwd, self.covered)
                if not resolved:
                    return resolved is not None
            return self._keep(event, resolved, line)
        except Exception as error:  # noqa: BLE001 - the effect waits, as without a journal
            self.failure = error
            return False

    def _keep(self, event: str, paths: list[str], line: int) -> bool:
        verb = JOURNALLED[event]
        if not all(path in self._local for path in paths):
            return False
        path, other = paths[0], paths[1] if len(paths) > 1 else ""
        entry = files.look(path)
        at_other = files.look(other) if other else entry
        self.covered.look(path, entry)
        if other:
            self.covered.look(other, at_other)
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
            self.covered.look_below(path)
            self.covered.replace(path, other)
        return all(self._add(want, new=event != "os.link") for want in wants)

    def _begin(self) -> None:
        if not self.folder:
            before = files.descriptors()
            folder = journal_file.new_folder(self._root)
            if not self.folder:  # another thread may have been faster
                self.kept.begin(before)
                self.folder = folder
                if self.state != "open":
                    journal_file.add_state(folder, self.state)
            else:
                drop(folder)

    def _keep_times(self, paths: list[str], entries: list[Entry], verb: str) -> None:
        for path, entry in zip(paths, entries, strict=False):
            if verb == "write" and entry.kind != "absent":
                continue
            folder = dirname(path)
            there = files.look(folder)
            self.covered.look(folder, there)
            identity = there.identity
            if there.kind != "folder" or identity is None or self.covered.has_times(identity):
                continue
            if files.owner_is_me(folder):  # others write in the folders of others, as in `/tmp`
                self._write_down(Record("times", folder, there))
            self.covered.note_times(identity)

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
            if self.covered.has_contents(was.identity):
                self.strangers.touch(record)
                return True
            if not files.owner_is_me(path) or files.is_written_elsewhere(path):
                return False
        elif record.op == "attributes":
            if self.covered.has_attributes(was):
                self.strangers.touch(record)
                return True
            if not files.owner_is_me(path):
                return False
        kept = ""
        if want.keep:
            by_name = want.keep == "name"
            kept = self.kept.keep(self.folder, path, was, self.covered, by_name=by_name)
            if not kept:
                return False
        self.strangers.touch(record)
        record = replace(record, kept=kept)
        self._write_down(record)
        self.covered.note(record, new=new)
        return True

    def _write_down(self, record: Record) -> None:
        journal_file.add_record(self.folder, record)
        self.records.append(record)
        if self.state == "open" and record.op != "times":
            self.early.setdefault(record.other or record.path, record.line)
