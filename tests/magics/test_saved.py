"""Programs kept for another run."""

from __future__ import annotations

import json
import os
import time
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
    assert programs.find("another", "\ndo it \n") == PROGRAM
    assert programs.find(None, "do it") == PROGRAM


def test_a_copied_cell_id_finds_no_program_of_another_prompt(programs: SavedPrograms) -> None:
    """A copy of a notebook has the cell ids of the first."""
    programs.save("cell", PROGRAM)
    for prompt in ("do something else", "do it twice", "", "do  it"):
        with pytest.raises(NoSavedProgramError, match="of this prompt here, as it stands"):
            programs.find("cell", prompt)
    other = SavedProgram("do something else", "m/n", "y = 2", "ok")
    programs.save("cell", other)
    assert programs.find("cell", "do something else") == other
    assert programs.find("cell", "do it") == PROGRAM


def test_a_file_that_was_put_there_is_of_its_prompt(
    programs: SavedPrograms, tmp_path: Path
) -> None:
    programs.save("cell", PROGRAM)
    files = set(tmp_path.rglob("*.json"))
    programs.save("cell", SavedProgram("rm", "m/n", "y = 2", "ok"))
    (planted, _) = set(tmp_path.rglob("*.json")) - files
    for file in files:
        file.write_bytes(planted.read_bytes())
    with pytest.raises(NoSavedProgramError, match="it is of another prompt"):
        programs.find("cell", "do it")


def test_nobody_else_can_read_them(tmp_path: Path) -> None:
    folder = tmp_path / "eager_python" / "programs"
    before = os.umask(0)
    try:
        programs = SavedPrograms(folder)
        programs.save("cell", PROGRAM)
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
        assert folder.stat().st_mode & 0o777 == 0o700
        # What an earlier version has left open.
        folder.chmod(0o755)
        for path in folder.iterdir():
            path.chmod(0o644)
        programs.save("cell", PROGRAM)
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(before)


def test_nothing_is_written_through_a_link(programs: SavedPrograms, tmp_path: Path) -> None:
    programs.save("cell", PROGRAM)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    for path in (tmp_path / "programs").iterdir():
        path.unlink()
        path.symlink_to(elsewhere)
    programs.save("cell", PROGRAM)
    assert elsewhere.read_text() == "mine"
    assert programs.find("cell", "do it") == PROGRAM


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


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_what_a_crash_has_left_goes(programs: SavedPrograms, tmp_path: Path) -> None:
    folder = tmp_path / "programs"
    folder.mkdir()
    old = [folder / f"{'0' * 64}.4711", folder / "tmpabc_1234.part"]
    new = [folder / f"{'1' * 64}.4711", folder / "tmpabc_5678.part"]
    others = [folder / "README", folder / "mine.part"]
    for path in (*old, *new, *others):
        path.write_text("half of")
    for path in (*old, *others):
        age(path, 2 * 3600)
    (folder / "folder.json").mkdir()
    programs.save("cell", PROGRAM)
    assert not [path for path in old if path.exists()]
    assert all(path.exists() for path in (*new, *others))


def test_a_save_that_fails_leaves_nothing(
    programs: SavedPrograms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Path, target: Path) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="the disk is full"):
        programs.save("cell", PROGRAM)
    assert list((tmp_path / "programs").iterdir()) == []


def test_what_nobody_has_used_for_a_year_goes(programs: SavedPrograms, tmp_path: Path) -> None:
    programs.save("old", SavedProgram("old", "m/n", "x", "ok"))
    programs.save("used", SavedProgram("used", "m/n", "x", "ok"))
    for path in (tmp_path / "programs").iterdir():
        age(path, 366 * 24 * 3600)
    programs.find("used", "used")
    programs.save("new", SavedProgram("new", "m/n", "x", "ok"))
    assert programs.find("used", "used")
    assert programs.find("new", "new")
    with pytest.raises(NoSavedProgramError):
        programs.find("old", "old")


def test_they_take_so_much_room_and_no_more(
    programs: SavedPrograms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_KEPT_BYTES", 5000)
    for number in range(10):
        programs.save(None, SavedProgram(str(number), "m/n", "x" * 1000, "ok"))
        age(module_file(tmp_path, str(number)), 100 - number)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.json")) <= 5000
    assert programs.find(None, "9")


def module_file(folder: Path, prompt: str) -> Path:
    (found,) = (
        path for path in folder.rglob("*.json") if json.loads(path.read_text())["prompt"] == prompt
    )
    return found
