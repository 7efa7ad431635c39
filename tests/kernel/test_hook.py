"""The audit hook stays when a run has ended: ordinary cells must not feel it."""

from __future__ import annotations

from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from eager_kernel.testing.wire import WireStream, run
from tests.afresh import afresh

CELLS = {
    "a file": "open('f', 'w').close()",
    "a file, by a function of the run": "write()",
    "a file, by a task": (
        "import asyncio\nasync def g(): open('f', 'w').close()\n\nawait asyncio.create_task(g())"
    ),
    "a file, by a thread": (
        "import threading\nt = threading.Thread(target=write)\nt.start(); t.join()"
    ),
    "a process": "import subprocess\nr = subprocess.run(['touch', 'f'], check=True)",
    "a command": "!touch f",
    "a file, by a magic": "%%writefile f\nx = 1",
}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("ending", ["good", "malformed"])
def test_an_ordinary_cell_after_a_run(
    client: BlockingKernelClient, tmp_path: Path, ending: str, cell: str
) -> None:
    client.execute_interactive(afresh(tmp_path), timeout=60)
    program = "def write():\n    open('f', 'w').close()\n\nwrite()\n"
    heard = run(client, program, "x = (\n" if ending == "malformed" else "x = 1\n", pause=0.1)
    assert heard.result["status"] == ("ok" if ending == "good" else "error")
    tmp_path.joinpath("f").unlink(missing_ok=True)
    # A stream that is open, but in no cell, holds nothing either.
    stream = WireStream(client).open().delta(program)
    stream.listen(0.1)
    reply = client.execute_interactive(
        CELLS[cell], timeout=60, output_hook=lambda message: None, store_history=False
    )
    assert reply["content"]["status"] == "ok"
    assert tmp_path.joinpath("f").exists()
    stream.data({"type": "cancel"})
