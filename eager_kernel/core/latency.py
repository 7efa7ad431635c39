"""The latency model of the paper: bounds on what overlap can give.

Equation numbers are those of Sun et al., *Executing as You Generate*, arXiv 2604.00491. All
times are seconds.
"""

from __future__ import annotations

from typing import Final, Literal

Regime = Literal["generation-dominated", "execution-dominated", "balanced"]


def serial_time(generation: float, setup_full: float, execution: float) -> float:
    """End-to-end time of generating everything, then running it (eq. 1).

    Parameters
    ----------
    generation
        ``TTFT + L/v``: from the request to the last token.
    setup_full
        ``S_full``: set-up of the one serial dispatch.
    execution
        ``X``: execution time of the whole program.
    """
    return generation + setup_full + execution


def generation_bound(
    generation: float, last_delay: float, setup: float, last_execution: float
) -> float:
    """Lower bound on the generation side (eq. 10): ``TTFT + L/v + d_N + S + x_N``."""
    return generation + last_delay + setup + last_execution


def execution_bound(first_ready: float, chunks: int, setup: float, execution: float) -> float:
    """Lower bound on the execution side (eq. 11): ``TTFT + l_1/v + d_1 + N·S + sum x``."""
    return first_ready + chunks * setup + execution


def lower_bound(generation_side: float, execution_side: float) -> float:
    """The larger of the two bounds (eq. 12)."""
    return max(generation_side, execution_side)


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
    if abs(a - b) <= _BALANCE * max(a, b):
        return "balanced"
    return "generation-dominated" if a > b else "execution-dominated"


_BALANCE: Final = 0.05
