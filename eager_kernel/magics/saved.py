"""The programs of earlier runs, so that a cell can be run again without a model."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from jupyter_core.paths import jupyter_data_dir

from eager_kernel.errors import NoSavedProgramError


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
    """

    prompt: str
    model: str
    program: str
    status: str


class SavedPrograms:
    """Keeps the last program of each cell, in the user's Jupyter data folder.

    A cell is known by its id, where the frontend sends one, and by its prompt. Neither is ever
    part of a path.

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
        text = json.dumps({"version": 1, **asdict(saved)})
        for path in self._paths(cell_id, saved.prompt):
            beside = path.with_suffix(f".{os.getpid()}")
            beside.write_text(text, encoding="utf-8")
            beside.replace(path)
        self._forget_oldest()

    def find(self, cell_id: str | None, prompt: str) -> SavedProgram:
        """The program that a cell ran last.

        Raises
        ------
        NoSavedProgramError
            There is none.
        """
        for path in self._paths(cell_id, prompt):
            try:
                return _parse(path.read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, RecursionError) as error:
                raise NoSavedProgramError(
                    f"the saved program of this cell can't be read: {path}: {error}; run the "
                    "cell without --replay to save it anew"
                ) from error
        raise NoSavedProgramError(
            "there is no saved program of this cell or of this prompt here; run the cell once "
            "without --replay"
        )

    def _paths(self, cell_id: str | None, prompt: str) -> list[Path]:
        keys = [f"cell {cell_id}"] if cell_id else []
        keys.append(f"prompt {prompt.strip()}")
        names = [hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest() for key in keys]
        return [self._folder / f"{name}.json" for name in names]

    def _forget_oldest(self) -> None:
        ages = []
        for path in self._folder.glob("*.json"):
            with suppress(FileNotFoundError):  # another kernel has just forgotten it
                ages.append((path.stat().st_mtime, path))
        for _, path in sorted(ages)[:-_KEPT]:
            path.unlink(missing_ok=True)


def _parse(text: str) -> SavedProgram:
    record: Any = json.loads(text)
    if not isinstance(record, dict) or record.get("version") != 1:
        raise ValueError("it is no record of version 1")
    values: dict[str, Any] = {f.name: record.get(f.name) for f in fields(SavedProgram)}
    for name, value in values.items():
        if not isinstance(value, str):
            raise ValueError(f"{name!r} is no text")
    return SavedProgram(**values)


_KEPT: Final = 2_000
