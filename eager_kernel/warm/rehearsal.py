"""Which modules a kernel imports by itself: found out by starting one.

A list would be out of date with the next release of ipykernel, and would not know of what a user's
configuration loads.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from select import select
from typing import Any, Final
from uuid import uuid4

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

from eager_kernel.kernel.app import EagerKernelApp
from eager_kernel.protocol import TARGET, Delta, End, attach_code, open_data
from eager_kernel.warm.preload import Imported


class Rehearsal:
    """A kernel, in a process of its own, that somebody talks to, in another one.

    Both are forks of this process and end by themselves. Meanwhile this process may go on.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="eager-", ignore_cleanup_errors=True)
        file = Path(self._folder.name, "kernel.json")
        write_connection_file(
            str(file), transport="ipc", ip=str(file.with_name("s")), key=uuid4().hex.encode()
        )
        self._told, telling = os.pipe()
        self._kernel = os.fork()
        if self._kernel == 0:
            os.close(self._told)
            _end_after(_be_kernel, file, telling)
        os.close(telling)
        self._client = os.fork()
        if self._client == 0:
            os.close(self._told)
            _end_after(_be_client, file)

    def outcome(self) -> Imported:
        """Wait for the end.

        Raises
        ------
        OSError
            It has not come to its end.
        """
        try:
            text = self._read()
        finally:
            os.close(self._told)
            for pid in (self._kernel, self._client):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            self._folder.cleanup()
        try:
            told = json.loads(text)
        except ValueError:
            raise OSError("a kernel could not be tried out; the log says why") from None
        return Imported(told["modules"], told["files"])

    def _read(self) -> bytes:
        text, until = b"", time.monotonic() + _PATIENCE
        while select([self._told], [], [], max(0.0, until - time.monotonic()))[0]:
            more = os.read(self._told, 1 << 16)
            text += more
            if not more:
                break
        return text


def _end_after(work: Any, *arguments: Any) -> None:
    try:
        work(*arguments)
    except BaseException:  # noqa: BLE001 - it must not go on as a second template
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


def _be_kernel(file: Path, telling: int) -> None:
    os.environ["IPYTHONDIR"] = str(file.with_name("ipython"))  # the user's history is not ours
    os.chdir(file.parent)
    app: Any = EagerKernelApp.instance()
    app.initialize(["-f", str(file), "--log-level=CRITICAL"])
    app.start()
    outcome = {"modules": list(sys.modules), "files": getattr(app.kernel, "_kernel_modules", [])}
    with open(telling, "w") as told:
        json.dump(outcome, told)


def _be_client(file: Path) -> None:
    client = BlockingKernelClient(connection_file=str(file))
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=_PATIENCE)
    for cell in ("print('out')\n6 * 7", "1 / 0"):
        client.execute_interactive(cell, timeout=_PATIENCE, output_hook=lambda message: None)
    _stream(client, "x = 1\nx\n")
    client.shutdown()
    client.get_control_msg(timeout=_PATIENCE)


def _stream(client: BlockingKernelClient, program: str) -> None:
    comm = {"comm_id": uuid4().hex}

    def send(kind: str, content: dict[str, Any]) -> None:
        client.shell_channel.send(client.session.msg(kind, comm | content))

    send("comm_open", {"target_name": TARGET, "data": open_data()})
    for data in (Delta(program, 0).data(), End(None).data()):
        send("comm_msg", {"data": data})
    cell = attach_code(comm["comm_id"])
    client.execute_interactive(cell, timeout=_PATIENCE, output_hook=lambda message: None)


_PATIENCE: Final = 60
