"""Programs kept for another run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from eager_kernel.errors import NoSavedProgramError
from eager_kernel.magics import saved as module
from eager_kernel.magics.saved import SavedProgram, SavedPrograms

PROGRAM = SavedProgram("do it", "scripted/x", "x = 1\n", "ok")


@pytest.fixture
def programs(tmp_path: Path) -> SavedPrograms:
    return SavedPrograms(tmp_path / "programs")


def test_a_program_is_found_by_its_cell_and_by_its_prompt(programs: SavedPrograms) -> None:
    programs.save("cell", PROGRAM)
    assert programs.find("cell", "do it") == PROGRAM
    assert programs.find("cell", "do something else") == PROGRAM
    assert programs.find("another", "\ndo it \n") == PROGRAM
    assert programs.find(None, "do it") == PROGRAM


def test_a_cell_comes_before_a_prompt(programs: SavedPrograms) -> None:
    programs.save("one", PROGRAM)
    other = SavedProgram("do it", "m/n", "x = 2", "ok")
    programs.save("two", other)
    assert programs.find("one", "do it") == PROGRAM
    assert programs.find("two", "do it") == other
    assert programs.find(None, "do it") == other


@pytest.mark.parametrize("text", ["", "../../../x", "a\0b", "\ud800", "x" * 10_000, "é\n/"])
def test_no_text_is_part_of_a_path(programs: SavedPrograms, tmp_path: Path, text: str) -> None:
    record = SavedProgram(f"p{text}", "m/n", text, "ok")
    programs.save(text, record)
    assert programs.find(text, f"p{text}") == record
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.parent == tmp_path / "programs" for path in files)
    assert all(len(path.stem) == 64 and path.suffix == ".json" for path in files)


def test_what_was_never_saved(programs: SavedPrograms) -> None:
    with pytest.raises(NoSavedProgramError, match="run the cell once without --replay"):
        programs.find("cell", "do it")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "null",
        "[]",
        "{}",
        '{"version": 1}',
        '{"version": 2, "prompt": "", "model": "", "program": "", "status": ""}',
        '{"version": 1, "prompt": "", "model": "", "program": 5, "status": ""}',
        "[" * 100_000,
    ],
)
def test_a_file_that_can_not_be_read_is_named(
    programs: SavedPrograms, tmp_path: Path, content: str
) -> None:
    programs.save("cell", PROGRAM)
    for path in tmp_path.rglob("*.json"):
        path.write_text(content)
    with pytest.raises(NoSavedProgramError, match=r"can't be read: .*\.json: (?s:.)*without --rep"):
        programs.find("cell", "do it")
    programs.save("cell", PROGRAM)
    assert programs.find("cell", "do it") == PROGRAM


def test_bytes_that_are_no_text(programs: SavedPrograms, tmp_path: Path) -> None:
    programs.save("cell", PROGRAM)
    for path in tmp_path.rglob("*.json"):
        path.write_bytes(b"\xff")
    with pytest.raises(NoSavedProgramError, match="can't be read"):
        programs.find("cell", "do it")


def test_fields_of_later_versions_are_passed_over(programs: SavedPrograms, tmp_path: Path) -> None:
    programs.save("cell", PROGRAM)
    for path in tmp_path.rglob("*.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "more": 1}))
    assert programs.find("cell", "do it") == PROGRAM


def test_the_oldest_are_forgotten(
    programs: SavedPrograms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_KEPT", 3)
    for number in range(5):
        programs.save(None, SavedProgram(str(number), "m/n", "x", "ok"))
        (newest,) = (
            p
            for p in tmp_path.rglob("*.json")
            if json.loads(p.read_text())["prompt"] == str(number)
        )
        os.utime(newest, (number, number))
    assert sorted(json.loads(p.read_text())["prompt"] for p in tmp_path.rglob("*.json")) == [
        "2",
        "3",
        "4",
    ]
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".json"]


def test_a_folder_that_can_not_be_written(tmp_path: Path) -> None:
    tmp_path.joinpath("file").touch()
    with pytest.raises(OSError, match="file"):
        SavedPrograms(tmp_path / "file" / "programs").save("cell", PROGRAM)
