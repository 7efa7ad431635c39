"""Programs with a mistake."""

from __future__ import annotations

import ast

import pytest

from eager_kernel.bench.faults import MISTAKES, PLACES, break_cell
from eager_kernel.bench.programs import Cell, load_programs

CELLS = [cell for program in load_programs().programs for cell in program.cells]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_fails_wherever_it_stands(mistake: str) -> None:
    with pytest.raises((ImportError, NameError, ValueError, OSError, TypeError, IndexError)):
        exec(compile(mistake, "<mistake>", "exec"), {})


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
@pytest.mark.parametrize("place", PLACES)
def test_a_mistake_is_a_statement_of_the_program(cell: Cell, place: float) -> None:
    mistake = MISTAKES[2]
    faulty = break_cell(cell, place, mistake)
    (wrong,) = ast.parse(mistake).body
    body = ast.parse(faulty.cell.code).body
    (at,) = [i for i, node in enumerate(body) if ast.dump(node) == ast.dump(wrong)]
    assert len(body) == len(ast.parse(cell.code).body) + 1
    # All of it has come with the token that completes it, and no token earlier.
    written = faulty.cell.tokens[: faulty.until]
    assert mistake.strip() in "".join(written)
    assert mistake not in "".join(written[:-1])
    assert at < len(body)


def test_the_closest_gap_is_taken() -> None:
    cell = Cell("p.py", "aaaa = 1\n" * 10)
    faulty = break_cell(cell, 0.5, "int('x')\n")
    assert faulty.cell.text == "aaaa = 1\n" * 5 + "int('x')\n" + "aaaa = 1\n" * 5
