"""The runs of one cell, one after the other, are taken back together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from eager_kernel.execution import plain_files
from eager_kernel.execution.journals import Journals
from eager_kernel.execution.kept_files import Limits
from tests.execution.journalled import Run, exactly, furnish, kinds, state_of

pytestmark = pytest.mark.skipif(not plain_files.can_journal(), reason="files wait on this system")

PROGRAMS = kinds("files")
NAMES = [name for name in PROGRAMS if name != "what fails"]  # after others, it may not


class Cell:
    """A cell whose steps share a namespace, in a folder that is furnished."""

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self.folder = folder
        furnish(folder)
        self.journals = Journals(str(folder.parent / "undo"), limits)
        self.before = exactly(folder)
        self._namespace: dict[str, object] = {"__name__": "__main__"}

    def step(self, program: str, *, well: bool = True, cell: str = "cell") -> Run:
        root = self.folder.parent / "undo"
        run = Run(root, self.folder, journal=self.journals.new(cell))
        run.namespace = self._namespace
        run.go(program, well=well)
        assert run.held == []
        return run

    @property
    def kept(self) -> int:
        """Number of the journals that are left."""
        return len(list(self.folder.parent.joinpath("undo").iterdir()))


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[Cell]:
    before = Path.cwd()
    yield Cell(tmp_path / "work")
    os.chdir(before)


@pytest.mark.parametrize("at", range(0, len(NAMES), 2))
def test_all_steps_are_taken_back(cell: Cell, at: int) -> None:
    """Whatever they are, and also where one of them was none and is undone by itself."""
    first, second, third, last = (PROGRAMS[NAMES[(at + n) % len(NAMES)]] for n in (0, 7, 20, 41))
    cell.step(first)
    cell.step(second)
    between = state_of(cell.folder)  # this reads what the steps have written
    cell.step(third, well=False)
    assert state_of(cell.folder) == between
    cell.step(last)
    assert cell.journals.take_back() == []
    assert exactly(cell.folder) == cell.before
    assert cell.kept == 0


def test_the_paths_of_all_steps_are_told(cell: Cell) -> None:
    cell.step("open('a', 'w').close()\nopen('old', 'a').close()")
    cell.step("open('bad', 'w').close()", well=False)
    cell.step("x = 1\nopen('b', 'w').close()\nopen('old', 'a').close()")
    told = [(Path(one.path).name, one.step, one.line) for one in cell.journals.last]
    assert told == [("a", 1, 1), ("old", 1, 2), ("b", 3, 2)]


def test_another_cell_is_taken_back_alone(cell: Cell) -> None:
    cell.step("open('a', 'w').close()")
    between = state_of(cell.folder)  # this reads what the steps have written
    cell.step("open('b', 'w').close()", cell="another")
    assert [(Path(one.path).name, one.step) for one in cell.journals.last] == [("b", 0)]
    assert cell.journals.take_back() == []
    assert state_of(cell.folder) == between


@pytest.mark.parametrize("closes", ["f.close()", "f.flush()"])
def test_a_file_that_one_step_opens_and_another_writes(cell: Cell, closes: str) -> None:
    cell.step("f = open('old', 'a')\nsize = f.write('1')")
    cell.step(f"size = f.write('2')\n{closes}")
    assert cell.folder.joinpath("old").read_text() == "old contents12"
    assert cell.journals.take_back() == []
    assert exactly(cell.folder) == cell.before


def test_what_somebody_else_changes_between_steps_is_left(cell: Cell) -> None:
    cell.step("open('old', 'a').write('1')\nopen('a', 'w').close()")
    cell.folder.joinpath("old").write_text("of the user")
    cell.step("open('old', 'a').write('2')\nopen('b', 'w').close()")
    (trouble,) = cell.journals.take_back()
    assert trouble.path == str(cell.folder / "old")
    assert Path(trouble.kept).read_text() == "old contents"
    assert not {"a", "b"} & {path.name for path in cell.folder.iterdir()}
    assert cell.folder.joinpath("old").read_text() == "of the user"


def test_what_somebody_changes_after_all_steps_is_left(cell: Cell) -> None:
    cell.step("open('old', 'a').write('1')")
    cell.step("open('old', 'a').write('2')\nopen('b', 'w').close()")
    cell.folder.joinpath("old").write_text("of the user")
    (trouble,) = cell.journals.take_back()
    assert Path(trouble.kept).read_text() == "old contents"
    assert cell.folder.joinpath("old").read_text() == "of the user"
    assert not cell.folder.joinpath("b").exists()


def test_steps_that_take_too_much_are_not_kept(tmp_path: Path) -> None:
    cell = Cell(tmp_path / "work", Limits(ended_bytes=13))
    cell.step("open('old', 'a').write('1')")
    assert not cell.journals.loses_steps
    between = state_of(cell.folder)  # this reads what the steps have written
    cell.step("open('other', 'a').write('2')")
    assert cell.journals.loses_steps
    assert cell.kept == 1
    assert [(Path(one.path).name, one.step) for one in cell.journals.last] == [("other", 2)]
    assert cell.journals.take_back() == []
    assert state_of(cell.folder) == between


def test_a_step_of_which_nothing_is_kept(cell: Cell) -> None:
    cell.step("open('a', 'w').close()\nopen('old', 'a').write('1')")
    journal = cell.journals.new("cell")
    assert journal is not None
    journal.start_unkept()
    cell.folder.joinpath("old").write_text("of the second step")
    cell.step("open('b', 'w').close()")
    assert cell.journals.unkept == [2]
    (trouble,) = cell.journals.take_back()
    assert Path(trouble.kept).read_text() == "old contents"
    assert cell.folder.joinpath("old").read_text() == "of the second step"
    assert not {"a", "b"} & {path.name for path in cell.folder.iterdir()}


def test_a_run_of_which_nothing_is_kept_is_the_last_one(cell: Cell) -> None:
    cell.step("open('a', 'w').close()")
    journal = cell.journals.new()
    assert journal is not None
    journal.start_unkept()
    assert (cell.journals.last, cell.journals.take_back(), cell.kept) == ([], [], 0)
    assert cell.folder.joinpath("a").exists()


def test_nothing_is_taken_back_in_the_midst_of_a_step(cell: Cell) -> None:
    cell.step("open('a', 'w').close()")
    run = Run(cell.folder.parent / "undo", cell.folder, journal=cell.journals.new("cell"))
    asked = []
    run.go("x = 1", "y = 2", well=True, between=lambda: asked.append(cell.journals.last))
    assert asked == [[], []]
    assert [Path(one.path).name for one in cell.journals.last] == ["a"]
