"""A benchmark in parts that can be run one by one, on different days."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from eager_kernel.bench.journal import Entry, Journal, key_of
from eager_kernel.bench.measure import Table
from eager_kernel.bench.measuring import Job


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a benchmark.

    Parameters
    ----------
    number
        From 1.
    jobs
        What is measured in it.
    keys
        What tells these jobs from others.
    expected_s
        About how long it takes.
    """

    number: int
    jobs: tuple[Any, ...]
    keys: frozenset[str]
    expected_s: float

    @property
    def about(self) -> str:
        """What is measured, in words."""
        groups: dict[str, list[str]] = {}
        for job in self.jobs:
            what = f"{job.environment}, {job.pace}" if isinstance(job, Job) else "interruption"
            groups.setdefault(what, []).append(job.program.name)
        told = []
        for what, names in groups.items():
            programs = list(dict.fromkeys(names))
            first, last = programs[0], programs[-1]
            some = first if first == last else f"{first} … {last}"
            told.append(f"{what}: {some} ({len(programs)})")
        return "; ".join(told)

    def done(self, journal: Journal) -> int:
        """How many of its jobs have been done."""
        return len({key_of(job) for job in self.jobs if journal.has(job)})


def in_pieces(jobs: Sequence[Any], minutes: float) -> list[Piece]:
    """Cut jobs, in order, into parts that take no longer than `minutes`, as far as one can say."""
    pieces: list[Piece] = []
    now: list[Any] = []
    total = 0.0
    for job in jobs:
        expected = job.expected_s(_execution(job))
        if now and total + expected > minutes * 60:
            pieces.append(_piece(len(pieces) + 1, now, total))
            now, total = [], 0.0
        now.append(job)
        total += expected
    if now:
        pieces.append(_piece(len(pieces) + 1, now, total))
    return pieces


def _execution(job: Any) -> float:
    seconds: float | None = job.program.seconds
    return _UNKNOWN_S if seconds is None else seconds


def _piece(number: int, jobs: Sequence[Any], expected: float) -> Piece:
    return Piece(number, tuple(jobs), frozenset(map(key_of, jobs)), expected)


def table_of(pieces: Sequence[Piece], journal: Journal | None) -> Table:
    """The parts, how long they take, and what of them has been done."""
    rows = [
        (
            f"{piece.number}",
            f"{piece.expected_s / 60:.0f}",
            f"{piece.done(journal) if journal else 0} of {len(piece.keys)}",
            piece.about,
        )
        for piece in pieces
    ]
    total = sum(piece.expected_s for piece in pieces)
    return Table(
        "Parts",
        (f"About {total / 3600:.1f} hours in all. `--part N` measures one of them.",),
        ("part", "minutes", "done", "what is measured"),
        tuple(rows),
    )


def measured_when(journal: Journal, keys: frozenset[str]) -> Table:
    """Which part of what was asked for was measured when, with what and on what.

    Parameters
    ----------
    journal
        Has it.
    keys
        The jobs that were asked for. Others in the journal are left out.
    """
    rows = []
    for part in journal.parts():
        # A job that was done again later counts there.
        entries = [entry for entry in part.entries if entry.key in keys and _counts(entry, journal)]
        if not entries:
            continue
        about = part.about
        version = " ".join(filter(None, (about.get("eager-kernel"), about.get("revision"))))
        begun = about.get("measured", "")
        rows.append(
            (
                f"{begun} - {entries[-1].at[11:16]}",
                f"{len(entries)}",
                f"{entries[0].job} … {entries[-1].job}" if len(entries) > 1 else entries[0].job,
                version,
                about.get("python", ""),
                about.get("machine", ""),
                f"{statistics.median(entry.load for entry in entries):.1f}",
            )
        )
    missing = sum(journal.get(key) is None for key in keys)
    versions = {row[3] for row in rows}
    notes = [f"{missing} of {len(keys)} jobs are not measured yet."] if missing else []
    if len(versions) > 1:
        notes.append("Not all was measured with one version of the code.")
    if len({row[5] for row in rows}) > 1:
        notes.append("Not all was measured on one sort of machine.")
    return Table(
        "What was measured when",
        (*notes, _LOAD),
        ("measured", "jobs", "from … to", "version", "Python", "machine", "load"),
        tuple(rows),
    )


def _counts(entry: Entry, journal: Journal) -> bool:
    known = journal.get(entry.key)
    return known is not None and known.at == entry.at


_LOAD: Final = (
    "Load: how many threads of the machine wanted a processor at a time, the benchmark's own among "
    "them; much more than that of an idle machine means that others used it."
)
_UNKNOWN_S: Final = 5.0
