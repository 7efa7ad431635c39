"""``jupyter eager bench``: measure, compare, draw."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from jupyter_core.application import base_aliases, base_flags
from traitlets import Bool, Enum, Int, Unicode

from eager_kernel._version import __version__
from eager_kernel.bench.engines import Engine, Here
from eager_kernel.bench.environments import can_lock_in, environment
from eager_kernel.bench.measure import machine
from eager_kernel.bench.measuring import STATES
from eager_kernel.bench.options import Options
from eager_kernel.bench.pictures import draw
from eager_kernel.bench.programs import ProgramSet, load_programs
from eager_kernel.bench.results import Results, compare, read
from eager_kernel.bench.suites import SUITES, Bench, Suite
from eager_kernel.cli.tables import in_plain_words, print_markdown
from eager_kernel.core.gate import MODES
from eager_kernel.errors import EagerError, MissingExtraError
from eager_kernel.terminal.command import Command


class BenchApp(Command):
    """Measure what running programs while they are written saves.

    ``jupyter eager bench [SUITE ...]``

    Suites: end-to-end, prediction, interruption; default: all.
    """

    name = "jupyter-eager-bench"
    version = __version__
    description = __doc__
    examples = """
jupyter eager bench --quick                      # less than three minutes
jupyter eager bench --json results.json --pictures pictures
jupyter eager bench end-to-end --programs my-programs --rates 60,200
jupyter eager bench --compare before.json after.json
jupyter eager bench end-to-end --engine dask --workers 4
"""
    quick = Bool(False, help="A few programs at two rates: tables in less than three minutes.").tag(
        config=True
    )
    programs = Unicode(
        "", help="A folder of other programs (*.py, *.md), with their data; see the docs."
    ).tag(config=True)
    only = Unicode("", help="Names of the programs to take, with commas; default: all.").tag(
        config=True
    )
    sample = Int(0, help="Take so many of the programs, evenly from all kinds; 0: all.").tag(
        config=True
    )
    repeats = Int(1, help="How often all is measured.").tag(config=True)
    rates = Unicode(
        "100,30,300,1000,2500",
        help="Tokens per second, with commas. The first is the reference's.",
    ).tag(config=True)
    ttfts = Unicode(
        "0.5,0,2", help="Seconds to the first token, with commas. The first is the reference's."
    ).tag(config=True)
    gates = Unicode(
        "effect,static,paper,off",
        help="Gate modes, with commas. The first is the reference's.",
    ).tag(config=True)
    imports = Unicode(
        "numpy,pandas,matplotlib.pyplot",
        help="Modules that the kernel begins to import as soon as the model is asked, with commas: "
        "measured in cold processes, at the reference and at the greatest rate. Empty: not "
        "measured.",
    ).tag(config=True)
    states = Unicode(
        "cold,warm", help="cold: fresh processes; warm: sessions that ran the program before."
    ).tag(config=True)
    environments = Unicode(
        "local,warm,sandbox,server,link:50",
        help="Where kernels are: local, warm (forked from a template), sandbox (locked in), server "
        "for those of a Jupyter Server on this machine, or link:MS for round trips of so many "
        "milliseconds more. All but the first are measured at the reference alone. By default, "
        "the sandbox is left out where there can be none.",
    ).tag(config=True)
    faulty = Int(10, help="How many programs the suite interruption breaks.").tag(config=True)
    kernel = Unicode("eager_python", help="Name of the kernelspec to run eagerly in.").tag(
        config=True
    )
    engine = Enum(
        ("here", "dask"),
        default_value="here",
        help="here: one program after the other, in this process. dask: spread over a cluster's "
        "workers, which disturb each other where they share a machine.",
    ).tag(config=True)
    scheduler = Unicode(
        "", help="Address of the Dask scheduler; default: a cluster on this machine."
    ).tag(config=True)
    workers = Int(2, help="Workers of a Dask cluster on this machine.").tag(config=True)
    json = Unicode("", help="Write the results to this file, as JSON.").tag(config=True)
    markdown = Unicode("", help="Write the tables to this file, as Markdown.").tag(config=True)
    pictures = Unicode("", help="Draw pictures into this folder, as SVG.").tag(config=True)
    compare = Bool(False, help="Compare two files of results: give them as A and B.").tag(
        config=True
    )

    aliases = {
        **{
            name: f"BenchApp.{name}"
            for name in (
                "programs", "only", "sample", "repeats", "rates", "ttfts", "gates", "imports",
                "states", "environments", "faulty", "kernel", "engine", "scheduler", "workers",
                "json", "markdown", "pictures",
            )
        },
        **base_aliases,
    }  # fmt: skip
    flags = {
        "quick": ({"BenchApp": {"quick": True}}, quick.help),
        "compare": ({"BenchApp": {"compare": True}}, compare.help),
        **base_flags,
    }

    @property
    def suites(self) -> Mapping[str, Suite]:
        """All suites by name."""
        return SUITES

    @property
    def default_suites(self) -> tuple[str, ...]:
        """What is measured where nothing is named."""
        return tuple(SUITES)

    def work(self) -> None:
        """Do what was asked for."""
        if self.compare:
            self._compare()
        else:
            self._measure()

    def _compare(self) -> None:
        if len(self.extra_args) != 2:
            raise EagerError("give two files of results to compare: --compare A B")
        before, after = (read(Path(name)) for name in self.extra_args)
        self.say(compare(before, after).to_markdown())

    def _measure(self) -> None:
        names, suites = self.extra_args or list(self.default_suites), self.suites
        for name in names:
            if name not in suites:
                raise EagerError(f"there is no suite {name!r}; there are {', '.join(suites)}")
        if self.quick:
            self._be_quick()
        options = self.make_options()
        about = machine() | {"measured": datetime.now().astimezone().isoformat(" ", "minutes")}
        results = Results(about, options.to_dict(), {})
        self.say(results.about_markdown())
        bench, start = Bench(options), time.monotonic()
        for name in names:
            outcome = results.suites[name] = suites[name](bench)
            self.say(*("\n" + table.to_markdown() for table in outcome.tables))
            self._write(results)  # what there is, should the next one fail
        about["took"] = f"{(time.monotonic() - start) / 60:.1f} minutes"
        self.say(f"\nThis took {about['took']}.")
        self._write(results)

    def make_options(self) -> Options:
        """What the suites are told.

        Raises
        ------
        EagerError
            A trait has no value that makes sense; names it.
        """
        for name in ("repeats", "faulty", "workers"):
            if getattr(self, name) < 1:
                raise EagerError(f"--{name} must be at least 1")
        environments = _words("environments", self.environments)
        if not self.said("environments"):
            environments = tuple(
                each for each in environments if each != "sandbox" or can_lock_in()
            )
        for place in environments:
            environment(place)
        states = _words("states", self.states, STATES)
        return Options(
            programs=self._load_programs(),
            repeats=self.repeats,
            rates=_numbers("rates", self.rates, least=0.1),
            ttfts=_numbers("ttfts", self.ttfts, least=0),
            gates=_words("gates", self.gates, MODES),
            imports=_words("imports", self.imports) if self.imports.strip() else (),
            states=tuple(state for state in STATES if state in states),
            environments=environments,
            kernel=self.kernel,
            faulty=self.faulty,
            engine=self._make_engine(),
            progress=self._tell,
        )

    def _load_programs(self) -> ProgramSet:
        if not self.programs:
            for package in ("numpy", "pandas", "matplotlib"):
                if find_spec(package) is None:
                    raise MissingExtraError("running the programs of the benchmarks", "bench")
        programs = load_programs(Path(self.programs) if self.programs else None)
        if self.only:
            programs = programs.only(_words("only", self.only))
        return programs.sample(self.sample) if self.sample > 0 else programs

    def _make_engine(self) -> Engine:
        if self.engine == "here":
            return Here()
        from eager_kernel.bench.dask_engine import Dask  # noqa: PLC0415 - an extra

        return Dask(self.scheduler, self.workers)

    def _be_quick(self) -> None:
        """Have fewer programs and paces where the user has not said how many."""
        for name, value in _QUICK.items():
            if not self.said(name):
                setattr(self, name, value)

    def said(self, name: str) -> bool:
        """Whether the user has said what a trait is to be."""
        return any(name in self.config.get(kind.__name__, {}) for kind in type(self).mro())

    def _write(self, results: Results) -> None:
        if self.json:
            results.write(Path(self.json))
        if self.markdown:
            Path(self.markdown).write_text(results.to_markdown(), encoding="utf-8")
        if self.pictures:
            draw(results, Path(self.pictures))

    def _tell(self, text: str) -> None:
        """Show progress, on stderr: stdout has the tables."""
        moment = datetime.now().strftime("%H:%M:%S")
        sys.stderr.write(f"{moment}  {in_plain_words(text)}\n")
        sys.stderr.flush()

    def say(self, *texts: str) -> None:
        """Show results, which are Markdown."""
        print_markdown("".join(f"{text}\n" for text in texts))


def _numbers(name: str, text: str, least: float) -> tuple[float, ...]:
    try:
        values = tuple(float(word) for word in _words(name, text))
    except ValueError:
        raise EagerError(f"--{name} must be numbers with commas between, not {text!r}") from None
    for value in values:
        if not least <= value <= _MOST:
            raise EagerError(f"--{name} must be from {least:g} to {_MOST:g}, not {value:g}")
    return values


def _words(name: str, text: str, known: tuple[str, ...] = ()) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:
        raise EagerError(f"--{name} must not be empty")
    for word in words:
        if known and word not in known:
            raise EagerError(f"--{name}: there is no {word!r}; there are {', '.join(known)}")
    return words


_MOST: Final = 1e6
_QUICK: Final = {
    "sample": 4,
    "rates": "300,1000",
    "ttfts": "0.5",
    "gates": "effect",
    "imports": "",
    "environments": "local",
    "faulty": 2,
}
