"""Programs with a mistake in them, at a given place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eager_kernel.bench.programs import Cell
from eager_kernel.bench.replay import tokens_until
from eager_kernel.core.chunker import Chunker

PLACES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Where mistakes are made: the part of the answer that is written before them."""

MISTAKES: Final = (
    # Each fails wherever it stands, as models' mistakes do: a package that is not there, a name
    # that was never made, a number in another country's writing, a file of another name, an
    # argument that a function does not take, an index beyond the end.
    "import seaborn_extras as sns\n",
    'print(f"Average: {total_amount / number_of_rows:.2f}")\n',
    'value = float("12,5")\n',
    'rows = open("data/input_2024.csv").read().splitlines()\n',
    "ranked = sorted([3, 1, 2], reversed=True)\n",
    'last = "2024-05".split("-")[2]\n',
)


@dataclass(frozen=True, slots=True)
class Faulty:
    """A program with a mistake.

    Parameters
    ----------
    cell
        The program, mistake included.
    place
        Where the mistake was to be.
    until
        Tokens of the answer until the mistake is complete: less can't be spent on it.
    """

    cell: Cell
    place: float
    until: int


def break_cell(cell: Cell, place: float, mistake: str) -> Faulty:
    """Put a mistake between two statements of a program.

    Parameters
    ----------
    cell
        A program without mistakes.
    place
        How much of the answer is to be written before the mistake, from 0 to 1. The gap between
        two statements that is closest to it is taken.
    mistake
        A statement, with its newline.
    """
    # The answer around the code, where the code is one piece of it; else the code alone.
    start = cell.text.find(cell.code)
    text, start = (cell.code, 0) if start < 0 else (cell.text, start)
    chunker = Chunker()
    chunks = [*chunker.feed(cell.code), *chunker.close()]
    gaps, at = [], start
    for number, chunk in enumerate(chunks):
        if chunk.column == 0:
            gaps.append((abs(at / len(text) - place), number, at))
        at += len(chunk.source)
    _, number, at = min(gaps)
    broken = Cell(cell.name, text[:at] + mistake + text[at:], cell.format)
    return Faulty(broken, place, tokens_until(broken.tokens, broken.format)[number])
