"""The latency model of the paper: what overlap can give, and what it can't.

Equation numbers are those of Sun et al., *Executing as You Generate*, arXiv 2604.00491. Its
symbols:

========  ==========================================================================
``L, v``  tokens in all, and tokens per second
``N``     chunks; chunk ``i`` has ``l_i`` tokens
``g_i``   when chunk ``i`` is generated
``d_i``   residual detection delay: the part that is not hidden behind generation
``r_i``   when chunk ``i`` is ready
``x_i``   execution time of chunk ``i``; ``X`` that of the whole program
``e_i``   when chunk ``i`` is done
``S``     set-up cost per dispatch; ``S_full`` that of the one serial dispatch
========  ==========================================================================

All times are seconds. Every function raises `ValueError`, with the name of the parameter, for
what is no time, count or rate: negative or not finite, or nothing where there must be a chunk.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, Literal

Regime = Literal["generation-dominated", "execution-dominated", "balanced"]


def serial_time(generation: float, setup_full: float, execution: float) -> float:
    """End-to-end time of generating everything, then running it (eq. 1).

    ``T_serial = TTFT + L/v + S_full + X``

    Parameters
    ----------
    generation
        ``TTFT + L/v``: from the request to the last token.
    setup_full
        ``S_full``: set-up of the one serial dispatch.
    execution
        ``X``: execution time of the whole program.
    """
    _check_times(generation=generation, setup_full=setup_full, execution=execution)
    return generation + setup_full + execution


# One chunk after the other --------------------------------------------------------------------


def generated_at(tokens: Sequence[float], rate: float, ttft: float = 0.0) -> list[float]:
    """When each chunk is generated (eq. 3): ``g_i = TTFT + (l_1 + … + l_i)/v``.

    Parameters
    ----------
    tokens
        ``l_i``: tokens of each chunk, or characters.
    rate
        ``v``: the same unit per second; more than 0.
    ttft
        Seconds from the request to the first token.
    """
    _check_sequence("tokens", tokens)
    _check_rate(rate)
    _check_times(ttft=ttft)
    return [ttft + so_far / rate for so_far in accumulate(tokens)]


def ready_at(generated: Sequence[float], delays: Sequence[float]) -> list[float]:
    """When each chunk is known to be complete (eq. 4): ``r_i = g_i + d_i``.

    Parameters
    ----------
    generated
        ``g_i``, as from `generated_at`.
    delays
        ``d_i``, as many.
    """
    _check_sequence("generated", generated)
    _check_sequence("delays", delays, len(generated))
    return [g + d for g, d in zip(generated, delays, strict=True)]


def finished_at(ready: Sequence[float], executions: Sequence[float], setup: float) -> list[float]:
    """When each chunk is done (eq. 5): ``e_i = max(r_i, e_{i-1}) + S + x_i``.

    Parameters
    ----------
    ready
        ``r_i``, as from `ready_at`.
    executions
        ``x_i``, as many.
    setup
        ``S``.
    """
    _check_chunks(ready, executions, setup)
    finished, free = [], 0.0
    for r, x in zip(ready, executions, strict=True):
        free = max(r, free) + setup + x
        finished.append(free)
    return finished


def parallel_time(ready: Sequence[float], executions: Sequence[float], setup: float) -> float:
    """End-to-end time with overlap, in closed form (eqs. 6 and 7).

    ``T_parallel = e_N = max over i of ( g_i + d_i + sum_{j≥i} (S + x_j) )``: some chunk does not
    wait for the one before it; from there on, execution never pauses.

    Parameters
    ----------
    ready
        ``r_i = g_i + d_i``, in any order of time.
    executions
        ``x_i``, as many.
    setup
        ``S``.
    """
    _check_chunks(ready, executions, setup)
    from_here_on = accumulate(setup + x for x in reversed(executions))
    return max(r + rest for r, rest in zip(reversed(ready), from_here_on, strict=True))


# Bounds ---------------------------------------------------------------------------------------


def upper_bound(
    generation: float, longest_delay: float, chunks: int, setup: float, execution: float
) -> float:
    """What overlap takes at most (eq. 8): ``TTFT + L/v + max d + N·S + sum x``.

    Parameters
    ----------
    generation
        ``TTFT + L/v``.
    longest_delay
        ``max d``.
    chunks
        ``N``.
    setup
        ``S``.
    execution
        ``sum x``.
    """
    _check_times(
        generation=generation, longest_delay=longest_delay, setup=setup, execution=execution
    )
    _check_count(chunks)
    return generation + longest_delay + chunks * setup + execution


def worst_regression(longest_delay: float, chunks: int, setup: float, setup_full: float) -> float:
    """How much later than serial it can get (eq. 9): ``max d + N·S - S_full``.

    Returns
    -------
    float
        0 or less: overlap is never slower than serial, see also `never_slower`.
    """
    _check_times(longest_delay=longest_delay, setup=setup, setup_full=setup_full)
    _check_count(chunks)
    return longest_delay + chunks * setup - setup_full


def generation_bound(
    generation: float, last_delay: float, setup: float, last_execution: float
) -> float:
    """Lower bound on the generation side (eq. 10): ``TTFT + L/v + d_N + S + x_N``.

    The last chunk can't begin before it is there.
    """
    _check_times(
        generation=generation, last_delay=last_delay, setup=setup, last_execution=last_execution
    )
    return generation + last_delay + setup + last_execution


def execution_bound(first_ready: float, chunks: int, setup: float, execution: float) -> float:
    """Lower bound on the execution side (eq. 11): ``TTFT + l_1/v + d_1 + N·S + sum x``.

    Nothing can run before the first chunk is there.
    """
    _check_times(first_ready=first_ready, setup=setup, execution=execution)
    _check_count(chunks)
    return first_ready + chunks * setup + execution


def lower_bound(generation_side: float, execution_side: float) -> float:
    """The larger of the two bounds (eq. 12), `generation_bound` and `execution_bound`."""
    _check_times(generation_side=generation_side, execution_side=execution_side)
    return max(generation_side, execution_side)


def speed_up_bound(serial: float, generation_side: float) -> float:
    """How many times faster than serial it can get (eq. 13): ``T_serial / (eq. 10)``.

    Parameters
    ----------
    serial
        As from `serial_time`.
    generation_side
        As from `generation_bound`; more than 0.
    """
    _check_times(serial=serial, generation_side=generation_side)
    if generation_side == 0:
        raise ValueError("generation_side must be more than 0")
    return serial / generation_side


def never_slower(longest_delay: float, chunks: int, setup: float, setup_full: float) -> bool:
    """Whether the speed-up is at least 1 whatever runs (eq. 13): ``S_full ≥ max d + N·S``."""
    return worst_regression(longest_delay, chunks, setup, setup_full) <= 0


# Uniform chunks -------------------------------------------------------------------------------


def uniform_time(
    per_chunk_generation: float,
    per_chunk_execution: float,
    chunks: int,
    *,
    ttft: float = 0.0,
    delay: float = 0.0,
) -> float:
    """End-to-end time with overlap if all chunks are alike (eqs. 14-16).

    R1, ``a > b``: ``TTFT + L/v + d + b``. R2, ``a < b``: ``TTFT + a + d + N·b``. R3, ``a = b``:
    both are the same.

    Parameters
    ----------
    per_chunk_generation
        ``a = L/(N v)``.
    per_chunk_execution
        ``b = S + x``.
    chunks
        ``N``.
    ttft, delay
        ``TTFT`` and ``d``.
    """
    a, b = per_chunk_generation, per_chunk_execution
    _check_times(per_chunk_generation=a, per_chunk_execution=b, ttft=ttft, delay=delay)
    _check_count(chunks)
    overlapped = chunks * a + b if a > b else a + chunks * b
    return ttft + delay + overlapped


def regime(per_chunk_generation: float, per_chunk_execution: float) -> Regime:
    """Which side dominates for uniform chunks (eqs. 14-16).

    Parameters
    ----------
    per_chunk_generation
        ``a = L/(N v)``.
    per_chunk_execution
        ``b = S + x``.

    Returns
    -------
    str
        R1, R2 or R3 by name. Measured times never agree exactly, so within 5 % of the larger
        they count as balanced.
    """
    a, b = per_chunk_generation, per_chunk_execution
    _check_times(per_chunk_generation=a, per_chunk_execution=b)
    if abs(a - b) <= _BALANCE * max(a, b):
        return "balanced"
    return "generation-dominated" if a > b else "execution-dominated"


def critical_chunks(generation: float, execution: float, setup: float) -> float:
    """Beyond how many chunks they cost more than they hide (eq. 17): ``N* = (L/v - X)/S``.

    Parameters
    ----------
    generation
        ``L/v``, without the time to the first token.
    execution
        ``X``.
    setup
        ``S``.

    Returns
    -------
    float
        0 if execution takes as long as generation or longer: set-up can't be hidden then,
        however few chunks there are. Otherwise infinite if set-up costs nothing.
    """
    _check_times(generation=generation, execution=execution, setup=setup)
    spare = generation - execution
    if spare <= 0:
        return 0.0
    return spare / setup if setup else math.inf


# What is no time ------------------------------------------------------------------------------


def _check_chunks(ready: Sequence[float], executions: Sequence[float], setup: float) -> None:
    _check_sequence("ready", ready)
    _check_sequence("executions", executions, len(ready))
    _check_times(setup=setup)


def _check_times(**times: float) -> None:
    for name, value in times.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} must be finite and not negative, not {value!r}")


def _check_sequence(name: str, values: Sequence[float], length: int | None = None) -> None:
    if not values:
        raise ValueError(f"{name} must not be empty")
    if length is not None and len(values) != length:
        raise ValueError(f"{name} must have an entry for each of {length} pieces: {len(values)}")
    for i, value in enumerate(values):
        _check_times(**{f"{name}[{i}]": value})


def _check_count(chunks: int) -> None:
    if chunks < 1:
        raise ValueError(f"`chunks` must be at least 1, not {chunks!r}")


def _check_rate(rate: float) -> None:
    if not 0 < rate < math.inf:
        raise ValueError(f"rate must be finite and more than 0, not {rate!r}")


_BALANCE: Final = 0.05
