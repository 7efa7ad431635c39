"""Runs that never were, to make tables of."""

from __future__ import annotations

from typing import Any

from eager_kernel.bench.measuring import Run


def run(**fields: Any) -> Run:
    """A run of 10 s of generation and a cell of 2 s, of which half was hidden."""
    usual: dict[str, Any] = {
        "program": "script.py",
        "kind": "main",
        "work": "main",
        "environment": "local",
        "state": "cold",
        "repeat": 0,
        "gate": "effect",
        "rate": 100.0,
        "ttft": 0.5,
        "tokens": 951,
        "generation_s": 10.0,
        "cell_s": 2.0,
        "eager_s": 11.0,
        "waited_s": 1.0,
        "bound_s": 10.8,
        "ideal_s": 10.8,
        "closing_s": 0.1,
        "transport_s": 0.1,
        "regime": "generation-dominated",
        "executions": (0.2, 1.8),
    }
    return Run(**{**usual, **fields})
