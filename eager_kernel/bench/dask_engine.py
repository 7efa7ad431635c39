"""Jobs spread over the workers of a Dask cluster, each in kernels of its own.

A job whose worker is lost is begun again by Dask on another one. It starts from the beginning, in
fresh kernels: what a kernel was in the middle of is not to be trusted, and is not resumed. How
often a job was begun is told with its results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Final, TypeVar
from uuid import uuid4

from eager_kernel.bench.engines import Begin, Done, Records, begin_quietly
from eager_kernel.errors import EagerError, MissingExtraError

try:
    import dask
    import distributed
except ImportError as error:
    raise MissingExtraError("the Dask engine", "dask") from error

J = TypeVar("J")


class Dask:
    """A cluster's workers.

    Parameters
    ----------
    scheduler
        The address of a running cluster's scheduler. Its workers need this package, and what
        the programs import. Empty: a cluster on this machine, for as long as it is needed.
    workers
        How many workers that has, each a process that does one job at a time.
    losses
        How many workers may be lost to one job before it counts as failed.
    """

    name = "dask"
    here = False

    def __init__(self, scheduler: str = "", workers: int = 2, losses: int = 3) -> None:
        self._scheduler = scheduler
        self._workers = workers
        self._losses = losses

    def map(
        self, work: Callable[[J], Records], jobs: Sequence[J], begin: Begin = begin_quietly
    ) -> Iterator[Done]:
        """Do all jobs; see `Engine.map`. A job that fails does not end the others.

        Which of them a worker begins, and when, is not told.
        """
        topic = f"eager-bench-{uuid4().hex}"
        with (
            ExitStack() as exits,
            dask.config.set({"distributed.scheduler.allowed-failures": self._losses}),
        ):
            client = exits.enter_context(self._connect(exits))
            futures = {
                client.submit(_begin, work, job, index, topic, pure=False): index
                for index, job in enumerate(jobs)
            }
            for future in distributed.as_completed(futures):
                index = futures[future]
                begun = Counter(event["index"] for _, event in client.get_events(topic))
                starts = max(1, begun[index])
                error = future.exception()
                if error is None:
                    yield Done(index, future.result(), starts)
                else:
                    told = isinstance(error, EagerError)  # then its message is for users
                    why = str(error) if told else f"{type(error).__name__}: {error}"
                    yield Done(index, [], starts, why)

    def _connect(self, exits: ExitStack) -> Any:
        if self._scheduler:
            return distributed.Client(self._scheduler, timeout=_PATIENCE)
        cluster = exits.enter_context(
            distributed.LocalCluster(
                n_workers=self._workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                host="127.0.0.1",
            )
        )
        return distributed.Client(cluster)


def _begin(work: Callable[[J], Records], job: J, index: int, topic: str) -> Records:
    """On a worker: tell the scheduler, which outlives the worker, and do the job."""
    distributed.get_worker().log_event(topic, {"index": index})
    return work(job)


_PATIENCE: Final = 30
