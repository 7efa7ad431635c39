"""A real JupyterLab in a real browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from eager_kernel.sources.recording import RecordedAnswer, TimedDelta, format_answer
from tests.servers import end, free_port, kernels_without_ports, wait_for

REPOSITORY = Path(__file__).parents[2]
SCREENSHOTS = REPOSITORY / "build" / "screenshots"
TOKEN = "of-the-tests"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


def chromium() -> str | None:
    """Where the browser is."""
    return next((path for name in CHROMIUM if (path := shutil.which(name))), None)


@contextmanager
def running_lab(folder: Path, *, config: str = "", extension: Path | None = None) -> Iterator[Lab]:
    """Start a Jupyter server that knows nothing of the user's.

    Parameters
    ----------
    folder
        For its files; empty.
    config
        The text of its configuration.
    extension
        The built extension that its JupyterLab is to have, instead of one that is installed.
    """
    port = free_port()
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    settings.joinpath("notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    folder.joinpath("config").mkdir()
    folder.joinpath("config", "jupyter_server_config.py").write_text(config)
    if extension is not None:
        first = folder / "first" / "labextensions"
        first.mkdir(parents=True)
        first.joinpath("eager-kernel").symlink_to(extension)
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "JUPYTER_PATH": os.pathsep.join(
            filter(None, (str(folder / "first"), os.environ.get("JUPYTER_PATH")))
        ),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={notebooks}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
        "--expose-app-in-browser",
    ]
    log = folder / "server.log"
    with kernels_without_ports() as (options, places), log.open("wb") as out:
        environment["JUPYTER_RUNTIME_DIR"] = places
        process = subprocess.Popen(
            [*command, *options], env=environment, stdout=out, stderr=subprocess.STDOUT, cwd=folder
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/api/status", process, log, token=TOKEN)
            yield Lab(f"http://127.0.0.1:{port}", notebooks, folder / "data")
        finally:
            end(process)


class Lab:
    """A server, the folder of its notebooks, and that of its kernels' data."""

    def __init__(self, url: str, folder: Path, data: Path) -> None:
        self.url = url
        self.folder = folder
        self.data = data

    def record(self, name: str, program: str, *, rate: float = 40.0, piece: int = 6) -> str:
        """Record a model that writes `program`; returns its id.

        Parameters
        ----------
        name
            Of the recording.
        program
            What it writes.
        rate
            Deltas a second.
        piece
            Characters of a delta.
        """
        cut = range(0, len(program), piece)
        deltas = [TimedDelta(i / piece / rate, program[i : i + piece]) for i in cut]
        folder = self.data / "eager_python" / "recordings"
        folder.mkdir(parents=True, exist_ok=True)
        text = format_answer(RecordedAnswer(tuple(deltas), "stop"))
        folder.joinpath(f"{name}.jsonl").write_text(text, encoding="utf-8")
        return f"recorded/{name}"

    def write(self, name: str, *cells: str, kernel: str = "eager_python") -> str:
        """Write a notebook; returns the address of its page.

        A cell of code is given as its text, one of Markdown with ``markdown:`` before it.
        """
        notebook = new_notebook(
            cells=[_new_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": kernel, "display_name": kernel}},
        )
        nbformat.write(notebook, self.folder / f"{name}.ipynb")
        return self.address(name)

    def address(self, name: str) -> str:
        """The address of a notebook's page, in a workspace of its own."""
        return f"{self.url}/lab/workspaces/{name}/tree/{name}.ipynb?token={TOKEN}&reset"


def _new_cell(text: str) -> Any:
    markdown = text.removeprefix("markdown:")
    return new_code_cell(text) if markdown == text else new_markdown_cell(markdown)


class Notebook:
    """A notebook in a page."""

    def __init__(self, page: Any, address: str = "") -> None:
        self.page = page
        if address:
            self.open(address)

    def open(self, address: str) -> None:
        """Load the page, and wait for its kernel."""
        self.page.goto(address, wait_until="domcontentloaded")
        self.until_idle()

    def until_idle(self, timeout: float = 60) -> None:
        """Wait until the kernel is idle."""
        from playwright.sync_api import TimeoutError as Waited

        kernel = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel"
        try:
            self.page.wait_for_function(
                f"() => {kernel}?.status === 'idle'", timeout=timeout * 1000
            )
        except Waited:
            state = self.page.evaluate(f"() => [{kernel}?.status, {kernel}?.connectionStatus]")
            self.screenshot("not-idle")
            shown = self.page.locator("body").inner_text()
            raise AssertionError(f"the kernel is not idle, but {state}:\n{shown}") from None

    def select(self, index: int) -> None:
        """Make a cell the active one."""
        self.page.evaluate(
            """index => {
              const notebook = window.jupyterapp.shell.currentWidget.content;
              notebook.activeCellIndex = index;
              notebook.deselectAll();
            }""",
            index,
        )

    def run_cell(self, index: int) -> None:
        """Run a cell, and do not wait for its end."""
        self.select(index)
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-cell'); }")

    def type_into(self, index: int, text: str) -> None:
        """Have a cell hold another text, and make it the active one."""
        self.select(index)
        self.page.evaluate(
            "([index, text]) => window.jupyterapp.shell.currentWidget.content.widgets[index]"
            ".model.sharedModel.setSource(text)",
            [index, text],
        )

    def restart(self) -> None:
        """Restart the kernel."""
        self.page.evaluate(
            "async () => await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
            ".restart()"
        )

    def shut_down(self) -> None:
        """End the kernel."""
        self.page.evaluate(
            "async () => await window.jupyterapp?.shell?.currentWidget?.sessionContext?.shutdown()"
        )

    def save(self) -> None:
        """Write the notebook to its file."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")

    def command(self, name: str, **arguments: object) -> None:
        """Execute one of JupyterLab's commands."""
        self.page.evaluate(
            "([name, args]) => window.jupyterapp.commands.execute(name, args)", [name, arguments]
        )

    def picture(self, index: int) -> Any:
        """The picture that a view leaves under a cell."""
        return self.output(index).locator("div:has(> div > [data-eager-run])")

    def output(self, index: int) -> Any:
        """What is shown under a cell."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".jp-OutputArea")

    def view(self, index: int) -> Any:
        """The view under a cell."""
        return self.output(index).locator(".eager-view")

    def screenshot(self, name: str, target: Any = None) -> Path:
        """Keep a picture of the page, or of a part of it."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        (target or self.page).screenshot(path=str(path))
        return path
