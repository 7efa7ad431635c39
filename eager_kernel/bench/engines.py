"""Where jobs are done: one after the other here, or spread over a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

J = TypeVar("J")

Records = list[dict[str, Any]]
"""What a job gives: plain values, so that it can travel."""


@dataclass(frozen=True, slots=True)
class Done:
    """A job that has been done.

    Parameters
    ----------
    index
        Its 0-based place among the jobs.
    records
        What it gave; empty where it failed.
    starts
        How often it was begun. More than once: a worker was lost on the way, and all of the
        job was done again, in fresh kernels.
    error
        Why it failed; empty where it did not.
    """

    index: int
    records: Records
    starts: int = 1
    error: str = ""


class Engine(Protocol):
    """Does jobs."""

    @property
    def name(self) -> str:
        """As in results."""
        ...

    def map(self, work: Callable[[J], Records], jobs: Sequence[J]) -> Iterator[Done]:
        """Do all jobs; yield each when it is done, in whichever order.

        Parameters
        ----------
        work
            A function of a module, which takes a job.
        jobs
            Plain values.
        """
        ...


class Here:
    """One job after the other, in this process: for figures that nothing disturbs."""

    name = "here"

    def map(self, work: Callable[[J], Records], jobs: Iterable[J]) -> Iterator[Done]:
        """Do all jobs in order; see `Engine.map`."""
        for index, job in enumerate(jobs):
            try:
                yield Done(index, work(job))
            except Exception as error:  # noqa: BLE001 - told with the results; others go on
                yield Done(index, [], error=f"{type(error).__name__}: {error}")
