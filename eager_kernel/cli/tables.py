"""Results that are written as Markdown, as a terminal shows them best."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from eager_kernel.terminal.console import make_console


def print_markdown(text: str) -> None:
    """Print headings, paragraphs, lists and tables of Markdown to stdout, as plain text."""
    # What is read by a program, or kept in a file, is not cut to the width of a terminal.
    wide = {} if sys.stdout.isatty() else {"width": _WIDE}
    console = make_console(file=sys.stdout, **wide)
    for part in _parts(in_plain_words(text)):
        console.print(part, highlight=False, soft_wrap=isinstance(part, Text))
    sys.stdout.flush()


def in_plain_words(text: str) -> str:
    """Text of a benchmark, with plain words for the terms of the paper."""
    for term, words in _WORDS.items():
        text = text.replace(term, words)
    return text


def _parts(text: str) -> Iterator[RenderableType]:
    for is_table, group in groupby(text.splitlines(), key=lambda line: line.startswith("|")):
        lines = list(group)
        if is_table:
            yield _table([_cells(line) for line in lines])
            continue
        for line in lines:
            heading = _HEADING.match(line)
            yield Text(_plain(line[heading.end() :]), "bold") if heading else Text(_plain(line))


def _table(rows: list[list[str]]) -> Table:
    header, body = rows[0], [row for row in rows[1:] if not all(_RULE.match(c) for c in row)]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for number, name in enumerate(header):
        cells = [row[number] for row in body if number < len(row)]
        figures = bool(cells) and all(not cell or _FIGURE.match(cell) for cell in cells)
        # A long name may go over lines; a number may not.
        table.add_column(name, justify="right" if figures else "left", no_wrap=figures)
    for row in body:
        table.add_row(*row[: len(header)])
    return table


def _cells(line: str) -> list[str]:
    return [_plain(cell.strip().replace("\\|", "|")) for cell in _BAR.split(line.strip())[1:-1]]


def _plain(text: str) -> str:
    """Text without the signs of Markdown; links keep their words."""
    return _LINK.sub(r"\1", _SIGNS.sub("", text))


_WIDE: Final = 200
_WORDS: Final = {
    "TTFT s": "s to first token",
    "TTFT": "first token after",
    "Regimes: generation-dominated / execution-dominated / balanced (eqs. 14-16)": (
        "Programs in which writing takes most of the time / running does / neither (eqs. 14-16)"
    ),
    "regimes": "kinds",
}
_BAR: Final = re.compile(r"(?<!\\)\|")
_HEADING: Final = re.compile(r"#+ ")
_RULE: Final = re.compile(r":?-+:?$")
_FIGURE: Final = re.compile(r"[+−-]?[\d.,]+( ?[%×x]| ?m?s)?(\s*\[.*\])?$")  # noqa: RUF001
_SIGNS: Final = re.compile(r"\*\*|`")
_LINK: Final = re.compile(r"\[([^\]]+)\]\([^)]+\)")
