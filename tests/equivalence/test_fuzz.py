"""Random programs, run as a stream and as one cell of the stock kernel.

The normal test run spends 20 seconds, on the same programs each time. To look for new differences:

    EAGER_FUZZ_SECONDS=600 pytest tests/equivalence/test_fuzz.py -s

takes other programs each time. Batches are numbered, and a failure names its batch:

    EAGER_FUZZ_BATCH=4711 pytest tests/equivalence/test_fuzz.py

runs that one again. A failure is shrunk to a small program first, which takes up to five minutes.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple
from unittest import mock

import hypothesis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eager_kernel.protocol import OnError
from eager_kernel.testing import SPLITS, Laboratory, Program
from eager_kernel.testing.laboratory import Comparison
from eager_kernel.testing.programs import at_random
from tests.equivalence.grammar import parses, programs

SECONDS = float(os.environ.get("EAGER_FUZZ_SECONDS", "20"))
BATCH = 50  # programs; each batch begins with the smallest ones
WAYS = ("random", "random", "random", "tokens", "characters", "lines", "whole", "known")


class Cut(NamedTuple):
    """How a program is streamed."""

    way: str
    seed: int
    pace: int  # milliseconds
    on_error: OnError


cuts = st.builds(
    Cut,
    st.sampled_from(WAYS),
    st.integers(0, 9999),
    st.sampled_from((0, 1, 3)),
    st.sampled_from(("drain", "drain", "stop")),
)


class Fuzzer:
    """Compares programs until its time is up."""

    def __init__(self, seconds: float) -> None:
        self.compared = self.left_out = self.failed = 0
        self._deadline = time.monotonic() + seconds
        self._laboratory: Laboratory | None = None

    @property
    def over(self) -> bool:
        """Whether the time is up. A failure found in time is shrunk all the same."""
        return not self.failed and time.monotonic() > self._deadline

    def check(self, program: Program, cut: Cut) -> None:
        """Compare one program."""
        if self.over:
            return
        runs = parses(program.text)
        if runs is None:
            self.left_out += 1
            return
        if not runs:
            # In a stream, what is complete before the error has run.
            cut = cut._replace(way="known")
        self.compared += 1
        try:
            comparison = self._compare(program, cut)
        except Exception:
            self.failed += 1
            self.close()  # the kernels may be at anything: take new ones
            raise
        if not comparison.same:
            self.failed += 1
            pytest.fail(f"{comparison.diff()}\n\n{program!r}\n{cut}", pytrace=False)

    def _compare(self, program: Program, cut: Cut) -> Comparison:
        if self._laboratory is None:
            self._laboratory = Laboratory().__enter__()
        # A cut of its own, so that the same example is cut in the same way again.
        name = f"random pieces, seed {cut.seed}"
        pieces = {name: lambda text, _: at_random(text, random.Random(cut.seed))}
        seconds = min(cut.pace / 1000, 0.3 / (len(program.text) + 1))
        with mock.patch.dict(SPLITS, pieces):
            split = name if cut.way == "random" else cut.way
            return self._laboratory.compare(program, split, seconds, cut.on_error)

    def close(self) -> None:
        """Stop the kernels."""
        if self._laboratory is not None:
            self._laboratory.__exit__(None, None, None)
            self._laboratory = None


def batch_of(number: int, check: Callable[[Program, Cut], None]) -> None:
    """Run `check` on the programs of a batch. The first failure is shrunk and raised."""

    @hypothesis.seed(number)
    @settings(
        max_examples=BATCH,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @given(programs(), cuts)
    def examples(program: Program, cut: Cut) -> None:
        check(program, cut)

    examples()


def batches() -> Iterable[int]:
    """The numbers of the batches to run."""
    if "EAGER_FUZZ_BATCH" in os.environ:
        return [int(os.environ["EAGER_FUZZ_BATCH"])]
    first = random.randrange(10**6, 10**9) if "EAGER_FUZZ_SECONDS" in os.environ else 0
    return itertools.count(first)


@pytest.mark.timeout(SECONDS + 500)
def test_streams_give_what_cells_give() -> None:
    fuzzer = Fuzzer(SECONDS)
    try:
        for number in batches():
            if fuzzer.over:
                break
            try:
                batch_of(number, fuzzer.check)
            except BaseException as error:
                error.add_note(f"EAGER_FUZZ_BATCH={number} runs this batch again")
                raise
    finally:
        fuzzer.close()
        counts = f"{fuzzer.compared} programs compared, {fuzzer.left_out} left out"
        print(counts)  # noqa: T201 - shown with -s
    assert fuzzer.compared, "nothing was compared"
