"""The programs of earlier runs, so that a cell can be run again without a model."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from jupyter_core.paths import jupyter_data_dir

from eager_kernel.errors import NoSavedProgramError


@dataclass(frozen=True, slots=True)
class SavedStep:
    """One program of a cell in which the model wrote more than once.

    Parameters
    ----------
    program
        The code text.
    failed
        Whether its run failed, and the model went on.
    """

    program: str
    failed: bool


@dataclass(frozen=True, slots=True)
class SavedProgram:
    """What a cell ran last.

    Parameters
    ----------
    prompt
        What was asked.
    model
        The model's id.
    program
        The code text.
    status
        How its run ended.
    steps
        Its programs, if the model could write more than once; empty: there is one.
    words
        What the model said in the end, if it did.
    """

    prompt: str
    model: str
    program: str
    status: str
    steps: tuple[SavedStep, ...] = ()
    words: str = ""


class SavedPrograms:
    """Keeps the last program of each prompt of each cell, in the user's Jupyter data folder.

    A cell is known by its id, where the frontend sends one. A copied notebook has the ids of the
    first, so a program is found only by the prompt that it was written for. Neither is ever part of
    a path. The files are for the user alone: prompts may hold what is in the notebook's data.

    Parameters
    ----------
    folder
        Where they are; default: ``eager_python/programs`` in Jupyter's data folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(jupyter_data_dir(), "eager_python", "programs")

    def save(self, cell_id: str | None, saved: SavedProgram) -> None:
        """Keep the program of a cell.

        Raises
        ------
        OSError
            The folder can't be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)  # of earlier versions, it may be open to others
        text = json.dumps({"version": 1, **asdict(saved)})
        for path in self._paths(cell_id, saved.prompt):
            self._write(path, text)
        self._clear_up()

    def find(self, cell_id: str | None, prompt: str) -> SavedProgram:
        """The program that a cell ran last for a prompt, or that any cell did.

        Raises
        ------
        NoSavedProgramError
            There is none.
        """
        for path in self._paths(cell_id, prompt):
            try:
                saved = _parse(path.read_text(encoding="utf-8"), prompt)
            except FileNotFoundError:
                continue
            except (OSError, ValueError, RecursionError) as error:
                raise NoSavedProgramError(
                    f"the saved program of this cell can't be read: {path}: {error}; run the "
                    "cell without --replay to save it anew"
                ) from error
            with suppress(OSError):  # it is in use, so not the oldest; if not, it is found anyway
                os.utime(path)
            return saved
        raise NoSavedProgramError(
            "there is no saved program of this prompt here, as it stands in the cell; run the cell "
            "once without --replay"
        )

    def _paths(self, cell_id: str | None, prompt: str) -> list[Path]:
        prompt = prompt.strip()
        keys = [f"cell {cell_id}\0{prompt}"] if cell_id else []
        keys.append(f"prompt {prompt}")
        names = [hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest() for key in keys]
        return [self._folder / f"{name}.json" for name in names]

    def _write(self, path: Path, text: str) -> None:
        # As a whole or not at all, and for the user alone from its first byte.
        number, beside = tempfile.mkstemp(_BESIDE, dir=self._folder)
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(text)
            Path(beside).replace(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise

    def _clear_up(self) -> None:
        """Forget what nobody has used for long, what is too much, and what a crash has left."""
        now = time.time()
        ages: list[tuple[float, int, Path]] = []
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another kernel has just forgotten it
                about = path.lstat()
                if not stat.S_ISREG(about.st_mode):
                    continue  # not of ours
                if path.suffix == ".json":
                    ages.append((about.st_mtime, about.st_size, path))
                elif _LEFT_NAME.fullmatch(path.name) and now - about.st_mtime > _LEFT_SECONDS:
                    path.unlink()
        size = 0
        for number, (used, length, path) in enumerate(sorted(ages, reverse=True)):
            size += length
            old = used > _LOST_TIME and now - used > _KEPT_SECONDS
            if number >= _KEPT or size > _KEPT_BYTES or old:
                path.unlink(missing_ok=True)


def _parse(text: str, prompt: str) -> SavedProgram:
    record: Any = json.loads(text)
    if not isinstance(record, dict) or record.get("version") != 1:
        raise ValueError("it is no record of version 1")
    values: dict[str, Any] = {f.name: record.get(f.name, f.default) for f in fields(SavedProgram)}
    steps = values.pop("steps")
    for name, value in values.items():
        if not isinstance(value, str):
            raise ValueError(f"{name!r} is no text")
    if not isinstance(steps, list | tuple):
        raise ValueError("'steps' is no list")
    values["steps"] = tuple(map(_parse_step, steps))
    if values["prompt"].strip() != prompt.strip():
        raise ValueError("it is of another prompt")
    return SavedProgram(**values)


def _parse_step(step: Any) -> SavedStep:
    program = step.get("program") if isinstance(step, dict) else None
    if not isinstance(program, str):
        raise ValueError("a step has no program")
    return SavedStep(program, step.get("failed") is True)


_KEPT: Final = 2_000
_KEPT_BYTES: Final = 64_000_000
_KEPT_SECONDS: Final = 365 * 24 * 3600.0
_LOST_TIME: Final = 24 * 3600.0  # archives and images put files into the first day of 1970
_BESIDE: Final = ".part"
_LEFT_NAME: Final = re.compile(r"tmp\w+\.part|[0-9a-f]{64}\.\d+")
"""Of a file that was to take the place of another; the second form is of earlier versions."""
_LEFT_SECONDS: Final = 3600.0
