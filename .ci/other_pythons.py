"""Test a chosen part of the project on each other Python that this machine has.

``python .ci/other_pythons.py`` looks on the path and among pyenv's, runs ``nox -s chosen`` on each
but the one that runs this, and says at the end which there were and how each fared. It needs nox,
which ``pip install -e '.[dev]'`` brings.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))


def main() -> int:
    """Run the part; give 1 if it failed on any Python."""
    from noxfile import PYTHONS  # noqa: PLC0415 - from the root

    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    rows, failed = [], False
    for version in PYTHONS:
        if version == own:
            rows.append((version, "runs the whole suite"))
            continue
        found = find(version)
        if found is None:
            rows.append((version, "is not on this machine"))
            continue
        started = time.monotonic()
        done = test(version, found)
        failed = failed or done != 0
        took = time.monotonic() - started
        rows.append((version, f"{'passed' if done == 0 else 'FAILED'}, {took:.0f} s: {found}"))
    print("\nThe part on each Python:", *(f"  {v}  {what}" for v, what in rows), sep="\n")
    return int(failed)


def find(version: str) -> Path | None:
    """Find an interpreter that works: a shim of pyenv need not."""
    names = [shutil.which(f"python{version}"), shutil.which(f"python{version}.exe")]
    # pyenv's, which are also beside the one that runs this, if that is pyenv's too.
    roots = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"]
    roots.append(Path(sys.base_prefix).parent)
    candidates = [Path(name) for name in names if name]
    for root in roots:
        candidates += sorted(root.glob(f"{version}.*/bin/python{version}"), reverse=True)
    for path in candidates:
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        said = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
        if said.stdout.strip() == version:
            return path
    return None


def test(version: str, python: Path) -> int:
    """Run the part on it, in an environment that is kept for the next time."""
    path = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
    command = [sys.executable, "-m", "nox", "--reuse-venv=yes", "-s", f"chosen-{version}"]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PATH": path}, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
