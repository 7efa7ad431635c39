"""The harness sees what it is there to see."""

from __future__ import annotations

from pathlib import Path

import pytest

from eager_kernel.testing import Laboratory, Program, load
from eager_kernel.testing.__main__ import main
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
