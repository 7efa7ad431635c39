"""Two kernels for the programs of this folder, and the line that sums them up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from eager_kernel.testing import Laboratory

TALLY: Counter[str] = Counter()


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    with Laboratory() as laboratory:
        yield laboratory


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TALLY["programs"]:
        terminalreporter.write_line(
            f"{TALLY['programs']} programs × {TALLY['splits']} splits, "
            f"{TALLY['differences']} differences "
            f"({TALLY['stopped']} of them once more, stopped by their errors)"
        )
