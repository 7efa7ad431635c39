"""Several steps in one cell, and a program that is asked about, in JupyterLab."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.lab import Lab
from tests.browser.test_run import until
from tests.scene import KEY, PROMPT, Scene

pytestmark = pytest.mark.timeout(600)

EVIL = "<img src=q onerror=window.pwned=1>"


@pytest.fixture
def scene() -> Iterator[Scene]:
    pytest.importorskip("openai")
    scene = Scene(pause=0.03)
    yield scene
    scene.close()


def test_three_steps_an_error_a_figure_and_an_answer(
    lab: Lab, page: Any, notebook: Any, scene: Scene
) -> None:
    model = f"--model openai/m --api-base {scene.url} --credential A_KEY"
    shown = notebook(
        f"import os; os.environ['A_KEY'] = {KEY!r}",
        f"%%eager --steps 5 {model}\n{PROMPT}",
    )
    shown.run_cell(0)
    shown.run_cell(1)
    view = shown.view(1)
    view.wait_for()
    # What has been is folded to lines, and what is written now stands below.
    until(page, lambda: view.locator(".ev-step").count() == 2, "two steps that have ended")
    titles = view.locator(".ev-step-title").all_inner_texts()
    assert titles[0].startswith("Step 1: done, 3 lines")
    assert titles[1].startswith("Step 2: failed, 2 lines")
    assert "tokens in" in view.locator(".ev-cost").inner_text()
    second = view.locator(".ev-step").nth(1)
    second.locator(".ev-step-title").click()
    second.locator(".ev-told summary").click()
    assert "KeyError: 'Dec'" in second.locator(".ev-told").inner_text()
    shown.screenshot("steps-live")
    picture = shown.picture(1)
    picture.wait_for()
    assert "Step 2: failed, 2 lines" in picture.inner_text()
    out = shown.output(1)
    assert out.locator("img[src^='data:image/png']").count() == 1
    assert "March sold least: 80." in out.inner_text()
    assert "340" in out.inner_text()
    assert "KeyError" in out.inner_text()
    shown.screenshot("steps-done")


def test_a_program_is_edited_and_run_when_its_user_says_so(
    lab: Lab, page: Any, notebook: Any
) -> None:
    program = f"path = 'a.txt'  # {EVIL}\nopen(path, 'w').write('{EVIL}')\nprint('as written')\n"
    model = lab.record("asks", program, rate=200)
    shown = notebook(f"%%eager --ask --model {model}\nWrite a file.", "In[1]")
    shown.run_cell(0)
    view = shown.view(0)
    run = view.get_by_role("button", name="Run", exact=True)
    run.wait_for()
    asks = view.locator(".ev-asking")
    assert "It will touch, as far as can be seen:" in asks.inner_text()
    assert "files line 2: open changes files: open(path, 'w')" in asks.inner_text()
    until(page, lambda: view.get_attribute("data-phase") == "asked", "that it asks")
    assert "as written" not in shown.output(0).inner_text().replace("print('as written')", "")
    area = asks.locator("textarea")
    assert area.input_value() == program
    shown.screenshot("ask", view)
    # Typing is the text field's own, and not JupyterLab's commands.
    area.press("Control+a")
    area.press_sequentially("1")
    area.press("Enter")
    area.press_sequentially("print('as edited')")
    page.wait_for_timeout(600)
    assert area.input_value() == "1\nprint('as edited')"
    run.click()
    picture = shown.picture(0)
    picture.wait_for()
    assert "as edited" in shown.output(0).inner_text()
    assert "2 of 2 lines" in picture.inner_text()
    shown.screenshot("ask-edited")
    shown.run_cell(1)
    until(page, lambda: "as edited" in shown.output(1).inner_text(), "the program in the history")
    assert page.evaluate("() => window.pwned") is None


def test_stop_ends_what_is_asked_about(lab: Lab, page: Any, notebook: Any) -> None:
    shown = notebook(
        f"%%eager --ask --model {lab.record('held-back', 'x = 1')}\nWait.", "'x' in dir()"
    )
    shown.run_cell(0)
    view = shown.view(0)
    view.get_by_role("button", name="Run", exact=True).wait_for()
    shown.save()
    page.reload(wait_until="domcontentloaded")  # a page that comes late has the question, too
    view.get_by_role("button", name="Run", exact=True).wait_for(timeout=60_000)
    view.get_by_role("button", name="Stop").click()
    picture = shown.picture(0)
    picture.wait_for()
    assert "stopped" in picture.inner_text()
    shown.run_cell(1)
    until(page, lambda: "False" in shown.output(1).inner_text(), "that nothing has run")
