"""Folders of programs, and the data that they read."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from eager_kernel.core.extract import Code, make_extractor
from eager_kernel.core.tokens import tokens
from eager_kernel.errors import EagerError


@dataclass(frozen=True)
class Program:
    """A program, as a model's answer.

    Parameters
    ----------
    name
        The name of its file.
    text
        The answer: bare code, or Markdown around it.
    kind
        What sort of answer it is; empty where nobody said.
    work
        Where its time goes: ``spread``, ``end`` or ``main``; empty where nobody said.
    time
        What takes its time, in words.
    """

    name: str
    text: str
    kind: str = ""
    work: str = ""
    time: str = ""

    @property
    def format(self) -> str:
        """The protocol's word for where the code is in the text."""
        return "python" if self.name.endswith(".py") else "auto"

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


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a program finds in its working directory. Plain bytes, so that it can travel.

    Parameters
    ----------
    script
        A program that makes the data when it is run in an empty folder; empty without one.
    archive
        The folder ``data`` as a ZIP file; empty without one.
    """

    script: bytes = b""
    archive: bytes = b""

    def make(self) -> Path:
        """A new folder for a program to work in; the caller removes it.

        Raises
        ------
        EagerError
            The script that makes the data failed.
        """
        folder = tempfile.mkdtemp(prefix="eager-bench-")
        shutil.copytree(_data_of(self), folder, dirs_exist_ok=True)
        return Path(folder)


@dataclass(frozen=True, slots=True)
class ProgramSet:
    """Programs that are measured together.

    Parameters
    ----------
    name
        What the set is called in results.
    programs
        By name.
    workplace
        Where each of them is run.
    """

    name: str
    programs: tuple[Program, ...]
    workplace: Workplace

    def sample(self, count: int) -> ProgramSet:
        """`count` of the programs, evenly from all kinds; all where there are no more."""
        if count >= len(self.programs):
            return self
        by_kind = sorted(self.programs, key=lambda program: program.kind)
        step = len(by_kind) / count
        chosen = {by_kind[int(step * (i + 0.5))].name for i in range(count)}
        return ProgramSet(
            self.name, tuple(p for p in self.programs if p.name in chosen), self.workplace
        )

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
        return ProgramSet(self.name, tuple(known[name] for name in names), self.workplace)


def load_programs(folder: Path | None = None) -> ProgramSet:
    """Read a folder of programs.

    Parameters
    ----------
    folder
        Holds the programs, ``*.py`` and ``*.md``. What lies in its folder ``data`` is there as
        ``data`` when they run; so is what ``make_data.py``, if there is one, writes when it is
        run in the programs' working directory. ``programs.toml`` may tell of each program its
        ``kind``, ``work`` and ``time``. Default: the programs of this package.

    Raises
    ------
    EagerError
        There are no programs, or the folder's ``programs.toml`` can't be read.
    """
    if folder is None:
        with resources.as_file(resources.files(__package__) / "programs") as own:
            return _load(own, "the programs of this package")
    return _load(folder, folder.name)


def _load(folder: Path, name: str) -> ProgramSet:
    about = _read_about(folder / "programs.toml")
    programs = []
    for path in sorted(folder.glob("*")):
        if path.suffix in (".py", ".md") and path.name not in _NO_PROGRAMS:
            said = about.get(path.name, {})
            text = path.read_text(encoding="utf-8-sig")
            words = {key: str(said.get(key, "")) for key in ("kind", "work", "time")}
            programs.append(Program(path.name, text, **words))
    if not programs:
        raise EagerError(f"there are no programs (*.py or *.md) in {folder}")
    script, data = folder / _SCRIPT, folder / "data"
    workplace = Workplace(
        script.read_bytes() if script.exists() else b"", _pack(data) if data.is_dir() else b""
    )
    return ProgramSet(name, tuple(programs), workplace)


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


def _pack(folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, Path("data", path.relative_to(folder)))
    return packed.getvalue()


@lru_cache(maxsize=4)
def _data_of(workplace: Workplace) -> Path:
    """A folder with the data, made once in a process and copied from then on."""
    key = hashlib.sha256(workplace.script + workplace.archive).hexdigest()[:8]
    keep = tempfile.TemporaryDirectory(
        prefix=f"eager-bench-data-{key}-", ignore_cleanup_errors=True
    )
    _kept.append(keep)
    folder = Path(keep.name)
    if workplace.archive:
        with zipfile.ZipFile(io.BytesIO(workplace.archive)) as archive:
            archive.extractall(folder)
    if workplace.script:
        done = subprocess.run(
            [sys.executable, "-"],
            input=workplace.script,
            cwd=folder,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise EagerError(f"{_SCRIPT} failed:\n{done.stderr.decode(errors='replace')}")
    return folder


_SCRIPT: Final = "make_data.py"
_NO_PROGRAMS: Final = (_SCRIPT, "README.md")
_kept: list[tempfile.TemporaryDirectory[str]] = []  # removed when the process ends
