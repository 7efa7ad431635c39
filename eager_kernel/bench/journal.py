"""Results that are written as they come, so that a benchmark can go on where it was left.

A folder of results holds a file for each time that something was measured. A file's first line
says when, with what and on what; then each job that is done has a line, with what tells the job
from all others. Jobs that any file of the folder has are not done again. So a benchmark may be
measured in parts, on different days or machines: put the files into one folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from eager_kernel.bench.engines import Begin, Done, Engine, Records, begin_quietly
from eager_kernel.errors import EagerError

J = TypeVar("J")

FORMAT: Final = "eager-bench-part"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A job that has been done.

    Parameters
    ----------
    key
        What tells it from others; see `key_of`.
    job
        In words.
    at
        When it was done, as in ISO 8601.
    done
        What it gave.
    limit
        Seconds that a cell was given; 0.0 where there was no limit.
    load
        How many threads of the machine wanted a processor in the last minute, on average; 0.0
        where the system does not tell.
    """

    key: str
    job: str
    at: str
    done: Done
    limit: float = 0.0
    load: float = 0.0


@dataclass(frozen=True, slots=True)
class Part:
    """What was measured at one time.

    Parameters
    ----------
    path
        Its file.
    about
        The machine, the versions, and when it was begun.
    entries
        What was done, in order.
    """

    path: Path
    about: dict[str, str]
    entries: list[Entry]


@dataclass
class Journal:
    """A folder of results.

    Parameters
    ----------
    folder
        The folder; made with the first job.
    about
        The machine and the versions, for what is measured now.
    """

    folder: Path
    about: dict[str, str]
    _known: dict[str, Entry] = field(default_factory=dict, init=False)
    _file: Path | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        entries = [entry for part in self.parts() for entry in part.entries]
        # Of a job that was done again, the latest counts.
        entries.sort(key=lambda entry: datetime.fromisoformat(entry.at))
        self._known |= {entry.key: entry for entry in entries}

    def parts(self) -> list[Part]:
        """What is in the folder, in the order of time.

        Raises
        ------
        EagerError
            A file there holds no results that this version can read.
        """
        found = [_read(path) for path in sorted(self.folder.glob(f"*{_SUFFIX}"))]
        return sorted(found, key=lambda part: part.about.get("measured", ""))

    def get(self, key: str) -> Entry | None:
        """A job that is done; None where it is not."""
        return self._known.get(key)

    def has(self, job: Any) -> bool:
        """Whether a job needs no doing: what failed may only need more time than it had."""
        entry = self.get(key_of(job))
        if entry is None:
            return False
        failed = entry.done.error or any(record.get("error") for record in entry.done.records)
        return not failed or _limit_of(job) <= entry.limit

    def add(self, entry: Entry) -> None:
        """Write down a job that is done."""
        if self._file is None:
            self._file = self._begin()
        plain = {"key": entry.key, "job": entry.job, "at": entry.at, "limit": entry.limit}
        plain |= {"load": entry.load, **asdict(entry.done)}
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(plain, ensure_ascii=False) + "\n")
        self._known[entry.key] = entry

    def _begin(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        moment = datetime.now().strftime("%Y-%m-%dT%H%M%S")
        number = 0
        while True:
            path = self.folder / f"{moment}{f'-{number}' if number else ''}{_SUFFIX}"
            try:
                with path.open("x", encoding="utf-8") as file:
                    head = {"format": FORMAT, "version": VERSION, "about": self.about}
                    file.write(json.dumps(head, ensure_ascii=False) + "\n")
            except FileExistsError:  # another benchmark began in the same second
                number += 1
            else:
                return path


def _read(path: Path) -> Part:
    try:
        head, *lines = path.read_text(encoding="utf-8").split("\n")
        plain = json.loads(head)
        if (plain["format"], plain["version"]) != (FORMAT, VERSION):
            raise EagerError(
                f"{path}: {plain['format']} version {plain['version']}, "
                f"expected {FORMAT} version {VERSION}"
            )
        # What comes after the last newline was being written when the benchmark ended.
        entries = [_entry(json.loads(line)) for line in lines[:-1]]
    except (ValueError, KeyError, TypeError) as error:
        raise EagerError(f"{path} holds no results of a benchmark: {error!r}") from error
    return Part(path, plain["about"], entries)


def _entry(plain: dict[str, Any]) -> Entry:
    fields = {name: plain[name] for name in ("index", "records", "starts", "error")}
    return Entry(
        plain["key"], plain["job"], plain["at"], Done(**fields), plain["limit"], plain["load"]
    )


class Recorded:
    """An engine that does only what is not in a journal yet, and writes down what it does.

    Parameters
    ----------
    engine
        Does the jobs.
    journal
        Has those that are done.
    only
        The keys of the jobs to do; those of others are taken from the journal, or left out.
        None: all.
    again
        Whether jobs are done that the journal has.
    """

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        only: frozenset[str] | None = None,
        *,
        again: bool = False,
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._only = only
        self._again = again
        self.name = engine.name
        self.here = engine.here

    def map(
        self, work: Callable[[J], Records], jobs: Sequence[J], begin: Begin = begin_quietly
    ) -> Iterator[Done]:
        """Do what is to do; see `Engine.map`. First comes what is done already."""
        keys = [key_of(job) for job in jobs]
        to_do = []
        for index, key in enumerate(keys):
            chosen = self._only is None or key in self._only
            known = self._journal.get(key)
            if chosen and (self._again or not self._journal.has(jobs[index])):
                to_do.append(index)
            elif known is not None:
                yield Done(index, known.done.records, known.done.starts, known.done.error)
        chosen_jobs = [jobs[index] for index in to_do]
        for done in self._engine.map(work, chosen_jobs, lambda number: begin(to_do[number])):
            index = to_do[done.index]
            now = datetime.now().astimezone().isoformat(" ", "microseconds")
            here = Done(index, done.records, done.starts, done.error)
            job = jobs[index]
            self._journal.add(Entry(keys[index], str(job), now, here, _limit_of(job), _load()))
            yield here


class Job(Protocol):
    """What can be written down."""

    def identity(self) -> dict[str, Any]:
        """All that its figures depend on, as plain values."""
        ...


def key_of(job: Any) -> str:
    """What tells a `Job` from all others."""
    plain = {"kind": f"{type(job).__module__}.{type(job).__qualname__}", **job.identity()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:20]


def _load() -> float:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0


def _limit_of(job: Any) -> float:
    limit: float = getattr(job, "limit", 0.0)
    return limit


_SUFFIX: Final = ".jsonl"
