"""Programs and sessions that are measured, and the folders they are read from."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Final

from eager_kernel.bench.workplaces import SCRIPT, Workplace
from eager_kernel.core.extract import Code, make_extractor
from eager_kernel.core.text.tokens import tokens
from eager_kernel.errors import EagerError
from eager_kernel.testing.files import NO_DATA
from eager_kernel.testing.notebooks import read_cells


@dataclass(frozen=True)
class Cell:
    """One answer of a model, with a program in it.

    Parameters
    ----------
    name
        What it is called in results.
    text
        The answer: bare code, or Markdown around it.
    format
        The protocol's word for where the code is in the text.
    """

    name: str
    text: str
    format: str = "python"

    @cached_property
    def tokens(self) -> list[str]:
        """The answer in pieces as long as a model's tokens."""
        return tokens(self.text)

    @cached_property
    def code(self) -> str:
        """The code text, as the kernel will find it."""
        extractor = make_extractor(self.format)
        events = [*extractor.feed(self.text), *extractor.close()]
        return "".join(event.text for event in events if isinstance(event, Code))


@dataclass(frozen=True)
class Program:
    """What is measured together: a program, or the cells of a session in one kernel.

    Parameters
    ----------
    name
        The name of its file or folder.
    cells
        The answers, in order; one for a program that is no session.
    workplace
        What it finds in its working directory.
    kind
        What sort of answer it is; empty where nobody said.
    work
        Where its time goes: ``spread``, ``end`` or ``main``; empty where nobody said.
    time
        What takes its time, in words.
    seconds
        What its cells took, all together, when it was measured once (`shares`); None: unknown.
    """

    name: str
    cells: tuple[Cell, ...]
    workplace: Workplace = field(default_factory=Workplace)
    kind: str = ""
    work: str = ""
    time: str = ""
    seconds: float | None = None

    @classmethod
    def of(cls, name: str, text: str, **about: Any) -> Program:
        """A program of one answer, whose name says what it is: ``*.py`` or ``*.md``."""
        return cls(name, (Cell(name, text, _FORMATS.get(Path(name).suffix, "auto")),), **about)

    @property
    def tokens(self) -> int:
        """How many tokens all its answers have."""
        return sum(len(cell.tokens) for cell in self.cells)

    def share(self, rate: float, ttft: float) -> float | None:
        """Execution's share of the serial time, as it was measured once; None: unknown."""
        if self.seconds is None:
            return None
        generation = sum(ttft + max(0, len(cell.tokens) - 1) / rate for cell in self.cells)
        return self.seconds / (generation + self.seconds)


@dataclass(frozen=True, slots=True)
class ProgramSet:
    """Programs that are measured together.

    Parameters
    ----------
    name
        What the set is called in results.
    programs
        By name.
    """

    name: str
    programs: tuple[Program, ...]

    def sample(self, count: int) -> ProgramSet:
        """`count` of the programs, evenly from all kinds; all where there are no more."""
        if count >= len(self.programs):
            return self
        by_kind = sorted(self.programs, key=lambda program: program.kind)
        step = len(by_kind) / count
        chosen = {by_kind[int(step * (i + 0.5))].name for i in range(count)}
        return replace(self, programs=tuple(p for p in self.programs if p.name in chosen))

    def only(self, names: Sequence[str]) -> ProgramSet:
        """The programs of these names.

        Raises
        ------
        EagerError
            There is no program of a name.
        """
        known = {program.name: program for program in self.programs}
        for name in names:
            if name not in known:
                raise EagerError(
                    f"there is no program {name!r} in {self.name}; there are {', '.join(known)}"
                )
        return replace(self, programs=tuple(known[name] for name in names))

    def quick(self, seconds: float) -> ProgramSet:
        """The programs that take no longer than this, as far as it is known."""
        return replace(
            self, programs=tuple(p for p in self.programs if (p.seconds or 0.0) <= seconds)
        )

    def packed(self) -> ProgramSet:
        """The same, so that it can travel to other machines."""
        return replace(
            self, programs=tuple(replace(p, workplace=p.workplace.packed()) for p in self.programs)
        )


SETS: Final = {"light": "programs", "working": "working"}
"""The sets of this package, and the folders that hold them."""


def load_sets(names: Sequence[str]) -> ProgramSet:
    """Read sets of this package, by their names in `SETS`."""
    found: list[Program] = []
    for name in names:
        with resources.as_file(resources.files(__package__) / SETS[name]) as folder:
            found += _load(folder, beside=False)
    words = f"the {' and '.join(names)} programs of this package"
    return ProgramSet(words, tuple(found))


def load_programs(folder: Path | None = None) -> ProgramSet:
    """Read a folder of programs and sessions.

    Parameters
    ----------
    folder
        Holds programs, ``*.py`` and ``*.md``, and sessions: notebooks, ``*.ipynb``, and folders
        with such programs, which are the session's cells in the order of their names. What else
        lies beside a program is there when it runs; so is what ``make_data.py``, if there is
        one, makes when it is run in the working directory before. ``programs.toml`` may tell of
        each program its ``kind``, ``work`` and ``time``, and have it left out (``skip = true``).
        Default: the light programs of this package.

    Raises
    ------
    EagerError
        There are no programs, or something in the folder can't be read.
    """
    if folder is None:
        return load_sets(("light",))
    if folder.is_file():
        raise EagerError(
            f"{folder} is a file: give the folder that it is in, --programs {folder.parent}, and "
            f"--only {folder.name}"
        )
    programs = _load(folder, beside=True)
    if not programs:
        raise EagerError(f"there are no programs (*.py, *.md or *.ipynb) in {folder}")
    return ProgramSet(folder.resolve().name, tuple(programs))


def _load(folder: Path, *, beside: bool) -> list[Program]:
    """All programs of a folder; `beside`: they find what else is in it."""
    about = _read_about(folder / _ABOUT)
    known = _read_seconds(folder / MEASURED)
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    sessions = [path for path in entries if _is_session(path)]
    names = _beside(entries, sessions) if beside else ()
    workplace = Workplace.of(folder, names)
    found = []
    for path in entries:
        said = about.get(path.name, {})
        if said.get("skip") or path.name in _NO_PROGRAMS:
            continue
        for program in _programs_of(path, workplace, path in sessions):
            kind, work, time = (str(said.get(key, "")) for key in ("kind", "work", "time"))
            seconds = known.get(program.name)
            found.append(replace(program, kind=kind, work=work, time=time, seconds=seconds))
    return found


def _programs_of(path: Path, workplace: Workplace, is_session: bool) -> Iterator[Program]:
    if path.is_file() and path.suffix in _FORMATS:
        yield Program.of(path.name, _read(path), workplace=workplace)
    elif path.is_file() and path.suffix == _NOTEBOOK:
        yield from _notebook(path, path.name, workplace)
    elif is_session:
        inside = sorted(path.iterdir())
        workplace = Workplace.of(path, _beside(inside, []))
        notebooks = [file for file in inside if file.suffix == _NOTEBOOK]
        for notebook in notebooks:
            yield from _notebook(notebook, f"{path.name}/{notebook.name}", workplace)
        if not notebooks:
            cells = tuple(
                Cell(f"{path.name}/{file.name}", _read(file), _FORMATS[file.suffix])
                for file in inside
                if _is_program(file)
            )
            yield Program(path.name, cells, workplace)


def _notebook(path: Path, name: str, workplace: Workplace) -> Iterator[Program]:
    """The session of a notebook; none where no cell holds code."""
    try:
        cells = read_cells(path)
    except ValueError as error:
        raise EagerError(
            f"{error}. To leave it out, write into {_ABOUT} in the folder: "
            f"[{json.dumps(name.partition('/')[0])}] and, in the next line, skip = true"
        ) from error
    if cells:
        names = (f"{name} [{cell.number}]" for cell in cells)
        yield Program(
            name,
            tuple(Cell(n, cell.source) for n, cell in zip(names, cells, strict=True)),
            workplace,
        )


def _is_program(path: Path) -> bool:
    return path.is_file() and path.suffix in _FORMATS and path.name not in _NO_PROGRAMS


def _is_session(path: Path) -> bool:
    if not path.is_dir() or path.name.startswith(".") or path.name in (*NO_DATA, _DATA):
        return False
    inside = list(path.iterdir())
    if any(file.name == "__init__.py" for file in inside):
        return False  # a package, which programs import
    return any(_is_program(file) or file.suffix == _NOTEBOOK for file in inside)


def _beside(entries: Sequence[Path], sessions: Sequence[Path]) -> tuple[str, ...]:
    """What programs find in their working directory of what lies beside them.

    Programs too: one may be a module that others import.
    """
    return tuple(
        path.name
        for path in entries
        if path not in sessions
        and path.suffix != _NOTEBOOK
        and path.name not in (*NO_DATA, _ABOUT, MEASURED, SCRIPT)
        and not path.name.startswith(".")
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise EagerError(f"{path} is no UTF-8 text: {error}") from error


def _read_about(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    try:
        about = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EagerError(f"{path} is no TOML: {error}") from error
    for name, said in about.items():
        if not isinstance(said, dict):
            raise EagerError(f"{path}: {name} must be a table, such as [{name!r}]")
    return about


def _read_seconds(path: Path) -> dict[str, float]:
    if not path.exists():
        return {}
    seconds: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))["seconds"]
    return seconds


MEASURED: Final = "measured.json"
"""What the programs of a folder took when they were measured once; `shares` writes it."""
_ABOUT: Final = "programs.toml"
_DATA: Final = "data"
_NOTEBOOK: Final = ".ipynb"
_FORMATS: Final = {".py": "python", ".md": "auto"}
_NO_PROGRAMS: Final = (SCRIPT, "README.md")
