"""Spans of generation, detection and execution, and the report they sum to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from eager_kernel.core import latency
from eager_kernel.core.queue import Pending


class Timeline:
    """Notes what happened when, for one run.

    Parameters
    ----------
    start
        When the run began. All times are seconds of one clock, whichever it is.
    """

    def __init__(self, start: float) -> None:
        self._start = start
        self._first_delta: float | None = None
        self._last_delta: float | None = None
        self._spans: list[_ChunkSpan] = []
        self._batches = 0
        self._batch_start = 0.0
        self._batch_time = 0.0

    def delta(self, now: float) -> None:
        """A delta arrived."""
        if self._first_delta is None:
            self._first_delta = now
        self._last_delta = now

    def ready(self, pending: Pending, now: float) -> None:
        """A chunk is complete and judged."""
        arrived = self._start if self._last_delta is None else self._last_delta
        self._spans.append(_ChunkSpan(pending, ready=now, delay=max(0.0, now - arrived)))

    def batch_started(self, now: float) -> None:
        """The pump took a batch."""
        self._batch_start = now

    def batch_finished(self, now: float) -> None:
        """The pump is free again."""
        self._batch_time += now - self._batch_start
        self._batches += 1

    def started(self, index: int, now: float) -> None:
        """A chunk begins to execute."""
        span = self._spans[index]
        span.start = now
        span.batch = self._batches

    def finished(self, index: int, now: float) -> None:
        """A chunk has executed."""
        self._spans[index].finish = now

    def report(self, now: float) -> Report:
        """Sum up a run that ended at `now`."""
        start = self._start
        ran = [s for s in self._spans if s.start is not None and s.finish is not None]
        execution = _covered(ran)
        # What a batch took beyond the chunks in it is its set-up.
        setup = max(0.0, self._batch_time - execution) / self._batches if self._batches else 0.0
        ttft = 0.0 if self._first_delta is None else self._first_delta - start
        generation = 0.0 if self._last_delta is None else self._last_delta - start
        end_to_end = now - start
        waited = max(0.0, end_to_end - generation)
        serial = latency.serial_time(generation, setup if ran else 0.0, execution)
        bound, regime = generation, latency.regime(generation, 0.0)
        if ran:
            bound = latency.lower_bound(
                latency.generation_bound(generation, ran[-1].delay, setup, ran[-1].execution),
                latency.execution_bound(ran[0].ready - start, self._batches, setup, execution),
            )
            regime = latency.regime((generation - ttft) / len(ran), setup + execution / len(ran))
        return Report(
            ttft_s=ttft,
            generation_s=generation,
            execution_s=self._batch_time,
            end_to_end_s=end_to_end,
            non_overlapped_s=waited,
            serial_s=serial,
            saved_s=serial - end_to_end,
            hidden_fraction=1.0 - waited / self._batch_time if self._batch_time else 0.0,
            lower_bound_s=bound,
            regime=regime,
            chunks=tuple(s.report(start) for s in self._spans),
        )


@dataclass(frozen=True, slots=True)
class ChunkReport:
    """One chunk of a run; times in seconds from the start of the run, None if it never ran."""

    index: int
    lines: tuple[int, int]
    category: str
    action: str
    reason: str
    ready: float
    start: float | None
    finish: float | None
    batch: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """What a run took, and what overlap saved. Seconds from the start of the run.

    Parameters
    ----------
    ttft_s
        Until the first delta.
    generation_s
        Until the last delta.
    execution_s
        Sum over batches.
    end_to_end_s
        Until the last result.
    non_overlapped_s
        What the user still waited for after the last delta.
    serial_s
        What generating first and running then would have taken (eq. 1), from this run's own
        figures.
    saved_s
        ``serial_s - end_to_end_s``.
    hidden_fraction
        ``1 - non_overlapped_s / execution_s``; 0 where nothing ran. Below 0 where the run
        ended later after the last delta than its execution alone explains.
    lower_bound_s
        The paper's lower bound (eq. 12).
    regime
        Which side dominated (eqs. 14-16).
    chunks
        One entry a chunk.
    """

    ttft_s: float
    generation_s: float
    execution_s: float
    end_to_end_s: float
    non_overlapped_s: float
    serial_s: float
    saved_s: float
    hidden_fraction: float
    lower_bound_s: float
    regime: latency.Regime
    chunks: tuple[ChunkReport, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers, as on the wire."""
        plain = asdict(self)
        plain["chunks"] = [{**c, "lines": list(c["lines"])} for c in plain["chunks"]]
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Report:
        """The report that `to_dict` made `plain` of."""
        chunks = tuple(ChunkReport(**{**c, "lines": tuple(c["lines"])}) for c in plain["chunks"])
        return cls(**{**plain, "chunks": chunks})


def _covered(spans: list[_ChunkSpan]) -> float:
    """Seconds covered by spans in order; chunks that ran as one cell share theirs."""
    covered, end = 0.0, float("-inf")
    for span in spans:
        start, finish = span.start or 0.0, span.finish or 0.0
        covered += max(0.0, finish - max(start, end))
        end = max(end, finish)
    return covered


@dataclass(slots=True)
class _ChunkSpan:
    pending: Pending
    ready: float
    delay: float
    start: float | None = None
    finish: float | None = None
    batch: int | None = None

    @property
    def execution(self) -> float:
        return (self.finish or 0.0) - (self.start or 0.0)

    def report(self, origin: float) -> ChunkReport:
        chunk, verdict = self.pending.chunk, self.pending.verdict
        return ChunkReport(
            index=chunk.index,
            lines=(chunk.first_line, chunk.last_line),
            category=verdict.category,
            action=verdict.action,
            reason=verdict.reason,
            ready=self.ready - origin,
            start=None if self.start is None else self.start - origin,
            finish=None if self.finish is None else self.finish - origin,
            batch=self.batch,
        )
