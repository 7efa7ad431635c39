"""Programs to compare, and the ways to cut them.

A corpus file holds programs, each after a line ``# %% NAME`` with options as JSON behind it::

    # %% asks twice {"answers": ["Ada", "42"]}
    name = input("who? ")

A notebook is a corpus too: its cells are programs that follow one another in one session.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from eager_kernel.testing.files import NO_DATA
from eager_kernel.testing.notebooks import read_cells


@dataclass(frozen=True, slots=True)
class Program:
    """A program to run both ways.

    Parameters
    ----------
    name
        Its name in reports.
    text
        Its text.
    answers
        Answers to its questions on stdin; without any, it has no stdin.
    before
        Cells to run before it, as ordinary cells, in both kernels.
    after
        Cells to run after it; what they show counts too.
    expressions
        ``user_expressions`` of the request.
    wait
        Seconds to listen after its end, for output that comes later. ipykernel itself may keep
        it for 0.2 seconds.
    silent, store_history
        As in the request.
    ignore
        Regular expressions of text that may differ, such as times.
    because
        Why it is known to differ; empty for a program that must not.
    """

    name: str
    text: str
    answers: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    expressions: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0
    silent: bool = False
    store_history: bool = True
    ignore: tuple[str, ...] = ()
    because: str = ""


@dataclass(frozen=True, slots=True)
class Notebook:
    """Cells to run in one session, each both ways.

    Parameters
    ----------
    name
        Its name in reports.
    cells
        In order.
    files
        What the cells find in their working directory, files and folders.
    """

    name: str
    cells: tuple[Program, ...]
    files: tuple[Path, ...] = ()


def load(path: Path) -> list[Program]:
    """Read a corpus file, or all ``*.txt`` files of a folder.

    Raises
    ------
    ValueError
        A file is no corpus; names the file and the line.
    """
    if path.is_dir():
        return [program for file in sorted(path.glob("*.txt")) for program in load(file)]
    return _load_programs(path)


def load_notebooks(path: Path, ignore: tuple[str, ...] = ()) -> list[Notebook]:
    """Read a notebook, or all of a folder and the folders in it.

    Parameters
    ----------
    path
        A file ``*.ipynb``, or a folder.
    ignore
        Regular expressions of text that may differ, of all cells.

    Raises
    ------
    ValueError
        A file is no notebook; names it.
    """
    if path.is_dir():
        files = [
            file
            for file in sorted(path.rglob("*.ipynb"))
            if not any(part.startswith(".") for part in file.relative_to(path).parts)
        ]
        return [notebook for file in files for notebook in load_notebooks(file, ignore)]
    cells = tuple(
        Program(f"{path.name} [{cell.number}]", cell.source, ignore=ignore)
        for cell in read_cells(path)
    )
    beside = (
        file
        for file in sorted(path.parent.iterdir())
        if file.suffix != ".ipynb" and not file.name.startswith(".") and file.name not in NO_DATA
    )
    return [Notebook(path.name, cells, tuple(beside))]


def _load_programs(path: Path) -> list[Program]:
    programs: list[Program] = []
    name = ""
    options: dict[str, Any] = {}
    lines: list[str] = []
    text = path.read_bytes().decode("utf-8")

    def finish() -> None:
        if name:
            fields: dict[str, Any] = {
                key: tuple(v) if isinstance(v, list) else v for key, v in options.items()
            }
            body = fields.pop("text", "".join(lines).rstrip("\n") + "\n")
            programs.append(Program(f"{path.stem}: {name}", body, **fields))

    for number, line in enumerate(text.splitlines(keepends=True), 1):
        marker = _MARKER.match(line)
        if marker is None:
            if not name and line.strip() and not line.startswith("#"):
                raise ValueError(f"{path}, line {number}: text before the first `# %% NAME`")
            lines.append(line)
            continue
        finish()
        name, lines = marker[1].strip(), []
        try:
            options = json.loads(marker[2] or "{}")
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: options are no JSON: {error}") from error
    finish()
    return programs


def by_characters(text: str, chance: random.Random) -> list[str]:
    """Single characters."""
    return list(text)


def by_lines(text: str, chance: random.Random) -> list[str]:
    """Lines."""
    return text.splitlines(keepends=True)


def by_tokens(text: str, chance: random.Random) -> list[str]:
    """Pieces as long as a model's tokens."""
    return re.findall(r"\n[ \t]*|[ \t]?\w{1,6}|[^\S\n]+|[^\w\s]{1,2}", text)


def at_random(text: str, chance: random.Random) -> list[str]:
    """Pieces of random lengths."""
    pieces, at = [], 0
    while at < len(text):
        size = chance.choice((1, 2, 3, 5, 8, 13, 40))
        pieces.append(text[at : at + size])
        at += size
    return pieces


def at_once(text: str, chance: random.Random) -> list[str]:
    """The whole, after the cell has attached."""
    return [text]


SPLITS: Final[dict[str, Callable[[str, random.Random], list[str]]]] = {
    "characters": by_characters,
    "lines": by_lines,
    "tokens": by_tokens,
    "random": at_random,
    "whole": at_once,
}

_MARKER: Final = re.compile(r"# %% ([^{\n]*)(\{.*\})?[ \t]*\r?\n")
