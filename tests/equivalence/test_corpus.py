"""The corpus: each program gives the same as a stream, however it is cut, as in one stock cell.

To keep the time in bounds, every fourth program runs here, each cut in one way. All of them, in
all ways, by hand: ``python -m eager_kernel.testing tests/equivalence/corpus``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from eager_kernel.testing import SPLITS, Laboratory, Program, load
from tests.equivalence.conftest import TALLY

CORPUS = load(Path(__file__).parent / "corpus")
PROGRAMS = CORPUS[::4]
WAYS = (*SPLITS, "known")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_program(program: Program, laboratory: Laboratory) -> None:
    comparison = laboratory.compare(program, WAYS[PROGRAMS.index(program) % len(WAYS)])
    TALLY["programs"] += 1
    TALLY["splits"] = 1
    TALLY["differences"] += not comparison.same
    assert comparison.same, comparison.diff()


def test_names_are_unique() -> None:
    names = [program.name for program in CORPUS]
    assert len(set(names)) == len(names)
