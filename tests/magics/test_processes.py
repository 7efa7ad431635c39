"""No model outlives its kernel, and nothing is left behind by many runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.magics.conftest import KERNELS, prepare
from tests.magics.notebook import TIMEOUT, Notebook, until


def writing(notebook: Notebook) -> psutil.Process:
    """A model's process in the middle of an answer."""
    model = notebook.model(["print('early')\n", ["wait", str(notebook.path())], "x = 1"])
    cell = notebook.begin(f"%%eager --model {model.id}\nbefore the end")
    cell.listen(TIMEOUT, until=lambda heard: "early" in heard.text())
    return psutil.Process(model.asked[0]["pid"])


@pytest.mark.parametrize("kernel", KERNELS)
def test_no_model_outlives_its_kernel(
    open_notebook: Callable[[str], Notebook],
    kernel: str,
    scripted: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(scripted))  # a restart takes it from here
    notebook = open_notebook(kernel)
    process = writing(notebook)
    notebook.manager.restart_kernel(now=False)
    notebook.client.wait_for_ready(timeout=TIMEOUT)
    until(lambda: not process.is_running())
    prepare(notebook)

    # By another prompt: the first one's run has not ended, so there is nothing to replay.
    assert notebook.ask("print('kept')\n", prompt="after all")[0].text() == "kept\n"
    notebook.manager.restart_kernel(now=True)
    notebook.client.wait_for_ready(timeout=TIMEOUT)
    prepare(notebook)
    assert notebook.run("%%eager --replay\nafter all").text() == "kept\n"

    process = writing(notebook)
    notebook.manager.shutdown_kernel(now=True)
    until(lambda: not process.is_running())


def test_many_runs_leave_nothing_behind(notebook: Notebook) -> None:
    never = ["wait", str(notebook.path())]

    def runs() -> None:
        notebook.ask("x = 1\nx\n")
        notebook.ask("x = 1\n1 / 0\n", "x = 2\n", options="--repair 1")
        notebook.ask(["x = 1\n1 / 0\n", never])
        notebook.ask(["x = 1\n", ["fail", "no"]])
        notebook.ask("x = 1\n", options="--dry")
        notebook.run("%%eager --nothing\nx")

    def state() -> list[int]:
        me = psutil.Process(notebook.value("__import__('os').getpid()"))
        session = "get_ipython().magics_manager.registry['EagerMagics']._session"
        return [
            me.num_threads(),
            len(me.children(recursive=True)),
            me.num_fds(),
            notebook.value(f"len({session}.streams._streams)"),
            notebook.value(f"len({session}.streams._unread)"),
        ]

    runs()
    before = state()
    for _ in range(4):
        runs()
    until(lambda: all(a <= b for a, b in zip(state(), before, strict=True)))
