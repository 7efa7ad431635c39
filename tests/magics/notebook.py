"""A notebook of the tests: cells of one kernel, and models that say what they are told to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from eager_kernel.testing.wire import Heard, WireStream

TIMEOUT = 60
VIEW = "application/vnd.jupyter.widget-view+json"


class Model:
    """A model of `tests.magics.scripted`.

    Parameters
    ----------
    path
        Its script.
    log
        Where it notes what it is asked.
    """

    def __init__(self, path: Path, log: Path) -> None:
        self.id = f"scripted/{path}"
        self._log = log

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The requests so far."""
        log = Path(f"{self._log}.asked")
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    @property
    def closed(self) -> bool:
        """Whether an answer was given up."""
        return Path(f"{self._log}.closed").exists()

    def texts(self, request: int = -1) -> list[tuple[str, str]]:
        """Role and text of each message of a request."""
        return [(m["role"], m["text"]) for m in self.asked[request]["messages"]]


class Notebook:
    """A kernel and its client.

    Parameters
    ----------
    name
        The kernelspec.
    manager, client
        The kernel.
    folder
        Where the models' scripts are, and whatever the tests write.
    """

    def __init__(
        self, name: str, manager: KernelManager, client: BlockingKernelClient, folder: Path
    ) -> None:
        self.name = name
        self.manager = manager
        self.client = client
        self.folder = folder

    @property
    def is_ours(self) -> bool:
        """Whether the kernel is ours, not a stock one with the extension."""
        return self.name == "eager_python"

    def run(self, code: str, **options: Any) -> Heard:
        """Run a cell to its end."""
        return self.begin(code, **options).finish(TIMEOUT)

    def begin(self, code: str, *, cell_id: str | None = None, **options: Any) -> WireStream:
        """Run a cell; returns at once."""
        cell = WireStream(self.client)
        options.setdefault("stop_on_error", False)
        if cell_id is None:
            return cell.execute(code, **options)
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            **options,
        }
        message = self.client.session.msg("execute_request", content)
        message["metadata"]["cellId"] = cell_id
        self.client.shell_channel.send(message)
        cell.request, cell.heard.closed = message["header"]["msg_id"], True
        return cell

    def value(self, expression: str) -> Any:
        """The value of an expression, which its repr tells."""
        options = {"r": expression}
        heard = self.run("", silent=True, user_expressions=options)
        answer = heard.reply["user_expressions"]["r"]
        assert answer["status"] == "ok", answer
        return eval(answer["data"]["text/plain"])

    def model(self, *answers: Any) -> Model:
        """The model, with a new script; an answer may be one text."""
        path, log = self.folder / "model.json", self.path()
        steps = [[answer] if isinstance(answer, str) else answer for answer in answers]
        path.write_text(json.dumps({"answers": steps, "log": str(log)}))
        return Model(path, log)

    def ask(
        self, *answers: Any, options: str = "", prompt: str = "do it", **more: Any
    ) -> tuple[Heard, Model]:
        """Ask a model that answers so, in a cell."""
        model = self.model(*answers)
        return self.run(f"%%eager --model {model.id} {options}\n{prompt}", **more), model

    def path(self) -> Path:
        """A file that does not exist yet."""
        return self.folder / uuid4().hex


def until(condition: Callable[[], Any], seconds: float = TIMEOUT) -> None:
    """Wait until something is so."""
    import time

    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


def interrupt(notebook: Notebook) -> None:
    """Press the notebook's interrupt button."""
    notebook.manager.interrupt_kernel()


def shown(heard: Heard) -> list[str]:
    """The kinds of output, without the view."""
    return [
        m["msg_type"]
        for m in heard.iopub
        if m["msg_type"] not in ("status", "execute_input")
        and VIEW not in m["content"].get("data", {})
    ]
