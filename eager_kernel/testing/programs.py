"""Programs to compare, and the ways to cut them.

A corpus file holds programs, each after a line ``# %% NAME`` with options as JSON behind it::

    # %% asks twice {"answers": ["Ada", "42"]}
    name = input("who? ")
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final


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


def load(path: Path) -> list[Program]:
    """Read a corpus file, or all ``*.txt`` files of a folder.

    Raises
    ------
    ValueError
        A file is no corpus; names the file and the line.
    """
    if path.is_dir():
        return [program for file in sorted(path.glob("*.txt")) for program in load(file)]
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
