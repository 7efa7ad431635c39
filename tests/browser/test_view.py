"""The view itself, in JupyterLab, told by hand what a run would tell it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.lab import Lab, Notebook
from tests.browser.test_run import until

pytestmark = pytest.mark.timeout(600)

# Any kernel does: the view hears its events, not a stream.
SET_UP = """
from eager_kernel.widget import EagerView
view = EagerView("a model")

def tell(text="", **chunk):
    if text:
        view.hear({"type": "delta", "text": text})
    if chunk:
        view.hear({"type": "chunk", "category": "plain", "reason": "", **chunk})
    view.flush()

def end(status="ok", executed=0, error=None):
    view.hear({"type": "result", "status": status, "error": error, "executed_lines": executed})
    view.flush()
"""
HOSTILE = r"""
LRO, PDF, ESC = "\u202d", "\u202c", "\x1b"
evil = [
    "x = '<img src=q onerror=window.pwned=1><script>window.pwned=1</script>'",
    "</script><style>*{display:none}</style>",
    f"access = 'user{LRO} # admin{PDF}'",
    f"red = '{ESC}[31mred{ESC}[0m'",
    "long = '" + "x" * 100_000 + "<b onclick=window.pwned=1>'",
    "half = '\ud800'",
]
tell("\n".join(evil) + "\n", lines=[1, 2], state="held", index=0,
     reason="<img src=q onerror=window.pwned=1>\x1b[31m in line 1")
end("error", 0, {"ename": "<script>window.pwned=1</script>", "lines": [3, 3], "traceback": [],
                 "evalue": "\x1b[31m<img src=q onerror=window.pwned=1>\u202e"})
"""


@pytest.fixture(scope="module")
def opened(context: Any, lab: Lab) -> Iterator[Notebook]:
    """One notebook for all tests, as to open one takes most of their time."""
    page = context.new_page()
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    opened = Notebook(page, lab.write("views", SET_UP, "view", "", "view", kernel="python3"))
    yield opened
    opened.shut_down()
    page.close()
    assert failed == []  # no script of the page may fail


@pytest.fixture
def shown(opened: Notebook) -> Notebook:
    """A notebook that shows a new view under its second cell."""
    opened.command("notebook:clear-all-cell-outputs")
    opened.page.wait_for_function("() => !document.querySelector('.eager-view')")
    opened.run_cell(0)
    opened.run_cell(1)
    opened.view(1).wait_for()
    return opened


@pytest.fixture
def page(shown: Notebook) -> Any:
    return shown.page


def run(shown: Notebook, code: str) -> None:
    """Have the kernel run code, past the notebook."""
    shown.page.evaluate(
        """async code => {
          const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
          const reply = await kernel.requestExecute({code}).done;
          if (reply.content.status !== 'ok') throw new Error(JSON.stringify(reply.content));
        }""",
        code,
    )


def test_hostile_text_is_text(shown: Notebook, page: Any) -> None:
    view = shown.view(1)
    run(shown, HOSTILE)
    view.get_by_role("button", name="Program, 6 lines").click()  # it has ended, and is folded
    row = view.locator(".ev-row").first
    row.wait_for()
    assert "<img src=q onerror=window.pwned=1><script>" in row.inner_text()
    until(page, lambda: view.get_attribute("data-phase") == "error", "the end")
    assert view.locator("img, script, style, b").count() == 0
    text = view.inner_text()
    assert "⟨U+202D⟩ # admin⟨U+202C⟩" in text
    assert "⟨U+001B⟩[31mred" in text
    assert "\u202e" not in text
    assert (
        "<script>window.pwned=1</script>: <img src=q onerror"
        in view.locator(".ev-note").inner_text()
    )
    assert "[31m" not in view.locator(".ev-note").inner_text()
    more = view.get_by_role("button", name="more characters")
    assert "more characters" in more.inner_text()
    more.click()
    whole = view.get_by_role("textbox")
    assert len(whole.input_value()) == 100_000 + len("long = '<b onclick=window.pwned=1>'")
    shown.screenshot("hostile", view)
    assert page.evaluate("() => window.pwned") is None
    # Nor does the picture of it do anything.
    run(shown, "view.close()")
    shown.run_cell(3)
    shown.picture(3).wait_for()
    assert shown.picture(3).locator("img, script, style").count() == 0
    assert page.evaluate("() => window.pwned") is None


def test_marks_can_be_read_without_colour(shown: Notebook, page: Any) -> None:
    view = shown.view(1)
    states = ["done", "failed", "running", "deferred", "held", "ready", "skipped"]
    run(shown, "tell('\\n'.join('abcdefghi'))")
    for line, state in reversed(list(enumerate(states, 1))):
        run(shown, f"tell(index={line}, lines=[{line}, {line}], state={state!r}, reason='because')")
    rows = view.locator(".ev-row")
    until(page, lambda: rows.count() == 9 and "○" in rows.nth(5).inner_text(), "all states")
    signs = [rows.nth(i).locator(".ev-mark").inner_text() for i in range(9)]
    assert len(set(signs[:8])) == 8, signs
    assert "held" in rows.nth(4).inner_text()
    assert "because" in rows.nth(4).inner_text()
    shown.screenshot("marks", view)


def test_a_program_of_5000_lines(shown: Notebook, page: Any) -> None:
    view = shown.view(1)
    run(shown, "tell(''.join(f'value_{n} = {n}  # comment\\n' for n in range(5000)))")
    run(shown, "tell(index=4990, lines=[4991, 4991], state='done')")
    last = view.locator(".ev-row", has_text="value_4999")
    last.wait_for()
    # Only what is seen is in the page, with its place for those who don't see it.
    assert view.locator(".ev-row").count() < 80
    assert last.get_attribute("aria-posinset") == "5000"
    view.locator(".ev-code").evaluate("code => code.scrollTop = code.scrollHeight / 2")
    middle = view.locator(".ev-row", has_text="value_2500")
    middle.wait_for()
    assert middle.get_attribute("data-mark") == "done"
    follow = view.get_by_role("button", name="Follow")
    follow.click()
    last.wait_for()
    # What is new is little, however long the program is.
    run(shown, "sent = []; view.send = lambda news: sent.append(news)\ntell('more = 1\\n')")
    run(shown, "import json; assert len(json.dumps(sent)) < 1000, sent")


def test_keys_and_names_for_those_who_do_not_see(shown: Notebook, page: Any) -> None:
    view = shown.view(1)
    run(shown, "tell('a = 1\\nb = 2\\n' * 60)")
    run(shown, "tell(index=0, lines=[1, 2], state='done')")
    region = page.get_by_role("region", name="Run of a program")
    region.wait_for()
    for name in ("generated", "executed"):
        assert region.get_by_role("progressbar", name=name).count() == 1
    assert region.get_by_role("img", name="generation: ").count() == 1
    assert region.get_by_role("list", name="Lines of the program").count() == 1
    assert "writing" in region.get_by_role("status").inner_text()
    for name in ("Stop", "Approve", "Copy", "Insert as cell"):
        assert region.get_by_role("button", name=name).count() == 1
    # Keys are the view's while it has the focus, not the notebook's.
    code = region.get_by_role("group", name="Program")
    until(page, lambda: region.locator(".ev-row", has_text="120").count() > 0, "the last line")
    active = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    code.focus()
    before = page.evaluate(active)
    top = code.evaluate("code => code.scrollTop")
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    until(page, lambda: code.evaluate("code => code.scrollTop") < top, "that it scrolls")
    assert page.evaluate(active) == before
    page.keyboard.press("Shift+Tab")
    focused = "() => document.activeElement.textContent"
    assert page.evaluate(focused) == "Insert as cell"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    until(page, lambda: "Copied" in view.inner_text(), "that it was copied")
    assert page.evaluate("() => navigator.clipboard.readText()") == "a = 1\nb = 2\n" * 60


def test_it_follows_the_theme(shown: Notebook, page: Any) -> None:
    view = shown.view(1)
    run(
        shown,
        "tell('def f(x):\\n    return x  # same\\n\\n', index=0, lines=[1, 3], state='deferred')",
    )
    background = "view => getComputedStyle(view).backgroundColor"
    light = view.evaluate(background)
    assert view.get_attribute("data-dark") == "false"
    shown.command("apputils:change-theme", theme="JupyterLab Dark")
    try:
        until(page, lambda: view.get_attribute("data-dark") == "true", "the dark theme")
        assert view.evaluate(background) != light
        shown.run_cell(3)  # one that comes into a dark page
        dark = "view => view.dataset.dark === 'true'"
        shown.view(3).locator(".ev-row").first.wait_for()
        until(page, lambda: shown.view(3).evaluate(dark), "that it is dark")
        shown.screenshot("dark", view)
    finally:
        shown.command("apputils:change-theme", theme="JupyterLab Light")


def test_it_can_be_shown_again_and_nobody_pays_when_nobody_looks(
    shown: Notebook, page: Any
) -> None:
    run(shown, "tell('a = 1\\n')")
    shown.view(1).locator(".ev-row").wait_for()
    shown.run_cell(3)
    second = shown.view(3)
    second.locator(".ev-row").wait_for()
    run(shown, "tell('b = 2\\n', index=0, lines=[1, 1], state='failed')")
    for view in (shown.view(1), second):
        view.locator(".ev-row[data-mark=failed]").wait_for()
        assert view.locator(".ev-row").count() == 2
    shown.command("notebook:clear-all-cell-outputs")
    until(page, lambda: shown.view(1).count() == 0, "that it is gone")
    page.wait_for_function(
        """async () => {
          const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
          const code = 'assert not view._audience.watches(0)';
          return (await kernel.requestExecute({code}).done).content.status === 'ok';
        }"""
    )
    run(shown, "sent = []; view.send = lambda news: sent.append(news)\ntell('c = 3\\n')")
    run(shown, "assert sent == [], sent")
    # A page that comes back is told everything.
    run(shown, "del view.send")
    shown.run_cell(1)
    again = shown.view(1)
    until(page, lambda: again.locator(".ev-row").count() == 3, "all lines")


def test_the_page_says_that_it_hears_nothing(shown: Notebook, page: Any) -> None:
    view = shown.view(1)
    run(shown, "tell('a = 1\\n')")
    view.locator(".ev-row").wait_for()
    until(page, lambda: "No word from the kernel" in view.inner_text(), "that it is quiet", 15)
    run(shown, "tell('b = 2\\n')")
    until(page, lambda: "No word" not in view.inner_text(), "that it is heard again")


def test_steps_are_sections_folded_to_a_line(shown: Notebook, page: Any) -> None:
    view = shown.view(1)
    run(shown, "tell('a = 1\\n1 / 0\\n', index=0, lines=[1, 1], state='done')")
    run(
        shown,
        "view.hear({'type': 'step', 'number': 1, 'status': 'error',"
        " 'told': '<img src=q onerror=window.pwned=1>\\nLine 2 failed'}); view.flush()",
    )
    step = view.locator(".ev-step")
    step.wait_for()
    assert step.locator("summary").first.inner_text().startswith("Step 1: failed, 2 lines")
    assert not step.locator("pre").first.is_visible()
    run(shown, "tell('b = 2\\n', index=0, lines=[1, 1], state='running')")
    until(page, lambda: view.locator(".ev-row").count() == 1, "the next step's line")
    assert "b = 2" in view.locator(".ev-row").inner_text()
    step.locator("summary").first.click()
    assert step.locator("pre").first.inner_text() == "a = 1\n1 / 0\n\n"
    step.locator("summary").nth(1).click()
    assert "Line 2 failed" in step.locator("pre").nth(1).inner_text()
    run(
        shown, "view.hear({'type': 'step', 'number': 2, 'status': 'ok', 'told': 'x'}); view.flush()"
    )
    until(page, lambda: step.count() == 2, "the second step")
    assert step.locator("pre").first.is_visible()  # it stays as the user has left it
    assert view.locator("img").count() == 0
    shown.screenshot("steps", view)
    run(shown, "end('ok')")
    until(page, lambda: view.get_attribute("data-phase") == "ok", "the end")
    assert page.evaluate("() => window.pwned") is None
