"""The notebook, as a model is told of it before a prompt."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eager_kernel.magics.notebook import Cell, cells_text
from tests.magics.notebook import Notebook


@pytest.fixture
def told(notebook: Notebook) -> Iterator[Notebook]:
    notebook.run("%config EagerModel.notebook_context = 'schema'")
    notebook.ask("pass\n", options="--fresh", prompt="what came before is known")
    yield notebook
    notebook.run("%config EagerModel.notebook_context = 'off'")


def asked(notebook: Notebook, prompt: str = "go on") -> str:
    _, model = notebook.ask("pass\n", options="--fresh", prompt=prompt)
    return model.texts()[-1][1]


def test_cells_errors_and_variables(told: Notebook) -> None:
    told.run("%config EagerModel.repair = 0")
    told.run("rows = [1, 2]")
    told.run("rows[5]")
    assert asked(told) == (
        "The user has run these cells since:\n\n"
        "```python\nrows = [1, 2]\n```\n\n"
        "```python\nrows[5]\n```\nIt failed: IndexError: list index out of range\n\n"
        "The notebook has these variables:\n\n"
        "rows: list of 2 int\n\n"
        "go on"
    )
    assert asked(told) == (
        "The notebook has these variables:\n\nrows: list of 2 int\n\ngo on"
    )  # the cells are known, and the programs are in the conversation


def test_the_context_is_shown_with_its_size(told: Notebook) -> None:
    told.run("%eager context --clear")
    told.run("rows = [1, 2]")
    text = told.run("%eager context").text()
    assert "the notebook (schema):" in text
    assert "rows: list of 2 int" in text


def test_values_are_sent_only_when_asked_for(told: Notebook) -> None:
    told.run("password = 'hunter' + '2'", store_history=False)
    assert "hunter2" not in asked(told)
    told.run("%config EagerModel.notebook_context = 'values'")
    assert "password: str, 7 characters\n    'hunter2'" in asked(told)


def test_reading_the_notebook_changes_nothing(told: Notebook) -> None:
    state = "(sorted(get_ipython().user_ns), len(__import__('sys').modules))"
    told.run("x = 1")
    told.run("%eager context")
    before = told.value(state)
    told.run("%eager context", store_history=False)
    assert told.value(state) == before


def test_cells_that_do_not_fit_are_left_out() -> None:
    cells = [Cell(f"a = {n}  # {'.' * 50}", "E: no") for n in range(10)]
    text = cells_text(cells, 200)
    assert "a = 9" in text
    assert "a = 5" not in text
    assert cells_text(cells, 10) == ""
    assert cells_text([], 100) == ""


# %eager fix -----------------------------------------------------------------------------------


def test_the_last_failed_cell_is_asked_for(notebook: Notebook) -> None:
    notebook.run("total = 1\ntotal / 0  # {braces}")
    notebook.run("1 + 1")
    model = notebook.model("total = 2\ntotal\n")
    heard = notebook.run(f"%eager fix --model {model.id} --fresh")
    assert heard.errors() == []
    assert heard.displayed() == ["2"]
    asked = model.texts()[-1][1]
    assert asked.startswith("This cell failed:\n\n```python\ntotal = 1\ntotal / 0  # {braces}\n```")
    assert "ZeroDivisionError: division by zero" in asked
    assert "\x1b" not in asked
    assert notebook.value("In[-1]") == "total = 2\ntotal"


def test_a_program_that_failed_is_asked_for_too(notebook: Notebook) -> None:
    notebook.ask("undefined_name\n", options="--fresh")
    model = notebook.model("'good'\n")
    assert notebook.run(f"%eager fix --model {model.id}").displayed() == ["'good'"]
    assert "undefined_name" in model.texts()[-1][1]


def test_a_step_that_was_gone_on_from_has_not_failed(notebook: Notebook) -> None:
    notebook.run("first_failure")
    notebook.ask("```python\n1/0\n```", "```python\n1\n```", "Good.", options="--steps 3")
    model = notebook.model("2\n")
    notebook.run(f"%eager fix --model {model.id} --fresh")
    assert "first_failure" in model.texts()[-1][1]


def test_fix_is_a_cell_of_its_own(notebook: Notebook) -> None:
    heard = notebook.run("x = 1\n%eager fix")
    assert "must be alone in its cell" in heard.text("stderr")
    assert "--nope" in notebook.run("%eager fix --nope").text("stderr")


def test_fix_takes_the_number_of_a_failed_cell(notebook: Notebook) -> None:
    first = notebook.run("first_failure").reply["execution_count"]
    notebook.run("second_failure")
    model = notebook.model("2\n")
    assert notebook.run(f"%eager fix {first} --model {model.id} --fresh").displayed() == ["2"]
    assert "first_failure" in model.texts()[-1][1]
    assert "second_failure" not in model.texts()[-1][1]
    heard = notebook.run(f"%eager fix {first - 1} --model {model.id}")
    assert f"no cell [{first - 1}] of this session has failed" in heard.reply["evalue"]
