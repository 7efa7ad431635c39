"""``%%eager`` cells, in both kernels."""

from __future__ import annotations

from tests.magics.notebook import TIMEOUT, Notebook, interrupt, until


def test_a_model_writes_and_its_program_runs(notebook: Notebook) -> None:
    heard, model = notebook.ask("Here it is:\n```python\nx = 20\nprint('hi')\nx + 1\n```\n")
    assert (heard.text(), heard.displayed()) == ("hi\n", ["21"])
    assert heard.reply["status"] == "ok"
    assert model.texts()[-1] == ("user", "do it")
    assert notebook.value("In[-1]") == "x = 20\nprint('hi')\nx + 1"


def test_statements_run_while_the_model_writes(notebook: Notebook) -> None:
    path = notebook.path()
    model = notebook.model(["print('early')\n", ["wait", str(path)], "print('late')\n"])
    cell = notebook.begin(f"%%eager --model {model.id}\ndo it")
    cell.listen(TIMEOUT, until=lambda heard: "early" in heard.text())
    assert not cell.done
    path.touch()
    assert cell.finish().text() == "early\nlate\n"


def test_an_interrupt_between_statements_stops_the_model(notebook: Notebook) -> None:
    model = notebook.model(["print('early')\n", ["wait", str(notebook.path())], "x = 1"])
    cell = notebook.begin(f"%%eager --model {model.id}\ndo it")
    cell.listen(TIMEOUT, until=lambda heard: "early" in heard.text())
    interrupt(notebook)
    assert cell.finish().errors() == ["KeyboardInterrupt"]
    until(lambda: model.closed)
