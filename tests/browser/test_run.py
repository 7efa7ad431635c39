"""A run in JupyterLab, from the choice of the kernel to the picture that stays."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.lab import Lab, Notebook

pytestmark = pytest.mark.timeout(600)  # the first test may have to install the browser

STEPS = "".join(f"x{i} = sum(range({i}_000_000)) % 7\nprint('step', {i})\n" for i in range(1, 9))
SPIN = "print('begins')\nwhile True:\n    pass\n\nz = 0\n" + "# more and more\n" * 400
HELD = "print('before')\nimport time\nt = time.time()\nprint('after')\n" + "# more\n" * 600


def lines_of(view: Any) -> tuple[int, int]:
    """How many lines are generated and executed, as the bars say."""
    said = view.evaluate(  # both in one moment
        """view => ["generated", "executed"].map(name =>
          view.querySelector(`[role=progressbar][aria-label="${name}"]`)
            ?.getAttribute("aria-valuetext") ?? "0")"""
    )
    written, ran = (int(text.split()[0].replace(",", "")) for text in said)
    return written, ran


def until(page: Any, condition: Any, what: str, seconds: float = 60) -> None:
    """Look until it holds."""
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        page.wait_for_timeout(50)
    seen = page.locator("body").inner_text()
    raise AssertionError(f"never saw {what}; the page says:\n{seen[-3000:]}")


# Keeps the heights that the first output of the second cell has had, frame by frame.
HEIGHTS = """() => {
  const heights = window.heights = [];
  const look = () => {
    const cell = document.querySelectorAll('.jp-Notebook .jp-Cell')[1];
    const output = cell?.querySelector('.jp-OutputArea-child');
    if (output) heights.push(Math.round(output.getBoundingClientRect().height));
    requestAnimationFrame(look);
  };
  look();
}"""


def is_seen(page: Any, element: Any) -> bool:
    """Whether all of an element is in the part of the notebook that is seen."""
    seen: bool = element.evaluate(
        """element => {
          const { top, bottom } = element.getBoundingClientRect();
          const frame = element.closest('.jp-WindowedPanel-outer').getBoundingClientRect();
          return top >= frame.top && bottom <= frame.bottom;
        }"""
    )
    return seen


def test_from_shift_enter_to_what_is_kept(lab: Lab, page: Any, notebook: Any) -> None:
    model = lab.record("steps", "```python\n" + STEPS + "```\n", rate=25)
    cell = f"%%eager --model {model}\nCount."
    shown = notebook("# one of many lines\n" * 45, cell, "# below")
    shown.select(1)
    page.locator(".jp-Notebook .jp-Cell").nth(1).locator(".cm-content").click()
    page.evaluate(HEIGHTS)
    page.keyboard.press("Shift+Enter")
    view = shown.view(1)
    view.wait_for()
    seen: list[tuple[int, int]] = []

    def both_move() -> bool:
        seen.append(lines_of(view))
        return seen[-1][1] >= 6

    until(page, both_move, "lines that run while others are written")
    assert all(ran <= written for written, ran in seen)
    assert any(0 < ran < written < 16 for written, ran in seen)
    assert "hidden" in view.inner_text()
    # JupyterLab has gone on to the next cell; what runs is seen all the same, and can be stopped.
    stop = view.get_by_role("button", name="Stop")
    assert stop.is_enabled()
    until(page, lambda: is_seen(page, view), "the view in what is seen of the notebook")
    shown.screenshot("writing", view)
    picture = shown.picture(1)
    picture.wait_for()
    assert "16 of 16 lines executed" in picture.inner_text()
    assert "step 8" in shown.output(1).inner_text()
    assert shown.view(1).count() == 0
    # It has taken the view's place at once: the output was never lower than it is now.
    now = shown.output(1).locator(".jp-OutputArea-child").first.bounding_box()["height"]
    assert min(page.evaluate("() => window.heights")[-400:]) >= min(now, 150) - 2
    assert is_seen(page, picture)
    # The program is folded, and its outputs stand right below; the buttons go on to work.
    assert not picture.locator("pre", has_text="x1 = sum").is_visible()
    shown.screenshot("done")
    picture.get_by_role("button", name="Copy").click()
    until(page, lambda: "Copied" in picture.inner_text(), "that it was copied")
    assert page.evaluate("() => navigator.clipboard.readText()") == STEPS
    picture.get_by_role("button", name="Insert as cell").click()
    cells = page.locator(".jp-Notebook .jp-Cell")
    until(page, lambda: "x8 = sum" in cells.nth(2).inner_text(), "the program in a cell")
    picture.get_by_role("button", name="Run again").click()
    view.wait_for()
    view.get_by_role("button", name="Stop").click()
    until(page, lambda: "stopped" in picture.inner_text(), "that it was stopped")


@pytest.mark.parametrize("subshells", ["perCommTarget", "disabled"])
def test_stop_while_the_main_thread_spins(
    lab: Lab, page: Any, notebook: Any, subshells: str
) -> None:
    shown = notebook(f"%%eager --model {lab.record('spin', SPIN)}\nSpin.", "'usable'")
    page.evaluate(f"window.jupyterapp.serviceManager.kernels.commsOverSubshells = '{subshells}'")
    shown.run_cell(0)
    view = shown.view(0)
    view.locator(".ev-row[data-mark=running]").first.wait_for()
    view.get_by_role("button", name="Stop").click()
    picture = shown.picture(0)
    picture.wait_for()
    assert "stopped, 1 of" in picture.inner_text()
    assert "✗" not in picture.inner_text()
    assert "KeyboardInterrupt" in shown.output(0).inner_text()
    assert "eager_kernel" not in shown.output(0).inner_text()
    assert picture.text_content().count("more and more") < 400
    shown.run_cell(1)
    until(page, lambda: "usable" in shown.output(1).inner_text(), "the next cell's result")


def test_an_error_in_the_middle(lab: Lab, page: Any, notebook: Any) -> None:
    program = "a = 1\nb = 0\na / b\nprint('never')\n" + "# more\n" * 200
    shown = notebook(f"%%eager --model {lab.record('error', program)}\nFail.")
    shown.run_cell(0)
    picture = shown.picture(0)
    picture.wait_for()
    text = picture.inner_text()
    assert "✗ recorded/error: failed, 2 of" in text
    assert "ZeroDivisionError: division by zero" in text
    assert "✗ Line 3: failed" in picture.text_content()
    assert "Most of the work" not in text
    assert "never" not in shown.output(0).locator(".jp-OutputArea-output").nth(1).inner_text()
    shown.screenshot("error")


def test_a_held_chunk_is_approved(lab: Lab, page: Any, notebook: Any) -> None:
    shown = notebook(f"%%eager --model {lab.record('held', HELD)}\nTell the time.")
    shown.run_cell(0)
    view = shown.view(0)
    approve = view.get_by_role("button", name="Approve")
    until(page, approve.is_enabled, "what is held")
    # The rows that are drawn are those that are seen; what is written since may have moved on.
    view.locator(".ev-code").evaluate("code => { code.scrollTop = 0; }")
    assert "reads a clock" in view.locator(".ev-row[data-mark=held]").first.inner_text()
    status = view.get_by_role("status")  # announced a moment later, not to interrupt a reader
    until(page, lambda: "Line 3 is held" in status.inner_text(), "that it is announced")
    assert "after" not in shown.output(0).inner_text().replace("print('after')", "")
    shown.screenshot("held", view)
    approve.click()
    until(
        page, lambda: view.locator(".ev-row[data-mark=held]").count() == 0, "that nothing is held"
    )
    out = shown.output(0).locator(".jp-OutputArea-output", has_text="before\nafter")
    out.wait_for()
    # The view is told a moment later than the output is there.
    until(page, lambda: view.get_attribute("data-phase") == "writing", "that it is written on")
    view.get_by_role("button", name="Stop").click()
    shown.picture(0).wait_for()


def test_pages_that_come_late_get_all_that_follows(
    lab: Lab, page: Any, notebook: Any, context: Any
) -> None:
    """A page that is loaded again, and a second one."""
    program = "import time\n" + "".join(
        f"print('out', {i})\ntime.sleep(0.2)\n" for i in range(3000)
    )
    model = lab.record("late", program, piece=60)
    shown = notebook(f"%%eager --model {model} --gate off\nGo on.")
    shown.run_cell(0)
    view = shown.view(0)
    until(page, lambda: view.count() and lines_of(view)[1] >= 6, "some lines")
    shown.save()
    page.reload(wait_until="domcontentloaded")
    other = context.new_page()
    other.goto(page.url.replace("/workspaces/", "/workspaces/second-"))
    second = Notebook(other)
    for each in (shown, second):
        view = each.view(0)
        until(
            each.page,
            lambda v=view: v.count() and lines_of(v)[1] >= 6,
            "the lines that were there",
            100,  # JupyterLab is loaded twice
        )
        assert "out 1" in each.output(0).inner_text(), "what was printed before"
    before = lines_of(shown.view(0))[1]
    for each in (shown, second):
        until(
            each.page,
            lambda each=each: f"out {before // 2 + 3}" in each.output(0).inner_text(),
            "what is printed after",
        )
    view = shown.view(0)
    view.locator(".ev-code").evaluate("code => code.scrollTop = 0")
    view.locator(".ev-row", has_text="import time").wait_for()
    view.get_by_role("button", name="Stop").click()
    for each in (shown, second):
        each.picture(0).wait_for()
        assert "stopped" in each.picture(0).inner_text()
        out = each.output(0).inner_text()
        last = max(int(number) for number in re.findall(r"^out (\d+)$", out, re.MULTILINE))
        assert re.findall(r"^out (\d+)$", out, re.MULTILINE) == [str(i) for i in range(last + 1)]
        assert "KeyboardInterrupt" in out
    other.close()
    shown.until_idle()


def test_the_kernel_is_restarted_in_the_middle(lab: Lab, page: Any, notebook: Any) -> None:
    shown = notebook(f"%%eager --model {lab.record('restart', SPIN)}\nSpin.", "'usable'")
    shown.run_cell(0)
    shown.view(0).locator(".ev-row[data-mark=running]").first.wait_for()
    shown.restart()
    picture = shown.picture(0)
    picture.wait_for()
    assert "the kernel has ended, 1 of" in picture.inner_text()
    assert shown.view(0).count() == 0
    picture.get_by_role("button", name="Copy").click()
    until(page, lambda: "Copied" in picture.inner_text(), "that it was copied")
    assert "print('begins')" in page.evaluate("() => navigator.clipboard.readText()")
    shown.screenshot("restarted")
    shown.until_idle()
    shown.run_cell(1)
    until(page, lambda: "usable" in shown.output(1).inner_text(), "the next cell's result")
    # What is saved and opened again needs no kernel.
    shown.save()
    page.reload(wait_until="domcontentloaded")
    picture = shown.picture(0)
    picture.wait_for()
    assert "Error displaying widget" not in shown.output(0).inner_text()
    picture.locator("summary").click()
    assert "print('begins')" in picture.inner_text()
    assert "Lines 2-3: were running" in picture.inner_text()


def test_several_runs_and_the_program_as_a_cell(lab: Lab, page: Any, notebook: Any) -> None:
    model = lab.record("short", "y = 6\nprint('here', y)\n" + "# more\n" * 40)
    shown = notebook(f"%%eager --model {model}\nOne.", f"%%eager --model {model} --fresh\nTwo.")
    shown.run_cell(0)
    shown.run_cell(1)
    first = shown.view(0)
    insert = first.get_by_role("button", name="Insert as cell")
    insert.click()
    assert insert.get_attribute("aria-pressed") == "true"
    shown.picture(0).wait_for()
    inserted = page.locator(".jp-Notebook .jp-Cell").nth(1)
    until(page, lambda: "y = 6" in inserted.inner_text(), "the new cell")
    shown.picture(2).wait_for()
    assert "here 6" in shown.output(2).inner_text()


def test_a_saved_notebook_shows_the_picture_without_its_kernel(
    lab: Lab, page: Any, notebook: Any
) -> None:
    program = "z = 5\nprint('<b>bold</b>')\nz\n"
    shown = notebook(f"%%eager --model {lab.record('saved', program)}\nFive.")
    shown.run_cell(0)
    shown.picture(0).wait_for()
    shown.until_idle()
    shown.save()
    shown.shut_down()
    page.reload(wait_until="domcontentloaded")
    picture = shown.picture(0)
    picture.wait_for()
    assert "3 of 3 lines executed" in picture.inner_text()
    picture.locator("summary").click()
    assert "print('<b>bold</b>')" in picture.inner_text()
    assert "Error displaying widget" not in shown.output(0).inner_text()


def test_stop_in_a_stock_kernel(lab: Lab, page: Any, notebook: Any) -> None:
    cell = f"%%eager --model {lab.record('spin', SPIN)}\nSpin."
    shown = notebook("%load_ext eager_kernel", cell, cell, kernel="python3")
    shown.run_cell(0)
    shown.until_idle()
    # JupyterLab sends a view's messages to a subshell, where they are heard.
    subshells = "window.jupyterapp.serviceManager.kernels.commsOverSubshells"
    assert page.evaluate(subshells) == "perCommTarget"
    shown.run_cell(1)
    view = shown.view(1)
    view.locator(".ev-row[data-mark=running]").first.wait_for()
    view.get_by_role("button", name="Stop").click()
    shown.picture(1).wait_for()
    assert "stopped" in shown.picture(1).inner_text()
    # Elsewhere they wait for the main thread, and the page says what helps.
    page.evaluate(f"{subshells} = 'disabled'")
    shown.run_cell(2)
    view = shown.view(2)
    view.locator(".ev-row[data-mark=running]").first.wait_for()
    view.get_by_role("button", name="Stop").click()
    until(page, lambda: "interrupt the kernel" in view.inner_text(), "what helps")
    shown.command("notebook:interrupt-kernel")
    shown.picture(2).wait_for()


def test_a_question_back_is_text(lab: Lab, page: Any, notebook: Any) -> None:
    evil = "<img src=q onerror=window.pwned=1> ![x](q.png) [x](javascript:window.pwned=1)"
    asks = f"Which **column**?\n\n1. `price`\n2. `cost`\n\n{evil}\n"
    shown = notebook(f"%%eager --model {lab.record('asks', asks)}\nPlot it.")
    shown.run_cell(0)
    picture = shown.picture(0)
    picture.wait_for()
    assert "answered, without a program" in picture.inner_text()
    assert picture.locator("strong", has_text="column").count() == 1
    assert picture.locator("li", has_text="cost").count() == 1
    assert evil in picture.inner_text()
    assert picture.locator("img, a, script").count() == 0
    assert page.evaluate("() => window.pwned") is None
    shown.screenshot("asks")
