"""Programs that fail and are written on: the notebook shows one program, and no error."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from eager_kernel.testing import SPLITS, Program, load
from tests.magics.notebook import TIMEOUT, Notebook, shown

FOLDER = Path(__file__).parent / "repair"
CASES = {program.name.partition(": ")[2]: program for program in load(FOLDER / "programs.txt")}
MALFORMED = {p.name.partition(": ")[2]: p for p in load(FOLDER / "malformed.txt")}
HELD = "get_ipython().history_manager.input_hist_raw[-1]"


def parts(program: Program) -> tuple[list[str], str]:
    """The answers of a case, and the program in the end."""
    *answers, final = re.split(r"^# ---\n", program.text, flags=re.MULTILINE)
    return answers, final


@pytest.mark.parametrize("name", CASES)
def test_the_notebook_holds_one_program(notebook: Notebook, name: str) -> None:
    answers, final = parts(CASES[name])
    split = "tokens" if notebook.is_ours else "whole"
    pieces = [SPLITS[split](answer, random.Random(0)) for answer in answers]
    notebook.run("seen = []", store_history=False)
    heard, model = notebook.ask(*pieces, options=f"--repair {len(answers) - 1}")
    assert heard.errors() == []
    assert heard.reply["status"] == "ok"
    assert notebook.value(HELD) == final.rstrip("\n")
    assert [request["attempt"] for request in model.asked] == list(range(len(answers)))
    seen = notebook.value("seen")
    notebook.run("seen = []", store_history=False)
    again = notebook.run(final)
    assert again.errors() == []
    if expected := CASES[name].expressions.get("seen"):
        assert seen == eval(expected)
    else:
        assert seen == notebook.value("seen")
        assert shown(heard) == shown(again)
        assert heard.displayed() == again.displayed()


@pytest.mark.parametrize("name", MALFORMED)
def test_a_program_that_does_not_parse_is_written_on(notebook: Notebook, name: str) -> None:
    (first, second), final = parts(MALFORMED[name])
    begun, path = "print('begun')\n", notebook.path()
    before, _, after = first.partition(begun)
    notebook.run("seen = []", store_history=False)
    model = notebook.model([before + begun, ["wait", str(path)], after], second)
    cell = notebook.begin(f"%%eager --model {model.id} --repair 1\ndo it")
    cell.listen(TIMEOUT, until=lambda heard: "begun" in heard.text())
    path.touch()
    heard = cell.finish()
    assert (heard.errors(), heard.reply["status"], heard.text()) == ([], "ok", "begun\n")
    assert notebook.value(HELD) == final.rstrip("\n")
    assert notebook.value("seen") == [1, 2] if "3" not in final else [1, 2, 3]
    role, text = model.texts()[-1]
    assert role == "user"
    assert "Error: " in text
    assert "have run; what they defined and did is in place" in text
    assert after.splitlines()[0] in model.texts()[-2][1]
