"""``python -m benchmarks [SUITE ...]``: `jupyter eager bench`, with the developers' suites.

Chunker, answers, peers, gate, barrier, kernel and stop-delay are run where none is named. The suite
gate-programs takes programs from a folder, as they are not in this repository.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from traitlets import Bool, Float, Int, Unicode

from benchmarks import (
    agents,
    answers,
    barrier,
    chunker,
    footprint,
    gate,
    gate_programs,
    generation,
    kernel,
    many_kernels,
    peers,
    pool,
    sources,
    start,
    stop_delay,
    view,
)
from eager_kernel.bench.measure import Table
from eager_kernel.bench.results import paste, read
from eager_kernel.bench.suites import Bench, Outcome, Suite
from eager_kernel.cli.bench import BenchApp
from eager_kernel.errors import EagerError

_SUITES: Final[dict[str, Callable[[int], list[Table]]]] = {
    "chunker": chunker.run,
    "answers": answers.run,
    "peers": peers.run,
    "gate": gate.run,
    "barrier": barrier.run,
    "kernel": kernel.run,
    "footprint": footprint.run,
    "many-kernels": many_kernels.run,
    "stop-delay": stop_delay.run,
    "sources": sources.run,
    "generation": generation.run,
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
python -m benchmarks chunker peers
python -m benchmarks end-to-end interruption --quick
python -m benchmarks gate-programs --folder FOLDER
python -m benchmarks --paste results.json docs/performance.md
"""

    folder = Unicode("", help="Suite gate-programs: a folder of sources of programs.").tag(
        config=True
    )
    python = Unicode(
        sys.executable,
        help="Suite gate-programs: interpreter for the programs, with this package and what "
        "they import.",
    ).tag(config=True)
    limit = Int(40, help="Suite gate-programs: programs of a source that are run.").tag(config=True)
    seconds = Float(20.0, help="Suite gate-programs: how long a program may run.").tag(config=True)

    paste = Bool(
        False, help="Put tables into a document: give a file of results, and the document."
    ).tag(config=True)

    aliases = {
        **BenchApp.aliases,
        **{name: f"DeveloperBenchApp.{name}" for name in ("folder", "python", "limit", "seconds")},
    }

    flags = {**BenchApp.flags, "paste": ({"DeveloperBenchApp": {"paste": True}}, paste.help)}

    def work(self) -> None:
        """Do what was asked for."""
        if not self.paste:
            super().work()
            return
        if len(self.extra_args) != 2:
            raise EagerError("give a file of results and a document: --paste RESULTS DOCUMENT")
        results, document = map(Path, self.extra_args)
        text = paste(document.read_text(encoding="utf-8"), read(results))
        document.write_text(text, encoding="utf-8")

    @property
    def suites(self) -> Mapping[str, Suite]:
        """All suites by name."""
        own = {name: _of_tables(run, self._often) for name, run in _SUITES.items()}
        return {**super().suites, **own, "gate-programs": self._gate_programs}

    @property
    def default_suites(self) -> tuple[str, ...]:
        """What is measured where nothing is named."""
        return tuple(_SUITES)

    @property
    def _often(self) -> int:
        """How often small things are measured."""
        return self.repeats if self.said("repeats") else _OFTEN

    def _gate_programs(self, bench: Bench) -> Outcome:
        if not self.folder:
            raise EagerError("the suite gate-programs needs --folder")
        settings = gate_programs.Settings(
            folder=Path(self.folder), python=self.python, limit=self.limit, seconds=self.seconds
        )
        return Outcome(gate_programs.run(settings))


def _of_tables(run: Callable[[int], list[Table]], repeats: int) -> Suite:
    return lambda bench: Outcome(run(repeats))


_OFTEN: Final = 5

if __name__ == "__main__":
    DeveloperBenchApp.launch_instance()
