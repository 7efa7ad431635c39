"""Where jobs are done: one after the other here, or spread over a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from eager_kernel.errors import EagerError

J = TypeVar("J")

Records = list[dict[str, Any]]
"""What a job gives: plain values, so that it can travel."""

Begin = Callable[[int], None]
"""Told the 0-based place of a job that is begun."""


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

    @property
    def here(self) -> bool:
        """Whether jobs are done in this process, so that they can say what they are at."""
        ...

    def map(
        self, work: Callable[[J], Records], jobs: Sequence[J], begin: Begin = ...
    ) -> Iterator[Done]:
        """Do all jobs; yield each when it is done, in whichever order.

        Parameters
        ----------
        work
            A function of a module, which takes a job.
        jobs
            Plain values.
        begin
            Told of each job that is begun, where that is known.
        """
        ...


def begin_quietly(index: int) -> None:
    """Tell nobody."""


class Here:
    """One job after the other, in this process: for figures that nothing disturbs."""

    name = "here"
    here = True

    def map(
        self, work: Callable[[J], Records], jobs: Iterable[J], begin: Begin = begin_quietly
    ) -> Iterator[Done]:
        """Do all jobs in order; see `Engine.map`."""
        for index, job in enumerate(jobs):
            begin(index)
            try:
                yield Done(index, work(job))
            except EagerError as error:  # its message is for users
                yield Done(index, [], error=str(error))
            except Exception as error:  # noqa: BLE001 - told with the results; others go on
                yield Done(index, [], error=f"{type(error).__name__}: {error}")
