"""What goes with a repair: effects, the gate, messages, tracebacks; and repairs that fail."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from eager_kernel.execution import plain_files
from eager_kernel.testing.wire import Heard, WireStream
from tests.magics.notebook import TIMEOUT, Model, Notebook, interrupt, until

HELD = "get_ipython().history_manager.input_hist_raw[-1]"


def append(path: Path) -> str:
    """A statement with an effect that can be counted."""
    return f"with open({str(path)!r}, 'a') as file: file.write('x')\n"


def begin(notebook: Notebook, model: Model, repair: int = 1, gate: str = "wait") -> WireStream:
    options = f"--model {model.id} --repair {repair} --gate {gate}"
    return notebook.begin(f"%%eager {options}\ndo it")


def heard_text(cell: WireStream, text: str) -> None:
    cell.listen(TIMEOUT, until=lambda heard: text in heard.text())


def waits(path: Path) -> bool:
    """Whether a file does not come to be for a moment."""
    until_ = time.monotonic() + 0.2
    while time.monotonic() < until_:
        if path.exists():
            return False
        time.sleep(0.01)
    return True


# Effects and the gate ---------------------------------------------------------------------------

BROKEN_TAILS: dict[str, list[Any]] = {
    "does not parse": ["y = (2\n"],
    "is cut off": ["y = (2", ["finish", "length"]],
}


@pytest.mark.parametrize("tail", BROKEN_TAILS)
@pytest.mark.parametrize("again", [True, False])
def test_an_effect_of_a_program_that_is_none(notebook: Notebook, tail: str, again: bool) -> None:
    """It happens once if the program in the end has it, and never otherwise."""
    effect, go = notebook.path(), notebook.path()
    start = ["n = 0\nn += 1\nprint('begun')\n", append(effect)]
    repaired = (append(effect) if again else "") + "n += 10\n"
    model = notebook.model([*start, ["wait", str(go)], *BROKEN_TAILS[tail]], repaired)
    cell = begin(notebook, model)
    heard_text(cell, "begun")
    assert waits(effect)
    go.touch()
    heard = cell.finish()
    assert (heard.errors(), heard.reply["status"]) == ([], "ok")
    assert effect.exists() is again
    if again:
        assert effect.read_text() == "x"
    assert notebook.value("n") == 11
    assert notebook.value(HELD) == f"n = 0\nn += 1\nprint('begun')\n{repaired}".rstrip()
    told = model.texts()[-2][1]
    assert append(effect) in told  # it has not run: the model is to know
    assert "y = (2" in told


@pytest.mark.skipif(not plain_files.can_journal(), reason="files wait on this system")
@pytest.mark.parametrize("tail", BROKEN_TAILS)
@pytest.mark.parametrize(
    ("repaired", "left"), [("n += 10\n", "x"), (append(Path("f")), "xx"), ("z = (\n", None)]
)
def test_files_of_a_program_that_is_none(
    notebook: Notebook, tail: str, repaired: str, left: str | None
) -> None:
    """What ran stays, and so do its files; they are put back only if no more comes."""
    effect, go = notebook.path(), notebook.path()
    repaired = repaired.replace("'f'", repr(str(effect)))
    start = ["n = 0\n", append(effect), "print('begun')\n"]
    model = notebook.model([*start, ["wait", str(go)], *BROKEN_TAILS[tail]], repaired)
    cell = begin(notebook, model, gate="effect")
    heard_text(cell, "begun")
    assert effect.read_text() == "x"
    go.touch()
    heard = cell.finish()
    assert (effect.read_text() if effect.exists() else None) == left
    assert heard.reply["status"] == ("ok" if left else "error")


def test_effects_of_the_repaired_part_wait_for_its_end(notebook: Notebook) -> None:
    first, second, go = (notebook.path() for _ in range(3))
    model = notebook.model(
        append(first) + "1 / 0\n",
        ["print('again')\n", append(second), ["wait", str(go)], "end = 1\n"],
    )
    cell = begin(notebook, model)
    heard_text(cell, "again")
    assert first.read_text() == "x"  # its text had ended
    assert waits(second)
    go.touch()
    assert cell.finish().errors() == []
    assert (first.read_text(), second.read_text()) == ("x", "x")


def test_a_thread_that_waits_at_an_effect_waits_for_the_end_of_the_repair(
    notebook: Notebook,
) -> None:
    effect, go, now = (notebook.path() for _ in range(3))
    model = notebook.model(
        [
            "def work():\n    print('begun', flush=True)\n    ",
            append(effect),
            # By a name that the gate does not see, as it would hold the thread's start.
            "\nname = 'thread' + 'ing'\nthread = __import__(name).Thread(target=work)\n",
            "thread.start()\n",
            ["wait", str(now)],
            "1 / 0\n",
            ["wait", str(notebook.path())],  # at its end, the effect might happen
        ],
        ["print('again')\n", ["wait", str(go)], "thread.join()\n"],
    )
    cell = begin(notebook, model)
    heard_text(cell, "begun")
    now.touch()
    heard_text(cell, "again")
    assert waits(effect)
    go.touch()
    assert cell.finish().errors() == []
    assert effect.read_text() == "x"


def test_a_clock_of_the_repaired_part_waits_for_its_end(notebook: Notebook) -> None:
    go = notebook.path()
    model = notebook.model(
        "from time import time as now\n1 / 0\n",
        ["print('again')\n", "read = now()\n", ["wait", str(go)], "end = 1\n"],
    )
    cell = begin(notebook, model)
    heard_text(cell, "again")
    go.touch()
    assert cell.finish().errors() == []
    assert notebook.value("read") >= go.stat().st_mtime


def test_names_of_what_was_cut_off_do_not_mislead_the_gate(notebook: Notebook) -> None:
    go = notebook.path()
    model = notebook.model(
        "import time\nnext(iter(())); time = None\n",
        ["print('again')\n", "read = time.time()\n", ["wait", str(go)], "end = 1\n"],
    )
    cell = begin(notebook, model)
    heard_text(cell, "again")
    go.touch()
    assert cell.finish().errors() == []
    assert notebook.value("read") >= go.stat().st_mtime


# What the model is told -------------------------------------------------------------------------


def test_the_model_is_told_what_ran_and_what_failed(notebook: Notebook) -> None:
    _, model = notebook.ask(
        "x = 5\nprint(x)\n\n# About y.\ny = {\n    'a': x / 0,\n}\nz = 1\n",
        "y = x['b']\nz = 2\n",
        "z = 3\n",
        options="--repair 2",
    )
    asked = model.texts(0)
    assert [role for role, _ in asked] == ["system", "user"]
    assert model.texts(1)[: len(asked)] == asked
    (_, wrote), (_, told) = repair = model.texts(1)[len(asked) :]
    assert wrote == "```python\nx = 5\nprint(x)\n\n# About y.\ny = {\n    'a': x / 0,\n}\n```"
    assert told.startswith("Lines 1-2 have run; ")
    assert "The statement in lines 5-7 failed:" in told
    assert "ZeroDivisionError: division by zero" in told
    assert re.search(r"-+> 6 +'a': x / 0,", told)
    assert "\x1b" not in told
    assert "Go on after line 2" in told
    assert model.texts(2)[: len(asked) + 2] == [*asked, *repair]
    (_, wrote), (_, told) = model.texts(2)[len(asked) + 2 :]
    assert wrote == "```python\ny = x['b']\n```"
    assert "Line 3 failed:" in told
    assert "TypeError: 'int' object is not subscriptable" in told
    assert [request["attempt"] for request in model.asked] == [0, 1, 2]


def test_the_model_is_told_how_far_a_line_ran(notebook: Notebook) -> None:
    _, model = notebook.ask("a = 1; b = a / 0\n", "b = 2", options="--repair 1")
    told = model.texts()[-1][1]
    assert told.startswith("Line 1 has run, the last one as far as `a = 1;`; ")
    assert "Line 1 failed:" in told


def test_the_model_is_told_that_nothing_ran(notebook: Notebook) -> None:
    _, model = notebook.ask("1 / 0\n", "b = 2", options="--repair 1")
    told = model.texts()[-1][1]
    assert told.startswith("Nothing of the program has run. Line 1 failed:")
    assert "Write the program." in told


def test_the_conversation_holds_the_program_in_the_end(notebook: Notebook) -> None:
    notebook.ask("a = 1\n1 / 0\n", "print(a + 1)\n", options="--repair 1", prompt="first")
    _, model = notebook.ask("1", prompt="second")
    assert model.texts()[1:] == [
        ("user", "first"),
        ("assistant", "```python\na = 1\nprint(a + 1)\n```"),
        ("user", "Output of the program:\n2\n\nsecond"),
    ]


def test_long_tracebacks_are_shortened_for_the_model(notebook: Notebook) -> None:
    _, model = notebook.ask("raise ValueError('x' * 100_000)\n", "1", options="--repair 1")
    assert len(model.texts()[-1][1]) < 6_000


# What the notebook shows ------------------------------------------------------------------------


def error_of(heard: Heard) -> list[str]:
    """The traceback that is shown, without numbers of cells."""
    (error,) = (m["content"] for m in heard.iopub if m["msg_type"] == "error")
    text = "\n".join(error["traceback"])
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return re.sub(r"In ?\[\d+\]|-+> ?", "", text).split("\n")


@pytest.mark.parametrize("function", ["before", "after"])
def test_tracebacks_have_the_lines_of_the_program(notebook: Notebook, function: str) -> None:
    before = "\n# One.\ndef before():\n    x = 1\n    return x / 0\n"
    after = "\n# Two.\ndef after():\n    return before()\n"
    heard, _ = notebook.ask(
        before + "fail = {\n  1: before()\n}\nx = 1\n", after + "x = 2\n", options="--repair 1"
    )
    assert heard.errors() == []
    ours = error_of(notebook.run(f"{function}()"))
    notebook.run(before + after + "x = 2\n")
    assert ours == error_of(notebook.run(f"{function}()"))


@pytest.mark.parametrize(
    ("first", "second", "final"),
    [
        ("a = 1\n1 / 0\nb = 2\nc = 3\n", "2 / 0\nd = 4\n", "a = 1\n2 / 0\nd = 4\n"),
        ("a = 1\n1 / 0\nb = 2\nc = 3\n", "d = 4\n2 / 0\n", "a = 1\nd = 4\n2 / 0\n"),
        ("1 / 0\nb = 2\nc = 3\n", "\n\nd = [\n  2 / 0]\n", "\n\nd = [\n  2 / 0]\n"),
        ("def f():\n  1 / 0\nf()\nb\n", "x = f()\n", "def f():\n  1 / 0\nx = f()\n"),
    ],
)
def test_the_error_of_a_repair_that_fails_too_is_that_of_the_program(
    notebook: Notebook, first: str, second: str, final: str
) -> None:
    heard, model = notebook.ask(first, second, options="--repair 1")
    assert heard.reply["status"] == "error"
    assert len(model.asked) == 2
    held = notebook.value(HELD)
    assert final.startswith(held)  # what the model would have written after the error is cut off
    assert error_of(heard) == error_of(notebook.run(final))


def test_the_report_is_that_of_the_program_in_the_end(notebook: Notebook) -> None:
    notebook.ask("a = 1\nb = 2\n1 / 0\nc = 3\n", "d = 4\n\ne = 5\n", options="--repair 1")
    shown = notebook.run("%eager report")
    assert shown.errors() == []
    (display,) = (m["content"] for m in shown.iopub if m["msg_type"] == "display_data")
    assert "<svg" in display["data"]["image/svg+xml"]
    report = "get_ipython().magics_manager.registry['EagerMagics']._session.report"
    lines = notebook.value(f"[c.lines for c in {report}.chunks]")
    assert lines == [(1, 1), (2, 2), (3, 3), (4, 5)]
    spans = notebook.value(f"[(c.start, c.finish) for c in {report}.chunks]")
    assert all(start <= finish for start, finish in spans)
    assert spans == sorted(spans)


def test_a_repair_can_be_configured(notebook: Notebook) -> None:
    notebook.run("%config EagerModel.repair = 1")
    heard, _ = notebook.ask("1 / 0", "fine = 1")
    notebook.run("%config EagerModel.repair = 0")
    assert heard.errors() == []
    heard, model = notebook.ask("1 / 0", "fine = 1")
    assert heard.errors() == ["ZeroDivisionError"]
    assert len(model.asked) == 1


def test_a_repaired_notebook_runs_to_its_end(ours: Notebook, scripted: Path) -> None:
    model = ours.model("x = 1\n1 / 0\n", "x + 1\n")
    book = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(f"%%eager --model {model.id} --repair 1\ndo it"),
            nbformat.v4.new_code_cell("x + 2"),
        ]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(scripted))
        NotebookClient(book, kernel_name="eager_python", timeout=60).execute()
    kinds = [[output["output_type"] for output in cell["outputs"]] for cell in book.cells]
    assert kinds[1] == ["execute_result"]
    assert "error" not in kinds[0]
    assert kinds[0].count("execute_result") == 1


# Repairs that come to nothing -------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["", "```python\n```\nI can't.", "# Sorry\n", "a = 1\n"])
def test_a_repair_that_says_nothing_new(notebook: Notebook, answer: str) -> None:
    heard, model = notebook.ask("a = 1\n1 / 0\n", answer, options="--repair 1")
    assert len(model.asked) == 2
    assert heard.errors() == ["ZeroDivisionError"]
    assert heard.reply["status"] == "error"
    assert notebook.value(HELD) == "a = 1\n1 / 0"
    assert "----> 2 1 / 0" in re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(heard.reply["traceback"]))


@pytest.mark.parametrize("end", [["die"], ["fail", "the server has gone"]])
def test_a_model_that_dies_in_the_repair(notebook: Notebook, end: list[str]) -> None:
    heard, _ = notebook.ask("a = 1\n1 / 0\n", [end], options="--repair 2")
    assert heard.errors() == ["ZeroDivisionError", "SourceError"]
    assert heard.reply["status"] == "error"
    assert notebook.value(HELD) == "a = 1\n1 / 0"
    assert notebook.ask("'alive'")[0].displayed() == ["'alive'"]


def test_a_model_that_dies_when_a_part_of_the_repair_has_run(notebook: Notebook) -> None:
    go = notebook.path()
    model = notebook.model(
        "a = 1\n1 / 0\n", ["print('again')\n", ["wait", str(go)], ["fail", "the server has gone"]]
    )
    cell = begin(notebook, model)
    heard_text(cell, "again")
    go.touch()
    assert cell.finish().errors() == ["SourceError"]
    assert notebook.value(HELD) == "a = 1\nprint('again')"


@pytest.mark.parametrize("begun", [True, False])
def test_an_interrupt_in_the_repair(notebook: Notebook, begun: bool) -> None:
    written, mark = notebook.path(), "print('again')\n" if begun else ""
    never = ["wait", str(notebook.path())]
    model = notebook.model("a = 1\n1 / 0\n", [mark, ["begun", str(written)], never])
    cell = begin(notebook, model)
    until(written.exists)
    if begun:
        heard_text(cell, "again")
    interrupt(notebook)
    heard = cell.finish()
    assert heard.errors()[-1] == "KeyboardInterrupt"
    assert ("ZeroDivisionError" in heard.errors()) is not begun
    until(lambda: model.closed)


def test_a_program_that_ends_itself_is_not_repaired(notebook: Notebook) -> None:
    heard, model = notebook.ask("a = 1\nraise KeyboardInterrupt\n", "b", options="--repair 1")
    assert heard.errors() == ["KeyboardInterrupt"]
    assert len(model.asked) == 1


def test_a_usage_error_that_is_not_repaired_is_printed(notebook: Notebook) -> None:
    heard, _ = notebook.ask("a = 1\n%nothing\n", "", options="--repair 1")
    assert "UsageError: Line magic function `%nothing` not found" in heard.text("stderr")
    assert heard.reply["status"] == "error"


def test_what_is_still_written_after_the_error_does_not_run(notebook: Notebook) -> None:
    model = notebook.model(
        ["n = 1\n", "1 / 0\n", *(f"n += 100  # {i}\n" for i in range(300))], "n += 1\n"
    )
    heard = begin(notebook, model).finish()
    assert heard.errors() == []
    assert notebook.value("n") == 2
    assert notebook.value(HELD) == "n = 1\nn += 1"


# Chance -----------------------------------------------------------------------------------------


def by_chance(chance: random.Random, numbers: list[int]) -> str:
    """Statements that note numbers."""
    pieces = []
    for number in numbers:
        note = f"seen.append({number})"
        pieces.append(
            chance.choice(
                [
                    f"{note}\n",
                    f"{note};\n",
                    f"{note}  # {number}\n",
                    f"\n# {number}\n{note}\n",
                    f"if True:\n    {note}\n\n",
                    f"a = 1; {note}\n",
                    f"await note({number})\n",
                    f"%note {number}\n",
                ]
            )
        )
    return "".join(pieces)


FAILURES = [
    "1 / 0\n",
    "a = 1; 1 / 0\n",
    "x = 1 1\n",
    "return\n",
    "%no_such_magic\n",
    "if True:\n    1 / 0\n",
    "# Now:\nnothing\n",
]
SETTING = """\
seen = []
async def note(number): seen.append(number)
get_ipython().register_magic_function(lambda line: seen.append(int(line)), magic_name="note")
"""


@pytest.mark.parametrize("seed", range(8))
def test_programs_by_chance(notebook: Notebook, seed: int) -> None:
    """What has run is what the program in the end says, each statement once."""
    chance = random.Random(seed)
    numbers = iter(range(1000))
    so_far, answers = "", []
    for _ in range(3):
        new = by_chance(chance, [next(numbers) for _ in range(chance.randrange(4))])
        rest = by_chance(chance, [next(numbers) for _ in range(chance.randrange(3))])
        again = so_far if chance.random() < 0.5 else ""
        answers.append(again + new + chance.choice(FAILURES) + rest)
        so_far += new
    answers.append((so_far if chance.random() < 0.5 else "") + "seen.append('end')\n")
    if chance.random() < 0.5:
        answers = [f"```python\n{answer}```\n" for answer in answers]
    pieces = [re.findall(rf"(?s).{{1,{chance.choice([3, 20, 1000])}}}", a) for a in answers]
    notebook.run(SETTING, store_history=False)
    heard, _ = notebook.ask(*pieces, options="--repair 3")
    assert heard.errors() == []
    seen, program = notebook.value("seen"), notebook.value(HELD)
    assert seen[-1] == "end"
    assert len(set(seen)) == len(seen)
    notebook.run(SETTING, store_history=False)
    assert notebook.run(program).errors() == []
    assert seen == notebook.value("seen")
