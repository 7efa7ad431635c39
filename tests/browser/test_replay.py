"""The site's replay: the view's own code, without a kernel, opened as a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_run import lines_of, until
from tests.docs.pages import ROOT

sys.path.insert(0, str(ROOT / "docs"))

from make_replay import KEPT, script

RUNS = json.loads(KEPT.read_text(encoding="utf-8"))
LINES = max(news.get("facts", {}).get("count", 0) for _, news in RUNS[0]["news"])


@pytest.fixture
def shown(chrome: Any, tmp_path: Path) -> Iterator[Any]:
    """A page with the replay; no script of it may fail, and nothing may come from elsewhere."""
    tmp_path.joinpath("replay.js").write_text(script(), encoding="utf-8")
    tmp_path.joinpath("page.html").write_text(
        '<!doctype html><meta charset="utf-8"><div class="eager-replay"></div>'
        '<script src="replay.js"></script>',
        encoding="utf-8",
    )
    context = chrome.new_context(viewport={"width": 900, "height": 900})
    page = context.new_page()
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.on("request", lambda request: failed.append(request.url))
    page.goto(tmp_path.joinpath("page.html").as_uri())
    yield page
    context.close()
    assert [each for each in failed if not each.startswith("file:")] == []


def seek(page: Any, seconds: float) -> None:
    page.get_by_role("slider", name="Seconds").evaluate(
        "(el, at) => { el.value = at; el.dispatchEvent(new Event('input')); }", str(seconds)
    )
    wait_for_drawing(page)


def wait_for_drawing(page: Any) -> None:
    """Wait until what the page knows is drawn: it draws when the browser's next frame comes."""
    page.evaluate("() => new Promise(d => requestAnimationFrame(() => requestAnimationFrame(d)))")


def test_all_of_the_run_is_there_before_it_is_played(shown: Any) -> None:
    view = shown.locator(".eager-view")
    assert lines_of(view) == (LINES, LINES)
    assert "done" in view.locator(".ev-phase").inner_text()
    assert shown.get_by_role("button", name="Play again").is_enabled()
    text = shown.locator(".er-printed").inner_text()
    assert text.splitlines()[0] == RUNS[0]["printed"][0][1].splitlines()[0]


def test_any_moment_can_be_looked_at(shown: Any) -> None:
    view = shown.locator(".eager-view")
    half = RUNS[0]["end"] / 2
    seek(shown, half)
    written, ran = lines_of(view)
    assert 0 < ran <= written < LINES
    # It stands still: also what grows by itself in a notebook.
    elapsed = view.locator(".ev-elapsed").inner_text()
    shown.wait_for_timeout(400)
    assert view.locator(".ev-elapsed").inner_text() == elapsed
    # The same moment of the other run: as much is written, and nothing runs.
    shown.get_by_label(RUNS[1]["name"]).check()
    wait_for_drawing(shown)
    other, none = lines_of(view)
    assert none == 0
    assert abs(other - written) < 10
    seek(shown, 0)
    assert lines_of(view) == (0, 0)
    assert shown.locator(".er-printed").inner_text() == ""


def test_it_plays_and_pauses(shown: Any) -> None:
    seek(shown, 0)
    view = shown.locator(".eager-view")
    shown.get_by_role("button", name="Play").click()
    until(shown, lambda: lines_of(view)[1] > 0, "lines that run")
    shown.get_by_role("button", name="Pause").click()
    wait_for_drawing(shown)
    before = lines_of(view)
    shown.wait_for_timeout(500)
    assert lines_of(view) == before
    seek(shown, RUNS[0]["end"] - 0.2)
    shown.get_by_role("button", name="Play").click()
    shown.get_by_role("button", name="Play again").wait_for()
    wait_for_drawing(shown)
    assert lines_of(view) == (LINES, LINES)
