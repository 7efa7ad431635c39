"""What an `Output` widget captures is no output of the cell, as for nbclient."""

from __future__ import annotations

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from eager_kernel import EagerClient
from eager_kernel.places import connection_traits
from tests.conftest import Starter

pytest.importorskip("ipywidgets")

pytestmark = pytest.mark.timeout(600)

SETUP = "import ipywidgets, sys\nfrom IPython.display import display, clear_output\n"
OUT = "out, inner = ipywidgets.Output(), ipywidgets.Output()\n"
PROGRAMS = {
    "streams": "print('a')\nwith out:\n    print('b'); print('c', file=sys.stderr)\nprint('d')",
    "displays": "with out:\n    h = display(2, display_id=True)\n    h.update(3)\n4",
    "nested": "with out:\n    1\n    with inner:\n        print('b')\n    print('c')\nprint('d')",
    "again": "for n in range(3):\n    with out:\n        print('in', n)\n    print('out', n)",
    "error": "print('a')\nwith out:\n    1 / 0\nprint('b')",
    "cleared": "print('a')\nwith out:\n    print('b')\n    clear_output()\nprint('c')",
    "update": "h = display(1, display_id=True)\nwith out:\n    h.update(2)\nprint('a')",
    "decorated": "@out.capture()\ndef f():\n    print('in')\n    return 7\nprint('a')\nf()",
    "never ended": "out.__enter__()\nprint('a')\n1",
    "appended": "out.append_stdout('x')\nprint('a')",
    "another widget": "s = ipywidgets.IntSlider()\nwith out:\n    s.value = 3\nprint('a')",
}  # fmt: skip


@pytest.fixture(scope="module")
def of_nbclient() -> dict[str, list[dict[str, object]]]:
    """The outputs that nbclient has, by program."""
    # On a busy machine it misses an answer of its kernel now and then, and waits for it.
    for _ in range(6):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SETUP)])
        notebook.cells += [nbformat.v4.new_code_cell(OUT + text) for text in PROGRAMS.values()]
        # Over sockets of the file system: another program can take a port.
        manager = AsyncKernelManager(kernel_name="python3", **connection_traits())
        try:
            NotebookClient(
                notebook, km=manager, allow_errors=True, timeout=30, startup_timeout=60
            ).execute()
        except (CellTimeoutError, DeadKernelError, RuntimeError):
            continue
        return dict(zip(PROGRAMS, (cell.outputs for cell in notebook.cells[1:]), strict=True))
    raise AssertionError("nbclient never came to the notebook's end")


@pytest.fixture(scope="module")
def clients(start_kernel: Starter) -> list[EagerClient]:
    files = [start_kernel(name)[0].connection_file for name in ("eager_python", "python3")]
    return [EagerClient.connect(file) for file in files]


def plain(outputs: list[dict[str, object]]) -> list[dict[str, object]]:
    """As frontends show them: pieces of one stream, as nbclient leaves them, are together."""
    left_out = ("execution_count", "traceback")
    shown: list[dict[str, object]] = []
    for output in outputs:
        kept = {key: output[key] for key in output if key not in left_out}
        if shown and "name" in kept and shown[-1].get("name") == kept["name"]:
            shown[-1]["text"] = f"{shown[-1]['text']}{kept['text']}"
        else:
            shown.append(kept)
    return shown


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_nbclient(
    clients: list[EagerClient], of_nbclient: dict[str, list[dict[str, object]]], name: str
) -> None:
    program = SETUP + OUT + PROGRAMS[name]
    streamed, stock = clients
    told: list[dict[str, object]] = []
    results = [
        streamed.run([program]),
        streamed.run(program.splitlines(keepends=True)),
        streamed.execute(program, on_event=told.append),
        stock.execute(program),
    ]
    for result in results:
        assert plain(result.outputs) == plain(of_nbclient[name])
        assert result.dropped == {}
    assert len(told) >= len(results[2].outputs)


def test_a_widget_of_an_earlier_cell(clients: list[EagerClient]) -> None:
    for client in clients:
        client.execute(SETUP + OUT)
        result = client.execute("print('a')\nwith out:\n    print('b')\nprint('c')")
        assert result.text() == "a\nc"


def test_what_only_looks_like_a_widget(clients: list[EagerClient]) -> None:
    program = (
        "from comm import create_comm\n"
        "c = create_comm(target_name='x')\n"
        "m = get_ipython().get_parent()['header']['msg_id']\n"
        "for data in (None, 1, {'state': 1}, {'state': {'msg_id': 7}}, {'state': {'msg_id': ''}},\n"
        "             {'msg_id': m}, {'state': {'msg_id': m + 'x'}}):\n"
        "    c.send(data)\n"
        "print('a')\n"
    )
    for client in clients:
        assert client.execute(program).text() == "a"
