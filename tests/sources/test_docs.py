"""The source on the page about sources, as it is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from eager_kernel.sources.needs import surroundings
from eager_kernel.sources.recording import read_recording

PAGE = Path(__file__).parents[2] / "docs" / "sources.md"


def block(name: str) -> str:
    found = re.search(rf"<!-- run: {re.escape(name)} -->\n```\w+\n(.*?)```", PAGE.read_text(), re.S)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the page's package is installed."""
    folder: Path = tmp_path_factory.mktemp("page")
    folder.joinpath("command_source.py").write_text(block("command_source.py"))
    (group,) = tomllib.loads(block("pyproject.toml"))["project"]["entry-points"].items()
    lines = [f"[{group[0]}]", *(f"{name} = {value}" for name, value in group[1].items())]
    info = folder / "command_source-1.0.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(
        "Metadata-Version: 2.1\nName: command-source\nVersion: 1\n"
    )
    info.joinpath("entry_points.txt").write_text("\n".join(lines))
    return {**os.environ, "PYTHONPATH": str(folder)}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_it_is_about_twenty_lines() -> None:
    lines = [line for line in block("command_source.py").splitlines() if line.strip()]
    assert len([line for line in lines if "import" not in line]) <= 22


def test_what_it_declares() -> None:
    space: dict[str, Any] = {}
    exec(block("needs"), space)
    names = ["COMMAND_API_KEY", "COMMAND_TOKEN", "COMMAND_URL", "PATH", "OTHER"]
    got = surroundings(space["Command"].needs, dict.fromkeys(names, "v"))
    assert set(got.keys) == {"COMMAND_API_KEY"}
    assert set(got.environment) == {"COMMAND_URL", "PATH"}


def test_from_python(environment: dict[str, str]) -> None:
    done = run(environment, "-c", block("client"))
    assert done.stdout == "42\n\n", done.stderr


@pytest.mark.parametrize(
    ("command", "says"),
    [("false", "false failed with exit code 1"), ("no-such-command", "FileNotFoundError")],
)
def test_its_errors(environment: dict[str, str], tmp_path: Path, command: str, says: str) -> None:
    out = str(tmp_path / "f")
    done = run(
        environment, "-m", "eager_kernel.cli", "record", f"command/{command}", "x", "-o", out
    )
    assert says in done.stderr
    assert done.returncode == 1


def test_record_it(environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "six.jsonl"
    arguments = ("record", "command/cat", "print('é')", "-o", str(file))
    done = run(environment, "-m", "eager_kernel.cli", *arguments)
    assert done.returncode == 0, done.stderr
    (answer,) = read_recording(file)
    assert (answer.text, answer.finish_reason) == ("print('é')", "stop")
