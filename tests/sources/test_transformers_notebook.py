"""A notebook, and a real model on this machine: `%%eager` from the prompt to the outputs."""

from __future__ import annotations

import ast
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from tests.conftest import Starter
from tests.models import ServedModel
from tests.processes import model_processes
from tests.tiny_model import COUNTING, ENDLESS, FAILING, Conversation

Messages = list[dict[str, Any]]


@pytest.fixture(scope="module")
def notebook(tiny_model: Path, start_kernel: Starter) -> tuple[KernelManager, BlockingKernelClient]:
    manager, client = start_kernel("eager_python")
    assert execute(client, f"%eager model transformers/{tiny_model}")[1]["status"] == "ok"
    assert cell(client, COUNTING)[1]["status"] == "ok"  # it is loaded now
    return manager, client


def execute(client: BlockingKernelClient, code: str) -> tuple[Messages, dict[str, Any]]:
    messages: Messages = []
    # Who could be asked, and names no cell, would be taken for a terminal, and shown the listing.
    reply = client.execute_interactive(
        code, timeout=100, output_hook=messages.append, allow_stdin=False
    )
    return messages, reply["content"]


def cell(
    client: BlockingKernelClient, conversation: Conversation, *options: str
) -> tuple[Messages, dict[str, Any]]:
    prompt = conversation[0][0]["content"]
    return execute(client, f"%%eager {' '.join(options)}\n{prompt}")


def stdout(messages: Messages) -> str:
    return "".join(
        message["content"]["text"]
        for message in messages
        if message["msg_type"] == "stream" and message["content"]["name"] == "stdout"
    )


def value(client: BlockingKernelClient, expression: str) -> Any:
    reply = client.execute_interactive(
        "", user_expressions={"value": expression}, timeout=60, output_hook=lambda message: None
    )
    return ast.literal_eval(reply["content"]["user_expressions"]["value"]["data"]["text/plain"])


def report(client: BlockingKernelClient, field: str) -> Any:
    return value(
        client,
        f"get_ipython().magics_manager.registry['EagerMagics']._session.report.{field}",
    )


Notebook = tuple[KernelManager, BlockingKernelClient]


def test_a_program_runs_while_the_model_writes_it(notebook: Notebook) -> None:
    _, client = notebook
    # The model takes an eighth of a second, which the kernel may not get on a busy machine.
    for _ in range(10):
        messages, reply = cell(client, COUNTING, "--gate off")
        assert reply["status"] == "ok", reply
        assert stdout(messages) == "0, 1, three, four, fünf\n"
        [result] = [m["content"]["data"] for m in messages if m["msg_type"] == "execute_result"]
        assert result["text/plain"] == "5"
        if report(client, "chunks[0].finish") < report(client, "generation_s"):
            return
    pytest.fail("nothing has run while the model wrote")


def test_a_program_that_fails_ends_the_model(notebook: Notebook) -> None:
    _, client = notebook
    messages, reply = cell(client, FAILING)
    assert reply["status"] == "error"
    assert (reply["ename"], reply["evalue"]) == ("KeyError", "'fig'")
    assert stdout(messages) == "prices known: 3\n"


def test_the_model_writes_on_where_its_program_failed(notebook: Notebook) -> None:
    _, client = notebook
    messages, reply = cell(client, FAILING, "--repair 1")
    assert reply["status"] == "ok", reply
    assert stdout(messages) == "prices known: 3\ntotal: 4.00 €\n"
    program = value(client, "In[-1]")
    assert program.count("prices = ") == 1  # what ran is there once
    assert 'prices["fig"] = 2.0' in program
    assert "average" not in program


def test_stop_frees_the_model(notebook: Notebook) -> None:
    manager, client = notebook
    [worker] = model_processes(manager.provisioner.pid)
    prompt = ENDLESS[0][0]["content"]
    # `steps` counts up while the model writes; without a stop it comes to some 250.
    # Else its error may take the question after it along.
    request = client.execute(f"%%eager --gate off\n{prompt}", stop_on_error=False)
    wait_for_output(client, request)
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=60)
    assert reply["content"]["status"] == "error"
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert value(client, "steps") < 200
    idle = busy_seconds(worker)
    time.sleep(0.5)
    assert busy_seconds(worker) - idle < 0.2
    _, reply = cell(client, COUNTING, "--gate off")  # the same one goes on
    assert reply["status"] == "ok"
    assert worker.is_running()


def busy_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def wait_for_output(client: BlockingKernelClient, request: str) -> None:
    while True:
        message = client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") == request and message["msg_type"] == "stream":
            return


@pytest.mark.parametrize("server", [False, True], ids=["on this machine", "behind a server"])
def test_a_notebook_executed_by_nbclient(
    tiny_model: Path, request: pytest.FixtureRequest, server: bool
) -> None:
    model = f"--model transformers/{tiny_model}"
    if server:
        served: ServedModel = request.getfixturevalue("served_model")
        model = f"--model openai/{served.name} --api-base {served.api_base}"
    session = "get_ipython().magics_manager.registry['EagerMagics']._session"
    look = f"report = {session}.report\nprint(report.chunks[0].start < report.generation_s)"
    cells = [f"%%eager {model} --gate off --fresh\n{COUNTING[0][0]['content']}", look]
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells * 5])
    NotebookClient(
        notebook, kernel_name="eager_python", timeout=100, coalesce_streams=True
    ).execute()
    shown, *others = (cell["outputs"] for cell in notebook["cells"])
    assert "done" in shown[0]["data"]["text/plain"].splitlines()[0]  # the picture of the run
    assert shown[1]["text"] == "0, 1, three, four, fünf\n"
    assert shown[2]["data"]["text/plain"] == "5"
    # It ran while it was written. On a busy machine a text may be all there before it is begun.
    assert "True\n" in [looked[0]["text"] for looked in others[::2]]
