"""The extension of JupyterLab: prompts in cells, answered by the server."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import browser, new_context
from tests.browser.lab import REPOSITORY, Lab, running_lab
from tests.browser.test_run import lines_of, until
from tests.server.conftest import Echo

pytestmark = pytest.mark.timeout(600)  # the first test may have to build, and install the browser

KEY = "a-key-of-the-tests-1234567890"
EVIL = "<img src=q onerror=window.pwned=1>"
CONFIG = """
c.EagerServer.models = {{
    "openai/echo": {{"api_base": "{url}/v1", "credential": "EAGER_TEST_KEY"}},
    "openai/other": {{"api_base": "{url}/v1", "credential": "EAGER_TEST_KEY"}},
}}
c.EagerServer.max_runs_per_user = 2
"""


@pytest.fixture(scope="module")
def extension() -> Path:
    """The built extension; built now, if it is not of these sources."""
    if shutil.which("npm") is None:
        pytest.skip("no Node.js here, which builds the extension of JupyterLab")
    folder = REPOSITORY / "labextension"
    command = [sys.executable, str(folder / "build_labextension.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "build" / "eager-kernel"


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    """The model: it writes what it is asked."""
    pytest.importorskip("openai")
    echo = Echo()
    yield echo
    echo.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, extension: Path, echo: Echo) -> Iterator[Lab]:
    """A server with the extension and the model."""
    browser()
    patch = pytest.MonkeyPatch()
    patch.setenv("EAGER_TEST_KEY", KEY)
    config = CONFIG.format(url=echo.url)
    with running_lab(
        tmp_path_factory.mktemp("extended"), config=config, extension=extension
    ) as lab:
        patch.undo()
        yield lab


@pytest.fixture(scope="module")
def context(chrome: Any, lab: Lab) -> Iterator[Any]:
    context = new_context(chrome, lab)
    yield context
    context.close()


def button(page: Any, name: str = "generate-and-run") -> Any:
    """A button of the active cell, if it is shown."""
    return page.locator(f".jp-cell-toolbar [data-command='eager-kernel:{name}']:visible")


def press(page: Any, name: str = "generate-and-run") -> None:
    """Press a button of the active cell."""
    button(page, name).first.click()


def refusal(page: Any) -> str:
    """What a dialog says, which is closed."""
    dialog = page.locator(".jp-Dialog")
    dialog.wait_for()
    text: str = dialog.locator(".jp-Dialog-content").inner_text()
    assert dialog.locator("img, script").count() == 0
    dialog.locator(".jp-Dialog-footer button").click()
    dialog.wait_for(state="detached")
    return text


def answering(status: int, body: str) -> Any:
    """Answers a request in the server's place."""
    return lambda route: route.fulfill(status=status, body=body)


def prompt_of(page: Any, index: int) -> str:
    """What stands before a cell: its count, or a star."""
    prompts = page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".jp-InputPrompt")
    text: str = prompts.inner_text()
    return text.strip()


def source(page: Any, index: int) -> str:
    """The text of a cell."""
    text: str = page.evaluate(
        "index => window.jupyterapp.shell.currentWidget.content.widgets[index]"
        ".model.sharedModel.getSource()",
        index,
    )
    return text


def test_a_prompt_in_an_eager_cell(lab: Lab, page: Any, notebook: Any, echo: Echo) -> None:
    program = "x = 6\nprint('here')\nx * 7\n" + "# more\n" * 30
    cell = f"%%eager --model openai/other --gate static --temperature 0.5\n{program}"
    shown = notebook(cell, "In[1] + str(x)", "1 + 1")
    assert button(page).count() == 1
    shown.select(2)
    until(page, lambda: button(page).count() == 0, "no button where there is no prompt")
    shown.select(0)
    sent: list[Any] = []
    page.on("request", lambda request: "/eager/" in request.url and sent.append(request))
    press(page)
    view = shown.view(0)
    until(page, lambda: view.count() and lines_of(view)[0] > 0, "the view")
    assert prompt_of(page, 0) == "[*]:"
    assert button(page).count() == 0
    shown.screenshot("generating")
    picture = shown.picture(0)
    picture.wait_for()
    assert "openai/other" in picture.inner_text()
    assert "here" in shown.output(0).inner_text()
    until(page, lambda: prompt_of(page, 0) == "[1]:", "the count")
    assert source(page, 0) == cell
    asked = echo.asked[-1]
    assert asked.body["messages"][-1]["content"] == program.strip()
    assert (asked.body["model"], asked.body["temperature"]) == ("other", 0.5)
    # The page has no key, and asks as JupyterLab asks.
    (request,) = sent
    assert request.post_data_json["gate"] == "static"
    headers = request.all_headers()
    assert headers["x-xsrftoken"] in headers["cookie"]
    assert KEY not in str(headers) + request.post_data
    until(page, lambda: button(page).count() == 1, "the button again")
    shown.run_cell(1)
    until(page, lambda: "here" in shown.output(1).inner_text(), "the program in the history")


def test_a_prompt_of_text(lab: Lab, page: Any, notebook: Any) -> None:
    program = "y = 5\nprint('from text', y)\n# the end"
    shown = notebook(f"markdown:{program}", "'after'")
    shown.select(0)
    press(page)
    shown.picture(1).wait_for()
    assert "from text 5" in shown.output(1).inner_text()
    until(page, lambda: source(page, 1) == program, "the program in its cell")
    assert source(page, 2) == "'after'"
    # Once more, into the same cell.
    shown.select(0)
    until(page, lambda: prompt_of(page, 1) == "[1]:", "the end")
    press(page)
    until(page, lambda: prompt_of(page, 1) == "[2]:", "the second run")
    until(page, lambda: source(page, 1) == program, "the program again")
    assert page.locator(".jp-Notebook .jp-Cell").count() == 3
    dirty = (
        page.locator(".jp-Notebook .jp-Cell")
        .nth(1)
        .evaluate("cell => cell.classList.contains('jp-mod-dirty')")
    )
    assert not dirty


def test_stop_in_the_middle(lab: Lab, page: Any, notebook: Any, echo: Echo) -> None:
    echo.gone = threading.Event()
    shown = notebook("%%eager\nprint('runs')\n# pause\nprint('never')", "'usable'")
    press(page)
    until(page, lambda: "runs" in shown.output(0).inner_text(), "what runs before")
    until(page, lambda: button(page, "stop").count() == 1, "the button that stops")
    shown.screenshot("stoppable")
    press(page, "stop")
    assert echo.gone.wait(20)  # the model's connection is closed
    shown.picture(0).wait_for()
    assert "RunCancelledError" in shown.output(0).inner_text()
    until(page, lambda: button(page).count() == 1, "the button again")
    shown.run_cell(1)
    until(page, lambda: "usable" in shown.output(1).inner_text(), "the next cell's result")


def test_the_kernel_is_restarted_in_the_middle(
    lab: Lab, page: Any, notebook: Any, echo: Echo
) -> None:
    echo.gone = threading.Event()
    shown = notebook("%%eager\nprint('runs')\n# pause\n")
    # A subshell that JupyterLab just asks for, for the view, would fail in a script of its own.
    page.evaluate("window.jupyterapp.serviceManager.kernels.commsOverSubshells = 'disabled'")
    press(page)
    until(page, lambda: "runs" in shown.output(0).inner_text(), "what runs before")
    shown.restart()
    assert echo.gone.wait(20)
    until(page, lambda: button(page).count() == 1, "the button again")
    shown.until_idle()
    shown.type_into(0, "%%eager\nprint('again')")
    press(page)
    until(page, lambda: "again" in shown.output(0).inner_text(), "the next run", 30)
    shown.picture(0).wait_for()


def test_it_waits_its_turn_and_is_interrupted(
    lab: Lab, page: Any, notebook: Any, echo: Echo
) -> None:
    echo.gone = threading.Event()
    before = "import time; time.sleep(1.5); earlier = 'done'"
    shown = notebook("%%eager\nprint('runs', earlier)\n# pause\n", before)
    shown.run_cell(1)
    shown.select(0)
    press(page)
    until(page, lambda: prompt_of(page, 0) == "[*]:", "that it waits")
    assert prompt_of(page, 1) == "[*]:"
    until(page, lambda: "runs done" in shown.output(0).inner_text(), "what runs before")
    shown.command("notebook:interrupt-kernel")
    shown.picture(0).wait_for()
    assert "KeyboardInterrupt" in shown.output(0).inner_text()
    assert echo.gone.wait(20)


def test_what_can_not_be_is_said_as_text(lab: Lab, page: Any, notebook: Any) -> None:
    shown = notebook("%%eager\nx", "'usable'")
    cases = {
        f"%%eager --model '{EVIL}'\nx": rf"does not ask the model {re.escape(EVIL)}. "
        "It asks: openai/echo, openai/other",
        f"%%eager --gate '{EVIL}'\nx": "400: gate: must be one of",
        f"%%eager --repair={EVIL.replace(' ', '')} 2\nx": "--repair=<img.*the server can't do that",
        "%%eager --temperature hot\nx": "--temperature hot: it must be a number",
        "%%eager --model 'x\ny": "has no end",
        "%%eager\nplot {df.columns}": r"\{df.columns\} stands for a value",
    }
    for text, said in cases.items():
        shown.type_into(0, text)
        press(page)
        assert re.search(said, refusal(page)), text
    assert prompt_of(page, 0) == "[ ]:"
    # What the model writes, and what its program says, is text too.
    shown.type_into(0, f'%%eager\nprint("{EVIL}")\nraise ValueError("{EVIL}")  # {EVIL}')
    press(page)
    shown.picture(0).wait_for()
    assert EVIL in shown.output(0).inner_text()
    assert shown.output(0).locator("img, script").count() == 0
    assert page.evaluate("() => window.pwned") is None


def test_what_the_server_refuses(lab: Lab, page: Any, notebook: Any) -> None:
    shown = notebook("%%eager\nx = 1")
    answers = [
        (404, "<html>Not Found</html>", "has no extension eager_kernel"),
        (403, '{"message": "Forbidden"}', "403: Forbidden.*Reload the page"),
        (429, '{"message": "2 runs of yours are not over"}', "429: 2 runs.*until a run has ended"),
        (503, '{"message": "no EAGER kernel answers"}', "503: no EAGER kernel answers"),
    ]
    for status, body, said in answers:
        page.route("**/eager/api/**", answering(status, body))
        press(page)
        assert re.search(said, refusal(page), re.DOTALL)
        page.unroute("**/eager/api/**")
    page.route("**/eager/api/runs*", answering(404, '{"message": "model: no"}'))
    page.route("**/eager/api/models*", answering(200, "[]"))
    press(page)
    assert "No model is configured" in refusal(page)
    page.unroute("**/eager/api/runs*")
    page.unroute("**/eager/api/models*")
    page.route("**/eager/api/**", lambda route: route.abort())
    press(page)
    assert "does not answer" in refusal(page)
    page.unroute("**/eager/api/**")
    press(page)
    shown.picture(0).wait_for()


def test_settings(lab: Lab, page: Any, notebook: Any, echo: Echo) -> None:
    shown = notebook("%%eager\nx = 1")
    set_to = """async settings => {
      const registry = await window.jupyterapp.serviceManager.settings.save(
        'eager-kernel:plugin', JSON.stringify(settings));
    }"""
    page.evaluate(set_to, {"model": "openai/other", "gate": "off"})
    page.reload(wait_until="domcontentloaded")
    shown.until_idle()
    try:
        shown.select(0)
        with page.expect_request("**/eager/api/runs*") as asked:
            press(page)
        body = asked.value.post_data_json
        assert (body["model"], body["gate"]) == ("openai/other", "off")
        shown.picture(0).wait_for()
    finally:
        page.evaluate(set_to, {})


def test_other_kernels_have_no_button(lab: Lab, page: Any, notebook: Any) -> None:
    shown = notebook("%%eager\nx = 1", "markdown:A text.", kernel="python3")
    page.wait_for_function(
        "async () => (await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
        ".info).implementation === 'ipython'"
    )
    for index in (0, 1):
        shown.select(index)
        page.locator(".jp-cell-toolbar [data-command='notebook:duplicate-below']").wait_for()
        assert button(page).count() == 0
        enabled = "id => window.jupyterapp.commands.isEnabled(id)"
        assert not page.evaluate(enabled, "eager-kernel:generate-and-run")
        assert not page.evaluate(enabled, "eager-kernel:stop")
