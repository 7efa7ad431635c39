"""The corpus in forked kernels: a stream gives there, too, what the text gives in a stock cell.

One of 24 programs; all of them by hand, ``python -m eager_kernel.testing
tests/equivalence/corpus --kernel eager_python_warm``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from eager_kernel.testing import Laboratory, Program, load

CORPUS = load(Path(__file__).parents[1] / "equivalence" / "corpus")
WAYS = ("tokens", "known", "lines")


@pytest.fixture(scope="module")
def laboratory(specs: str) -> Iterator[Laboratory]:
    with Laboratory(eager=specs) as laboratory:
        yield laboratory


@pytest.mark.parametrize("program", CORPUS[3::24], ids=lambda program: program.name)
def test_program(program: Program, laboratory: Laboratory) -> None:
    comparison = laboratory.compare(program, WAYS[len(program.text) % len(WAYS)])
    assert comparison.same, comparison.diff()
