"""Builds the JupyterLab extension, unless what is built is of these sources already.

Run it after a change, or let the making of a wheel run it. It needs Node.js with npm, and only
where something has changed.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final


def build() -> Path:
    """Build what is not built yet.

    Returns
    -------
    Path
        The folder of the built extension.

    Raises
    ------
    RuntimeError
        It can't be built; says why and what to do.
    """
    if is_current():
        return BUILT
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError(
            "the JupyterLab extension must be built, which needs Node.js 20 or later with npm: "
            "install it"
        )
    MARK.unlink(missing_ok=True)
    if not _has_packages():
        _run(npm, "ci", "--prefer-offline", "--no-progress")
    _run(npm, "run", "--silent", "build:prod")
    shutil.copy(FOLDER / "install.json", BUILT)
    MARK.write_text(_digest(), encoding="ascii")
    return BUILT


def can_build() -> bool:
    """Whether there is what builds it."""
    return shutil.which("npm") is not None


def is_current() -> bool:
    """Whether the built extension is there, and of these sources."""
    return BUILT.is_dir() and MARK.exists() and MARK.read_text(encoding="ascii") == _digest()


def _digest() -> str:
    # Of what is in the files: a checkout or an archive has no times to compare.
    digest = hashlib.sha256()
    folders = (path for name in _FOLDERS for path in (FOLDER / name).rglob("*") if path.is_file())
    for path in sorted([*folders, *(FOLDER / name for name in _FILES)]):
        text = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.relative_to(FOLDER).as_posix()} {len(text)}\n".encode())
        digest.update(text)
    return digest.hexdigest()


def _has_packages() -> bool:
    """Whether the installed packages are those of the lock file."""
    installed, locked = FOLDER / "node_modules/.package-lock.json", FOLDER / "package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= locked.stat().st_mtime


def _run(npm: str, *arguments: str) -> None:
    done = subprocess.run(
        [npm, *arguments],
        cwd=FOLDER,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode != 0:
        raise RuntimeError(
            f"npm {' '.join(arguments)} failed in {FOLDER}:\n{done.stdout.strip() or 'no output'}"
        )


FOLDER: Final = Path(__file__).resolve().parent
BUILT: Final = FOLDER / "build" / "eager-kernel"
MARK: Final = FOLDER / "build" / "eager-kernel.sha256"
"""Says of which sources `BUILT` is."""
_FOLDERS: Final = ("src", "schema", "style")
_FILES: Final = ("core.mjs", "install.json", "package.json", "package-lock.json", "tsconfig.json")

if __name__ == "__main__":
    try:
        build()
    except RuntimeError as problem:
        sys.exit(str(problem))
