"""Random programs of file operations: undone exactly, or left as serial would leave them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eager_kernel.execution import plain_files
from tests.execution.journalled import Run, as_in_a_cell, exactly, furnish

pytestmark = pytest.mark.skipif(not plain_files.can_journal(), reason="files wait on this system")

NAMES = ("old", "other", "closed", "link", "nowhere", "d", "d/f", "d/sub", "d/n", "n")
NAMES += ("m", "m/n", "d/sub/n", "target")
name = st.sampled_from(NAMES).map(repr)
STATEMENTS = st.one_of(
    st.builds("open({}, {!r}).write({!r})".format, name, st.sampled_from("wax"), st.text("xy")),
    st.builds("open({}, 'r+').write('Q')".format, name),
    st.builds("keep = open({}, 'a'); keep.write('kept'); keep.flush()".format, name),
    st.builds("os.truncate({}, 1)".format, name),
    st.builds("os.remove({})".format, name),
    st.builds("os.rename({}, {})".format, name, name),
    st.builds("os.symlink({}, {})".format, name, name),
    st.builds("os.mkdir({})".format, name),
    st.builds("os.makedirs({}, exist_ok=True)".format, name),
    st.builds("os.rmdir({})".format, name),
    st.builds("shutil.rmtree({})".format, name),
    st.builds("shutil.copytree({}, {})".format, name, name),
    st.builds("shutil.copy2({}, {})".format, name, name),
    st.builds("shutil.move({}, {})".format, name, name),
    st.builds("os.chmod({}, {})".format, name, st.sampled_from((0o600, 0o644, 0o755))),
    st.builds("os.utime({}, (1, 2))".format, name),
    st.builds("os.setxattr({}, 'user.b', b'2')".format, name),
    st.builds("in_threads(lambda i: open(f't{{i}}', 'a').write({!r}))".format, st.text("xy")),
)
BEFORE = """
import os, shutil, threading
def in_threads(work):
    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    [t.start() for t in threads]
    [t.join() for t in threads]
"""


def tried(statement: str) -> str:
    """A statement that may fail."""
    return f"try:\n    {statement}\nexcept (OSError, shutil.Error):\n    pass"


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STATEMENTS, min_size=1, max_size=12))
def test_it_is_undone_exactly(statements: list[str]) -> None:
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top) / "work"
        furnish(folder)
        before = exactly(folder)
        run = Run(Path(top) / "undo", folder)
        run.go(BEFORE, *map(tried, statements), well=False)
        run.namespace.clear()  # what was left open is flushed now
        assert run.barrier.files.troubles == []
        assert exactly(folder) == before


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(STATEMENTS, min_size=1, max_size=12), min_size=8, max_size=8))
def test_it_stays_as_serial_leaves_it(programs: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as top:
        folders: list[tuple[Path, Path, list[str]]] = []
        for number, statements in enumerate(programs):
            folder, other = Path(top) / f"{number}", Path(top) / f"{number} serial"
            furnish(folder)
            furnish(other)
            run = Run(Path(top) / "undo", folder)
            run.go(BEFORE, *map(tried, statements), well=True)
            run.namespace.clear()
            if not run.held:  # what waits (a link to itself is no place) is refused here
                folders.append((folder, other, statements))
        serial = "import sys, os\n"
        for _, other, statements in folders:
            text = BEFORE + "\n".join(map(tried, statements))
            serial += f"os.chdir({str(other)!r})\nexec({text!r}, {{}})\n"
        subprocess.run([sys.executable, "-c", serial], check=True)
        for folder, other, _ in folders:
            assert as_in_a_cell(folder) == as_in_a_cell(other)
