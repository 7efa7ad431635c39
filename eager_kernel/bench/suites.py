"""The suites by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from eager_kernel.bench import end_to_end, interruption, prediction
from eager_kernel.bench.measure import Table
from eager_kernel.bench.measuring import Run
from eager_kernel.bench.options import Options


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a suite gave.

    Parameters
    ----------
    tables
        For people.
    records
        What they were made of; plain values.
    """

    tables: list[Table]
    records: list[dict[str, Any]] = field(default_factory=list)


class Bench:
    """Suites that are run together, and share what they measure.

    Parameters
    ----------
    options
        What to measure.
    """

    def __init__(self, options: Options) -> None:
        self.options = options

    @cached_property
    def runs(self) -> list[Run]:
        """All programs, end to end; measured once."""
        return end_to_end.run_programs(self.options)


Suite = Callable[[Bench], Outcome]


def _end_to_end(bench: Bench) -> Outcome:
    tables = end_to_end.tables(bench.options, bench.runs)
    return Outcome(tables, [run.to_dict() for run in bench.runs])


def _prediction(bench: Bench) -> Outcome:
    return Outcome(prediction.tables(bench.options, bench.runs))


def _interruption(bench: Bench) -> Outcome:
    return Outcome(*interruption.run(bench.options))


JOBS: Final[dict[str, Callable[[Options], Sequence[Any]]]] = {
    "end-to-end": end_to_end.jobs,
    "prediction": end_to_end.jobs,
    "interruption": interruption.jobs,
}
"""What suites measure, job by job, so that it can be planned; others measure as they are run."""

SUITES: Final[dict[str, Suite]] = {
    "end-to-end": _end_to_end,
    "prediction": _prediction,
    "interruption": _interruption,
}
