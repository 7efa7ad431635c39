"""What runs in a subshell beside a run is as beside a stock cell."""

from __future__ import annotations

import queue
import time
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from eager_kernel.testing.wire import WireStream
from tests.conftest import Starter

CELLS = ["5;", "5", "x = 1\nx + 1;  # so", "print('seen'); 6;", "'a;'", "1 / 0", "None"]


class Subshell:
    """A subshell of a kernel."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client
        client.control_channel.send(client.session.msg("create_subshell_request"))
        self._id = client.get_control_msg(timeout=60)["content"]["subshell_id"]

    def run(self, code: str) -> list[tuple[str, Any]]:
        """Run a cell in it; return what it prints, shows and raises."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        request = self._client.session.msg("execute_request", content)
        request["header"]["subshell_id"] = self._id
        self._client.shell_channel.send(request)
        found = []
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                message = self._client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return found
            if kind in _SHOWN:
                found.append((kind, content[_SHOWN[kind]]))
        pytest.fail("the cell in the subshell did not end")


_SHOWN = {"stream": "text", "execute_result": "data", "error": "ename"}


def test_values_that_a_semicolon_hides(start_kernel: Starter, tmp_path: Path) -> None:
    # Beside a cell that waits, which ends in a semicolon or does not.
    _, stock = start_kernel("python3")
    stock.execute_interactive(f"import os; os.chdir({str(tmp_path)!r})", timeout=60)
    subshell = Subshell(stock)
    beside_cell, beside_run = [], []
    for ending in ("", ";"):
        wait = "import os, time\nprint('go')\nwhile not os.path.exists('go'): time.sleep(0.01)\n"
        cell = WireStream(stock).execute(wait + "8" + ending)
        cell.listen(until=lambda heard: "go" in heard.text())
        beside_cell.append([subshell.run(code) for code in CELLS])
        tmp_path.joinpath("go").touch()
        cell.finish()
        tmp_path.joinpath("go").unlink()
    _, client = start_kernel("eager_python")
    subshell = Subshell(client)
    for ending in ("", ";"):
        stream = WireStream(client).open().attach().delta(f"print('go')\n7{ending}\n8")
        stream.listen(until=lambda heard: "go" in heard.text())
        beside_run.append([subshell.run(code) for code in CELLS])
        stream.delta(ending).end().finish()
    assert beside_run == beside_cell
    assert beside_run[0][0] == []
