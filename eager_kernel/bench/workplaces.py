"""What programs find in their working directory: files beside them, and what a script makes."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from eager_kernel.errors import EagerError
from eager_kernel.testing.files import COPIED_FILE, NO_DATA, Linked, place


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a program finds in its working directory. Plain values.

    Parameters
    ----------
    folder
        The absolute path of a folder; empty without one.
    names
        What of it is there: names of files and folders in it.
    large
        The files among them that are too big to be copied for each run, as they were when the
        folder was read.
    script
        A program that makes more when it is run there; empty without one.
    archive
        A ZIP file of what is there, in the place of `folder`: so it can travel.
    """

    folder: str = ""
    names: tuple[str, ...] = ()
    large: tuple[Linked, ...] = ()
    script: bytes = b""
    archive: bytes = b""

    @classmethod
    def of(cls, folder: Path, names: tuple[str, ...]) -> Workplace:
        """That of programs in `folder`, who find `names` of it; ``make_data.py`` is run."""
        folder = folder.resolve()
        script = folder / SCRIPT
        return cls(
            str(folder) if names else "",
            names,
            tuple(_large(folder, names)),
            script.read_bytes() if script.exists() else b"",
        )

    def packed(self) -> Workplace:
        """The same, so that it can travel to another machine."""
        if not self.folder:
            return self
        written = io.BytesIO()
        folder = Path(self.folder)
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in _files(folder, self.names):
                archive.write(path, path.relative_to(folder))
        return replace(self, folder="", names=(), large=(), archive=written.getvalue())

    def make(self) -> Path:
        """A new folder for a program to work in; the caller removes it.

        Raises
        ------
        EagerError
            The script that makes the data failed, or a file that is too big to be copied is not
            what it was.
        """
        self.check()
        folder = Path(tempfile.mkdtemp(prefix="eager-bench-"))
        try:
            if self.script or self.archive:
                made = _made(replace(self, large=()))
                place(sorted(made.iterdir()), folder)
            elif self.folder:
                place([Path(self.folder, name) for name in self.names], folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    def check(self) -> None:
        """See that no program has changed a file that is not its own.

        Raises
        ------
        EagerError
            One has; names the files.
        """
        changed = [file.path for file in self.large if Linked.of(Path(file.path)) != file]
        if changed:
            raise EagerError(
                f"changed since the benchmark began: {', '.join(changed)}. Files of more than "
                f"{COPIED_FILE >> 20} MB are not copied for each run, but linked, so what a "
                "program writes into them is written into yours. Have it write elsewhere"
            )


def _large(folder: Path, names: tuple[str, ...]) -> list[Linked]:
    return [Linked.of(path) for path in _files(folder, names) if path.stat().st_size > COPIED_FILE]


def _files(folder: Path, names: tuple[str, ...]) -> list[Path]:
    found = []
    for name in names:
        path = folder / name
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        found += [
            file
            for file in inside
            if file.is_file() and not NO_DATA.intersection(file.relative_to(folder).parts)
        ]
    return found


@lru_cache(maxsize=16)
def _made(workplace: Workplace) -> Path:
    """A folder with all that is there, made once in a process."""
    keep = tempfile.TemporaryDirectory(prefix="eager-bench-data-", ignore_cleanup_errors=True)
    folder = Path(keep.name)
    if workplace.archive:
        with zipfile.ZipFile(io.BytesIO(workplace.archive)) as archive:
            archive.extractall(folder)
    elif workplace.folder:
        place([Path(workplace.folder, name) for name in workplace.names], folder)
    if workplace.script:
        done = subprocess.run(
            [sys.executable, "-"],
            input=workplace.script,
            cwd=folder,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise EagerError(f"{SCRIPT} failed:\n{done.stderr.decode(errors='replace')}")
    _kept.append(keep)
    return folder


@lru_cache(maxsize=64)
def identity(workplace: Workplace) -> str:
    """What tells a workplace from one whose programs would find something else.

    Of files that are too big to be copied, their names and sizes.
    """
    found = hashlib.sha256(workplace.script + workplace.archive)
    folder = Path(workplace.folder)
    for path in _files(folder, workplace.names) if workplace.folder else ():
        size = path.stat().st_size
        found.update(f"{path.relative_to(folder).as_posix()}\0{size}\0".encode())
        if size <= COPIED_FILE:
            found.update(path.read_bytes())
    return found.hexdigest()


SCRIPT: Final = "make_data.py"
_kept: list[tempfile.TemporaryDirectory[str]] = []  # removed when the process ends
