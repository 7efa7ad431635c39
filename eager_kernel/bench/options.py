"""What a benchmark is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from eager_kernel.bench.engines import Engine, Here
from eager_kernel.bench.measuring import STATES, Point, State
from eager_kernel.bench.programs import ProgramSet
from eager_kernel.bench.replay import Pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to measure, and how often.

    Parameters
    ----------
    programs
        The programs of all suites.
    repeats
        How often all is measured.
    samples
        How often each program is run serially in each turn.
    limit
        Seconds that a cell of a program may take.
    rates, ttfts, gates
        The ways to run a program. The first of each is the point of reference: from there, one
        of the three is varied at a time.
    imports
        Modules that the kernel may begin to import as soon as the model is asked: measured in
        cold processes, at the reference and at the greatest rate. None: not measured.
    states
        ``cold``, ``warm``, or both.
    environments
        Names, as in `eager_kernel.bench.environments.environment`.
    kernel
        Name of the kernelspec to run eagerly in.
    faulty
        How many of the programs the suite *interruption* breaks.
    engine
        Where programs are measured: here, or on a cluster.
    progress
        Told, in words, what has been done, or is begun.
    step
        Told, in a word or two, what is done at the moment.
    """

    programs: ProgramSet
    repeats: int = 1
    samples: int = 3
    limit: float = 300.0
    rates: tuple[float, ...] = (100, 30, 300, 1000, 2500)
    ttfts: tuple[float, ...] = (0.5, 0, 2)
    gates: tuple[str, ...] = ("effect", "static", "paper", "off")
    imports: tuple[str, ...] = ()
    states: tuple[State, ...] = STATES
    environments: tuple[str, ...] = ("local", "warm", "sandbox", "server", "link:50")
    kernel: str = "eager_python"
    faulty: int = 10
    engine: Engine = field(default_factory=Here)
    progress: Callable[[str], None] = lambda text: None
    step: Callable[[str], None] = lambda text: None

    @property
    def reference(self) -> Point:
        """The point that all others differ from in one thing."""
        return Point(self.gates[0], Pace(self.rates[0], self.ttfts[0]))

    @property
    def points(self) -> tuple[Point, ...]:
        """The reference, and those that differ from it in one thing."""
        at = self.reference
        found = [at]
        found += [Point(at.gate, Pace(rate, at.pace.ttft)) for rate in self.rates[1:]]
        found += [Point(at.gate, Pace(at.pace.rate, ttft)) for ttft in self.ttfts[1:]]
        found += [Point(gate, at.pace) for gate in self.gates[1:]]
        if self.imports:
            fastest = Pace(max(self.rates), at.pace.ttft)
            found += [Point(at.gate, pace, self.imports) for pace in (at.pace, fastest)]
        return tuple(dict.fromkeys(found))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the file of results."""
        return {
            "programs": {"set": self.programs.name, "count": len(self.programs.programs)},
            "repeats": self.repeats,
            "samples": self.samples,
            "limit": self.limit,
            "rates": _numbers(self.rates),
            "ttfts": _numbers(self.ttfts),
            "gates": list(self.gates),
            "imports": list(self.imports),
            "states": list(self.states),
            "environments": list(self.environments),
            "kernel": self.kernel,
            "engine": self.engine.name,
        }


def _numbers(values: Iterable[float]) -> list[float]:
    return [float(value) for value in values]
