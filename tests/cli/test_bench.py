"""`jupyter eager bench`, as a user types it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from eager_kernel.cli.bench import BenchApp, StatusLine
from eager_kernel.errors import EagerError


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "eager_kernel.cli", "bench", *arguments],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "one.py").write_text("x = sum(range(100))\nprint(x)\n")
    (folder / "two.md").write_text("Look:\n\n```python\ny = 2\nprint(y)\n```\nDone.\n")
    return folder


@pytest.mark.timeout(900)
def test_two_programs_at_one_rate(programs: Path, tmp_path: Path) -> None:
    files = tmp_path / "r.json", tmp_path / "r.md", tmp_path / "pictures", tmp_path / "r.html"
    arguments = (
        "end-to-end", "prediction", f"--programs={programs}", "--rates=400", "--ttfts=0.1",
        "--gates=effect", "--environments=local", "--states=warm", "--samples=2",
        f"--json={files[0]}", f"--markdown={files[1]}", f"--pictures={files[2]}",
        f"--html={files[3]}", f"--results={tmp_path / 'kept'}",
    )  # fmt: skip
    done = bench(*arguments)
    assert done.returncode == 0, done.stderr
    assert "Outputs and files were the same both ways in 2 of 2 runs" in done.stdout
    assert "What was measured when" in done.stdout
    assert "End to end: warm session" in done.stdout
    assert "End to end: cold process" not in done.stdout
    assert "2 of 2: two.md (local, warm, 400 tokens/s, first token after 0.1 s)" in done.stderr
    results = json.loads(files[0].read_text())
    assert [record["program"] for record in results["suites"]["end-to-end"]["records"]] == [
        "one.py", "two.md",
    ]  # fmt: skip
    assert results["about"]["took"].endswith("minutes")
    assert files[1].read_text().startswith("- machine: ")
    assert (files[2] / "end-to-end.svg").exists()
    assert "<svg" in files[3].read_text()

    again = bench(*arguments)
    assert again.returncode == 0, again.stderr
    assert "2 of 2 jobs are in" in again.stderr
    assert "2 of 2: two.md" not in again.stderr
    tables = [
        text[text.index("What will I save?") : text.index("This took")]
        for text in (done.stdout, again.stdout)
    ]
    assert tables[0] == tables[1]

    compared = bench("--compare", str(files[0]), str(files[0]))
    assert compared.returncode == 0, compared.stderr
    assert "Compared" in compared.stdout
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
        (["--sets=heavy"], "--sets: there is no 'heavy'; there are light, working"),
        (["--limit=0"], "--limit must be more than 0"),
        (["--samples=0"], "--samples must be at least 1"),
        (["--part=2"], "--part needs --results"),
        (["--together"], "--together needs --results"),
        (["--part=2000", "--results=/no/such/folder"], "--part must be from 1 to "),
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


def test_what_is_there_is_put_together(
    programs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    app = BenchApp()
    app.initialize(["--together", f"--programs={programs}", f"--results={tmp_path / 'none'}"])
    with pytest.raises(SystemExit) as ended:
        app.start()
    assert ended.value.code == 0
    shown = capfd.readouterr()
    assert "jobs are not measured yet." in shown.out
    assert "one.py" not in shown.err  # nothing was measured


def test_quick_leaves_what_was_said() -> None:
    app = BenchApp()
    app.initialize(["--quick", "--rates=50"])
    app._be_quick()
    options = app.make_options()
    assert options.rates == (50,)
    assert options.gates == ("effect",)
    assert len(options.programs.programs) < 10
    assert all((program.seconds or 0) <= 3 for program in options.programs.programs)


def test_options_name_what_they_refuse() -> None:
    app = BenchApp(states="hot")
    with pytest.raises(EagerError, match="--states: there is no 'hot'; there are cold, warm"):
        app.make_options()


def test_parts_are_listed(programs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = BenchApp()
    app.initialize([f"--programs={programs}", "--parts", "--minutes=5"])
    with pytest.raises(SystemExit) as ended:
        app.start()
    assert not ended.value.code
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("part", "minutes", "done", "what is measured"))
    assert "local, 100 tokens/s, first token after 0.5 s: one.py … two.md (2)" in shown


def test_a_line_of_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    line = StatusLine(terminal)
    line.show("first")
    line.show("2")
    line.clear()
    assert terminal.getvalue().split("\r")[1:] == [
        "          … first", "          … 2    ", " " * 13, "",
    ]  # fmt: skip
    silent = io.StringIO()
    StatusLine(silent).show("x")
    assert silent.getvalue() == ""
