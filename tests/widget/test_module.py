"""The pure parts of the front end, by node's own test runner."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import eager_kernel.widget
from eager_kernel.core.figures.lanes import LOOKS
from eager_kernel.widget.lines import MARKS
from eager_kernel.widget.looks import looks
from eager_kernel.widget.module import FILES, module
from eager_kernel.widget.picture import SIGNS


@pytest.mark.node
def test_the_pure_parts_of_the_module(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here; the browser tests use the module too")
    path = tmp_path / "view.mjs"  # node takes a .js for another kind of module
    path.write_text(module(), encoding="utf-8")
    done = subprocess.run(
        [node, "--test", str(Path(__file__).with_name("view.test.mjs"))],
        env={**os.environ, "EAGER_VIEW_JS": path.as_uri()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_has_the_kinds_of_time_as_they_are() -> None:
    folder = Path(eager_kernel.widget.__file__).parent
    made = folder.joinpath("js", "looks.js").read_text("utf-8")
    assert made == looks(), "run python -m eager_kernel.widget.looks"
    said = json.loads(made.partition("LOOKS = ")[2].rstrip(";\n"))
    for kind, look in LOOKS.items():
        assert said[kind]["colour"] == look.colour
        assert said[kind]["meaning"] == look.meaning


def test_marks_and_signs_are_the_same_in_python_and_in_the_page() -> None:
    source = module()
    there = [f'{{ name: "{mark}", sign: "{SIGNS[mark]}"' for mark in MARKS]
    places = [source.index(text) for text in there]
    assert places == sorted(places)


def test_the_module_writes_text_only() -> None:
    source = module()
    ways = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(")
    assert not [way for way in ways if way in source]
    assert "http" not in source  # nothing is loaded from elsewhere


def test_no_file_uses_what_comes_after_it() -> None:
    assert not re.search("^import ", module(), re.MULTILINE)
    folder = Path(eager_kernel.widget.__file__).parent / "js"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    for place, name in enumerate(FILES):
        text = (folder / name).read_text(encoding="utf-8")
        for used in re.findall(r'from "./(\w+\.js)"', text):
            assert FILES.index(used) < place, (name, used)
