"""Imports that begin before the program asks for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from eager_kernel.execution.warm import imports_of, is_library
from eager_kernel.kernel.imports import WarmImports


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("import a, b.c as d\nfrom e.f import g\n", ["a", "b.c", "e.f"]),
        ("from . import x\nfrom .y import z\n", []),
        ("def f():\n    import late\n", []),
        ("import a\nimport a\n", ["a"]),
        ("import a\n!ls\n", []),
        ("import a\n1 +\n", []),
    ],
)
def test_what_a_program_imports(program: str, expected: list[str]) -> None:
    assert imports_of(program) == expected


def test_only_libraries_are_imported_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lies_beside.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert is_library("json")
    assert is_library("IPython.core")
    assert not is_library("lies_beside")
    assert not is_library("there_is_none")


def warm(code: str) -> str:
    """What a fresh process prints that imports early."""
    head = (
        "import sys, threading\n"
        "from eager_kernel.execution.warm import WarmThread\n"
        "def warm(names, until=lambda: False):\n"
        "    thread = WarmThread(names, until); thread.start(); thread.join()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", head + code], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip() + done.stderr


def test_modules_come_to_be_there_and_failures_are_silent(tmp_path: Path) -> None:
    code = "warm(['there_is_none', 'json.there_is_none', 'wave']); print('wave' in sys.modules)"
    assert warm(code) == "True"


def test_nothing_more_is_imported_once_the_program_has_begun() -> None:
    code = "warm(['wave', 'colorsys'], lambda: 'wave' in sys.modules)\n"
    code += "print('wave' in sys.modules, 'colorsys' in sys.modules)"
    assert warm(code) == "True False"


def test_what_was_imported_most_is_learned(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "imports.json"
    imports = WarmImports([], learn=True, file=file)
    for program in ("import json\nimport ast\n", "import json\n", "import there_is_none\n"):
        imports.note(program)
    assert imports._learned() == ["json", "ast"]


def test_nothing_is_learned_unasked(tmp_path: Path) -> None:
    file = tmp_path / "imports.json"
    WarmImports(["json"], learn=False, file=file).note("import json\n")
    assert not file.exists()
