"""Puts files back as a journal tells."""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from os import sep

from eager_kernel.core.effects.undo import Gone, Identity, Record, Seen, Step, paths_in, steps
from eager_kernel.execution import plain_files as files


@dataclass(frozen=True, slots=True)
class Trouble:
    """A file that could not be put back, and was left as it is.

    Parameters
    ----------
    path
        The file.
    why
        What was in the way, for a person.
    should_be
        What it was, for a person.
    kept
        Path of the kept copy; empty where there is none.
    """

    path: str
    why: str
    should_be: str
    kept: str = ""

    def __str__(self) -> str:
        where = f"; the kept copy is {self.kept}" if self.kept else ""
        return f"{self.path!r} was left as it is, because {self.why}; {self.should_be}{where}"


def undo(
    folder: str,
    records: list[Record],
    *,
    foreign: Collection[str] = (),
    born: dict[Identity, Identity] | None = None,
    note_born: Callable[[Identity, Identity], None] = lambda was, now: None,
    left: int | None = None,
    note_left: Callable[[int], None] = lambda left: None,
) -> list[Trouble]:
    """Put back what records tell of, the last first.

    It may be broken off, and go on where it was: what is done of one record may be done again, but
    not what is done of several, as where files have changed places.

    Parameters
    ----------
    folder
        Where the kept files are.
    records
        The oldest first.
    foreign
        Paths that somebody else has changed: they are left.
    born
        Files that were put back as new ones; added to.
    note_born
        Told of each of them.
    left
        How many of the records, the first ones, have not been undone yet; None: all.
    note_left
        Told of each change of that.

    Returns
    -------
    list of Trouble
        What could not be put back; empty if all is as it was.
    """
    known = {} if born is None else born
    troubles: dict[str, Trouble] = {}
    put_off: list[Record] = []

    def put_back(record: Record) -> bool:
        """Undo one record; False: what it tells of is not where it was left."""
        for path in (record.path, record.other):
            if path and path in foreign and record.op != "times":
                # The earliest record tells what it should be.
                troubles[path] = _trouble(folder, record, "something else has changed it")
                return True
        try:
            for step in steps(record, files.look, known):
                _do(step, folder, known, note_born)
        except Gone:
            return False
        except OSError as error:
            troubles[record.path] = _trouble(folder, record, _why(error))
        return True

    number = len(records) if left is None else left
    for record in reversed(records[:number]):
        if not put_back(record):
            put_off.append(record)
        number -= 1
        note_left(number)
    for record in put_off:
        if not put_back(record):
            why = "the file that was there has gone elsewhere"
            troubles[record.path] = _trouble(folder, record, why)
    if left is not None:  # what the part before has put off is not known any more
        for record in reversed(records[left:]):
            if record.op in ("contents", "attributes"):
                put_back(record)
    return list(troubles.values())


def told_of(troubles: list[Trouble]) -> str:
    """Say what could not be put back."""
    lines = "".join(f"  {trouble}\n" for trouble in troubles)
    return f"Of what the program did to files, this could not be undone:\n{lines}"


def changed_since(seen: dict[str, Seen], records: list[Record]) -> set[str]:
    """The paths of records at which something else is than was seen.

    Parameters
    ----------
    seen
        What was there when the run had ended.
    records
        Those that are to be undone.
    """
    return {
        path
        for path in paths_in(records)
        if path in seen and Seen.of(files.glance(path)) != seen[path]
    }


def drop(folder: str) -> None:
    """Forget a journal and what it keeps.

    Raises
    ------
    OSError
        Something of it can't be removed.
    """
    try:
        names = files.entries(folder)
    except FileNotFoundError:
        return
    # The journal itself goes first: without it, nothing is restored from what is left.
    for name in sorted(names, key=lambda name: name != "journal"):
        with suppress(FileNotFoundError):
            files.take_name(f"{folder}{sep}{name}")
    with suppress(FileNotFoundError):
        files.remove_folder(folder)


def _do(
    step: Step,
    folder: str,
    born: dict[Identity, Identity],
    note_born: Callable[[Identity, Identity], None],
) -> None:
    record, path = step.record, step.path
    was = record.was
    kept = f"{folder}{sep}{record.kept}"
    match step.do:
        case "unlink":
            files.take_name(path)
        case "remove folder":
            files.remove_folder(path)
        case "move":
            files.move(record.other, path)
        case "make folder":
            files.add_folder(path)
        case "make link":
            files.make_link(path, was.target)
        case "put back":
            if files.glance(kept).identity == was.identity:
                files.give_name(kept, path)
            else:
                files.copy(kept, path)
        case "contents":
            files.overwrite(path, kept)
        case "attributes" | "times":
            pass
    if step.do in ("make folder", "make link", "put back"):
        now = files.glance(path).identity
        if was.identity is not None and now is not None and now != was.identity:
            born[was.identity] = now
            note_born(was.identity, now)
    if was.attributes is None or step.do in ("unlink", "remove folder", "move"):
        return
    if step.do == "times":
        files.set_times(path, was.attributes)
    else:
        files.set_attributes(path, was.attributes, is_link=was.kind == "link")


def _trouble(folder: str, record: Record, why: str) -> Trouble:
    was = record.was
    should_be = {
        "absent": "before the program, there was nothing",
        "file": f"before the program, it was a file of {was.size:,} bytes",
        "folder": "before the program, it was a folder",
        "link": f"before the program, it was a link to {was.target!r}",
        "other": "",
    }[was.kind]
    if record.op == "renamed":
        should_be += f", which the program has renamed to {record.other!r}"
    kept = f"{folder}{sep}{record.kept}" if record.kept else ""
    return Trouble(record.path, why, should_be, kept)


def _why(error: OSError) -> str:
    if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
        return "there is something in it that the program has not made"
    if error.errno == errno.ENOSPC:
        return "the disk is full"
    return error.strerror or type(error).__name__
