"""The corpus: each program gives the same as a stream, however it is cut, as in one stock cell.

To keep the time in bounds, one of five programs runs here, each cut in one way, and one of forty
once more with the model stopped by its error, if it has one. ``EAGER_CORPUS=whole`` runs all of
them here. All of them, in all ways, by hand: ``python -m eager_kernel.testing
tests/equivalence/corpus``, with ``--on-error stop`` too.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eager_kernel.testing import SPLITS, Comparison, Laboratory, Program, load
from tests.equivalence.conftest import TALLY

CORPUS = load(Path(__file__).parent / "corpus")
PROGRAMS = CORPUS if os.environ.get("EAGER_CORPUS") == "whole" else CORPUS[::5]
WAYS = (*SPLITS, "known")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_program(program: Program, laboratory: Laboratory) -> None:
    number = PROGRAMS.index(program)
    TALLY["programs"] += 1
    TALLY["splits"] = 1
    check(laboratory.compare(program, WAYS[number % len(WAYS)]))
    if number % 8 == 0:
        TALLY["stopped"] += 1
        check(laboratory.compare(program, "tokens", on_error="stop"))


def check(comparison: Comparison) -> None:
    TALLY["differences"] += not comparison.same
    assert comparison.same, comparison.diff()


def test_names_are_unique() -> None:
    names = [program.name for program in CORPUS]
    assert len(set(names)) == len(names)
