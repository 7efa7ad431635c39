"""An ordinary notebook is the same with EAGER as with the stock kernel."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

KERNELS = ("python3", "eager_python")


def notebook() -> Any:
    """A little of everything that a notebook shows."""
    cells = [
        new_markdown_cell("# Title\n\nSome *text* and $x^2$."),
        new_code_cell("import sys\nprint('out')\nprint('err', file=sys.stderr)\nx = 6"),
        new_code_cell("x * 7"),
        new_code_cell("from IPython.display import HTML, display\ndisplay(HTML('<b>bold</b>'))"),
        new_code_cell("for n in range(3):\n    print(n)\n'last';"),
        new_code_cell("%precision 2\n3.14159"),
        new_code_cell("%%capture caught\nprint('hidden')"),
        new_code_cell("!echo from the shell"),
        new_code_cell("caught.stdout, _, Out[2], In[2]"),
        new_code_cell("import asyncio\nawait asyncio.sleep(0, 'awaited')"),
        new_code_cell(
            "def f(n):\n    return 1 / n\n\nf(0)", metadata={"tags": ["raises-exception"]}
        ),
        new_code_cell("1 +", metadata={"tags": ["raises-exception"]}),
        new_code_cell(
            "shown = display({'text/plain': 'one'}, raw=True, display_id='the-same')\n"
            "shown.update({'text/plain': 'two'}, raw=True)"
        ),
        new_code_cell("open('ran-' + get_ipython().kernel.implementation, 'w').close()\nx + 1"),
    ]
    if find_spec("matplotlib") is not None:
        figure = (
            "import matplotlib.pyplot as plt\nfig = plt.figure(figsize=(1, 1))\nplt.plot([1, 2]);"
        )
        cells.append(new_code_cell(figure))
    return new_notebook(cells=cells)


def comparable(path: Path) -> Any:
    """A notebook without what differs from one execution to the next."""
    made = nbformat.read(path, as_version=4)
    made.metadata.pop("kernelspec", None)
    for cell in made.cells:
        cell.pop("id", None)
        cell.metadata.pop("execution", None)  # times
    return made


def test_nbconvert_makes_the_same_notebook(tmp_path: Path) -> None:
    pytest.importorskip("nbconvert")
    nbformat.write(notebook(), tmp_path / "input.ipynb")
    command = [sys.executable, "-m", "nbconvert", "--to=notebook", "--execute"]
    command += ["--ExecutePreprocessor.timeout=60", "input.ipynb", "--output"]
    running = {
        kernel: subprocess.Popen(
            [*command, f"{kernel}.ipynb", f"--ExecutePreprocessor.kernel_name={kernel}"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for kernel in KERNELS
    }
    for kernel, process in running.items():
        said, _ = process.communicate(timeout=100)
        assert process.returncode == 0, f"{kernel}: {said}"
    stock, eager = (comparable(tmp_path / f"{kernel}.ipynb") for kernel in KERNELS)
    for number, (before, now) in enumerate(zip(stock.cells, eager.cells, strict=True)):
        assert now == before, f"cell {number}"
    assert eager == stock
    # It was a notebook in which something happened.
    kinds = [output.output_type for cell in eager.cells for output in cell.get("outputs", [])]
    assert {"stream", "execute_result", "display_data", "error"} == set(kinds)
    # And each kernel did run it.
    assert {path.name for path in tmp_path.glob("ran-*")} == {"ran-ipython", "ran-eager_python"}
