"""The corpus: each program gives the same as a stream, however it is cut, as in one stock cell.

The same by hand, with readable differences: ``python -m eager_kernel.testing
tests/equivalence/corpus``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from eager_kernel.testing import SPLITS, Laboratory, Program, load
from tests.equivalence.conftest import TALLY

PROGRAMS = load(Path(__file__).parent / "corpus")
WAYS = (*SPLITS, "known")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_program(program: Program, laboratory: Laboratory) -> None:
    comparisons = [laboratory.compare(program, way) for way in WAYS]
    different = [comparison for comparison in comparisons if not comparison.same]
    TALLY["programs"] += 1
    TALLY["splits"] = len(WAYS)
    TALLY["differences"] += len(different)
    assert not different, "\n\n".join(comparison.diff() for comparison in different)


def test_names_are_unique() -> None:
    names = [program.name for program in PROGRAMS]
    assert len(set(names)) == len(names)
