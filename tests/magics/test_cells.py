"""``%%eager`` cells, in both kernels."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from eager_kernel.execution import plain_files
from tests.magics.notebook import TIMEOUT, Notebook, interrupt, until

HELD = "get_ipython().history_manager.input_hist_raw[-1]"


def refused(notebook: Notebook, cell: str) -> str:
    """What a cell says that does not run."""
    heard = notebook.run(cell)
    assert heard.reply["status"] == "error"
    text = heard.text("stderr") + "\n".join(heard.reply.get("traceback", []))
    assert "Error" in text
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_a_model_writes_and_its_program_runs(notebook: Notebook) -> None:
    heard, model = notebook.ask("Here it is:\n```python\nx = 20\nprint('hi')\nx + 1\n```\n")
    assert (heard.text(), heard.displayed()) == ("hi\n", ["21"])
    assert heard.reply["status"] == "ok"
    assert model.texts()[-1] == ("user", "do it")
    assert notebook.value("In[-1]") == "x = 20\nprint('hi')\nx + 1"
    assert notebook.value("Out[max(Out)]") == 21


def test_statements_run_while_the_model_writes(notebook: Notebook) -> None:
    path = notebook.path()
    model = notebook.model(["print('early')\n", ["wait", str(path)], "print('late')\n"])
    cell = notebook.begin(f"%%eager --model {model.id}\ndo it")
    cell.listen(TIMEOUT, until=lambda heard: "early" in heard.text())
    assert not cell.done
    path.touch()
    assert cell.finish().text() == "early\nlate\n"


def test_input_and_await_in_the_program(notebook: Notebook) -> None:
    model = notebook.model(
        "import asyncio\nname = input('who? ')\nawait asyncio.sleep(0)\nprint(name)\n"
    )
    cell = notebook.begin(f"%%eager --model {model.id}\ndo it", allow_stdin=True)
    question = notebook.client.get_stdin_msg(timeout=TIMEOUT)
    assert question["content"]["prompt"] == "who? "
    notebook.client.input("Ada")
    assert cell.finish().text() == "Ada\n"


def test_a_program_has_no_prompts_of_its_own(notebook: Notebook) -> None:
    heard, model = notebook.ask("%%eager\nand again")
    assert "%%eager must head a cell of its own" in heard.text("stderr")
    heard, _ = notebook.ask("x = 1\nget_ipython().run_cell('%%eager\\nand again')\n")
    assert "%%eager must head a cell of its own" in heard.text("stderr")
    assert len(model.asked) == 1


def test_what_can_not_be_asked_says_why(notebook: Notebook) -> None:
    count = notebook.value("get_ipython().execution_count")
    assert "unrecognized arguments: --nothing" in refused(notebook, "%%eager --nothing\ndo it")
    assert "which model?" in refused(notebook, "%%eager\ndo it")
    assert "no provider 'nobody'" in refused(notebook, "%%eager --model nobody/x\ndo it")
    assert "is no model id" in refused(notebook, "%%eager --model nobody\ndo it")
    assert "the cell has no prompt" in refused(notebook, f"%%eager --model {_any(notebook)}\n \n")
    assert "{nobody} has no value" in refused(
        notebook, f"%%eager --model {_any(notebook)}\n{{nobody}}"
    )
    assert "No such file" in refused(notebook, "%%eager --from nothing.md\ndo it")
    assert "there is no saved program" in refused(notebook, "%%eager --replay\nnever asked")
    assert notebook.value("get_ipython().execution_count") == count + 8


def _any(notebook: Notebook) -> str:
    return notebook.model("x = 1").id


def test_a_value_that_can_not_be_shown(notebook: Notebook) -> None:
    notebook.run("class Bad:\n    def __repr__(self): raise ValueError('not today')\nbad = Bad()")
    said = refused(notebook, f"%%eager --model {_any(notebook)}\nShow {{bad}}")
    assert "PromptError: the prompt's {bad} can't be read: ValueError: not today" in said


def test_an_interrupt_while_a_value_shows_itself(notebook: Notebook) -> None:
    notebook.run(
        "import time\nclass Slow:\n    def __repr__(self):\n        print('showing', flush=True)\n"
        "        time.sleep(60)\nslow = Slow()"
    )
    cell = notebook.begin(f"%%eager --model {_any(notebook)}\nShow {{slow}}")
    cell.listen(TIMEOUT, until=lambda heard: "showing" in heard.text())
    interrupt(notebook)
    assert cell.finish().errors() == ["KeyboardInterrupt"]


def test_values_of_the_notebook_are_asked_for(notebook: Notebook) -> None:
    notebook.run("rows = [{'id': 7}]\nname = 'Ada'")
    _, model = notebook.ask("1", prompt='{name} has {rows[0]}, {{name}}, {"a": 1}')
    assert model.texts()[-1] == ("user", "Ada has {'id': 7}, {name}, {\"a\": 1}")


# Stopping ---------------------------------------------------------------------------------------


def test_an_interrupt_between_statements_stops_the_model(notebook: Notebook) -> None:
    model = notebook.model(["print('early')\n", ["wait", str(notebook.path())], "x = 1"])
    cell = notebook.begin(f"%%eager --model {model.id}\ndo it")
    cell.listen(TIMEOUT, until=lambda heard: "early" in heard.text())
    interrupt(notebook)
    assert cell.finish().errors() == ["KeyboardInterrupt"]
    until(lambda: model.closed)


@pytest.mark.parametrize("statement", ["while True: pass", "time.sleep(60)", "await sleep(60)"])
def test_an_interrupt_in_a_statement_stops_the_model(notebook: Notebook, statement: str) -> None:
    model = notebook.model(
        [
            "import time; from asyncio import sleep\nprint('early')\n",
            f"{statement}\nx = 1\n",
            ["wait", str(notebook.path())],
        ]
    )
    cell = notebook.begin(f"%%eager --model {model.id}\ndo it")
    cell.listen(TIMEOUT, until=lambda heard: "early" in heard.text())
    interrupt(notebook)
    # A program that awaits is cancelled, as any such cell is.
    assert cell.finish().errors() in (["KeyboardInterrupt"], ["CancelledError"])
    until(lambda: model.closed)


def test_an_error_stops_the_model(notebook: Notebook) -> None:
    model = notebook.model(["x = 1\n1 / 0\n", ["wait", str(notebook.path())], "x = 1"])
    heard = notebook.run(f"%%eager --model {model.id}\ndo it")
    assert heard.errors() == ["ZeroDivisionError"]
    until(lambda: model.closed)


def test_stop_is_heard_while_a_program_runs(ours: Notebook) -> None:
    model = ours.model(["print('early')\nwhile True: pass\nx = 1\n", ["wait", str(ours.path())]])
    cell = ours.begin(f"%%eager --model {model.id}\ndo it")
    cell.listen(TIMEOUT, until=lambda heard: "early" in heard.text())
    ours.client.execute("%eager stop")
    assert cell.finish().errors() == ["KeyboardInterrupt"]
    until(lambda: model.closed)
    assert "nothing is running" in ours.run("%eager stop").text()


def test_stop_from_a_subshell_of_a_stock_kernel(stock: Notebook) -> None:
    client = stock.client
    message = client.session.msg("create_subshell_request")
    client.control_channel.send(message)
    subshell = client.get_control_msg(timeout=TIMEOUT)["content"]["subshell_id"]
    model = stock.model(["print('early')\nwhile True: pass\nx = 1\n", ["wait", str(stock.path())]])
    cell = stock.begin(f"%%eager --model {model.id}\ndo it")
    cell.listen(TIMEOUT, until=lambda heard: "early" in heard.text())
    request = client.session.msg(
        "execute_request",
        {"code": "%eager stop", "silent": True, "allow_stdin": False, "user_expressions": {}},
    )
    request["header"]["subshell_id"] = subshell
    client.shell_channel.send(request)
    assert cell.finish().errors() == ["KeyboardInterrupt"]
    until(lambda: model.closed)


# Sources that fail ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([["fail", "the server has gone"]], "SourceError: the server has gone"),
        (["x = 1\n", ["fail", "the server has gone"]], "SourceError: the server has gone"),
        (["x = 1\ny = (", ["die"]], "SourceError: "),
        (["x = 1\ny = (2", ["finish", "length"]], "IncompleteProgramError: generation was cut"),
    ],
)
def test_a_source_that_fails(notebook: Notebook, steps: list[object], said: str) -> None:
    heard, _ = notebook.ask(steps)
    assert heard.errors() == [said.partition(":")[0]]
    assert said in "\n".join(heard.reply["traceback"])
    assert notebook.ask("'alive'")[0].displayed() == ["'alive'"]


def test_a_source_that_stalls(notebook: Notebook) -> None:
    notebook.run("%config EagerModel.stall_timeout = 0.3")
    heard, _ = notebook.ask(["x = 1\n", ["wait", str(notebook.path())]])
    notebook.run("%config EagerModel.stall_timeout = 60.0")
    assert heard.errors() == ["SourceError"]
    assert notebook.value("x") == 1


# Options ----------------------------------------------------------------------------------------


def test_a_dry_run_only_writes(notebook: Notebook) -> None:
    heard, model = notebook.ask("So:\n```python\ndry = 1\n```\n", options="--dry")
    assert heard.text() == "dry = 1\n"
    assert "dry" not in notebook.value("list(globals())")
    assert heard.reply["status"] == "ok"
    _, model = notebook.ask("1", prompt="next")
    assert model.texts()[-2][1] == "```python\ndry = 1\n```"
    assert model.texts()[-1][1].startswith("The program was not run.")


def test_a_dry_run_can_be_interrupted(notebook: Notebook) -> None:
    model = notebook.model(["dry = 1\n", ["wait", str(notebook.path())]])
    cell = notebook.begin(f"%%eager --dry --model {model.id}\ndo it")
    cell.listen(TIMEOUT, until=lambda heard: "dry" in heard.text())
    interrupt(notebook)
    assert cell.finish().errors() == ["KeyboardInterrupt"]
    until(lambda: model.closed)


def test_a_dry_run_of_a_text_is_refused(notebook: Notebook) -> None:
    assert "writes nothing" in refused(notebook, "%%eager --dry --replay\ndo it")


def test_a_replay_asks_nobody(notebook: Notebook) -> None:
    _, model = notebook.ask("x = 1\nprint('run')\n", prompt="replay me")
    notebook.run("%eager model --free")
    heard = notebook.run("%%eager --replay\nreplay me")
    assert (heard.text(), heard.errors()) == ("run\n", [])
    assert notebook.value(HELD) == "x = 1\nprint('run')"
    assert len(model.asked) == 1


def test_a_replay_is_of_the_prompt_that_the_cell_holds(notebook: Notebook) -> None:
    """A copied notebook has the cell ids of the first, and prompts of its own."""
    for answer, cell_id in (("first", "a-cell"), ("second", "b-cell")):
        model = notebook.model(f"print('{answer}')")
        cell = notebook.begin(f"%%eager --model {model.id}\nsaid alike", cell_id=cell_id)
        assert cell.finish().text() == f"{answer}\n"
    for answer, cell_id in (("first", "a-cell"), ("second", "b-cell"), ("second", "c-cell")):
        heard = notebook.begin("%%eager --replay\nsaid alike", cell_id=cell_id).finish()
        assert heard.text() == f"{answer}\n"
    heard = notebook.begin("%%eager --replay\nsaid then", cell_id="a-cell").finish()
    assert heard.text() == ""
    assert "there is no saved program of this prompt" in "".join(heard.reply["traceback"])


def test_a_text_runs_in_the_place_of_an_answer(notebook: Notebook) -> None:
    file = notebook.path()
    file.write_text("It is:\n```python\nx = 5\nx\n```\n")
    assert notebook.run(f"%%eager --from {file}\n").displayed() == ["5"]


def test_a_fresh_cell_is_told_nothing(notebook: Notebook) -> None:
    notebook.ask("1", prompt="first")
    _, model = notebook.ask("2", prompt="second", options="--fresh")
    assert [role for role, _ in model.texts()] == ["system", "user"]
    _, model = notebook.ask("3", prompt="third")
    assert [text for role, text in model.texts() if role == "assistant"] == [
        "```python\n1\n```",
        "```python\n2\n```",
    ]


def test_what_a_request_may_cost(notebook: Notebook) -> None:
    _, model = notebook.ask("1", options="--max-tokens 7 --temperature 0.25")
    assert (model.asked[0]["max_tokens"], model.asked[0]["temperature"]) == (7, 0.25)


@pytest.mark.parametrize("mode", ["serial", "wait", "effect", "off"])
def test_a_cell_chooses_its_gate(notebook: Notebook, mode: str) -> None:
    go, effect = notebook.path(), notebook.path()
    model = notebook.model(
        ["print('early')\n", f"open({str(effect)!r}, 'w').close()\n", ["wait", str(go)], "x = 1\n"]
    )
    cell = notebook.begin(f"%%eager --gate {mode} --model {model.id}\ndo it")
    at_once = mode == "off" or (mode == "effect" and plain_files.can_journal())
    if at_once:
        until(effect.exists)
    elif mode in ("wait", "effect"):
        cell.listen(TIMEOUT, until=lambda heard: "early" in heard.text())
    else:
        until(lambda: model.asked)
        cell.listen(0.2)
        assert cell.heard.text() == ""
    assert effect.exists() is at_once
    go.touch()
    assert cell.finish().text() == "early\n"
    assert effect.exists()


def test_what_is_printed_and_shown_is_told_next_time(notebook: Notebook) -> None:
    notebook.ask("import sys\nprint('out')\nprint('err', file=sys.stderr)\n[1]\n")
    _, model = notebook.ask("1")
    told = model.texts()[-1][1]
    assert told.startswith("Output of the program:\nout\nerr\n")
    assert told.endswith("[1]\n\ndo it")
    notebook.ask("print('half')\n1 / 0\n")
    _, model = notebook.ask("1")
    told = model.texts()[-1][1]
    assert "half\n\nThe program failed:\n" in told
    assert "ZeroDivisionError: division by zero" in told
    assert "\x1b" not in told


def test_streams_are_left_as_they_were(notebook: Notebook) -> None:
    before = notebook.value(
        "['write' in vars(s) for s in (sys.stdout, sys.stderr)]".replace(
            "sys.", "__import__('sys')."
        )
    )
    notebook.ask("print(1)\n")
    after = notebook.value(
        "['write' in vars(s) for s in (sys.stdout, sys.stderr)]".replace(
            "sys.", "__import__('sys')."
        )
    )
    assert before == after


def test_a_figure_is_shown_once(notebook: Notebook) -> None:
    pytest.importorskip("matplotlib")
    heard, _ = notebook.ask(
        "%matplotlib inline\nimport matplotlib.pyplot as plt\n_ = plt.plot([1, 2])\n"
        "_ = plt.title('x')\n"
    )
    kinds = [m["content"]["data"].keys() for m in heard.iopub if m["msg_type"] == "display_data"]
    assert ["image/png" in kind for kind in kinds] == [True]


def test_events_fire_once(notebook: Notebook) -> None:
    notebook.run(
        "fired = []\nhooks = {n: (lambda n: lambda *a: fired.append(n))(n) for n in ('pre_execute',"
        " 'pre_run_cell', 'post_execute', 'post_run_cell')}\n"
        "for n, f in hooks.items(): get_ipython().events.register(n, f)"
    )
    notebook.run("del fired[:]", silent=True)
    notebook.ask("a = 1\nb = 2\n")
    notebook.run("for n, f in hooks.items(): get_ipython().events.unregister(n, f)", silent=True)
    fired = notebook.value("fired")
    assert fired.count("pre_run_cell") == 1
    assert fired.count("post_run_cell") == 1


def test_what_a_frontend_asks_for_comes_with_the_reply(notebook: Notebook) -> None:
    heard, _ = notebook.ask("x = 41\n%eager code\n", user_expressions={"y": "x + 1"})
    assert heard.reply["user_expressions"]["y"]["data"]["text/plain"] == "42"


def test_saved_programs_lie_in_their_folder(notebook: Notebook) -> None:
    notebook.ask("x = 'saved'\n", prompt="save ../me")
    folder = Path(notebook.value("__import__('jupyter_core.paths').paths.jupyter_data_dir()"))
    files = list((folder / "eager_python" / "programs").iterdir())
    assert "save ../me" in [json.loads(path.read_text())["prompt"] for path in files]
