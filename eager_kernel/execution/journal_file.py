"""The journal of a run on disk: what another process needs to restore what it changed.

A folder for each run, with the kept files and a file of lines. Each line is there before the effect
that it tells of, so a process that is killed leaves all that it takes to undo it. What has been
written survives the process without being forced to the disk; a machine that loses its power is
another matter.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from json import dumps, loads
from os import sep, urandom
from time import time
from typing import Any, Final, get_args

from eager_kernel.core.effects.undo import (
    TRANSITIONS,
    Attributes,
    Entry,
    Identity,
    Kind,
    Op,
    Record,
    Seen,
    State,
)
from eager_kernel.execution import plain_files as files

NAME: Final = "journal"


def new_folder(root: str) -> str:
    """Make the folder of a new journal.

    Raises
    ------
    OSError
        It can't be made, or not be written.
    """
    folder = f"{root}{sep}{int(time())}-{urandom(6).hex()}"
    files.make_folder(folder)
    _add(folder, {"begin": owner(), "format": _FORMAT})
    return folder


def add_record(folder: str, record: Record) -> None:
    """Write a record down."""
    was = record.was
    attributes = was.attributes
    told = {
        "op": record.op,
        "path": record.path,
        "was": [was.kind, was.identity, was.size, was.names, was.target],
        "attributes": None
        if attributes is None
        else [
            attributes.mode,
            attributes.accessed,
            attributes.modified,
            [[name, value.hex()] for name, value in attributes.extended],
        ],
        "kept": record.kept,
        "other": record.other,
        "line": record.line,
    }
    _add(folder, told)


def add_state(folder: str, state: State, *, since: int = 0) -> None:
    """Write down how the journal stands.

    Parameters
    ----------
    folder
        The journal's.
    state
        Its state.
    since
        Number of the records that stay, whatever comes.
    """
    _add(folder, {"state": state, "since": since})


def add_born(folder: str, was: Identity, now: Identity) -> None:
    """Write down that a file was put back as a new one."""
    _add(folder, {"born": [was, now]})


def add_left(folder: str, left: int) -> None:
    """Write down how many records have not been undone yet, when restoring has begun."""
    _add(folder, {"left": left})


def add_seen(folder: str, seen: dict[str, Seen]) -> None:
    """Write down what was at the paths when the run had ended."""
    for path, at in seen.items():
        _add(folder, {"seen": path, "at": [at.kind, at.identity, at.size, at.modified]})


def touch(folder: str) -> None:
    """Note when the run was last seen going on."""
    files.touch(f"{folder}{sep}{NAME}")


def _add(folder: str, told: dict[str, Any]) -> None:
    files.append_line(f"{folder}{sep}{NAME}", b"\n%s\n" % dumps(told).encode())


@dataclass(slots=True)
class Left:
    """A journal as it is on disk.

    Parameters
    ----------
    folder
        Where.
    owner
        The process that wrote it; see `owner`.
    records
        What it tells of, the oldest first.
    state
        How it stands.
    since
        Number of the first records, which are not undone by themselves.
    born
        Files that were put back as new ones: what they were → what they are.
    seen
        What was at the paths when the run had ended; empty if it has not.
    left
        How many records have not been undone; None where restoring has not begun.
    when
        Seconds since the epoch at which it was last written.
    """

    folder: str
    owner: dict[str, Any] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    state: State = "open"
    since: int = 0
    born: dict[Identity, Identity] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    left: int | None = None
    when: float = 0.0

    @property
    def is_left(self) -> bool:
        """Whether the process that wrote it has ended, as far as can be known here."""
        here, there = owner(), self.owner
        if here.get("host") != there.get("host"):
            return False
        if here["boot"] != there.get("boot"):
            return bool(there)
        if here["space"] != there.get("space"):
            return False
        return started(int(there["pid"])) != there.get("started")


def read(folder: str) -> Left:
    """Read a journal.

    A line that was cut off, as where the disk was full, belongs to an effect that has not happened.

    Raises
    ------
    OSError, ValueError
        There is none, or none that this version understands.
    """
    left = Left(folder)
    path = f"{folder}{sep}{NAME}"
    lines = files.read_all(path).split(b"\n")
    left.when = os.lstat(path).st_mtime
    for line in filter(None, lines):
        try:
            told = loads(line)
        except ValueError:
            continue
        if "begin" in told:
            if told.get("format") != _FORMAT:
                raise ValueError(f"{path} is of another version of EAGER Python")
            left.owner = told["begin"]
        elif "op" in told:
            left.records.append(_record(told))
        elif "state" in told:
            if told["state"] in TRANSITIONS:
                left.state, left.since = told["state"], told["since"]
        elif "left" in told:
            left.left = told["left"]
        elif "born" in told:
            was, now = told["born"]
            left.born[_pair(was)] = _pair(now)
        elif "seen" in told:
            kind, identity, size, modified = told["at"]
            left.seen[told["seen"]] = Seen(
                _kind(kind), None if identity is None else _pair(identity), size, modified
            )
    return left


def _record(told: dict[str, Any]) -> Record:
    kind, identity, size, names, target = told["was"]
    attributes = told["attributes"]
    op = told["op"]
    if op not in get_args(Op):
        raise ValueError(f"{op!r} is no record of a journal")
    entry = Entry(
        _kind(kind),
        None if identity is None else _pair(identity),
        size,
        names,
        None if attributes is None else _attributes(attributes),
        target,
    )
    return Record(op, told["path"], entry, told["kept"], told["other"], told["line"])


def _attributes(told: list[Any]) -> Attributes:
    mode, accessed, modified, extended = told
    pairs = tuple((str(name), bytes.fromhex(value)) for name, value in extended)
    return Attributes(mode, accessed, modified, pairs)


def _kind(text: str) -> Kind:
    for kind in get_args(Kind):
        if kind == text:
            return kind  # type: ignore[no-any-return]
    raise ValueError(f"{text!r} is no kind of file")


def _pair(values: list[int]) -> Identity:
    first, second = values
    return first, second


# Whose a journal is ---------------------------------------------------------------------------


def owner() -> dict[str, Any]:
    """What tells this process from all others, also when it is gone."""
    pid = os.getpid()
    return {
        "host": os.uname().nodename,
        "boot": files.read_all("/proc/sys/kernel/random/boot_id").decode().strip(),
        "space": os.readlink("/proc/self/ns/pid"),  # noqa: PTH115 - the plain call
        "pid": pid,
        "started": started(pid),
    }


def started(pid: int) -> str | None:
    """When a process began, in ticks since the machine did; None if there is none."""
    try:
        text = files.read_all(f"/proc/{pid}/stat").decode("utf-8", "replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # its name may be anything
    return None if fields[0] in ("Z", "X") else fields[19]


_FORMAT: Final = 1
