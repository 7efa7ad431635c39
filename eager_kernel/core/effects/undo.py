"""What is kept of a file before an effect on it, and what puts it back.

The bookkeeping of `eager_kernel.execution.journal`, without any file. A journal is a list of
records, each written before its effect. Restoring goes through them from the last to the first:
at each, the file system looks as it did right after that effect, so a record has to undo one
effect only, whatever came after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Identity = tuple[int, int]
"""Device and inode: what stays the same where a file is renamed or written."""

Kind = Literal["absent", "file", "folder", "link", "other"]
"""What is at a path. ``other``: a pipe, a device, a socket."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What else there is to a file than its name and contents.

    Parameters
    ----------
    mode
        Permission bits.
    accessed, modified
        Times in nanoseconds since the epoch.
    extended
        Names and values of extended attributes.
    """

    mode: int
    accessed: int
    modified: int
    extended: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """What is at a path, links not followed.

    Parameters
    ----------
    kind
        What it is.
    identity
        Device and inode; None where nothing is there.
    size
        Bytes.
    names
        Number of names (hard links) of the file.
    attributes
        None where nothing is there.
    target
        Where a symbolic link leads; empty for all else.
    """

    kind: Kind
    identity: Identity | None = None
    size: int = 0
    names: int = 1
    attributes: Attributes | None = None
    target: str = ""


ABSENT: Final = Entry("absent")

Verb = Literal["write", "make", "remove", "rename", "change"]
"""What an effect does to a path: write a file there or begin one, put a folder or a link there,
take away what is there, give it another name, or change its mode, times or attributes."""

JOURNALLED: Final[Mapping[str, Verb]] = {
    "open": "write",
    "os.truncate": "write",
    "os.mkdir": "make",
    "os.link": "make",
    "os.symlink": "make",
    "os.remove": "remove",
    "os.rmdir": "remove",
    "os.rename": "rename",
    "os.chmod": "change",
    "os.chown": "change",
    "os.utime": "change",
    "os.setxattr": "change",
    "os.removexattr": "change",
}
"""Audit event → what it does, for all that can be undone."""

ANNOUNCED: Final = frozenset(
    {
        "shutil.chown",
        "shutil.copyfile",
        "shutil.copymode",
        "shutil.copystat",
        "shutil.copytree",
        "shutil.make_archive",
        "shutil.move",
        "shutil.rmtree",
        "shutil.unpack_archive",
        "tempfile.mkdtemp",
        "tempfile.mkstemp",
    }
)
"""Audit events that only announce others, which come with each step of the work."""

# Where the paths of an event are among its arguments, and the descriptor of the folder in which
# each begins; and whether they name a link itself, not what it leads to.
_ARGUMENTS: Final[Mapping[str, tuple[tuple[int, ...], tuple[int, ...], bool]]] = {
    "open": ((0,), (), False),
    "os.truncate": ((0,), (), False),
    "os.mkdir": ((0,), (2,), True),
    "os.link": ((1,), (3,), True),
    "os.symlink": ((1,), (2,), True),
    "os.remove": ((0,), (1,), True),
    "os.rmdir": ((0,), (1,), True),
    "os.rename": ((0, 1), (2, 3), True),
    "os.chmod": ((0,), (2,), True),
    "os.chown": ((0,), (3,), True),
    "os.utime": ((0,), (3,), True),
    "os.setxattr": ((0,), (), True),
    "os.removexattr": ((0,), (), True),
}


def places_of(
    event: str, arguments: tuple[object, ...]
) -> tuple[list[tuple[object, object]], bool]:
    """The paths that an effect changes, as its event tells them.

    Returns
    -------
    list of (path or descriptor, descriptor of a folder or None), and whether links are not followed
    """
    paths, folders, of_name = _ARGUMENTS[event]
    found: list[tuple[object, object]] = []
    for index, at in enumerate(paths):
        folder = arguments[folders[index]] if index < len(folders) else None
        found.append((arguments[at], None if folder == -1 else folder))
    return found, of_name


Op = Literal["times", "made", "removed", "renamed", "contents", "attributes"]


@dataclass(frozen=True, slots=True)
class Record:
    """What was there before an effect.

    Parameters
    ----------
    op
        ``times``: a folder, whose times change with its entries. ``made``: nothing was at the path.
        ``removed``: the entry, which goes. ``renamed``: the entry, which goes to `other`.
        ``contents``: a file that is written. ``attributes``: a file whose attributes change.
    path
        Absolute; no links on the way.
    was
        What was there.
    kept
        Name of the kept file; empty where none is needed.
    other
        The second path of a renaming.
    line
        The program's line; 0 where none led there.
    """

    op: Op
    path: str
    was: Entry = ABSENT
    kept: str = ""
    other: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A record to be made, and which kept file it needs.

    Parameters
    ----------
    record
        Without the name of the kept file.
    keep
        ``name``: another name of the same file. ``copy``: a copy of its contents. Empty: none.
    """

    record: Record
    keep: Literal["", "name", "copy"] = ""


def wanted(
    verb: Verb,
    path: str,
    entry: Entry,
    other: str = "",
    at_other: Entry = ABSENT,
    *,
    line: int = 0,
) -> list[Wanted] | None:
    """What to keep before an effect.

    Parameters
    ----------
    verb
        What it does.
    path, entry
        Where, and what is there.
    other, at_other
        The new path of a renaming, and what is there.
    line
        The program's line.

    Returns
    -------
    list of Wanted, or None
        In the order in which they are to be recorded; None: it can't be taken back.
    """
    if entry.kind == "other" or at_other.kind == "other":
        return None
    match verb:
        case "write":
            if entry.kind == "absent":
                return [Wanted(Record("made", path, line=line))]
            if entry.kind != "file":
                return None
            return [Wanted(Record("contents", path, entry, line=line), "copy")]
        case "make":
            return [] if entry.kind != "absent" else [Wanted(Record("made", path, line=line))]
        case "remove":
            return [_removal(path, entry, line)] if entry.kind != "absent" else []
        case "change":
            if entry.kind == "absent":
                return []
            return [Wanted(Record("attributes", path, entry, line=line))]
        case "rename":
            if entry.kind == "absent" or entry.identity == at_other.identity:
                return []  # fails, or does nothing: two names of one file
            first = [_removal(other, at_other, line)] if at_other.kind != "absent" else []
            return [*first, Wanted(Record("renamed", path, entry, other=other, line=line))]


def _removal(path: str, entry: Entry, line: int) -> Wanted:
    keep: Literal["", "name"] = "name" if entry.kind == "file" else ""
    return Wanted(Record("removed", path, entry, line=line), keep)


# Restoring ------------------------------------------------------------------------------------

Do = Literal[
    "unlink", "remove folder", "move", "put back", "make folder", "make link", "contents",
    "attributes", "times",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do in restoring.

    Parameters
    ----------
    do
        What.
    path
        Where.
    record
        What it comes of.
    """

    do: Do
    path: str
    record: Record


class Gone(Exception):  # noqa: N818 - an answer
    """What a record tells of is not where it was left."""


def steps(
    record: Record, look: Callable[[str], Entry], born: Mapping[Identity, Identity]
) -> list[Step]:
    """What undoes one record, by what is there now.

    An effect may have failed after it was recorded, and restoring may have been broken off and
    begin again: where things are as they were, there is nothing to do.

    Parameters
    ----------
    record
        The record; all later ones have been undone.
    look
        What is at a path now.
    born
        Files that were put back as new ones: what they were → what they are.

    Raises
    ------
    Gone
        What was renamed or written is not there any more.
    """
    path, now = record.path, look(record.path)
    was = _as_now(record.was, born)
    match record.op:
        case "times":
            return [Step("times", path, record)] if now.kind == "folder" else []
        case "made":
            return _clearing(record, path, now)
        case "removed":
            if _same(was, now):
                return _attributes_if_other(record, was, now)
            put: Do = _PUTTING[record.was.kind]
            return [*_clearing(record, path, now), Step(put, path, record)]
        case "renamed":
            if _same(was, now):
                return []
            if not _same(was, look(record.other)):
                raise Gone
            return [*_clearing(record, path, now), Step("move", path, record)]
        case "contents":
            if not _same(was, now):
                raise Gone
            return [Step("contents", path, record)]
        case "attributes":
            if not _same(was, now):
                raise Gone
            return [Step("attributes", path, record)]


_PUTTING: Final[Mapping[str, Do]] = {
    "file": "put back",
    "folder": "make folder",
    "link": "make link",
}


def _as_now(was: Entry, born: Mapping[Identity, Identity]) -> Entry:
    # Followed once: a file system gives numbers again, so what a file has become may have the
    # number that another one had before.
    identity = None if was.identity is None else born.get(was.identity, was.identity)
    return Entry(was.kind, identity, was.size, was.names, was.attributes, was.target)


def _same(was: Entry, now: Entry) -> bool:
    return now.kind == was.kind and now.identity == was.identity


def _attributes_if_other(record: Record, was: Entry, now: Entry) -> list[Step]:
    if was.attributes == now.attributes or was.kind == "folder":
        return []
    return [Step("attributes", record.path, record)]


def _clearing(record: Record, path: str, now: Entry) -> list[Step]:
    if now.kind == "absent":
        return []
    return [Step("remove folder" if now.kind == "folder" else "unlink", path, record)]


def followed(
    born: Mapping[Identity, Identity], later: Mapping[Identity, Identity]
) -> dict[Identity, Identity]:
    """What files are now that were put back as new ones, and then again.

    Parameters
    ----------
    born
        What they were at first → what they were then.
    later
        What they were then → what they are now.
    """
    return {**later, **{was: later.get(then, then) for was, then in born.items()}}


# Who has changed a file -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """What a file looked like when the program stood still."""

    kind: Kind
    identity: Identity | None
    size: int
    modified: int

    @classmethod
    def of(cls, entry: Entry) -> Seen:
        """What is seen of an entry. A folder's times and size change with what is in it."""
        if entry.kind == "folder" or entry.attributes is None:
            return cls(entry.kind, entry.identity, 0, 0)
        return cls(entry.kind, entry.identity, entry.size, entry.attributes.modified)


def paths_in(records: list[Record]) -> list[str]:
    """The paths that a journal may change in restoring, each once, in the order of the effects."""
    found: dict[str, None] = {}
    for record in records:
        if record.op != "times":
            found.setdefault(record.path)
            if record.other:
                found.setdefault(record.other)
    return list(found)


def new_in(records: list[Record]) -> list[Record]:
    """The records of what was made where nothing was before the first of them.

    When all is undone, nothing may be there.
    """
    told: set[str] = set()
    found = []
    for record in records:
        if record.op == "made" and record.path not in told:
            found.append(record)
        told.update((record.path, record.other) if record.op != "times" else ())
    return found


# How a journal ends ---------------------------------------------------------------------------

State = Literal["open", "known", "ended", "undone"]
"""``open``: the program is not known, and is undone if nothing more comes. ``known``: it is one,
so its effects stay. ``ended``: it has run; only its user may take it back. ``undone``."""

TRANSITIONS: Final[Mapping[State, frozenset[State]]] = {
    "open": frozenset({"known", "undone"}),
    "known": frozenset({"ended", "open"}),  # open again: the program is written on, in a repair
    "ended": frozenset({"undone"}),
    "undone": frozenset(),
}


def restored_by_itself(state: State) -> bool:
    """Whether a journal that nobody works at any more is to be undone without being asked."""
    return state == "open"
