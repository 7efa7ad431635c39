"""Programs with a mistake."""

from __future__ import annotations

import ast

import pytest

from eager_kernel.bench.faults import MISTAKES, PLACES, break_program
from eager_kernel.bench.programs import Program, load_programs


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_fails_wherever_it_stands(mistake: str) -> None:
    with pytest.raises((ImportError, NameError, ValueError, OSError, TypeError, IndexError)):
        exec(compile(mistake, "<mistake>", "exec"), {})


@pytest.mark.parametrize("program", load_programs().programs, ids=lambda p: p.name)
@pytest.mark.parametrize("place", PLACES)
def test_a_mistake_is_a_statement_of_the_program(program: Program, place: float) -> None:
    mistake = MISTAKES[2]
    faulty = break_program(program, place, mistake)
    (wrong,) = ast.parse(mistake).body
    body = ast.parse(faulty.program.code).body
    (at,) = [i for i, node in enumerate(body) if ast.dump(node) == ast.dump(wrong)]
    assert len(body) == len(ast.parse(program.code).body) + 1
    # All of it has come with the token that completes it, and no token earlier.
    written = faulty.program.tokens[: faulty.until]
    assert mistake.strip() in "".join(written)
    assert mistake not in "".join(written[:-1])
    assert at < len(body)


def test_the_closest_gap_is_taken() -> None:
    program = Program("p.py", "aaaa = 1\n" * 10)
    faulty = break_program(program, 0.5, "int('x')\n")
    assert faulty.program.text == "aaaa = 1\n" * 5 + "int('x')\n" + "aaaa = 1\n" * 5
