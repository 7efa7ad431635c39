"""A kernel starts where a stock one does, and programs find there what they find in that one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eager_kernel import EagerClient

QUIET = ["--log-level=ERROR"]

# Files that stand for nothing of Python's own, whose names the kernel's start must not fall for.
NAMES = ("queue", "random", "colorsys", "typing", "socket", "traitlets", "rich", "IPython")

LOOK = """
import argparse, colorsys, json, queue, random, sys, threading, traitlets, typing
import a_module_of_ones_own as own
lists = [sorted(t.name for t in threading.enumerate()), threading.active_count()]
print(json.dumps({
    "argv": [sys.argv[0], *sys.argv[3:]],
    "prog": argparse.ArgumentParser().prog,
    "path": sys.path,
    "main": [__name__, sys.modules["__main__"].__dict__.get("__file__")],
    "flags": repr(sys.flags),
    "files": [m.__file__ for m in (colorsys, queue, random, traitlets, typing, own)],
    "threads": lists,
}))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with files that have names of modules."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('the {name}.py of the folder')\n")
    (tmp_path / "a_module_of_ones_own.py").write_text("x = 1\n")
    return tmp_path


def looked(name: str, folder: Path, *, stream: bool = False) -> dict[str, Any]:
    with EagerClient.start(name, cwd=str(folder), extra_arguments=QUIET) as client:
        if stream:
            deltas = iter(LOOK.splitlines(keepends=True))
            client.run(["before = 1\n"])
            result = client.run(deltas)
        else:
            result = client.execute(LOOK)
        assert result.status == "ok", result.text()
        found: dict[str, Any] = json.loads(result.outputs[0]["text"])
        return found


def test_in_a_folder_with_names_of_modules(folder: Path) -> None:
    stock = looked("python3", folder)
    assert stock["files"][-1] == str(folder / "a_module_of_ones_own.py")
    assert looked("eager_python", folder) == stock
    assert looked("eager_python", folder, stream=True) == stock
