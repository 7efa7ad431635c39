"""Files of results: written, read, compared, and shown in a document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from eager_kernel.bench.measure import Table, quartiles, spread
from eager_kernel.bench.suites import Outcome
from eager_kernel.errors import EagerError

FORMAT: Final = "eager-bench"
VERSION: Final = 1


@dataclass(slots=True)
class Results:
    """What a benchmark gave.

    Parameters
    ----------
    about
        The machine, the versions, and when it was.
    options
        What was measured.
    suites
        By name.
    summary
        What they say, a sentence or two each.
    parts
        What was measured when; None where all of it was at one time.
    """

    about: dict[str, str]
    options: dict[str, Any]
    suites: dict[str, Outcome]
    summary: list[str] = field(default_factory=list)
    parts: Table | None = None

    @property
    def tables(self) -> dict[str, Table]:
        """All tables by their titles."""
        found = {t.title: t for outcome in self.suites.values() for t in outcome.tables}
        return found | ({self.parts.title: self.parts} if self.parts else {})

    def to_markdown(self) -> str:
        """Machine, summary and tables, for a document."""
        tables = (table.to_markdown() for table in self.tables.values())
        summary = [self.summary_markdown()] if self.summary else []
        return "\n\n".join([self.about_markdown(), *summary, *tables]) + "\n"

    def summary_markdown(self) -> str:
        """What the results say."""
        return "\n".join(f"- {text}" for text in self.summary)

    def about_markdown(self) -> str:
        """What was measured, and on what."""
        programs = self.options.get("programs", {})
        told = {"programs": f"{programs['count']}, {programs['set']}"} if programs else {}
        told |= {
            name: str(self.options[name])
            for name in ("repeats", "samples", "engine")
            if name in self.options
        }
        return "\n".join(f"- {name}: {value}" for name, value in (self.about | told).items())

    def write(self, path: Path) -> None:
        """Write a file that `read` reads."""
        suites = {
            name: {"tables": [t.to_dict() for t in outcome.tables], "records": outcome.records}
            for name, outcome in self.suites.items()
        }
        plain = {
            "format": FORMAT,
            "version": VERSION,
            "about": self.about,
            "options": self.options,
            "suites": suites,
            "summary": self.summary,
            "parts": self.parts.to_dict() if self.parts else None,
        }
        path.write_text(json.dumps(plain, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> Results:
    """Read a file of results.

    Raises
    ------
    EagerError
        The file holds no results that this version can read.
    OSError
        It can't be read at all.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain["format"] != FORMAT or plain["version"] != VERSION:
            raise EagerError(
                f"{path}: {plain['format']} version {plain['version']}, "
                f"expected {FORMAT} version {VERSION}"
            )
        suites = {
            name: Outcome([Table.from_dict(table) for table in suite["tables"]], suite["records"])
            for name, suite in plain["suites"].items()
        }
        parts = plain.get("parts")
        return Results(
            plain["about"],
            plain["options"],
            suites,
            plain.get("summary", []),
            Table.from_dict(parts) if parts else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EagerError(f"{path} holds no results of a benchmark: {error!r}") from error


# Two files ------------------------------------------------------------------------------------


def compare(before: Results, after: Results) -> Table:
    """What changed from one benchmark to another.

    Ratios are compared as they are. Seconds are, too; they say something only where both were
    measured on one machine.

    Raises
    ------
    EagerError
        The two have no figure in common.
    """
    rows = [
        *_changes(before, after, "ratios", 100, "%"),
        *_changes(before, after, "samples", 1e3, "ms"),
    ]
    if not rows:
        raise EagerError("the two files have no figure in common")
    same = before.about.get("machine") == after.about.get("machine")
    return Table(
        "Compared",
        (
            "Median [quartiles]. Apart: the ranges between the quartiles do not touch, so the "
            "change is more than usual noise.",
            "Both were measured on the same sort of machine."
            if same
            else "They were measured on different machines: look at the ratios (%) only.",
        ),
        ("figure", "unit", "before", "after", "change", "apart"),
        tuple(rows),
    )


def _changes(
    before: Results, after: Results, which: str, scale: float, unit: str
) -> Iterator[tuple[str, ...]]:
    for title, old_table in before.tables.items():
        new_table = after.tables.get(title)
        if new_table is None:
            continue
        olds: Mapping[str, tuple[float, ...]] = getattr(old_table, which)
        news: Mapping[str, tuple[float, ...]] = getattr(new_table, which)
        for name in olds:
            old, new = olds[name], news.get(name, ())
            if not old or not new:
                continue
            (low, middle, high), (new_low, new_middle, new_high) = quartiles(old), quartiles(new)
            apart = new_low > high or new_high < low
            yield (
                f"{title}: {name}".replace("|", "\\|"),
                unit,
                spread(old, scale),
                spread(new, scale),
                f"{(new_middle - middle) * scale:+.1f}",
                "**yes**" if apart else "no",
            )


# A document -----------------------------------------------------------------------------------


def paste(document: str, results: Results, only: Sequence[str] = ()) -> str:
    """Put tables into a document, where comments ask for them.

    Between ``<!-- bench: TITLE -->`` and ``<!-- end of bench -->`` there is the table of that
    title afterwards; for ``<!-- bench: machine -->``, what it was measured on, and for
    ``<!-- bench: summary -->``, what it says. Tables that the
    results do not have are left as they are; so are those that are not in `only`, if it is given.
    """
    tables = results.tables

    def put(match: re.Match[str]) -> str:
        title = match[2]
        if only and title not in only:
            return match[0]
        if title == "machine":
            return f"{match[1]}\n{results.about_markdown()}\n{match[4]}"
        if title == "summary" and results.summary:
            return f"{match[1]}\n{results.summary_markdown()}\n{match[4]}"
        if title in tables:
            return f"{match[1]}\n{tables[title].to_markdown()}\n{match[4]}"
        return match[0]

    return _PLACE.sub(put, document)


_PLACE: Final = re.compile(r"(<!-- bench: (.*?) -->)(.*?)(<!-- end of bench -->)", re.DOTALL)
