"""`jupyter eager bench`, as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from eager_kernel.cli.bench import BenchApp
from eager_kernel.errors import EagerError


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "eager_kernel.cli", "bench", *arguments],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "one.py").write_text("x = sum(range(100))\nprint(x)\n")
    (folder / "two.md").write_text("Look:\n\n```python\ny = 2\nprint(y)\n```\nDone.\n")
    return folder


def test_two_programs_at_one_rate(programs: Path, tmp_path: Path) -> None:
    files = tmp_path / "r.json", tmp_path / "r.md", tmp_path / "pictures"
    done = bench(
        "end-to-end", "prediction", f"--programs={programs}", "--rates=400", "--ttfts=0.1",
        "--gates=effect", "--environments=local", "--states=warm", f"--json={files[0]}",
        f"--markdown={files[1]}", f"--pictures={files[2]}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "### End to end: warm session" in done.stdout
    assert "### End to end: cold process" not in done.stdout
    assert "2 of 2: two.md (local)" in done.stderr
    results = json.loads(files[0].read_text())
    assert [record["program"] for record in results["suites"]["end-to-end"]["records"]] == [
        "one.py", "two.md",
    ]  # fmt: skip
    assert results["about"]["took"].endswith("minutes")
    assert files[1].read_text().startswith("- machine: ")
    assert (files[2] / "end-to-end.svg").exists()

    compared = bench("--compare", str(files[0]), str(files[0]))
    assert compared.returncode == 0, compared.stderr
    assert "### Compared" in compared.stdout
    assert "**yes**" not in compared.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-suite"], "no suite 'no-such-suite'; there are end-to-end"),
        (["--rates=fast"], "--rates must be numbers with commas between, not 'fast'"),
        (["--rates=0"], "--rates must be from 0.1"),
        (["--ttfts=nan"], "--ttfts must be from 0"),
        (["--gates=open"], "--gates: there is no 'open'; there are"),
        (["--states="], "--states must not be empty"),
        (["--environments=moon"], "no environment 'moon'"),
        (["--repeats=0"], "--repeats must be at least 1"),
        (["--only=none.py"], "no program 'none.py'"),
        (["--programs=/no/such/folder"], "no programs"),
        (["--compare", "one.json"], "give two files"),
        (["--compare", "no.json", "none.json"], "FileNotFoundError"),
    ],
)
def test_what_makes_no_sense(
    arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    app = BenchApp()
    app.initialize(arguments)
    with pytest.raises(SystemExit) as ended:
        app.start()
    assert ended.value.code
    assert message in capfd.readouterr().err + str(ended.value.code)


def test_quick_leaves_what_was_said() -> None:
    app = BenchApp()
    app.initialize(["--quick", "--rates=50"])
    app._be_quick()
    options = app.make_options()
    assert options.rates == (50,)
    assert options.gates == ("effect",)
    assert len(options.programs.programs) < 10


def test_options_name_what_they_refuse() -> None:
    app = BenchApp(states="hot")
    with pytest.raises(EagerError, match="--states: there is no 'hot'; there are cold, warm"):
        app.make_options()
