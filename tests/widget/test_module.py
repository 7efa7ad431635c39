"""The pure parts of the front end, by node's own test runner."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from eager_kernel.widget.lines import MARKS
from eager_kernel.widget.picture import SIGNS

WIDGET = Path(__file__).parents[2] / "eager_kernel" / "widget"


def test_the_pure_parts_of_the_module(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here; the browser tests use the module too")
    module = tmp_path / "view.mjs"  # node takes a .js for another kind of module
    shutil.copy(WIDGET / "view.js", module)
    done = subprocess.run(
        [node, "--test", str(Path(__file__).with_name("view.test.mjs"))],
        env={**os.environ, "EAGER_VIEW_JS": module.as_uri()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_marks_and_signs_are_the_same_in_python_and_in_the_page() -> None:
    source = (WIDGET / "view.js").read_text(encoding="utf-8")
    there = [f'{{ name: "{mark}", sign: "{SIGNS[mark]}"' for mark in MARKS]
    places = [source.index(text) for text in there]
    assert places == sorted(places)


def test_the_module_writes_text_only() -> None:
    source = (WIDGET / "view.js").read_text(encoding="utf-8")
    ways = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(")
    assert not [way for way in ways if way in source]
    assert "http" not in source  # nothing is loaded from elsewhere
