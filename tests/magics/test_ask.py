"""``--ask``: a program is written, shown with what it touches, and runs when its user says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from eager_kernel.testing.wire import Heard, WireStream
from tests.magics.notebook import TIMEOUT, VIEW, Model, Notebook, interrupt, until
from tests.magics.test_steps import HELD, fenced


def begin(notebook: Notebook, model: Model, options: str = "", **more: Any) -> WireStream:
    """Begin a cell whose user can be asked."""
    code = f"%%eager --model {model.id} --ask --fresh {options}\ndo it"
    return notebook.begin(code, allow_stdin=True, **more)


def answer(notebook: Notebook, cell: WireStream, text: str) -> Heard:
    """Answer the question of a cell, and see its end."""
    question = notebook.client.get_stdin_msg(timeout=TIMEOUT)
    assert question["content"]["prompt"].startswith("Run it? Type y to run it")
    notebook.client.input(text)
    return cell.finish(TIMEOUT)


def test_what_it_touches_is_listed_and_it_runs_when_its_user_says_so(notebook: Notebook) -> None:
    path = notebook.path()
    program = f"x = 1\nopen({str(path)!r}, 'w').close()\nx + 1\n"
    model = notebook.model(fenced(program))
    heard = answer(notebook, begin(notebook, model), "y")
    assert heard.errors() == []
    assert heard.displayed() == ["2"]
    assert "%%eager: It will touch, as far as can be seen:\n" in heard.text()
    assert f"  files, line 2: open changes files: open({str(path)!r}" in heard.text()
    assert path.exists()
    assert notebook.value(HELD) == program.rstrip()


def test_nothing_of_it_runs_before(notebook: Notebook) -> None:
    model = notebook.model(fenced("x = 1\n"))
    begun = notebook.value("get_ipython().execution_count")
    cell = begin(notebook, model)
    notebook.client.get_stdin_msg(timeout=TIMEOUT)
    notebook.client.input("no")
    heard = cell.finish(TIMEOUT)
    assert heard.errors() == []
    assert heard.reply["status"] == "ok"
    assert (
        "%%eager: It touches no files, hosts or processes that can be seen in it." in heard.text()
    )
    assert "it was not run" in heard.text()
    assert notebook.value("'x' in dir()") is False
    assert notebook.value("get_ipython().execution_count") == begun
    _, model = notebook.ask("Well, then.", options="--steps 2")
    assert ("user", "The program was not run.\n\ndo it") in model.texts()


def test_e_puts_it_into_the_next_cell(notebook: Notebook) -> None:
    model = notebook.model(fenced("x = 1\n"))
    heard = answer(notebook, begin(notebook, model), "e")
    (payload,) = heard.reply["payload"]
    assert payload["text"] == "x = 1\n"
    assert notebook.value("'x' in dir()") is False


@pytest.mark.parametrize("where", ["writing", "asked"])
def test_stop_ends_a_cell_that_is_held(notebook: Notebook, where: str) -> None:
    begun = notebook.path()
    answers: Any = ["```python\nx = 1\n", ["begun", str(begun)], ["wait", "/nowhere"]]
    model = notebook.model(answers if where == "writing" else fenced("x = 1\n"))
    cell = begin(notebook, model)
    if where == "writing":
        until(begun.exists)
    else:
        notebook.client.get_stdin_msg(timeout=TIMEOUT)
    interrupt(notebook)
    heard = cell.finish(TIMEOUT)
    assert heard.errors() == ["KeyboardInterrupt"]
    assert notebook.value("'x' in dir()") is False


def test_each_step_is_asked_about(notebook: Notebook) -> None:
    model = notebook.model(fenced("x = 1\nx\n"), fenced("1 / 0\n"), fenced("x + 1\n"), "Done.")
    cell = begin(notebook, model, "--steps 5")
    for _ in range(3):
        notebook.client.get_stdin_msg(timeout=TIMEOUT)
        notebook.client.input("y")
    heard = cell.finish(TIMEOUT)
    assert heard.reply["status"] == "ok"
    assert heard.displayed() == ["1", "2"]
    assert heard.errors() == ["ZeroDivisionError"]
    told = [text for role, text in model.texts() if role == "user"]
    assert "Output of the program:\n1\n" in told[1]
    assert "It touches" not in "".join(told)  # the question is not the program's
    assert model.texts()[2] == ("assistant", fenced("x = 1\nx\n").strip())


def test_a_step_that_is_declined_ends_the_cell(notebook: Notebook) -> None:
    model = notebook.model(fenced("x = 1\nx\n"), fenced("y = 1\n"))
    cell = begin(notebook, model, "--steps 5")
    for text in ("y", "n"):
        notebook.client.get_stdin_msg(timeout=TIMEOUT)
        notebook.client.input(text)
    heard = cell.finish(TIMEOUT)
    assert heard.reply["status"] == "ok"
    assert heard.displayed() == ["1"]
    assert notebook.value("'y' in dir()") is False


def test_where_nobody_can_be_asked_it_says_so_and_does_not_wait(notebook: Notebook) -> None:
    heard, model = notebook.ask(fenced("x = 1\n"), options="--ask", allow_stdin=False)
    assert heard.reply["status"] == "ok"
    assert "nobody to ask here" in heard.text()
    assert len(model.asked) == 1
    assert notebook.value("'x' in dir()") is False
    again = notebook.run("%%eager --replay\ndo it")
    assert again.errors() == []
    assert notebook.value("x") == 1


def test_answers_without_a_program_and_models_that_fail_are_not_asked_about(
    notebook: Notebook,
) -> None:
    heard = begin(notebook, notebook.model("Which column?")).finish(TIMEOUT)
    assert heard.text() == "Which column?\n"
    heard = begin(notebook, notebook.model([["fail", "out of order"]])).finish(TIMEOUT)
    assert heard.errors() == ["SourceError"]


def test_a_program_that_was_cut_off_is_said_to_be(notebook: Notebook) -> None:
    model = notebook.model(["```python\nx = 1\ny = 12", ["finish", "length"]])
    heard = answer(notebook, begin(notebook, model), "n")
    assert "%%eager: The model was cut off (length)" in heard.text()


def test_a_hostile_program_is_listed_as_text(notebook: Notebook) -> None:
    model = notebook.model(fenced("x = '\x1b[31mred\u202e'\n"))
    heard = answer(notebook, begin(notebook, model), "n")
    assert "x = '" in heard.text()
    assert "\x1b" not in heard.text()
    assert "\u202e" not in heard.text()


def test_the_trait_asks_and_a_repair_is_refused(notebook: Notebook) -> None:
    assert notebook.run("%config EagerModel.ask = True").errors() == []
    try:
        heard, _ = notebook.ask(fenced("x = 1\n"), allow_stdin=False)
        assert "nobody to ask here" in heard.text()
        notebook.run("%%eager --replay\ndo it")
        assert notebook.value("x") == 1
    finally:
        notebook.run("%config EagerModel.ask = False")
    heard, _ = notebook.ask(fenced("x = 1\n"), options="--ask --repair 1")
    assert "--ask and --repair exclude each other" in heard.text("stderr")


# The view -------------------------------------------------------------------------------------


def opened(notebook: Notebook, cell: WireStream) -> str:
    """The comm of the view that a cell shows, once a page has said that it shows it."""

    def views(heard: Heard) -> list[str]:
        data = [m["content"].get("data", {}) for m in heard.iopub]
        return [one[VIEW]["model_id"] for one in data if VIEW in one]

    cell.listen(until=views)
    (comm,) = views(cell.heard)
    cell.comm_id = comm
    press(notebook, comm, {"type": "hello", "page": "p", "seq": 0})
    return comm


def press(notebook: Notebook, comm: str, content: dict[str, Any]) -> None:
    data = {"method": "custom", "content": content}
    message = notebook.client.session.msg("comm_msg", {"comm_id": comm, "data": data})
    notebook.client.shell_channel.send(message)


@pytest.fixture
def viewed(ours: Notebook) -> Any:
    ours.run("%config EagerModel.view = True")
    yield ours
    ours.run("%config EagerModel.view = False")


@pytest.mark.parametrize("edited", [None, "x = 5\nx\n", " \n"])
def test_run_in_the_view(viewed: Notebook, edited: str | None) -> None:
    model = viewed.model(fenced("open('a', 'r')\nx = 1\nx\n" if edited else fenced("x = 1\nx\n")))
    cell = begin(viewed, model, cell_id="asked")
    comm = opened(viewed, cell)
    cell.listen(until=asked)
    run = {"type": "run"} if edited is None else {"type": "run", "program": edited}
    press(viewed, comm, run)
    heard = cell.finish(TIMEOUT)
    assert heard.errors() == []
    expected = {None: ["1"], "x = 5\nx\n": ["5"], " \n": []}[edited]
    assert heard.displayed() == expected
    assert "Run it?" not in heard.text()


def asked(heard: Heard) -> bool:
    return any((d.get("content", {}).get("facts") or {}).get("asks") for d in heard.comm)


def test_stop_in_the_view(viewed: Notebook) -> None:
    cell = begin(viewed, viewed.model(fenced("x = 1\n")), cell_id="stopped")
    comm = opened(viewed, cell)
    cell.listen(until=asked)
    press(viewed, comm, {"type": "stop"})
    assert cell.finish(TIMEOUT).errors() == ["KeyboardInterrupt"]
    assert viewed.value("'x' in dir()") is False


def test_nbclient_goes_on(scripted: Path, tmp_path: Path, monkeypatch: Any) -> None:
    import json

    script = tmp_path / "model.json"
    script.write_text(json.dumps({"answers": [[fenced("x = 1\n")]], "log": str(tmp_path / "log")}))
    monkeypatch.setenv("PYTHONPATH", str(scripted))
    cells = [f"%%eager --model scripted/{script} --ask\ndo it", "'x' in dir()"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="eager_python", timeout=60).execute()
    assert "nobody to ask here" in str(notebook.cells[0].outputs)
    assert notebook.cells[1].outputs[0]["data"]["text/plain"] == "False"
