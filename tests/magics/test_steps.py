"""``--steps``: the model writes, sees what came of it, and writes on; one cell."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest

from eager_kernel.testing.normalise import messages, scrub
from eager_kernel.testing.wire import Heard
from tests.magics.notebook import TIMEOUT, VIEW, Model, Notebook, interrupt, until

HELD = "get_ipython().history_manager.input_hist_raw[-1]"
ANSWER = "It is **40**."


def fenced(program: str, words: str = "") -> str:
    return f"{words}```python\n{program}```\n"


def answers(heard: Heard) -> list[dict[str, str]]:
    """What was displayed as Markdown."""
    shown = [m["content"]["data"] for m in heard.iopub if m["msg_type"] == "display_data"]
    return [data for data in shown if "text/markdown" in data and VIEW not in data]


def only_appended_to(model: Model) -> bool:
    """Whether each request begins with the one before it."""
    asked = [request["messages"] for request in model.asked]
    return all(later[: len(before)] == before for before, later in pairwise(asked))


# What a step is -------------------------------------------------------------------------------

EVENTS = """\
_seen, _done = [], []
for _name in ("pre_execute", "post_execute", "pre_run_cell", "post_run_cell"):
    _listen = lambda *about, _name=_name, _seen=_seen: _seen.append(_name)
    get_ipython().events.register(_name, _listen)
    _done.append((_name, _listen))
_seen.clear()
"""
FORGET_EVENTS = """\
for _name, _listen in _done:
    get_ipython().events.unregister(_name, _listen)
"""
CONVERSATIONS = {
    "values": ["x = 1\nx\n", "_ + 1\n", "_ * 10, __\n"],
    "semicolons": ["1;\n", "x = 2; x\n", "x\n3;\n"],
    "an error": ["a = 1\nprint('a')\n1 / 0\n", "print(a)\n'b' in dir()\n"],
    "an error in a function of an earlier step": [
        "def f(n):\n    # comment\n    return 1 / n\n",
        "f(2)\n",
        "f(0)\n",
    ],
    "a step that does not parse": ["a = 1\n", "x = = 1\n", "a\n"],
    "a future import": [
        "from __future__ import annotations\ndef f(x: nothing): pass\n",
        "def g(x: nothing): pass\nprint(g.__annotations__)\n",
    ],
    "await": ["import asyncio\nawait asyncio.sleep(0, 'slept')\n", "x = 2\nx\n"],
    "magics": ["%precision 2\n1/3\n", "%%python -c pass\n", "%precision\nx = !echo hi\nx\n"],
    "a cell magic": ["%%capture got\nprint('hidden')\n", "got.stdout\n"],
    "displays": [
        "from IPython.display import display, clear_output\nh = display('one', display_id='a')\n",
        "h.update('two')\nprint('x')\n",
        "clear_output()\ndisplay(3)\n",
    ],
    "figures": [
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nprint('drawn')\n",
        "plt.plot([2, 1])\n",
        "len(plt.get_fignums())\n",
    ],
    "context variables": [
        "import contextvars\nv = contextvars.ContextVar('v', default=0)\nt = v.set(5)\n",
        "v.get()\n",
    ],
    "warnings and stderr": [
        "import sys, warnings\nprint('e', file=sys.stderr)\n",
        "warnings.warn('careful')\n",
    ],
    "source": ["def f():\n    return 1\n", "import inspect\nprint(inspect.getsource(f))\n"],
    "docstrings": ["'not a docstring'\nx = 1\n", "__doc__\n"],
    "a usage error": ["%no_such_magic\n", "%run\n", "1\n"],
    "an exception group": ["raise ExceptionGroup('g', [ValueError(1), KeyError('k')])\n", "2\n"],
}


def what_was_shown(heard: list[Heard]) -> Any:
    shown = messages([m for one in heard for m in one.iopub])
    for _, content in shown:
        content.pop("execution_count", None)
    return scrub(shown, (r"In ?\[\d+\]", r"<ipython-input-\d+", r"\bid='[^']*'"))


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_steps_are_cells(notebook: Notebook, stock: Notebook, name: str) -> None:
    programs = CONVERSATIONS[name]
    count = notebook.value("get_ipython().execution_count")
    stock.run(EVENTS, store_history=False)
    cells = [stock.run(program) for program in programs]
    events = stock.value("_seen[1:]")[:-1]
    namespace = stock.value(NAMES)
    stock.run(FORGET_EVENTS, store_history=False)
    assert stock.run("%eager context --clear").errors() == []
    notebook.run(EVENTS, store_history=False)
    pieces = [[*re.split(r"(?<=\n)", fenced(program))] for program in programs]
    heard, _ = notebook.ask(*pieces, options=f"--fresh --steps {len(programs)}")
    assert notebook.value("_seen[1:]")[:-1] == events
    assert notebook.value(NAMES) == namespace
    notebook.run(FORGET_EVENTS, store_history=False)
    said = f"%%eager: {len(programs)} of {len(programs)} steps are done\n"
    shown = what_was_shown([heard])
    if [kind for kind, _ in shown][-1:] == ["stream"] and shown[-1][1]["name"] == "stdout":
        shown[-1][1]["text"] = shown[-1][1]["text"].removesuffix(said)
        if not shown[-1][1]["text"]:
            shown.pop()
    assert shown == what_was_shown(cells)
    assert heard.reply["status"] == cells[-1].reply["status"]
    assert notebook.value("get_ipython().execution_count") == count + 1
    whole = "\n".join(programs).rstrip("\n")
    assert notebook.value(HELD) == whole


NAMES = (
    "sorted(n for n in get_ipython().user_ns if n[0] != '_' and n not in"
    " get_ipython().user_ns_hidden)"
)


# The loop -------------------------------------------------------------------------------------


def test_the_model_sees_what_came_of_a_step_and_answers(notebook: Notebook) -> None:
    heard, model = notebook.ask(
        fenced("x = 20\nprint('hello')\nx + 1\n"),
        fenced("x * 2\n", "I double it.\n\n"),
        ANSWER,
        options="--steps 5 --fresh",
    )
    assert heard.errors() == []
    assert heard.reply["status"] == "ok"
    assert heard.text() == "hello\n"
    assert heard.displayed() == ["21", "40"]
    assert [data["text/plain"] for data in answers(heard)] == [ANSWER]
    assert "It is <strong>40</strong>." in answers(heard)[0]["text/markdown"]
    assert notebook.value(HELD) == "x = 20\nprint('hello')\nx + 1\n\nx * 2"
    assert [request["step"] for request in model.asked] == [0, 1, 2]
    assert all(request["may_answer"] for request in model.asked)
    told = [text for role, text in model.texts() if role == "user"]
    assert told[1].startswith("Output of the program:\nhello\n21\n")
    assert told[2].startswith("Output of the program:\n40\n")
    said = [text for role, text in model.texts() if role == "assistant"]
    assert said[1] == "I double it.\n\n```python\nx * 2\n```"  # as it was written
    assert only_appended_to(model)


def test_an_error_is_shown_told_and_written_on_from(notebook: Notebook) -> None:
    wrong = ["```python\na = 1\n", "b = undefined\n", ["wait", "/nowhere"], "c = 3\n```"]
    heard, model = notebook.ask(
        wrong, fenced("b = a + 1\nb\n"), "Done.", options="--steps 4 --fresh"
    )
    assert heard.errors() == ["NameError"]
    assert heard.reply["status"] == "ok"
    assert heard.displayed() == ["2"]
    assert model.closed  # the model was stopped
    role, text = model.texts(1)[-1]
    assert role == "user"
    assert "Line 1 has run; what they defined and did is in place" in text
    assert "Line 2 failed:\n\n" in text
    assert "name 'undefined' is not defined" in text
    assert "\x1b" not in text
    assert model.texts(1)[-2] == ("assistant", "```python\na = 1\nb = undefined\n```")
    assert only_appended_to(model)


def test_the_last_error_is_the_cells(notebook: Notebook) -> None:
    heard, model = notebook.ask(fenced("1\n"), fenced("1/0\n"), options="--steps 2")
    assert heard.reply["status"] == "error"
    assert heard.reply["ename"] == "ZeroDivisionError"
    assert len(model.asked) == 2
    assert "2 of 2 steps are done" in heard.text()


def test_a_repair_is_a_part_of_its_step(notebook: Notebook) -> None:
    heard, model = notebook.ask(
        fenced("a = 1\n1/0\n"),
        fenced("a + 1\n"),
        fenced("2/0\n"),
        fenced("a + 2\n"),
        "Good.",
        options="--steps 3 --repair 1 --fresh",
    )
    assert heard.errors() == []
    assert heard.displayed() == ["2", "3"]
    assert [(r["attempt"], r["step"]) for r in model.asked] == [
        (0, 0),
        (1, 0),
        (2, 1),
        (3, 1),
        (4, 2),
    ]
    assert notebook.value(HELD) == "a = 1\na + 1\n\na + 2"
    assert only_appended_to(model)


def test_each_step_keeps_the_cells_number(ours: Notebook) -> None:
    before = ours.value("get_ipython().execution_count")
    heard, _ = ours.ask(fenced("1\n"), fenced("2\n"), fenced("3\n"), "Six.", options="--steps 9")
    results = [m["content"] for m in heard.iopub if m["msg_type"] == "execute_result"]
    assert [result["execution_count"] for result in results] == [before] * 3
    assert heard.reply["execution_count"] == before
    assert ours.value(f"Out[{before}]") == 3
    assert ours.value(f"In[{before}]") == "1\n\n2\n\n3"


def test_figures_go_to_models_that_see(ours: Notebook) -> None:
    draw = "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);\n"
    _, model = ours.ask(fenced(draw), "A line.", options="--steps 2 --fresh")
    assert "1 figure was shown to the user; you can't see it." in model.texts()[-1][1]
    assert model.asked[-1]["messages"][-1]["images"] == []
    ours.run("%config EagerModel.figures = 'send'")
    _, model = ours.ask(fenced("plt.plot([1, 2]);\n"), "A line.", options="--steps 2 --fresh")
    ours.run("%config EagerModel.figures = 'auto'")
    (image,) = model.asked[-1]["messages"][-1]["images"]
    assert image["mime"] == "image/png"
    assert image["data"].startswith("iVBOR")
    assert "1 figure was shown: it is attached." in model.texts()[-1][1]


def test_hostile_answers_stay_text(ours: Notebook) -> None:
    hostile = "<img src=x onerror=alert(1)> ![](http://a.b/c.png) [x](javascript:1) $x$\x1b[31m"
    heard, _ = ours.ask(fenced("1\n"), hostile, options="--steps 2")
    (data,) = answers(heard)
    assert "<img" not in data["text/markdown"]
    assert "![](" not in data["text/markdown"] or "&#" in data["text/markdown"]
    assert "<a " not in data["text/markdown"]
    assert "\x1b" not in data["text/plain"]


def test_an_answer_at_once_is_no_step(notebook: Notebook) -> None:
    heard, model = notebook.ask("Which column?", options="--steps 3 --fresh")
    assert heard.errors() == []
    assert heard.text() == "Which column?\n"
    assert len(model.asked) == 1


# Its end --------------------------------------------------------------------------------------


def test_tokens_are_a_budget(notebook: Notebook) -> None:
    steps = [[fenced(f"{n}\n"), ["finish", "stop"]] for n in range(9)]  # 8 tokens each
    heard, model = notebook.ask(*steps, options="--steps 9 --budget-tokens 20 --fresh")
    assert heard.displayed() == ["0", "1", "2"]
    assert "%%eager: the budget of 20 tokens is spent\n" in heard.text()
    assert [request["max_tokens"] for request in model.asked] == [20, 12, 4]


def test_seconds_are_a_budget_even_while_the_model_writes(notebook: Notebook) -> None:
    heard, model = notebook.ask(
        fenced("1\n"),
        ["```python\nx = 2\n", ["wait", "/nowhere"]],
        options="--steps 9 --budget-seconds 1.5 --fresh",
    )
    assert heard.displayed() == ["1"]
    assert heard.errors() == ["LimitError"]
    assert "the budget of 1.5 s is spent" in heard.reply["evalue"]
    until(lambda: model.closed)
    assert len(model.asked) == 2


@pytest.mark.parametrize("where", ["writing", "running"])
def test_one_stop_ends_all_of_it(notebook: Notebook, where: str) -> None:
    begun = notebook.path()
    touch = f"import pathlib; _ = pathlib.Path({str(begun)!r}).touch()\n"
    second: Any = {
        "writing": ["```python\ny = 2\n", ["begun", str(begun)], ["wait", "/nowhere"]],
        "running": fenced(f"y = 2\n{touch}import time\nwhile True: time.sleep(0.01)\n"),
    }[where]
    model = notebook.model(fenced("x = 1\n"), second, fenced("z = 3\n"))
    cell = notebook.begin(f"%%eager --model {model.id} --steps 5 --fresh\ndo it")
    until(begun.exists)
    interrupt(notebook)
    heard = cell.finish(TIMEOUT)
    assert heard.errors() == ["KeyboardInterrupt"]
    assert len(model.asked) == 2
    assert notebook.value("'z' in dir()") is False


def test_a_stop_that_a_program_survives_ends_the_loop(ours: Notebook) -> None:
    begun = ours.path()
    program = (
        f"import pathlib, time\ntry:\n    pathlib.Path({str(begun)!r}).touch()\n"
        "    while True: time.sleep(0.01)\nexcept KeyboardInterrupt:\n    print('caught')\n"
    )
    model = ours.model(fenced(program), fenced("z = 3\n"))
    # In this mode the file is there only when the text has ended: before, a stop is an error.
    cell = ours.begin(f"%%eager --model {model.id} --steps 5 --gate wait\ndo it")
    until(begun.exists)
    interrupt(ours)
    heard = cell.finish(TIMEOUT)
    assert heard.text() == "caught\n"
    assert heard.reply["status"] == "ok"
    assert len(model.asked) == 1


def test_a_model_that_fails_in_a_step_ends_the_cell(notebook: Notebook) -> None:
    heard, _ = notebook.ask(fenced("1\n"), [["fail", "out of order"]], options="--steps 5")
    assert heard.displayed() == ["1"]
    assert heard.errors() == ["SourceError"]
    assert notebook.value(HELD) == "1"


def test_a_program_that_was_cut_off_is_told(notebook: Notebook) -> None:
    heard, model = notebook.ask(
        ["```python\nx = 1\ny = 12", ["finish", "length"]],
        fenced("y = 1200\ny\n"),
        "Good.",
        options="--steps 3",
    )
    assert heard.displayed() == ["1200"]
    assert "generation was cut off (length)" in model.texts(1)[-1][1]


def test_an_effect_waits_for_its_own_step_only(ours: Notebook) -> None:
    first, second = ours.path(), ours.path()
    seen, go = ours.path(), ours.path()
    model = ours.model(
        fenced(f"_ = open({str(first)!r}, 'w').write('1')\n"),
        [
            f"```python\n_ = open({str(second)!r}, 'w').write('2')\n",
            ["begun", str(seen)],
            ["wait", str(go)],
            "```",
        ],
    )
    cell = ours.begin(f"%%eager --model {model.id} --steps 2 --gate static\ndo it")
    until(seen.exists)
    assert first.exists()
    assert not second.exists()
    go.touch()
    assert cell.finish(TIMEOUT).errors() == []
    assert second.exists()


# Afterwards -----------------------------------------------------------------------------------


def test_a_replay_gives_the_same_without_a_model(notebook: Notebook) -> None:
    steps = [fenced("x = 20\nx\n"), fenced("print(x)\n1/0\n"), fenced("x * 2\n"), ANSWER]
    heard, model = notebook.ask(*steps, options="--steps 5 --fresh", prompt="what is twice 20?")
    count = len(model.asked)
    again = notebook.run("%%eager --replay\nwhat is twice 20?")
    assert len(model.asked) == count
    assert what_was_shown([again]) == what_was_shown([heard])
    assert again.reply["status"] == "ok"
    assert notebook.value(HELD) == "x = 20\nx\n\nprint(x)\n1/0\n\nx * 2"


def test_a_replay_stops_at_an_error_that_was_not_there(notebook: Notebook) -> None:
    notebook.run("missing = 1")
    ask = "--steps 3 --fresh"
    notebook.ask(fenced("missing\n"), fenced("2\n"), "Good.", options=ask, prompt="the missing one")
    notebook.run("del missing")
    again = notebook.run("%%eager --replay\nthe missing one")
    assert again.errors() == ["NameError"]
    assert again.reply["status"] == "error"
    assert again.displayed() == []


def test_the_next_prompt_is_appended_to_all_of_it(notebook: Notebook) -> None:
    _, model = notebook.ask(fenced("1\n"), "One.", options="--steps 2", prompt="the first")
    before = model.asked[-1]["messages"]
    notebook.run("0")
    _, model = notebook.ask(fenced("2\n"), options="--steps 2", prompt="the second")
    after = model.asked[0]["messages"]
    assert after[: len(before)] == before
    assert [(m["role"], m["text"]) for m in after[len(before) :]] == [
        ("assistant", "One."),
        ("user", "the second"),
    ]


def test_the_report_has_the_steps(notebook: Notebook) -> None:
    notebook.ask(fenced("1\n"), fenced("2\n"), "Good.", options="--steps 5")
    text = next(
        m["content"]["data"]["text/plain"]
        for m in notebook.run("%eager report").iopub
        if m["msg_type"] == "display_data"
    )
    assert "between the steps" in text


def test_costs_are_told(notebook: Notebook) -> None:
    billed = [[fenced(f"{n}\n"), ["finish", "stop"]] for n in range(2)]
    notebook.ask(*billed, ["Good.", ["finish", "stop"]], options="--steps 5 --fresh")
    status = notebook.run("%eager status").text()
    assert "cost     last: 9 tokens in, 15 out; in all: " in status
    assert re.search(r"step 2   ok +\d+\.\d\d s, after \d+\.\d\d s; 3 tokens in, 5 out", status)
    notebook.ask(["x = 1\n", ["finish", "stop"]], options="--fresh")
    assert "cost     last: 3 tokens in, 5 out; in all: " in notebook.run("%eager status").text()


def test_the_cost_of_a_stopped_answer_is_estimated(notebook: Notebook) -> None:
    stopped = ["```python\n1/0\n", ["wait", "/nowhere"]]
    notebook.ask(stopped, ["Good.", ["finish", "stop"]], options="--steps 5 --fresh")
    assert "cost     last: about " in notebook.run("%eager status").text()


def test_the_view_keeps_each_step_by_itself(notebook: Notebook) -> None:
    notebook.run("%config EagerModel.view = True")
    heard, _ = notebook.ask(
        fenced("a = 1\nprint(a)\n"),
        fenced("b = 2\nmissing\n"),
        fenced("b\n"),
        "It is **two**.",
        options="--steps 5 --fresh",
        cell_id="steps",
    )
    notebook.run("%config EagerModel.view = False")
    updates = [m["content"]["data"] for m in heard.iopub if m["msg_type"] == "update_display_data"]
    picture = updates[-1]["text/markdown"]
    assert "Step 1: done, 2 lines" in picture
    assert "Step 2: failed, 2 lines" in picture
    assert "Step 3: done, 1 line" in picture
    assert "name 'missing' is not defined" in picture  # what the model was told
    assert "✗" not in picture.splitlines()[1]
    assert [data["text/plain"] for data in answers(heard)] == ["It is **two**."]
    assert heard.reply["status"] == "ok"


def kept(heard: Heard) -> str:
    """The picture that takes the view's place."""
    updates = [m["content"]["data"] for m in heard.iopub if m["msg_type"] == "update_display_data"]
    return str(updates[-1]["text/plain"])


def test_the_picture_says_what_the_run_has_cost(notebook: Notebook) -> None:
    notebook.run("%config EagerModel.view = True")
    billed = [[fenced(f"{n}\n"), ["finish", "stop"]] for n in range(2)]
    good = ["Good.", ["finish", "stop"]]
    steps, _ = notebook.ask(*billed, good, options="--steps 5 --fresh", cell_id="cost")
    status = notebook.run("%eager status").text()
    again = notebook.run("%%eager --replay\ndo it", cell_id="cost")
    one, _ = notebook.ask(["x = 1\n", ["finish", "stop"]], options="--fresh", cell_id="one")
    gone, _ = notebook.ask([["fail", "out of order"]], options="--fresh", cell_id="gone")
    mute, _ = notebook.ask("x = 1\n", options="--fresh", cell_id="mute")
    mute_steps, _ = notebook.ask(
        fenced("1\n"), "Good.", options="--steps 5 --fresh", cell_id="mutes"
    )
    wait = ["```python\n1/0\n", ["wait", "/nowhere"]]
    cut, _ = notebook.ask(wait, "Good.", options="--steps 5 --fresh", cell_id="cut")
    notebook.run("%config EagerModel.view = False")
    assert re.search(r"\nIn all: \d.* m?s; 9 tokens in, 15 out\n", kept(steps))
    assert re.search(r"\nStep 1: done, 1 line, \d.* m?s; 3 tokens in, 5 out\n", kept(steps))
    assert re.search(r"\nStep 3: \d.* m?s; 3 tokens in, 5 out\n", kept(steps))
    assert "cost     last: 9 tokens in, 15 out; " in status
    assert again.reply["status"] == "ok"
    assert "tokens in" not in kept(again)  # it has asked no model
    assert re.search(r"\n\d.* m?s; 3 tokens in, 5 out\n", kept(one))
    for silent in (gone, mute, mute_steps):
        assert "tokens in" not in kept(silent)  # nobody has said it
    assert re.search(r"\nIn all: \d.* m?s; about \d+ tokens in, \d+ out\n", kept(cut))
    assert re.search(r"Step 1: failed, 1 line, \d.* m?s; about \d+ tokens in, ", kept(cut))


def test_the_view_says_which_budget_is_spent(ours: Notebook) -> None:
    ours.run("%config EagerModel.view = True")
    heard, _ = ours.ask(fenced("1\n"), fenced("2\n"), options="--steps 2 --fresh", cell_id="two")
    ours.run("%config EagerModel.view = False")
    updates = [m["content"]["data"] for m in heard.iopub if m["msg_type"] == "update_display_data"]
    assert "2 of 2 steps are done" in updates[-1]["text/plain"]
