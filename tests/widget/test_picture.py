"""The picture that a notebook keeps: no scripts, all said in text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from nbformat.v4 import new_code_cell, new_notebook, new_output

from eager_kernel.widget.picture import Keep
from eager_kernel.widget.view import QuietView
from eager_kernel.widget.visible import visible
from tests.widget.test_record import REPORT, chunk, delta, result

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</pre></details><script>alert(1)</script>",
    "'\"><svg/onload=alert(1)>",
    "\x1b[31mred",
    "a\u202eb\u2066",
    "x" * 100_000,
    "\ud800",
    "&lt;b&gt;",
)
TAGS = {"div", "b", "span", "pre", "details", "summary", "br", "p", "code"}
ATTRIBUTES = {"class", "style", "title", "hidden", "open", "data-eager-run"}
COMMONMARK = MarkdownIt("commonmark")


class Reader(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "br":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read_page(saved: dict[str, str]) -> Reader:
    """What a page makes of the Markdown."""
    return Reader(COMMONMARK.render(saved["text/markdown"]))


def picture(program: str, **more: Any) -> dict[str, str]:
    view = QuietView(more.pop("title", "a model"))
    view.hear(delta(program))
    view.hear(result(report=REPORT, **more))
    return view.saved()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text(text: str) -> None:
    error = {"ename": text, "evalue": text, "lines": [1, 1], "traceback": []}
    saved = picture(f"x = 1  # {text}\n", status="error", error=error, title=text)
    read = read_page(saved)
    assert read.open == []
    assert read.tags <= TAGS
    assert read.attributes <= ATTRIBUTES
    for kept in saved.values():
        assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", kept)
        assert len(kept) < 60_000
        kept.encode()


@given(st.text())
def test_any_text_at_all(text: str) -> None:
    saved = picture(text)
    read = read_page(saved)
    assert read.tags <= TAGS
    assert read.open == []


@given(st.text())
def test_what_is_visible_is_left_alone_and_the_rest_is_named(text: str) -> None:
    shown = visible(text)
    assert visible(shown) == shown
    if text.isprintable() and text.isascii():
        assert shown == text


def test_it_reads_without_colour_and_without_styles() -> None:
    view = QuietView("a model")
    view.hear(delta("a = 1\nt = time()\nraise E\nnever\n"))
    view.hear(chunk(1, 2, "done"))
    error = {"ename": "E", "evalue": "why", "lines": [3, 3], "traceback": []}
    view.hear(result("error", 2, error=error, report=REPORT))
    saved = view.saved()
    text = read_page(saved).text
    for said in ("✗ a model: failed, 2 of 4 lines executed", "E: why", "generation", "execution"):
        assert said in saved["text/plain"]
        assert said in text
    for line in ("✓ 1  a = 1", "✗ 3  raise E", "– 4  never"):
        assert line in saved["text/plain"]
    for line in (
        "✓ Lines 1-2: ran",
        "a = 1",
        "✗ Line 3: failed",
        "raise E",
        "– Line 4: did not run",
    ):
        assert line in text
    assert "▒" in text  # the lanes in characters, where there are no styles
    assert "█" in text


def test_a_long_program_is_cut() -> None:
    saved = picture("x = 1\n" * 50_000, status="ok", executed=50_000)
    assert "… 49,600 more lines …" in saved["text/plain"]
    assert read_page(saved).text.count("x = 1") == 400
    assert "<summary>Program, 50,000 lines</summary>" in saved["text/markdown"]


def test_nbconvert_shows_code_as_code() -> None:
    nbconvert = pytest.importorskip("nbconvert")
    bundle = {
        **picture("first = 1\n<script>alert('pwned')</script>\n"),
        "application/vnd.jupyter.widget-view+json": {"model_id": "gone", "version_major": 2},
    }
    notebook = new_notebook(cells=[new_code_cell("", outputs=[new_output("display_data", bundle)])])
    nbformat.validate(notebook)
    for template in ("lab", "classic", "basic"):  # Voila's are made of the first two
        exporter = nbconvert.HTMLExporter(template_name=template, exclude_input=True)
        html, _ = exporter.from_notebook_node(notebook)
        assert "Program, 2 lines" in html
        assert "<script>alert('pwned')" not in html
        (code,) = re.findall(r"<pre>(?:(?!</pre>).)*first.*?</pre>", html, re.DOTALL)
        assert code.count("\n") == 2
    markdown, _ = nbconvert.MarkdownExporter(exclude_input=True).from_notebook_node(notebook)
    assert "\n```python\nfirst = 1\n<script>alert('pwned')</script>\n```\n" in markdown


def test_a_run_that_was_stopped_has_not_failed() -> None:
    view = QuietView("a model")
    view.hear(delta("a = 1\nwhile True: pass\nnever\n"))
    view.hear({"type": "stop", "reason": "interrupted", "message": "the user interrupted"})
    view.hear(chunk(2, 2, "failed"))
    error = {"ename": "KeyboardInterrupt", "evalue": "", "lines": [2, 2], "traceback": []}
    view.hear(result("error", 1, error=error, report=REPORT, stopped=True))
    for text in (view.saved()["text/plain"], read_page(view.saved()).text):
        assert "■ a model: stopped, 1 of 3 lines executed" in text
        assert "Stopped in line 2." in text
        assert "✗" not in text
        assert "fail" not in text
        assert "saved" not in text


def test_a_run_that_failed_is_not_told_where_its_work_lies() -> None:
    view = QuietView("a model")
    view.hear(delta("a = 1\nmissing\n"))
    error = {"ename": "NameError", "evalue": "missing", "lines": [2, 2], "traceback": []}
    view.hear(result("error", 1, error=error, report=REPORT))
    for text in (view.saved()["text/plain"], read_page(view.saved()).text):
        assert "NameError: missing" in text
        assert "Most of the work" not in text
        assert "saved" not in text
        assert "waited" not in text
    assert "Most of the work" in picture("a = 1\nb = 2\n")["text/plain"]


def test_the_program_is_folded_unless_it_is_to_stay_open_or_is_elsewhere() -> None:
    view = QuietView("a model")
    view.hear(delta("a = 1\n"))
    view.hear(result("ok", 1, report=REPORT))
    assert "<details style" in view.saved()["text/markdown"]
    view.keep = Keep(unfolded=True)
    assert "<details open style" in view.saved()["text/markdown"]
    view.keep = Keep(program=False)
    assert "a = 1" not in str(view.saved())


def stepped(program: str, told: str) -> dict[str, str]:
    view = QuietView("m", clock=lambda: 1.0, start=0.0)
    view.hear(delta(program))
    view.hear({"type": "step", "number": 1, "status": "error", "told": told})
    view.hear(delta("last = 1\n"))
    view.hear(chunk(1, 1, "done"))
    view.hear({**result("ok", 1), "program": "last = 1\n"})
    return view.saved()


def test_the_steps_are_kept_folded() -> None:
    saved = stepped("a = 1\n1 / 0\n", "Line 2 failed:\n\nZeroDivisionError")
    markdown = saved["text/markdown"]
    assert "2 steps" in markdown
    assert "<details><summary>Step 1: failed, 2 lines, 1.0 s</summary>" in markdown
    assert "```python\na = 1\n1 / 0\n```" in markdown
    assert "```text\nLine 2 failed:\n\nZeroDivisionError\n```" in markdown
    assert "last = 1" in markdown
    assert markdown.index("1 / 0") < markdown.index("last = 1")
    assert "Step 1: failed" in saved["text/plain"]


def test_what_a_run_has_cost_is_kept() -> None:
    view = QuietView("m", clock=lambda: 1.0, start=0.0)
    view.hear(delta("a = 1\n"))
    view.hear({"type": "cost", "text": "3 tokens in, 5 out", "seconds": 1.2})
    view.hear(result("ok", 1))
    for text in (view.saved()["text/plain"], read_page(view.saved()).text):
        assert "\n1.2 s; 3 tokens in, 5 out\n" in text
        assert "In all" not in text


def costly_steps() -> QuietView:
    view = QuietView("m", clock=lambda: 1.0, start=0.0)
    for number, cost in ((1, "3 tokens in, 5 out"), (2, "about 4 tokens in (2 cached), 6 out")):
        view.hear(delta(f"a = {number}\n"))
        view.hear(
            {"type": "step", "number": number, "status": "ok", "cost": cost, "seconds": number}
        )
    last = {"text": "about 9 tokens in (2 cached), 12 out", "last": "2 tokens in, 1 out"}
    view.hear({"type": "cost", "seconds": 3.5, **last})
    view.hear({**result("ok", 0), "program": ""})
    return view


def test_what_steps_have_cost_is_kept_of_each_and_of_all() -> None:
    saved = costly_steps().saved()
    for text in (saved["text/plain"], read_page(saved).text):
        assert "\nIn all: 3.5 s; about 9 tokens in (2 cached), 12 out\n" in text
        assert text.count("Step 1: done, 1 line, 1.0 s; 3 tokens in, 5 out") == 1
        assert "Step 2: done, 1 line, 2.0 s; about 4 tokens in (2 cached), 6 out" in text
        assert re.search(r"\nStep 3: .+; 2 tokens in, 1 out\n", text)


def test_steps_whose_programs_are_elsewhere_have_their_costs_all_the_same() -> None:
    view = costly_steps()
    view.keep = Keep(program=False)
    for text in (view.saved()["text/plain"], read_page(view.saved()).text):
        assert "\nStep 1: 1.0 s; 3 tokens in, 5 out\n" in text
        assert "\nStep 2: 2.0 s; about 4 tokens in (2 cached), 6 out\n" in text


def test_of_a_cost_that_nobody_knows_nothing_is_said() -> None:
    for event in ({"type": "cost", "text": "", "seconds": 1.2}, {"type": "end"}):
        view = QuietView("m")
        view.hear(delta("a = 1\n"))
        view.hear(event)
        view.hear(result("ok", 1))
        assert "token" not in str(view.saved())
    assert "token" not in str(stepped("a = 1\n", ""))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_costs_are_text(text: str) -> None:
    view = QuietView("m")
    view.hear({"type": "step", "number": 1, "status": "ok", "cost": text})
    view.hear({"type": "cost", "text": text, "last": text})
    view.hear(result("ok", 1))
    read = read_page(view.saved())
    assert read.tags <= TAGS
    assert read.attributes <= ATTRIBUTES


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_steps_are_text(text: str) -> None:
    html = COMMONMARK.render(stepped(f"x = '{text}'\n```\n", f"{text}\n````\n")["text/markdown"])
    reader = Reader(html)
    assert reader.tags <= TAGS
    assert reader.attributes <= ATTRIBUTES
