"""An ordinary cell's result knows its program as that of a run does, on kernels of any kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eager_kernel import EagerClient
from eager_kernel.client.ordinary import with_program
from eager_kernel.client.result import RunError, RunResult
from tests.conftest import Starter


@pytest.fixture(scope="module")
def stock(start_kernel: Starter) -> Iterator[EagerClient]:
    """A client of a stock kernel."""
    with EagerClient.connect(start_kernel("python3")[0].connection_file) as client:
        yield client


PROGRAMS = {
    "none": "a = 1\n\nb = 2\n# the end\n",
    "last line": "a = 1\n1 / 0",
    "first line": "1 / 0\na = 1\n",
    "lines before": "\n  \n# why\na = 1\n\n1 / 0\nb = 2\n",
    "several lines": "a = 1\n# why\nprint(\n  1,\n  1 / 0,\n)\nb = 2\n",
    "loop": "for i in range(3):\n    if i == 2:\n        1 / 0\nb = 2\n",
    "function": "def f():\n    1 / 0\n\n\ndef g():\n    f()\n\nx = 1\ng()\nb = 2\n",
    "chain": "try:\n    1 / 0\nexcept Exception as e:\n    raise ValueError('no') from e\nb = 2\n",
    "library": "import json\njson.loads('{')\nb = 2\n",
    "message": "a = 1\nraise ValueError('x\\nCell In[1], line 9\\n----> 9 y')\n",
    "one line": "a = 1\nb = 2; 1 / 0; c = 3\nd = 4\n",
    "magic": "a = 1\n%nosuchmagic\nb = 2\n",
    "error in a magic": "a = 1\n%timeit -n1 -r1 1 / 0\nb = 2\n",
    "after a long magic": "%pwd \\\n  \\\n\na = 1\n1 / 0\n",
    "cell magic": "%%time\na = 1\n1 / 0\n",
    "executed": "a = 1\nexec('\\n\\n1 / 0')\nb = 2\n",
    "evaluated": "a = 1\neval('1 +')\nb = 2\n",
    "awaited": "import asyncio\nawait asyncio.sleep(0)\nasync def f():\n    1 / 0\nawait f()\n",
    "group": "def f():\n    raise ExceptionGroup('m', [ValueError('a')])\na = 1\nf()\nb = 2\n",
    "interrupt": "a = 1\nraise KeyboardInterrupt\nb = 2\n",
    "compiled late": "a = 1\nreturn 3\nb = 2\n",
    "form feed": "a = '\f'\n1 / 0\n",
    "ends of lines": "a = 1\r\n\r\n1 / 0\r\nb = 2\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_a_run(eager: EagerClient, stock: EagerClient, name: str) -> None:
    program = PROGRAMS[name]
    run = eager.run([program])
    for client in (eager, stock):
        cell = client.execute(program)
        assert cell.program == run.program
        assert (cell.executed, cell.failing, cell.rest) == (run.executed, run.failing, run.rest)
        assert (cell.error is None) == (run.error is None)
        if cell.error is not None and run.error is not None:
            assert cell.error.lines == run.error.lines
            assert cell.error.ename == run.error.ename
            assert bool(cell.executed_lines) == bool(run.executed_lines)
            if name != "one line":  # of which `executed_lines` may count the failing one
                assert cell.executed_lines == run.executed_lines
        else:
            assert cell.executed_lines == run.executed_lines


@pytest.mark.parametrize("program", ["a = 1\n\ny = = 2\nb = 2\n", "a = 1\n  b = 2\n", "f(\n"])
def test_text_that_does_not_parse(stock: EagerClient, eager: EagerClient, program: str) -> None:
    cell, run = stock.execute(program), eager.run([program])
    assert cell.error is not None
    assert run.error is not None
    assert cell.error.lines == run.error.lines
    assert (cell.executed_lines, cell.executed) == (0, "")  # of a cell, nothing has run
    assert "no line has run" in cell.text()


def test_functions_of_earlier_cells(stock: EagerClient) -> None:
    stock.execute("\n\n\n\ndef of_earlier():\n    1 / 0\n")
    cell = stock.execute("a = 1\nof_earlier()\nb = 2\n")
    assert cell.error is not None
    assert cell.error.lines == (2, 2)
    assert cell.failing == "of_earlier()\n"
    assert "line 1 has run, line 2 failed, line 3 did not" in cell.text()
    assert stock.execute("a = 1\n1 / 0\n", store_history=False).failing == "1 / 0\n"


def test_where_nothing_says_which_statement_failed(stock: EagerClient) -> None:
    cell = stock.execute("a = 1\nimport sys\nsys.exit(3)\n")
    assert cell.error is not None
    assert cell.error.lines is None
    assert cell.executed_lines == 0
    assert "it is not known which lines have run" in cell.text()


def test_what_a_model_reads(stock: EagerClient) -> None:
    pytest.importorskip("pandas")
    program = "import pandas as pd\nprint('begun')\npd.DataFrame()['price']\nb = 2\n"
    cell = stock.execute(program)
    assert cell.text().splitlines() == [
        "begun",
        "  line 3: pd.DataFrame()['price']",
        "KeyError: 'price'",
        "[lines 1–2 have run, line 3 failed, line 4 did not]",
    ]
    group = stock.execute(PROGRAMS["group"]).text()
    assert "|   line 4\n  |     f()" in group
    assert "site-packages" not in group
    assert group.endswith("[lines 1–3 have run, line 4 failed, line 5 did not]")


def test_a_value_and_a_picture(eager: EagerClient) -> None:
    program = "from IPython.display import SVG, display\ndisplay(SVG('<svg/>'))\n6 * 7"
    for result in (eager.run([program]), eager.execute(program)):
        assert result.value == "42"
        assert result.images == [("image/svg+xml", b"<svg/>")]


def test_lines_beyond_the_program() -> None:
    told = ["E    Traceback (most recent call last)", "Cell In[1], line 99\n", "E: no"]
    result = RunResult("error", [], RunError("E", "no", told))
    filled = with_program(result, "a\nb")
    assert filled.error == result.error
    assert (filled.program, filled.executed_lines) == ("a\nb", 0)
