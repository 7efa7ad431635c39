"""``jupyter eager bench``: measure, compare, draw."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TextIO

from jupyter_core.application import base_aliases, base_flags
from traitlets import Bool, Enum, Float, Int, Unicode

from eager_kernel._version import __version__
from eager_kernel.bench.engines import Engine, Here
from eager_kernel.bench.environments import can_lock_in, environment
from eager_kernel.bench.journal import Journal, Recorded, key_of
from eager_kernel.bench.measure import machine
from eager_kernel.bench.measuring import STATES
from eager_kernel.bench.options import Options
from eager_kernel.bench.page import to_html
from eager_kernel.bench.pictures import draw
from eager_kernel.bench.plan import Piece, in_pieces, measured_when, table_of
from eager_kernel.bench.programs import SETS, ProgramSet, load_programs, load_sets
from eager_kernel.bench.results import Results, compare, read
from eager_kernel.bench.suites import JOBS, SUITES, Bench, Suite
from eager_kernel.bench.summary import summarise
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
jupyter eager bench --quick                      # about three minutes
jupyter eager bench end-to-end --programs my-notebooks --results mine --html mine.html
jupyter eager bench --results all --parts        # all of it, in parts of less than an hour
jupyter eager bench --results all --part 3
jupyter eager bench --results all --together --html all.html
jupyter eager bench --compare before.json after.json
jupyter eager bench end-to-end --engine dask --workers 4
"""
    quick = Bool(False, help="A few programs at two rates: tables in about three minutes.").tag(
        config=True
    )
    programs = Unicode(
        "",
        help="A folder of other programs and sessions (*.py, *.md, *.ipynb, folders of cells), "
        "with their data; see the docs.",
    ).tag(config=True)
    sets = Unicode(
        "light,working",
        help="Sets of programs of this package, with commas: light has answers as models write "
        "them for notebooks, working those that compute for seconds.",
    ).tag(config=True)
    only = Unicode("", help="Names of the programs to take, with commas; default: all.").tag(
        config=True
    )
    sample = Int(0, help="Take so many of the programs, evenly from all kinds; 0: all.").tag(
        config=True
    )
    repeats = Int(1, help="How often all is measured.").tag(config=True)
    samples = Int(
        3, help="How often each program is run serially in each turn; the median counts."
    ).tag(config=True)
    limit = Float(
        300.0, help="Seconds that a cell may take. A program over it is stopped, and left out."
    ).tag(config=True)
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
    results = Unicode(
        "",
        help="A folder: each result is written there as it comes, and what it has already is not "
        "measured again. The same command goes on where an earlier one was interrupted.",
    ).tag(config=True)
    again = Bool(False, help="Measure again what --results has already.").tag(config=True)
    parts = Bool(
        False, help="Only list the parts of all that was asked for, and what of them is done."
    ).tag(config=True)
    part = Int(0, help="With --results: measure only this part, by its number in --parts.").tag(
        config=True
    )
    together = Bool(
        False,
        help="Measure nothing: put together what --results has, from whichever day and machine.",
    ).tag(config=True)
    minutes = Float(45.0, help="How long a part may take.").tag(config=True)
    json = Unicode("", help="Write the results to this file, as JSON.").tag(config=True)
    markdown = Unicode("", help="Write the tables to this file, as Markdown.").tag(config=True)
    html = Unicode("", help="Write a page with the charts to this file.").tag(config=True)
    pictures = Unicode("", help="Draw pictures into this folder, as SVG.").tag(config=True)
    compare = Bool(False, help="Compare two files of results: give them as A and B.").tag(
        config=True
    )

    aliases = {
        **{
            name: f"BenchApp.{name}"
            for name in (
                "programs", "sets", "only", "sample", "repeats", "samples", "limit", "rates",
                "ttfts", "gates", "imports", "states", "environments", "faulty", "kernel",
                "engine", "scheduler", "workers", "results", "part", "minutes", "json",
                "markdown", "html", "pictures",
            )
        },
        **base_aliases,
    }  # fmt: skip
    flags = {
        "quick": ({"BenchApp": {"quick": True}}, quick.help),
        "again": ({"BenchApp": {"again": True}}, again.help),
        "parts": ({"BenchApp": {"parts": True}}, parts.help),
        "together": ({"BenchApp": {"together": True}}, together.help),
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
        journal = Journal(Path(self.results), about) if self.results else None
        if self.parts:
            self.say(table_of(self._pieces(options, names), journal).to_markdown())
            return
        keys = frozenset[str]()
        if journal is not None:
            keys = frozenset(map(key_of, _jobs(options, names)))
            options = self._recorded(options, names, journal)
        elif self.part or self.together:
            name = "--part" if self.part else "--together"
            raise EagerError(f"{name} needs --results, a folder for what is measured")
        if not self.together:
            self._tell_how_long(options, names, journal)
        results = Results(about, options.to_dict(), {})
        self.say(results.about_markdown())
        bench, start = Bench(options), time.monotonic()
        try:
            for name in names:
                outcome = results.suites[name] = suites[name](bench)
                self.say(*("\n" + table.to_markdown() for table in outcome.tables))
                self._write(results)  # what there is, should the next one fail
        except KeyboardInterrupt:
            self._line.clear()
            self._interrupted(journal)
            raise
        about["took"] = f"{(time.monotonic() - start) / 60:.1f} minutes"
        if "end-to-end" in results.suites:
            results.summary = summarise(options, bench.runs)
        if journal is not None:
            results.parts = measured_when(journal, keys)
            self.say("\n" + results.parts.to_markdown())
        if results.summary:
            self.say("\n### Summary\n", results.summary_markdown())
        self.say(f"\nThis took {about['took']}.")
        self._write(results)

    def _pieces(self, options: Options, names: Sequence[str]) -> list[Piece]:
        if self.minutes <= 0:
            raise EagerError("--minutes must be more than 0")
        return in_pieces(_jobs(options, names), self.minutes)

    def _recorded(self, options: Options, names: Sequence[str], journal: Journal) -> Options:
        """Have the engine write down what it does, and do only what was asked for."""
        only: frozenset[str] | None = frozenset() if self.together else None
        if self.part:
            pieces = self._pieces(options, names)
            if not 1 <= self.part <= len(pieces):
                raise EagerError(f"--part must be from 1 to {len(pieces)}; --parts lists them")
            piece = pieces[self.part - 1]
            only = piece.keys
            self._tell(f"part {piece.number} of {len(pieces)}: {piece.about}")
        recorded = Recorded(options.engine, journal, only, again=self.again)
        return replace(options, engine=recorded)

    def _tell_how_long(
        self, options: Options, names: Sequence[str], journal: Journal | None
    ) -> None:
        """Say about how long it takes, as far as one can say."""
        todo = _jobs(options, names)
        if self.part:
            todo = list(self._pieces(options, names)[self.part - 1].jobs)
        if journal is not None and not self.again:
            asked, todo = todo, [job for job in todo if not journal.has(job)]
            if len(todo) < len(asked):
                done = len(asked) - len(todo)
                self._tell(f"{done} of {len(asked)} jobs are in {self.results} already")
        if todo:
            expected = sum(piece.expected_s for piece in in_pieces(todo, float("inf")))
            self._tell(f"{len(todo)} jobs; about {max(1, round(expected / 60))} minutes")

    def _interrupted(self, journal: Journal | None) -> None:
        if journal is not None:
            self._tell(f"interrupted; the same command goes on with what {self.results} has")
        else:
            self._tell("interrupted; with --results FOLDER, what was measured would be kept")

    def make_options(self) -> Options:
        """What the suites are told.

        Raises
        ------
        EagerError
            A trait has no value that makes sense; names it.
        """
        for name in ("repeats", "samples", "faulty", "workers"):
            if getattr(self, name) < 1:
                raise EagerError(f"--{name} must be at least 1")
        if not self.limit > 0:
            raise EagerError("--limit must be more than 0")
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
            samples=self.samples,
            limit=self.limit,
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
            step=self._line.show,
        )

    def _load_programs(self) -> ProgramSet:
        if self.programs:
            programs = load_programs(Path(self.programs))
        else:
            for package in ("numpy", "pandas", "matplotlib", "sklearn", "scipy"):
                if find_spec(package) is None:
                    raise MissingExtraError("running the programs of the benchmarks", "bench")
            programs = load_sets(self.set_names)
        if self.only:
            programs = programs.only(_words("only", self.only))
        if self.quick:
            programs = programs.quick(_QUICK_S)
        if self.sample > 0:
            programs = programs.sample(self.sample)
        return programs.packed() if self.scheduler else programs

    @property
    def set_names(self) -> tuple[str, ...]:
        """Sets of programs of this package that are wanted."""
        return _words("sets", self.sets, tuple(SETS))

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
        if self.html:
            Path(self.html).write_text(to_html(results), encoding="utf-8")
        if self.pictures:
            draw(results, Path(self.pictures))

    def _tell(self, text: str) -> None:
        """Show progress, on stderr: stdout has the tables."""
        self._line.clear()
        moment = datetime.now().strftime("%H:%M:%S")
        sys.stderr.write(f"{moment}  {in_plain_words(text)}\n")
        sys.stderr.flush()

    @cached_property
    def _line(self) -> StatusLine:
        return StatusLine(sys.stderr)

    def say(self, *texts: str) -> None:
        """Show results, which are Markdown."""
        print_markdown("".join(f"{text}\n" for text in texts))


def _jobs(options: Options, names: Sequence[str]) -> list[Any]:
    """What suites measure, job by job, each once."""
    found = [job for name in names if name in JOBS for job in JOBS[name](options)]
    return list({key_of(job): job for job in found}.values())


class StatusLine:
    """A line of a terminal that says what is done at the moment; nothing where there is none.

    Parameters
    ----------
    stream
        The terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._shown = 0

    def show(self, text: str) -> None:
        """Put `text` in the place of what was there."""
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            line = f"          … {text}"[:width]
            self._stream.write("\r" + line.ljust(self._shown))
            self._stream.flush()
            self._shown = len(line)

    def clear(self) -> None:
        """Leave the line empty."""
        if self._shown:
            self._stream.write("\r" + " " * self._shown + "\r")
            self._stream.flush()
            self._shown = 0


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
_QUICK_S: Final = 3.0
_QUICK: Final = {
    "sample": 3,
    "samples": 2,
    "rates": "300,1000",
    "ttfts": "0.5",
    "gates": "effect",
    "imports": "",
    "environments": "local",
    "faulty": 2,
}
