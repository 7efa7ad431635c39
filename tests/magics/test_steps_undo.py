"""``%eager undo`` after a cell of several steps: all that the cell has done to files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eager_kernel.execution import plain_files
from tests.execution.journalled import exactly, furnish, state_of
from tests.magics.notebook import Notebook
from tests.magics.test_steps import fenced

pytestmark = pytest.mark.skipif(not plain_files.can_journal(), reason="files wait on this system")


@pytest.fixture
def folder(notebook: Notebook) -> Path:
    folder = notebook.path()
    furnish(folder)
    return folder


def written_while_it_runs(first: Path, program: str) -> list[Any]:
    """The answer of a model that has more to write when its program's first line has run."""
    begun = f"_ = open({str(first)!r}, 'w').close()\n"
    return [
        f"```python\n{begun}",
        ["wait", str(first)],
        *program.splitlines(keepends=True),
        "```\n",
    ]


def steps_in(folder: Path) -> list[list[Any]]:
    """Programs of steps, of which the third is none."""
    programs = [
        f"import os, shutil\nos.chdir({str(folder)!r})\nfile = open('old', 'a')\n"
        "file.write('1')\nos.mkdir('new')\nos.rename('d', 'e')\n",
        "file.write('2')\nfile.close()\nshutil.rmtree('e')\nos.remove('link')\n",
        "os.rename('old', 'lost')\nprint('lost')\nended = )\n",
        "os.symlink('old', 'link')\nos.rename('old', 'new/old')\n1 / 0\n",
    ]
    return [
        written_while_it_runs(folder / f"begun {number}", program)
        for number, program in enumerate(programs, 1)
    ]


def test_all_steps_are_listed_and_taken_back(notebook: Notebook, folder: Path) -> None:
    before = exactly(folder)
    heard, model = notebook.ask(*steps_in(folder), "Done.", options="--steps 5 --fresh")
    assert heard.errors() == ["SyntaxError", "ZeroDivisionError"]
    assert len(model.asked) == 5
    assert folder.joinpath("new", "old").read_text() == "old contents12"
    assert not folder.joinpath("lost").exists()
    after = state_of(folder)
    told = notebook.run("%eager undo --list").text()
    for name, where in {
        "begun 1": "step 1, line 1",
        "old": "step 1, line 4",
        "new": "step 1, line 6",
        "e": "step 1, line 7",
        "link": "step 2, line 5",
        "new/old": "step 4, line 3",
    }.items():
        assert f"  {str(folder / name)!r} ({where})\n" in f"{told}\n"
    assert "lost" not in told
    assert "step 3" not in told
    assert state_of(folder) == after
    heard = notebook.run("%eager undo")
    assert heard.errors() == []
    assert "put back as before the run" in heard.text()
    assert "left as it is" not in heard.text()
    assert exactly(folder) == before
    assert "nothing" in notebook.run("%eager undo").text()


def test_what_was_changed_since_is_left(notebook: Notebook, folder: Path) -> None:
    programs = ["open('old', 'a').write('1')\n", "open('old', 'a').write('2')\nopen('n', 'w')\n"]
    there = f"import os\nos.chdir({str(folder)!r})\n"
    answers = [
        written_while_it_runs(folder / f"begun {number}", there + program)
        for number, program in enumerate(programs)
    ]
    assert notebook.ask(*answers, options="--steps 2 --fresh")[0].errors() == []
    folder.joinpath("old").write_text("of the user")
    heard = notebook.run("%eager undo")
    assert heard.text().count("was left as it is") == 1
    assert "it was a file of 12 bytes" in heard.text()
    assert folder.joinpath("old").read_text() == "of the user"
    assert {path.name for path in folder.iterdir()} == {
        *("old", "other", "one", "two", "closed", "link", "nowhere", "d")
    }


def test_another_cell_is_taken_back_alone(notebook: Notebook, folder: Path) -> None:
    notebook.ask(*steps_in(folder), "Done.", options="--steps 5 --fresh")
    between = state_of(folder)
    more = written_while_it_runs(folder / "more", f"_ = {fenced('x')!r}\n")
    assert notebook.ask(more, options="--fresh")[0].errors() == []
    told = notebook.run("%eager undo --list").text()
    assert told.splitlines()[1:] == [f"  {str(folder / 'more')!r} (line 1)"]
    notebook.run("%eager undo")
    assert state_of(folder) == between


@pytest.mark.parametrize("gate", ["wait", "off", "static", "paper"])
def test_the_run_before_a_replay_is_not_taken_back(
    notebook: Notebook, folder: Path, gate: str
) -> None:
    program = f"open({str(folder / 'n')!r}, 'w').close()\n"
    more = written_while_it_runs(folder / "more", program)
    assert notebook.ask(more, options="--fresh", prompt="make n")[0].errors() == []
    # Of what a run in these modes does, nothing is noted.
    assert notebook.run(f"%%eager --replay --gate {gate}\nmake n").errors() == []
    assert "nothing to take back" in notebook.run("%eager undo").text()
    assert folder.joinpath("n").exists()
