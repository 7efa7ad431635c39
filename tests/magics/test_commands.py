"""``%eager`` and its commands, completion, help, and the extension."""

from __future__ import annotations

import re
from typing import Any

import psutil
import pytest

from tests.magics.notebook import TIMEOUT, Notebook, until
from tests.magics.test_cells import refused


def request(notebook: Notebook, kind: str, **content: Any) -> dict[str, Any]:
    """Ask the kernel something; its reply."""
    client = notebook.client
    message = client.session.msg(kind, content)
    client.shell_channel.send(message)
    while True:
        reply = client.get_shell_msg(timeout=TIMEOUT)
        if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
            answer: dict[str, Any] = reply["content"]
            return answer


def complete(notebook: Notebook, code: str) -> list[str]:
    """What may stand at the end of `code`."""
    reply = request(notebook, "complete_request", code=code, cursor_pos=len(code))
    matches: list[str] = reply["matches"]
    return matches


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%eager", "%eager …: use one of model, gate"),
        ("%eager nothing", "%eager nothing: use one of"),
        ("%eager gate fast", "'fast' is none of"),
        ("%eager model nobody", "is no model id"),
        ("%eager model nobody/x", "no provider 'nobody'"),
        ("%eager context -1", "use: %eager context"),
        ("%eager context all", "use: %eager context"),
        ("%eager attach", "use: %eager attach COMM_ID"),
        ("%eager attach nothing", "there is no stream 'nothing'"),
    ],
)
def test_a_wrong_command_says_what_is_right(notebook: Notebook, line: str, said: str) -> None:
    assert said in refused(notebook, line)


def test_a_model_is_chosen_and_freed(notebook: Notebook) -> None:
    model = notebook.model("1 + 1")
    assert "writes from now on" in notebook.run(f"%eager model {model.id}").text()
    assert notebook.run("%%eager\ndo it").displayed() == ["2"]
    process = psutil.Process(model.asked[0]["pid"])
    said = notebook.run("%eager model").text()
    assert said.startswith(f"{model.id}\nproviders that are installed: ")
    assert "scripted" in said
    assert f"loaded   {model.id}" in notebook.run("%eager status").text()
    assert re.search(r"\d+ model process(es)? ended", notebook.run("%eager model --free").text())
    until(lambda: not process.is_running())
    assert "loaded   none" in notebook.run("%eager status").text()
    assert notebook.run("%%eager\ndo it").displayed() == ["2"]
    notebook.run("%config EagerModel.model = ''")


def test_a_gate_is_chosen(notebook: Notebook) -> None:
    assert notebook.run("%eager gate static").text().startswith("gate: static (of effect")
    assert "gate     static" in notebook.run("%eager status").text()


def test_the_context_has_a_budget(notebook: Notebook) -> None:
    notebook.ask("print('x' * 100)\n", prompt="first\nof two lines")
    notebook.ask("2\n", prompt="p" * 100)
    said = notebook.run("%eager context").text().splitlines()
    assert re.fullmatch(r" +1 +\d+  first", said[0])
    assert re.fullmatch(r" +2 +\d+  p{59}…", said[1])
    assert re.fullmatch(r"\d+ of 24,000 characters; about \d+ tokens", said[2])
    said = notebook.run("%eager context 200").text().splitlines()
    assert "left out" in said[0]
    assert "of 200 characters" in said[2]
    _, model = notebook.ask("3")
    assert "first" not in str(model.texts()[1:])
    assert "p" * 100 in str(model.texts())
    assert notebook.run("%eager context 24000").errors() == []
    assert notebook.run("%eager context --clear").text().startswith("0 of 24,000")


def test_code_goes_into_a_new_cell(notebook: Notebook) -> None:
    notebook.ask("x = 1\nx\n")
    (payload,) = notebook.run("%eager code").reply["payload"]
    assert payload["source"] == "set_next_input"
    assert payload["text"] == "x = 1\nx\n"


def test_status_tells_of_the_last_run(notebook: Notebook) -> None:
    notebook.ask("x = 1\n")
    said = notebook.run("%eager status").text()
    assert re.search(r"last +\d+\.\d\d s for \d+\.\d\d s of writing and \d+\.\d\d s of", said)


def test_a_report_shows_a_picture_and_says_it_in_words(notebook: Notebook) -> None:
    notebook.ask("x = 1\nx\n")
    (shown,) = (
        m["content"]["data"]
        for m in notebook.run("%eager report").iopub
        if m["msg_type"] == "display_data"
    )
    assert shown["image/svg+xml"].startswith("<svg")
    assert "s" in shown["text/plain"]


# Completion and help ----------------------------------------------------------------------------


def test_commands_are_completed(notebook: Notebook) -> None:
    assert {"model", "gate", "stop", "context"} <= set(complete(notebook, "%eager "))
    assert complete(notebook, "%eager sta") == ["status"]
    assert "static" in complete(notebook, "%eager gate s")
    assert "scripted/" in complete(notebook, "%eager model scr")
    assert "--clear" in complete(notebook, "%eager context ")
    assert complete(notebook, "x = 1\n%eager sto") == ["stop"]


def test_options_are_completed(notebook: Notebook) -> None:
    assert {"--model", "--repair", "--dry"} <= set(complete(notebook, "%%eager "))
    assert {"--repair", "--replay"} <= set(complete(notebook, "%%eager --rep"))
    assert "off" in complete(notebook, "%%eager --fresh --gate o")
    assert "recorded/" in complete(notebook, "%%eager --model rec")
    folder = notebook.folder / "for completion"
    folder.mkdir(exist_ok=True)
    notebook.run(f"import os; os.chdir({str(folder)!r})")
    folder.joinpath("answer.md").touch()
    assert complete(notebook, "%%eager --from ans") == ["answer.md"]


def test_completion_looks_no_further_than_the_cursor(notebook: Notebook) -> None:
    code = "%%eager --ga --repair 1"
    reply = request(notebook, "complete_request", code=code, cursor_pos=len("%%eager --ga"))
    assert reply["matches"] == ["--gate"]


@pytest.mark.parametrize("name", ["%%eager?", "%eager?"])
def test_help_tells_of_options_and_commands(notebook: Notebook, name: str) -> None:
    (payload,) = notebook.run(name).reply["payload"]
    said = payload["data"]["text/plain"]
    assert "--repair N" in said
    assert "attach COMM_ID" in said
    assert "{name}" in said


def test_help_comes_by_inspection_too(notebook: Notebook) -> None:
    reply = request(notebook, "inspect_request", code="%%eager", cursor_pos=7, detail_level=0)
    assert reply["found"]
    assert "--replay" in reply["data"]["text/plain"]


# The extension ----------------------------------------------------------------------------------


def test_the_extension_can_be_unloaded_and_loaded(notebook: Notebook) -> None:
    _, model = notebook.ask("x = 1\n")
    process = psutil.Process(model.asked[0]["pid"])
    for _ in range(2):
        assert notebook.run("%unload_ext eager_kernel").errors() == []
        until(lambda: not process.is_running())
        assert "magic `%%eager` not found" in notebook.run("%%eager\nx").text("stderr")
        assert "status" not in complete(notebook, "%eager sta")
        assert notebook.run("import time\n1 + 1").displayed() == ["2"]
        assert notebook.run("%load_ext eager_kernel").errors() == []
        notebook.run("%config EagerModel.view = False")
        notebook.run("%config EagerModel.notebook_context = 'off'")
    assert notebook.ask("x + 1\n")[0].displayed() == ["2"]
    assert complete(notebook, "%eager sta") == ["status"]
