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
from tests.browser.lab import REPOSITORY, TOKEN, Lab, Notebook, running_lab
from tests.browser.test_run import lines_of, until
from tests.server.conftest import SAYS, Echo
from tests.sources.server import Connection

pytestmark = pytest.mark.timeout(600)  # the first test may have to build, and install the browser

KEY = "a-key-of-the-tests-1234567890"
EVIL = "<img src=q onerror=window.pwned=1>"
CONFIG = """
url = "{url}/v1"
with_key = {{"api_base": url, "credential": "EAGER_TEST_KEY"}}
c.EagerServer.models = {{
    "openai/echo": with_key,
    "openai/other": with_key,
    "openai/faulty": with_key,
    "openai/has-no-key": {{}},
    "openai/is-nowhere": {{"api_base": "http://127.0.0.1:9/v1", "credential": "EAGER_TEST_KEY"}},
}}
c.EagerServer.max_runs_per_user = 2
"""


def answering(status: int, body: str) -> Any:
    """Answers a request in the server's place."""
    return lambda route: route.fulfill(status=status, body=body)


class Faults(Echo):
    """The echo, and a model ``faulty`` that fails in the way that it is asked to.

    Of a prompt in which ``PROGRAM:`` stands, the echo gives what follows.
    """

    async def _answer(self, connection: Connection) -> None:
        body = connection.asked.body
        wanted = body["messages"][-1]["content"].split()[-1]
        if body["model"] == "faulty" and wanted.isdecimal():
            said = SAYS.error("so it is", "an_error")
            await connection.refuse(int(wanted), said, retry_after="20")
        elif body["model"] == "faulty":
            await connection.begin()
            await connection.send(SAYS.text("print('begun')\nx = 1\n"))
        else:
            last = body["messages"][-1]
            last["content"] = last["content"].rpartition("PROGRAM:\n")[2]
            await super()._answer(connection)


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
    echo = Faults()
    yield echo
    echo.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, extension: Path, echo: Echo) -> Iterator[Lab]:
    """A server with the extension and the model."""
    browser()
    patch = pytest.MonkeyPatch()
    patch.setenv("EAGER_TEST_KEY", KEY)
    patch.setenv("EAGER_KERNEL_KEY", "a-key-that-kernels-may-have-0987")
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        patch.delenv(name, raising=False)
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


def ready(page: Any, lab: Lab, notebook: Any, *cells: str, **more: Any) -> Notebook:
    """Open a notebook, and wait until its kernel knows what the page offers."""
    # The server answers with what it is asked, which is the prompt alone here.
    first = "%config EagerModel.notebook_context = 'off'\n%eager model"
    opened: Notebook = notebook(first, *cells, **more)
    until(page, lambda: button(page).count() == 0, "the page")
    for _ in range(40):
        opened.run_cell(0)
        opened.until_idle()
        if "the Jupyter server asks" in opened.output(0).inner_text():
            return opened
        page.wait_for_timeout(250)
    raise AssertionError(opened.output(0).inner_text())


def test_a_failed_cell_is_fixed_by_its_button(lab: Lab, page: Any, notebook: Any) -> None:
    """The echo writes the failed cell once more, which goes well the second time."""
    failing = "tries = globals().get('tries', 0) + 1\nassert tries > 1, 'the first time'\n'fixed'"
    shown = ready(page, lab, notebook, failing, "'below'")
    shown.run_cell(1)
    until(page, lambda: "the first time" in shown.output(1).inner_text(), "the error")
    shown.select(1)
    until(page, lambda: button(page, "fix").count() == 1, "the button on the failed cell")
    assert "Fix this error" in button(page, "fix").inner_text()
    shown.screenshot("fix-button")
    press(page, "fix")
    cells = page.locator(".jp-Notebook .jp-Cell")
    until(page, lambda: "'fixed'" in shown.output(2).inner_text(), "what the new program gives")
    until(page, lambda: "tries" in cells.nth(2).inner_text(), "the program in the cell below")
    assert "'below'" in cells.nth(3).inner_text()
    shown.screenshot("fixed")
    shown.select(3)
    until(page, lambda: button(page, "fix").count() == 0, "no button where nothing has failed")


def test_a_prompt_of_text_takes_several_steps(
    lab: Lab, page: Any, notebook: Any, echo: Echo
) -> None:
    """The echo writes a program, and then says in words what it has been told."""
    shown = ready(page, lab, notebook, "markdown:print('a step')", "'below'")
    shown.type_into(0, "%config EagerModel.steps = 3")
    shown.run_cell(0)
    shown.until_idle()
    before = len(echo.asked)
    shown.select(1)
    press(page)
    until(page, lambda: "Output of the program" in shown.output(2).inner_text(), "the answer")
    assert len(echo.asked) == before + 2
    assert "print('a step')" in page.locator(".jp-Notebook .jp-Cell").nth(2).inner_text()


def shift_enter(shown: Notebook, index: int) -> None:
    """Press Shift+Enter in a cell."""
    shown.select(index)
    shown.page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".cm-content").click()
    shown.page.keyboard.press("Shift+Enter")


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


def ended(page: Any, index: int) -> None:
    """Wait until a cell has run."""
    until(page, lambda: re.fullmatch(r"\[\d+\]:", prompt_of(page, index)), "the end", 60)


def error_of(shown: Notebook, index: int) -> str:
    """What a cell shows of an error, as its traceback has it."""
    error = shown.output(index).locator(
        "[data-mime-type='application/vnd.jupyter.error'], "
        "[data-mime-type='application/vnd.jupyter.stderr']"
    )
    error.last.wait_for()
    text: str = error.last.inner_text()
    return text.strip()


def test_a_prompt_in_an_eager_cell(lab: Lab, page: Any, notebook: Any, echo: Faults) -> None:
    program = "x = 6\nprint('here')\nx * 7\n" + "# more\n" * 30
    cell = f"%%eager --model openai/other --gate static --temperature 0.5\n{program}"
    shown = ready(page, lab, notebook, cell, "In[-2] + str(x)", "1 + 1")
    shown.select(1)
    until(page, lambda: button(page).count() == 1, "the button")
    assert button(page).inner_text() == "Generate"
    shown.select(3)
    until(page, lambda: button(page).count() == 0, "no button where there is no prompt")
    shown.select(1)
    sent: list[Any] = []
    page.on("request", lambda request: "/eager/" in request.url and sent.append(request))
    press(page)
    view = shown.view(1)
    until(page, lambda: view.count() and lines_of(view)[0] > 0, "the view")
    assert prompt_of(page, 1) == "[*]:"
    assert button(page).count() == 0
    shown.screenshot("generating")
    picture = shown.picture(1)
    picture.wait_for()
    assert "openai/other" in picture.inner_text()
    assert "here" in shown.output(1).inner_text()
    ended(page, 1)
    assert source(page, 1) == cell
    asked = echo.asked[-1]
    assert asked.body["messages"][-1]["content"] == program.strip("\n")
    assert (asked.body["model"], asked.body["temperature"]) == ("other", 0.5)
    # The page has no key, and asks as JupyterLab asks; the prompt is the kernel's to tell.
    (request,) = sent
    assert set(request.post_data_json) == {"kernel_id", "cell", "cell_id", "model", "requests"}
    headers = request.all_headers()
    assert headers["x-xsrftoken"] in headers["cookie"]
    assert KEY not in str(headers) + request.post_data
    until(page, lambda: button(page).count() == 1, "the button again")
    shown.run_cell(2)
    until(page, lambda: "here" in shown.output(2).inner_text(), "the program in the history")


def test_the_button_does_what_shift_enter_does(
    lab: Lab, page: Any, notebook: Any, echo: Faults
) -> None:
    """Values, earlier prompts, repair, and a model of the server's; by both."""
    failing = "%%eager --model openai/echo --repair 1\nPROGRAM:\n{code}"
    shown = ready(page, lab, notebook, "code = 'a = 1\\nprint(a)\\nmissing + {}'", failing, failing)
    shown.run_cell(1)
    asked = []
    for index in (2, 3):
        before = len(echo.asked)
        if index == 2:
            shown.select(index)
            press(page)
        else:
            shift_enter(shown, index)
        ended(page, index)
        # The echo has answered what failed with what it was told of it, which is no Python: the
        # error is the program's after all.
        assert "NameError" in error_of(shown, index)
        asked.append([one.body["messages"] for one in echo.asked[before:]])
    for (first, repair), earlier in zip(asked, (2, 4), strict=True):
        assert first[-1]["content"] == "a = 1\nprint(a)\nmissing + {}"
        assert len(first) == earlier, "the earlier prompt and its program"
        assert "NameError" in repair[-1]["content"]


def test_a_prompt_of_text(lab: Lab, page: Any, notebook: Any) -> None:
    program = "y = {5}\nprint('from text', y)\n# the end"
    shown = ready(page, lab, notebook, f"markdown:{program}", "%eager context --clear")
    shown.select(1)
    press(page)
    shown.picture(2).wait_for()
    assert "from text {5}" in shown.output(2).inner_text()
    until(page, lambda: source(page, 2) == program, "the program in its cell")
    assert source(page, 3) == "%eager context --clear"
    # Once more, into the same cell.
    shown.run_cell(3)
    shown.until_idle()
    count = prompt_of(page, 2)
    shown.select(1)
    press(page)
    until(page, lambda: prompt_of(page, 2) not in (count, "[*]:"), "the second run")
    until(page, lambda: source(page, 2) == program, "the program again")
    assert page.locator(".jp-Notebook .jp-Cell").count() == 4
    dirty = (
        page.locator(".jp-Notebook .jp-Cell")
        .nth(2)
        .evaluate("cell => cell.classList.contains('jp-mod-dirty')")
    )
    assert not dirty


def test_stop_in_every_phase(lab: Lab, page: Any, notebook: Any, echo: Faults) -> None:
    late = "%%eager --fresh\nprint('runs late')\nimport time\ntime.sleep(60)"
    waits = "%%eager --fresh\nprint('never')"
    shown = ready(page, lab, notebook, "%%eager\nprint('runs')\n# pause", late, waits, "'usable'")
    # While the model writes.
    echo.gone = threading.Event()
    shown.select(1)
    press(page)
    until(page, lambda: "runs" in shown.output(1).inner_text(), "what runs before")
    until(page, lambda: button(page, "stop").count() == 1, "the button that stops")
    shown.screenshot("stoppable")
    press(page, "stop")
    assert echo.gone.wait(60)  # the model's connection is closed
    ended(page, 1)
    assert "KeyboardInterrupt" in error_of(shown, 1)
    # When it has finished, and before it has begun.
    shown.run_cell(2)
    until(page, lambda: "runs late" in shown.output(2).inner_text(), "what runs before")
    shown.run_cell(3)
    until(page, lambda: prompt_of(page, 3) == "[*]:", "that it waits")
    press(page, "stop")
    shown.select(2)
    press(page, "stop")
    ended(page, 2)
    assert "KeyboardInterrupt" in error_of(shown, 2)
    until(page, lambda: prompt_of(page, 3) != "[*]:", "that it waits no longer")
    assert "never" not in shown.output(3).inner_text()
    shown.run_cell(4)
    until(page, lambda: "usable" in shown.output(4).inner_text(), "the next cell's result")


def test_the_kernel_is_restarted_in_the_middle(
    lab: Lab, page: Any, notebook: Any, echo: Faults
) -> None:
    echo.gone = threading.Event()
    shown = ready(page, lab, notebook, "%%eager\nprint('runs')\n# pause\n")
    # A subshell that JupyterLab just asks for, for the view, would fail in a script of its own.
    page.evaluate("window.jupyterapp.serviceManager.kernels.commsOverSubshells = 'disabled'")
    shown.select(1)
    press(page)
    until(page, lambda: "runs" in shown.output(1).inner_text(), "what runs before")
    shown.restart()
    assert echo.gone.wait(60)
    until(page, lambda: button(page).count() == 1, "the button again")
    shown.until_idle()
    shown.type_into(1, "%%eager\nprint('again')")
    press(page)
    until(page, lambda: "again" in shown.output(1).inner_text(), "the next run", 30)
    shown.picture(1).wait_for()


def test_a_second_page_shows_what_runs(
    lab: Lab, page: Any, notebook: Any, context: Any, echo: Faults
) -> None:
    """Though the notebook was not saved since it began."""
    echo.gone = threading.Event()
    shown = ready(page, lab, notebook, "%%eager\nprint('runs')\n# pause\n")
    shown.run_cell(1)
    until(page, lambda: "runs" in shown.output(1).inner_text(), "what runs before")
    other = context.new_page()
    other.goto(page.url.replace("/workspaces/", "/workspaces/second-"))
    second = Notebook(other)
    until(other, lambda: "runs" in second.output(1).inner_text(), "what was printed before")
    assert prompt_of(other, 1) == "[*]:"
    second.view(1).get_by_role("button", name="Stop").click()
    for each in (shown, second):
        ended(each.page, 1)
        assert "KeyboardInterrupt" in error_of(each, 1)
        assert "stopped" in each.picture(1).inner_text()
    other.close()


def test_it_waits_its_turn_and_is_interrupted(
    lab: Lab, page: Any, notebook: Any, echo: Faults
) -> None:
    echo.gone = threading.Event()
    before = "import time; time.sleep(1.5); earlier = 'done'"
    shown = ready(page, lab, notebook, "%%eager\nprint('runs', earlier)\n# pause\n", before)
    shown.run_cell(2)
    shown.select(1)
    press(page)
    until(page, lambda: prompt_of(page, 1) == "[*]:", "that it waits")
    assert prompt_of(page, 2) == "[*]:"
    until(page, lambda: "runs done" in shown.output(1).inner_text(), "what runs before")
    shown.command("notebook:interrupt-kernel")
    ended(page, 1)
    assert "KeyboardInterrupt" in error_of(shown, 1)
    assert echo.gone.wait(60)


# What the model is asked, who it is, how the kernel is to ask one like it, and what the cell says.
BY_KERNEL = "--api-base {url}/v1 --credential EAGER_KERNEL_KEY"
FAULTY = r"SourceError: openai/faulty at \S+ "
FAULTS = {
    "a wrong key": (
        ("401", "openai/faulty", BY_KERNEL),
        FAULTY + r"does not accept the key \(401\): so it is. Check the credential",
    ),
    "no key": (
        ("anything", "openai/has-no-key", ""),
        "SourceError: no key for OpenAI: set the environment variable OPENAI_API_KEY before "
        "Jupyter starts",
    ),
    "nobody listens": (
        (
            "anything",
            "openai/is-nowhere",
            "--api-base http://127.0.0.1:9/v1 --credential EAGER_KERNEL_KEY",
        ),
        r"SourceError: nobody listens at openai/is-nowhere at \S+: start the server, or check "
        "its address and port",
    ),
    "no such model there": (
        ("404", "openai/faulty", BY_KERNEL),
        FAULTY + r"is not there \(404\): so it is. Check the model's name, and the address, which "
        "often ends with /v1",
    ),
    "too many requests": (
        ("429", "openai/faulty", BY_KERNEL),
        FAULTY + r"has had too many requests \(429\): ask again in 20 s. It says: so it is",
    ),
    "in trouble": (
        ("500", "openai/faulty", BY_KERNEL),
        FAULTY + r"is in trouble \(500\): so it is. Ask again later",
    ),
    "breaks off": (
        ("to break off", "openai/faulty", BY_KERNEL),
        FAULTY + r"closed the connection without ending its answer|.*The answer had begun",
    ),
}


def test_every_fault_is_told_alike(lab: Lab, page: Any, notebook: Any, echo: Faults) -> None:
    """By the button the server asks, and by Shift+Enter with an address the kernel does."""
    cells = []
    for (prompt, model, own), _ in FAULTS.values():
        cells.append(f"%%eager --model {model}\n{prompt}")
        # One that the server does not list, the kernel asks.
        other = model if own else f"{model}-here"
        cells.append(f"%%eager --model {other} {own.format(url=echo.url)}\n{prompt}")
    shown = ready(page, lab, notebook, *cells)
    told = {}
    for number, (name, (_, said)) in enumerate(FAULTS.items()):
        texts = []
        for index in (1 + 2 * number, 2 + 2 * number):
            if index % 2:
                shown.select(index)
                press(page)
            else:
                shift_enter(shown, index)
            ended(page, index)
            texts.append(error_of(shown, index))
            assert re.search(said, texts[-1]), (name, texts[-1])
            assert KEY not in texts[-1]
        told[name] = texts
    shown.screenshot("faults")
    told["no model"] = without_model(page, notebook)
    assert len(told) == 8
    assert not {name for name, (one, other) in told.items() if one != other}, told


def without_model(page: Any, notebook: Any) -> list[str]:
    """What is told of a prompt where there is no model: what this user can do."""
    page.route("**/eager/api/models*", answering(200, "[]"))
    shown = notebook("%%eager\nx = 1", "%%eager\nx = 1")
    shown.select(0)
    press(page)
    texts = [error_of(shown, 0)]
    shift_enter(shown, 1)
    texts.append(error_of(shown, 1))
    page.unroute("**/eager/api/models*")
    for said in (
        "NoModelError: which model?",
        "%%eager --model recorded/demo",
        "%eager model openai/NAME",
        "jupyter_server_config.py",
        "c.EagerServer.models = {",
    ):
        assert said in texts[0], texts
    return texts


def test_what_can_not_be_is_said_as_text(lab: Lab, page: Any, notebook: Any) -> None:
    shown = ready(page, lab, notebook, "%%eager\nx", "'usable'")
    shown.select(1)
    cases = {
        f"%%eager --model 'openai/{EVIL}'\nx": "OPENAI_API_KEY",
        f"%%eager --gate '{EVIL}'\nx": "<img .* is none of",
        "%%eager --temperature hot\nx": "'hot' is no number",
        "%%eager --model 'x\ny": "No closing quotation",
        "%%eager\nplot {df.columns}": r"\{df\} has no value",
    }
    for text, said in cases.items():
        shown.type_into(1, text)
        press(page)
        until(page, lambda said=said: re.search(said, shown.output(1).inner_text()), said)
        assert shown.output(1).locator("img, script").count() == 0
    # What the model writes, and what its program says, is text too.
    shown.type_into(1, f'%%eager\nprint("{EVIL}")\nraise ValueError("{EVIL}")  # {EVIL}')
    press(page)
    shown.picture(1).wait_for()
    assert EVIL in shown.output(1).inner_text()
    assert shown.output(1).locator("img, script").count() == 0
    assert page.evaluate("() => window.pwned") is None


def test_what_the_server_refuses(lab: Lab, page: Any, notebook: Any) -> None:
    shown = ready(page, lab, notebook, "%%eager --fresh\nx = 1")
    shown.select(1)
    answers = [
        (403, '{"message": "Forbidden"}', "403: Forbidden. Reload the page"),
        (429, '{"message": "2 runs of yours are not over"}', "429: 2 runs.*until a run has ended"),
        (503, '{"message": "no EAGER kernel answers"}', "503: no EAGER kernel answers"),
        (502, f"<html>{EVIL}</html>", "502: "),
    ]
    for status, body, said in answers:
        page.route("**/eager/api/**", answering(status, body))
        press(page)
        until(page, lambda said=said: re.search(said, shown.output(1).inner_text()), said)
        page.unroute("**/eager/api/**")
        shown.until_idle()
    page.route("**/eager/api/**", lambda route: route.abort())
    press(page)
    until(page, lambda: "does not answer" in shown.output(1).inner_text(), "that it is silent")
    page.unroute("**/eager/api/**")
    shown.until_idle()
    press(page)
    until(page, lambda: "done" in shown.output(1).inner_text(), "a run")


def test_the_server_says_what_a_cell_holds(lab: Lab, page: Any, notebook: Any) -> None:
    """It has the parser of the magic; the page has none."""
    wrong = "%%eager --modell x\nprint('no')"
    asked: list[Any] = []
    page.on("request", lambda request: "/api/cells" in request.url and asked.append(request))
    shown = ready(page, lab, notebook, "x = '%%eager'", wrong, "x = 1")
    shown.select(2)
    until(page, lambda: "--modell x" in (title(page) or ""), "what is wrong with the line")
    assert "The cell will refuse this prompt: %%eager: unrecognized" in title(page)
    press(page)
    until(page, lambda: "--modell x" in shown.output(2).inner_text(), "the cell's own words")
    shown.select(1)
    until(page, lambda: {told(one) for one in asked} == {"x = '%%eager'", wrong}, "the questions")
    until(page, lambda: button(page).count() == 0, "no button in a cell of Python")
    shown.select(3)
    shown.type_into(3, "\n%%eager --gate off\nprint('typed')")
    until(page, lambda: button(page).count() == 1, "the button of what was typed")
    assert title(page).startswith("Have a model write this prompt's program")
    press(page)
    until(page, lambda: "typed" in shown.output(3).inner_text(), "the run")


def told(request: Any) -> str:
    """The cell that a question tells the server."""
    assert request.method == "POST"
    assert list(request.post_data_json) == ["source"]
    source: str = request.post_data_json["source"]
    return source


def title(page: Any, name: str = "generate-and-run") -> str:
    """What a button of the active cell says that it does; empty if it is not shown."""
    shown = button(page, name)
    return (shown.first.get_attribute("title") or "") if shown.count() else ""


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (answering(404, "{}"), "is off, or older than this page: install the package"),
        (answering(502, f"<html>{EVIL}</html>"), "the Jupyter server says 502"),
        (answering(200, "no JSON"), "the Jupyter server's answer is none that this page knows"),
        (lambda route: route.abort(), "the Jupyter server does not answer"),
    ],
    ids=["older", "in trouble", "another", "not reachable"],
)
def test_a_server_that_does_not_say_what_a_cell_holds(
    lab: Lab, page: Any, notebook: Any, answer: Any, why: str
) -> None:
    """The button says so, and runs the cell; the kernel knows what it holds."""
    page.route("**/eager/api/cells*", answer)
    shown = ready(page, lab, notebook, "%%eager\nprint('answered')", "y = 1")
    shown.select(1)
    until(page, lambda: button(page, "run-cell").count() == 1, "the button")
    assert button(page, "run-cell").inner_text() == "Run cell"
    assert button(page).count() == 0
    said = title(page, "run-cell")
    assert said.startswith("Run this cell. Whether this cell holds a prompt is not known: ")
    assert why in said
    assert page.evaluate("window.pwned") is None
    press(page, "run-cell")
    until(page, lambda: "answered" in shown.output(1).inner_text(), "the run")
    shown.picture(1).wait_for()
    shown.select(2)
    until(page, lambda: button(page, "run-cell").count() == 0, "no button in a cell of Python")
    # The server is another one now.
    page.unroute("**/eager/api/cells*")
    page.wait_for_timeout(5_100)
    shown.select(1)
    until(page, lambda: button(page).count() == 1, "that it is known again")
    assert button(page, "run-cell").count() == 0


def test_settings(lab: Lab, page: Any, notebook: Any, echo: Faults) -> None:
    shown = ready(page, lab, notebook, "%%eager\nx = 1", "%eager gate")
    address = page.url
    # They offer the models that there are.
    shown.command("settingeditor:open", query="EAGER")
    choice = page.locator("select[id$='_model'] option")
    until(page, lambda: choice.count() > 1, "models to choose from")
    assert "openai/other" in choice.all_inner_texts()
    set_to = """async settings => {
      const registry = await window.jupyterapp.serviceManager.settings.save(
        'eager-kernel:plugin', JSON.stringify(settings));
    }"""
    page.evaluate(set_to, {"model": "openai/other", "gate": "off"})
    shown.open(f"{address}?token={TOKEN}&reset")
    try:
        shown.select(1)
        with page.expect_request("**/eager/api/runs*") as asked:
            press(page)
        assert asked.value.post_data_json["model"] == "openai/other"
        shown.picture(1).wait_for()
        assert "openai/other" in shown.picture(1).inner_text()
        shown.run_cell(2)
        until(page, lambda: "gate: off" in shown.output(2).inner_text(), "the gate")
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
        assert page.locator("[data-command='eager-kernel:generate-and-run']:visible").count() == 0
        enabled = "id => window.jupyterapp.commands.isEnabled(id)"
        assert not page.evaluate(enabled, "eager-kernel:generate-and-run")
        assert not page.evaluate(enabled, "eager-kernel:stop")
