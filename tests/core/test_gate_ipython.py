"""IPython syntax is judged by its text."""

from __future__ import annotations

import time

import pytest

from tests.core.gate_programs import held, judge


@pytest.mark.parametrize(
    "text",
    [
        "!ls\n",
        "x = !ls\n",
        "!!ls\n",
        "%%bash\nls\n",
        "\n%%writefile f.py\nx\n",
        "%pip install x\n",
        "%run f.py\n",
        "%sx ls\n",
        "x = %system ls\n",
        "%save f 1\n",
        "%logstart\n",
        "%store x\n",
        "%conda install x\n",
        "%cd ..\n",
        "if x:\n    !ls\n",
        "if x:\n    y = !ls\n    z = 1\n",
        "%matplotlib inline\nos.remove('f')\n",
        "%%capture x\nopen('f', 'w')\n",
    ],
)
def test_what_static_holds(text: str) -> None:
    assert held(text, "static") == [text.count("os.remove")]
    if "remove" not in text and "logstart" not in text:
        assert held(text, "effect") == []


@pytest.mark.parametrize("text", ["%logstart f\n", "%logon\n", "if x:\n    %logstart\n"])
def test_what_logs_the_text_of_its_cell_waits_for_it(text: str) -> None:
    assert held(text, "effect") == held(text, "static") == [0]


@pytest.mark.parametrize(
    "text",
    [
        "%matplotlib inline\n",
        "%who\n",
        "os?\n",
        "?os\n",
        "x = 5 %time\n",
        "print('%time !ls')\n",
        "x = 1  # %time\n",
        "x = '''\n%time\n!ls\n'''\n",
        "%%html\n<p>\n",
        "x != ls\n",
    ],
)
def test_what_runs(text: str) -> None:
    assert held(text, "static") == held(text, "effect") == []


@pytest.mark.parametrize("magic", ["%time", "%timeit", "%prun", "%%time", "%%timeit"])
@pytest.mark.parametrize("mode", ["effect", "static", "paper"])
def test_time_is_held(magic: str, mode: str) -> None:
    (verdict,) = judge(f"{magic} -n 1\n" if "%%" in magic else f"{magic} f()\n", mode)  # type: ignore[arg-type]
    assert (verdict.action, verdict.category) == ("hold", "timing")
    assert verdict.reason == f"{magic} measures time, which would show the model's pace"


def test_python_around_a_magic_is_judged() -> None:
    text = "for i in x:\n    %matplotlib inline\n    y?\n    time.time()\n"
    (verdict,) = judge(text, "effect")
    assert (verdict.category, verdict.line) == ("timing", 4)


def test_body_of_a_cell_magic_is_judged_if_it_is_python() -> None:
    (verdict,) = judge("%%capture\nx = 1\ny = time.time()\n", "effect")
    assert (verdict.category, verdict.line) == ("timing", 3)
    assert held("%%html\n<p>time.time()</p>\n", "static") == []


def test_long_lines_take_no_longer_than_their_length() -> None:
    start = time.process_time()
    held("x = !ls " + "a" * 100_000 + "\n%matplotlib " + "b." * 50_000 + "'?\n", "static")
    assert time.process_time() - start < 2


def test_line_of_a_magic() -> None:
    assert judge("\n\nif x:\n    1\n    !ls\n", "static")[0].line == 5
    assert judge("# a\n%%time\nx\n", "effect")[0].line in (1, 2)
