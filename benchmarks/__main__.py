"""``python -m benchmarks [SUITE ...]``: `jupyter eager bench`, with the developers' suites.

Those of the kernel's own costs are run where none is named (chunker, answers, cutters, gate and so
on). The suite gate-programs takes programs from a folder, as they are not in this repository;
writers tries the libraries that an interpreter has.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from traitlets import Bool, Float, Int, Unicode

from benchmarks import (
    agents,
    answers,
    barrier,
    chunker,
    cutters,
    footprint,
    gate,
    gate_programs,
    generation,
    kernel,
    many_kernels,
    peers,
    pool,
    prefix,
    shares,
    sources,
    start,
    statement_cost,
    steps,
    stop_delay,
    undo,
    view,
    waits,
    writers,
)
from eager_kernel.bench.measure import Table
from eager_kernel.bench.programs import load_sets
from eager_kernel.bench.results import paste, read
from eager_kernel.bench.suites import Bench, Outcome, Suite
from eager_kernel.cli.bench import BenchApp
from eager_kernel.errors import EagerError

_SUITES: Final[dict[str, Callable[[int], list[Table]]]] = {
    "chunker": chunker.run,
    "answers": answers.run,
    "cutters": cutters.run,
    "gate": gate.run,
    "barrier": barrier.run,
    "undo": undo.run,
    "kernel": kernel.run,
    "statement-cost": statement_cost.run,
    "footprint": footprint.run,
    "many-kernels": many_kernels.run,
    "stop-delay": stop_delay.run,
    "sources": sources.run,
    "generation": generation.run,
    "prefix": prefix.run,
    "steps": steps.run,
    "view": view.run,
    "start": start.run,
    "pool": pool.run,
    "agents": agents.run,
}


class DeveloperBenchApp(BenchApp):
    """Measure what streaming costs, from the repository's root."""

    name = "benchmarks"
    description = __doc__
    examples = """
python -m benchmarks chunker cutters
python -m benchmarks end-to-end interruption --quick
python -m benchmarks peers --sample 12
python -m benchmarks waits --states warm --samples 1      # about 40 minutes
python -m benchmarks gate-programs --folder FOLDER
python -m benchmarks --paste results.json docs/performance.md
"""

    folder = Unicode("", help="Suite gate-programs: a folder of sources of programs.").tag(
        config=True
    )
    python = Unicode(
        sys.executable,
        help="Suites gate-programs and writers: interpreter for the programs, with this package "
        "and what they import.",
    ).tag(config=True)
    per_source = Int(40, help="Suite gate-programs: programs of a source that are run.").tag(
        config=True
    )
    seconds = Float(20.0, help="Suite gate-programs: how long a program may run.").tag(config=True)

    paste = Bool(
        False,
        help="Put tables into a document: give a file of results, the document, and titles, if "
        "not all are wanted.",
    ).tag(config=True)

    aliases = {
        **BenchApp.aliases,
        **{name: f"DeveloperBenchApp.{name}" for name in ("folder", "python", "seconds")},
        "per-source": "DeveloperBenchApp.per_source",
    }

    flags = {**BenchApp.flags, "paste": ({"DeveloperBenchApp": {"paste": True}}, paste.help)}

    def work(self) -> None:
        """Do what was asked for."""
        if not self.paste:
            super().work()
            return
        if len(self.extra_args) < 2:
            raise EagerError("give results and a document: --paste RESULTS DOCUMENT [TITLE ...]")
        results, document = map(Path, self.extra_args[:2])
        only = self.extra_args[2:]
        text = paste(document.read_text(encoding="utf-8"), read(results), only)
        document.write_text(text, encoding="utf-8")

    @property
    def suites(self) -> Mapping[str, Suite]:
        """All suites by name."""
        own = {name: _of_tables(run, self._often) for name, run in _SUITES.items()}
        return {
            **super().suites,
            **own,
            "gate-programs": self._gate_programs,
            "writers": lambda bench: Outcome(writers.run(self.python)),
            "peers": lambda bench: Outcome(peers.run(bench.options)),
            "shares": self._shares,
            "waits": self._waits,
        }

    @property
    def default_suites(self) -> tuple[str, ...]:
        """What is measured where nothing is named."""
        return tuple(_SUITES)

    @property
    def _often(self) -> int:
        """How often small things are measured."""
        return self.repeats if self.said("repeats") else _OFTEN

    def _shares(self, bench: Bench) -> Outcome:
        folder = Path(self.programs) if self.programs else None
        return Outcome(shares.run(bench.options, folder, self.set_names))

    def _waits(self, bench: Bench) -> Outcome:
        options = waits.with_modes(
            bench.options, gates=self.said("gates"), rates=self.said("rates") or self.quick
        )
        said = any(map(self.said, ("programs", "only", "sample", "sets")))
        if not said and not self.quick:
            options = replace(options, programs=load_sets(("light",)))
        return Outcome(waits.run(options, figures=not self.programs and not self.only))

    def _gate_programs(self, bench: Bench) -> Outcome:
        if not self.folder:
            raise EagerError("the suite gate-programs needs --folder")
        settings = gate_programs.Settings(
            folder=Path(self.folder),
            python=self.python,
            limit=self.per_source,
            seconds=self.seconds,
        )
        return Outcome(gate_programs.run(settings))


def _of_tables(run: Callable[[int], list[Table]], repeats: int) -> Suite:
    return lambda bench: Outcome(run(repeats))


_OFTEN: Final = 5

if __name__ == "__main__":
    DeveloperBenchApp.launch_instance()
