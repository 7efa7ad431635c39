"""The moving picture: it moves where it may, says all without, and fetches nothing."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from eager_kernel.core.report import Report
from tests.docs.pages import ROOT

sys.path.insert(0, str(ROOT / "docs"))

from make_demo import draw, written_lines

PICTURE = ROOT / "docs" / "demo-moving.svg"


def report(end: float) -> Report:
    verdict = {"category": "plain", "action": "run", "reason": ""}
    chunk = {
        **verdict,
        "index": 0,
        "lines": [1, 2],
        "ready": 0.5,
        "start": 0.5,
        "finish": end,
        "batch": 0,
    }
    times = dict.fromkeys(("ttft_s", "non_overlapped_s", "serial_s", "saved_s"), 0.0)
    more = {"execution_s": end - 0.5, "hidden_fraction": 0.5, "lower_bound_s": 1.0}
    ends = {"generation_s": 1.0, "end_to_end_s": end, "regime": "balanced"}
    return Report.from_dict({**times, **more, **ends, "chunks": [chunk]})


@pytest.fixture
def drawn(tmp_path: Path) -> str:
    program = "x = '<script>&amp;'\nprint(x)  # ]]>\n"
    written = written_lines(
        [(0.2, "```python\nx = '<scr"), (0.4, "ipt>&amp;'\nprint(x)  # ]]>\n```")]
    )
    assert written == [(0.4, 2)]
    return draw(program, written, report(1.5), report(2.5))


@pytest.mark.parametrize("of", ["drawn", "kept"])
def test_it_is_a_picture_alone(of: str, drawn: str) -> None:
    text = drawn if of == "drawn" else PICTURE.read_text(encoding="utf-8")
    names = {element.tag.rpartition("}")[2] for element in ET.fromstring(text).iter()}
    assert names == {"svg", "title", "style", "rect", "g", "text", "tspan"}
    assert not re.search(r"url\(|@import|href|<script", text)


def test_without_motion_all_of_it_is_there(drawn: str) -> None:
    style = re.search(r"<style>(.*)</style>", drawn, re.S)
    assert style is not None
    still, _, moving = style[1].partition("@media (prefers-reduced-motion:no-preference)")
    assert "animation" not in still
    assert moving.count("animation:") == 4
    # The covers stand below the last line.
    covers = re.findall(r'class="(?:written|executed)".*?translateY\((\d+)px\)', drawn)
    assert covers == ["36", "36"]
    assert "1.5 s while it is written, 2.5 s after it is written" in drawn


def test_what_a_model_wrote_is_text(drawn: str) -> None:
    lines = [
        "".join(text.itertext())
        for text in ET.fromstring(drawn).iter()
        if text.tag.endswith("}text")
    ]
    assert lines[0].endswith("x = '<script>&amp;'")


def test_it_is_small_enough_for_the_readme() -> None:
    assert PICTURE.stat().st_size < 60_000
