"""The harness sees what it is there to see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eager_kernel.testing import Laboratory, Notebook, Program, load, load_notebooks, normalise
from eager_kernel.testing.__main__ import main
from eager_kernel.testing.files import place
from eager_kernel.testing.laboratory import Comparison


@pytest.mark.parametrize(
    "text",
    [
        "import sys\nprint('-m eager_kernel' in ' '.join(sys.orig_argv))",
        "import sys\nx = 'eager_kernel' in sys.modules",
        "import sys\nopen('eager_kernel' in sys.modules and 'a' or 'b', 'w').close()",
        "import sys\nassert 'eager_kernel' not in sys.modules",
        "import sys\n_ = [get_ipython().run_cell('1', store_history=True) "
        "for _ in range('eager_kernel' in sys.modules)]",
    ],
    ids=["output", "namespace", "file", "error", "history"],
)
def test_a_difference_is_found_and_shown(text: str, laboratory: Laboratory) -> None:
    comparison = laboratory.compare(Program("different", text), "lines")
    assert not comparison.same
    assert "--- stock cell" in comparison.diff()


def test_no_difference_is_shown_where_there_is_none() -> None:
    assert "---" not in Comparison(Program("same", "1"), "lines", {"a": 1}, {"a": 1}).diff()


def test_the_state_is_new_for_each_program(laboratory: Laboratory) -> None:
    for text in ("x = 1\nopen('f', 'w').close()", "'x' in globals(), len(In)"):
        comparison = laboratory.compare(Program("in turn", text), "whole")
        assert comparison.same, comparison.diff()
    assert comparison.actual["messages"][0][1]["data"]["text/plain"] == "(False, 2)"
    assert comparison.actual["state"]["files"] == {}


def test_a_corpus_file(tmp_path: Path) -> None:
    file = tmp_path / "c.txt"
    file.write_text('# About.\n# %% one\nx = 1\n\n# %% two {"answers": ["a"], "wait": 0.5}\ny\n')
    one, two = load(tmp_path)
    assert (one.name, one.text) == ("c: one", "x = 1\n")
    assert (two.name, two.text, two.answers, two.wait) == ("c: two", "y\n", ("a",), 0.5)


@pytest.mark.parametrize(
    ("content", "problem"),
    [("x = 1\n", "line 1: text before"), ("# %% one {not json}\n", "line 1: options are no JSON")],
    ids=["no marker", "bad options"],
)
def test_a_file_that_is_no_corpus(tmp_path: Path, content: str, problem: str) -> None:
    file = tmp_path / "c.txt"
    file.write_text(content)
    with pytest.raises(ValueError, match=problem):
        load(file)


def test_where_errors_stop_the_text_what_never_came_is_left_out(laboratory: Laboratory) -> None:
    program = Program("stopped", "x = 1\n1 / 0; y = 2\nz = 3\n" + "pass\n" * 20)
    comparison = laboratory.compare(program, "lines", 0.02, on_error="stop")
    assert comparison.same, comparison.diff()
    assert "In" not in comparison.actual["state"]
    whole = laboratory.compare(program, "lines", 0.02)
    assert whole.same, whole.diff()
    assert "z = 3" in whole.actual["state"]["In"][1]


def test_what_came_before_an_error_is_compared_all_the_same(laboratory: Laboratory) -> None:
    text = "import sys\nx = 'eager_kernel' in sys.modules\n1 / 0\ny = 2\n"
    assert not laboratory.compare(Program("different", text), "lines", on_error="stop").same


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "c.txt"
    file.write_text("# %% same\n1 + 1\n# %% other\nimport sys\n'eager_kernel' in sys.modules\n")
    assert main([str(file), "--splits", "lines", "--only", "same"]) == 0
    assert capsys.readouterr().out.endswith("1 programs × 1 splits, 0 differences\n")
    assert main([str(file), "--splits", "lines", "known", "--on-error", "stop"]) == 1
    shown = capsys.readouterr().out
    assert "c: other, cut by known, stopped by errors" in shown
    assert shown.endswith("2 programs × 2 splits, 2 differences\n")


# What need not be the same -------------------------------------------------------------------


def test_sets_have_one_order(laboratory: Laboratory) -> None:
    text = "print({chr(97 + i) * 3 for i in range(26)})"
    comparison = laboratory.compare(Program("a set", text), "lines")
    assert comparison.same, comparison.diff()


def test_each_side_has_run_as_much_as_the_other(laboratory: Laboratory) -> None:
    text = "import sys\nsys.counted = getattr(sys, 'counted', 0) + 1\nprint(sys.counted)"
    program = Program("counts the runs of its process", text)
    for split in ("lines", "whole", "known"):
        comparison = laboratory.compare(program, split)
        assert comparison.same, comparison.diff()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<a at 0x7F00AB12CD>", "<a at 0x7F0099887F>"),
        ("object at 0X7F00AB12CD", "object at 0x7f0099887f"),
        (
            '<div id="sk-container-id-3"><label for="sk-estimator-id-9">'
            '<input id="sk-estimator-id-9"><style>#sk-container-id-3 a {}</style>',
            '<div id="sk-container-id-12"><label for="sk-estimator-id-41">'
            '<input id="sk-estimator-id-41"><style>#sk-container-id-12 a {}</style>',
        ),
        (
            '<style>#T_ab12c_row0_col1 {}</style><table id="T_ab12c"><td id="T_ab12c_row0_col1">',
            '<style>#T_99fe0_row0_col1 {}</style><table id="T_99fe0"><td id="T_99fe0_row0_col1">',
        ),
    ],
    ids=["upper-case digits", "upper-case X", "counters", "pandas styles"],
)
def test_what_can_not_be_the_same_is_hidden(one: str, other: str) -> None:
    assert normalise.scrub({"text/html": one}) == normalise.scrub({"text/html": other})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('<a id="x1">1</a>', '<a id="x1">2</a>'),
        ('<a id="x1"></a><b for="x1">', '<a id="x1"></a><b for="x2">'),
        ('<a id="result">', '<a id="outcome">'),
    ],
)
def test_what_differs_is_not_hidden(one: str, other: str) -> None:
    assert normalise.scrub(one) != normalise.scrub(other)


def test_outputs_as_a_notebook_keeps_them() -> None:
    def outputs(number: int, *texts: str) -> list[dict[str, object]]:
        return [
            *({"output_type": "stream", "name": "stdout", "text": text} for text in texts),
            {
                "output_type": "execute_result",
                "data": {},
                "metadata": {},
                "execution_count": number,
            },
        ]

    assert normalise.outputs(outputs(1, "ab")) == normalise.outputs(outputs(7, "a", "b"))
    assert normalise.outputs(outputs(1, "ab")) != normalise.outputs(outputs(1, "a"))


# Programs that can't be compared --------------------------------------------------------------


def test_it_goes_on_after_what_can_not_be_compared() -> None:
    with Laboratory(limit=2) as laboratory:
        slow = laboratory.compare(Program("slow", "import time\ntime.sleep(60)"), "lines")
        assert slow.problem == "the stock kernel had not ended it in 2 s"
        broken = laboratory.compare(Program("no set-up", "x", before=("1 / 0",)), "lines")
        assert "its set-up failed: RuntimeError: '1 / 0' failed" in broken.problem
        assert "not compared: its set-up failed" in broken.diff()
        assert not slow.same
        assert not broken.same
        fine = laboratory.compare(Program("fine", "1 + 1"), "lines")
        assert fine.same, fine.diff()


# Notebooks ------------------------------------------------------------------------------------


def notebook(path: Path, *cells: str) -> Path:
    """A notebook of these code cells, between two others."""
    code = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    written = [
        {"cell_type": "markdown", "metadata": {}, "source": "# Title"},
        *({**code, "source": source} for source in cells),
        {**code, "source": "1 / 0", "metadata": {"tags": ["skip-execution"]}},
        {**code, "source": "  \n"},
    ]
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": written})
    )
    return path


def test_notebooks_are_read(tmp_path: Path) -> None:
    notebook(tmp_path / "one.ipynb", "x = 1", "x")
    notebook(tmp_path / "more" / "two.ipynb", "y")
    notebook(tmp_path / ".ipynb_checkpoints" / "one-checkpoint.ipynb", "z")
    (tmp_path / "data.csv").write_text("a,b\n")
    two, one = load_notebooks(tmp_path)
    assert (one.name, [cell.name for cell in one.cells]) == (
        "one.ipynb", ["one.ipynb [2]", "one.ipynb [3]"],
    )  # fmt: skip
    assert [cell.text for cell in one.cells] == ["x = 1", "x"]
    assert [path.name for path in one.files] == ["data.csv", "more"]
    assert two.name == "two.ipynb"
    tmp_path.joinpath("none.ipynb").write_text("{}")
    with pytest.raises(ValueError, match=r"none.ipynb is no notebook"):
        load_notebooks(tmp_path / "none.ipynb")


def test_cells_are_compared_in_one_session(tmp_path: Path, laboratory: Laboratory) -> None:
    (tmp_path / "data.txt").write_text("found")
    cells = ("text = open('data.txt').read()", "print(text)\ntext[::-1]", "len(In), _")
    (read,) = load_notebooks(notebook(tmp_path / "n.ipynb", *cells))
    found = list(laboratory.compare_notebook(read, "tokens"))
    assert len(found) == 3
    for comparison in found:
        assert comparison.same, comparison.diff()
    assert found[-1].actual["messages"][-1][1]["data"]["text/plain"] == "(4, 'dnuof')"


def test_after_a_cell_that_differs_only_what_is_shown_counts(laboratory: Laboratory) -> None:
    texts = ("import sys\nx = 'eager_kernel' in sys.modules", "1 + 1", "x")
    cells = tuple(Program(f"[{number}]", text) for number, text in enumerate(texts))
    found = list(laboratory.compare_notebook(Notebook("n", cells), "lines"))
    assert [comparison.same for comparison in found] == [False, True, False]


def test_the_command_takes_notebooks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notebook(tmp_path / "n.ipynb", "import time", "time.sleep(60)", "1")
    assert main([str(tmp_path), "--splits", "lines", "--limit", "1"]) == 1
    shown = capsys.readouterr().out
    problem = "the stock kernel had not ended it in 1 s, so the cell after it was not run"
    assert f"n.ipynb [3], cut by lines: not compared: {problem}\n" in shown
    assert shown.endswith("1 notebooks (3 cells) × 1 splits, 0 differences, 1 not compared\n")
    assert main([str(tmp_path / "none.txt")]) == 2


# Files ----------------------------------------------------------------------------------------


def test_files_are_a_programs_own_and_large_ones_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eager_kernel.testing.files.COPIED_FILE", 4)
    monkeypatch.setattr("eager_kernel.testing.files._clone", lambda source, target: False)
    data = tmp_path / "from" / "data"
    data.mkdir(parents=True)
    (data / "small").write_text("1234")
    (data / "large").write_text("12345")
    (data / "__pycache__").mkdir()
    (data / "empty").mkdir()
    folder = tmp_path / "to"
    (linked,) = place([data, tmp_path / "from" / "none"], folder)
    assert (linked.path, linked.size) == (str(data / "large"), 5)
    assert sorted(path.name for path in (folder / "data").iterdir()) == ["empty", "large", "small"]
    (folder / "data" / "small").write_text("new")
    assert (data / "small").read_text() == "1234"
    assert (folder / "data" / "large").is_symlink()
