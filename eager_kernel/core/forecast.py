"""What a program's run would take, from the sizes and times of its statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eager_kernel.core import latency


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the latency model expects of a run, in seconds.

    Parameters
    ----------
    generation_s
        From the request to the last token.
    execution_s
        ``sum x``, without set-up.
    serial_s
        Generating first and running then (eq. 1).
    eager_s
        Running each statement as soon as it is there (eqs. 5-7).
    non_overlapped_s
        ``eager_s - generation_s``: what is still waited for after the last token.
    saved_s
        ``serial_s - eager_s``; less than 0 where set-up costs more than overlap hides.
    lower_bound_s, upper_bound_s
        Eqs. 12 and 8.
    speed_up, speed_up_bound
        ``serial_s / eager_s``, and what it can be at most (eq. 13); 1 where all takes no time.
    regime
        Which side dominates, were the statements alike (eqs. 14-16).
    critical_chunks
        ``N*`` (eq. 17): beyond so many statements, set-up costs more than overlap hides. 0
        where execution dominates, infinite where set-up costs nothing.
    """

    generation_s: float
    execution_s: float
    serial_s: float
    eager_s: float
    non_overlapped_s: float
    saved_s: float
    lower_bound_s: float
    upper_bound_s: float
    speed_up: float
    speed_up_bound: float
    regime: latency.Regime
    critical_chunks: float


def forecast(
    tokens: Sequence[float],
    executions: Sequence[float],
    rate: float,
    *,
    ttft: float = 0.0,
    setup: float = 0.0,
    setup_full: float | None = None,
    delay: float = 0.0,
) -> Forecast:
    """Predict a program's run, eager and serial.

    Each statement is a dispatch of its own here. A run merges what waits into one dispatch, so
    it has less set-up than this.

    Parameters
    ----------
    tokens
        Length of each statement, in tokens or characters.
    executions
        Execution time of each statement.
    rate
        At which the model writes: tokens or characters per second, as in `tokens`.
    ttft
        Seconds to the first token.
    setup
        ``S``: set-up of a dispatch.
    setup_full
        ``S_full``: set-up of the serial dispatch; default: as `setup`.
    delay
        ``d``: seconds from a statement's last token until it is known to be complete.

    Raises
    ------
    ValueError
        For negative or infinite times or sizes, a rate of 0, sequences that are empty or of
        different lengths.
    """
    chunks = len(tokens)
    setup_full = setup if setup_full is None else setup_full
    generated = latency.generated_at(tokens, rate, ttft)
    ready = latency.ready_at(generated, [delay] * chunks)
    eager = latency.parallel_time(ready, executions, setup)
    generation, execution = generated[-1], sum(executions)
    serial = latency.serial_time(generation, setup_full, execution)
    by_generation = latency.generation_bound(generation, delay, setup, executions[-1])
    by_execution = latency.execution_bound(ready[0], chunks, setup, execution)
    writing = generation - ttft
    return Forecast(
        generation_s=generation,
        execution_s=execution,
        serial_s=serial,
        eager_s=eager,
        non_overlapped_s=eager - generation,
        saved_s=serial - eager,
        lower_bound_s=latency.lower_bound(by_generation, by_execution),
        upper_bound_s=latency.upper_bound(generation, delay, chunks, setup, execution),
        speed_up=serial / eager if eager else 1.0,
        speed_up_bound=latency.speed_up_bound(serial, by_generation) if by_generation else 1.0,
        regime=latency.regime(writing / chunks, setup + execution / chunks),
        critical_chunks=latency.critical_chunks(max(0.0, writing), execution, setup),
    )
