"""`jupyter eager record`, as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eager_kernel.sources.recorded import load_recording
from eager_kernel.sources.recording import RecordedAnswer, TimedDelta, format_answer, read_recording


def record(
    folder: Path, *arguments: str, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "eager_kernel.cli", "record", *arguments],
        env={**os.environ, "JUPYTER_DATA_DIR": str(folder), "PYTHONIOENCODING": "utf-8"},
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=90,
        check=False,
    )


def test_record_and_use_it_by_its_name(tmp_path: Path) -> None:
    done = record(tmp_path, "recorded/demo", "-", "--extra=speed=0", "--name=mine", stdin="Do it")
    assert done.returncode == 0, done.stderr
    assert done.stdout == load_recording().text + "\n"
    file = tmp_path / "eager_python" / "recordings" / "mine.jsonl"
    assert str(file) in done.stderr
    assert json.loads(file.read_text().split("\n")[0])["model"] == "recorded/demo"
    assert read_recording(file)[0].text == load_recording().text
    again = record(tmp_path, "recorded/mine", "x", "--extra=speed=0", "-o", str(tmp_path / "f"))
    assert again.returncode == 0, again.stderr
    assert read_recording(tmp_path / "f")[0].text == load_recording().text


def test_a_recording_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "f.jsonl"
    file.write_text("mine")
    arguments = ("recorded/demo", "x", "--extra=speed=0", "-o", str(file))
    done = record(tmp_path, *arguments)
    assert "--force overwrites it" in done.stderr
    assert done.returncode == 1
    assert file.read_text() == "mine"
    assert record(tmp_path, *arguments, "--force").returncode == 0
    assert read_recording(file)


def test_text_cannot_command_the_terminal(tmp_path: Path) -> None:
    text = "a\x1b[2Jb\ud800\n\tc"
    hostile = format_answer(RecordedAnswer((TimedDelta(0, text),), "stop"))
    tmp_path.joinpath("hostile.jsonl").write_text(hostile)
    done = record(tmp_path, f"recorded/{tmp_path}/hostile.jsonl", "x", "-o", str(tmp_path / "f"))
    assert done.stdout == "a\\x1b[2Jb\\ud800\n\tc\n"
    assert read_recording(tmp_path / "f")[0].text == text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("recorded/demo",), "give a MODEL and a PROMPT"),
        (("recorded/demo", "x"), "--name NAME, or -o FILE"),
        (("recorded/demo", "x", "--name=demo"), "is taken"),
        (("recorded/demo", "x", "--name=../up"), "is a path"),
        (("nobody/x", "x", "--name=n"), "no provider 'nobody'"),
        (("recorded/none", "x", "--name=n"), "no recording 'none'"),
        (("recorded/demo", "x", "--name=n", "--extra=speed=fast"), "speed must be a number"),
    ],
)
def test_wrong_uses_say_so(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = record(tmp_path, *arguments)
    assert says in done.stderr
    assert done.returncode not in (0, None)
    assert "Traceback (most recent call last)" not in done.stderr
    assert not list(tmp_path.rglob("*.jsonl"))
