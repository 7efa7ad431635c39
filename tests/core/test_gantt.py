"""The picture of a run."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eager_kernel.core.figures.lanes import LOOKS, Span, lanes, merged
from eager_kernel.core.figures.timeline import Timeline
from eager_kernel.core.gantt import to_svg
from eager_kernel.core.report import Report
from tests.core.runs import START, Part, hostile_report, report_of

SVG = "{http://www.w3.org/2000/svg}"


def eventful() -> Report:
    return report_of(
        Part(1, 1, 1.4, delay=0.05),
        Part(1.5, 2.1, 2.3, "defer", "a definition", lines=12),
        Part(2, 2.3, 4.5, waits=((2.5, 3.5, "opens 'a' for writing"),)),
        Part(3, 4.5, 5),
        Part(3.5, 6, 6.5, "hold", "reads a clock"),
        Part(4, 6.5, 6.6),
        generation=6,
        end=6.61,
    )


def spans(report: Report) -> dict[str, list[tuple[str, float, float]]]:
    return {
        lane.name: [
            (span.kind, round(span.start, 6), round(span.finish, 6))
            for span in lane.spans
            if span.finish - span.start > 1e-9
        ]
        for lane in lanes(report)
    }


def test_lanes() -> None:
    assert spans(eventful()) == {
        "generation": [
            ("first token", 0, 0.5),
            ("generated", 0.5, 0.95),
            ("generated", 0.95, 1.5),
            ("generated", 1.5, 2),
            ("generated", 2, 3),
            ("generated", 3, 3.5),
            ("generated", 3.5, 4),
            ("generated", 4, 6),
        ],
        "detection": [("detected", 0.95, 1)],
        "queue": [
            ("deferred", 1.5, 2),
            ("ready", 2, 2.3),
            ("ready", 3, 3.5),
            ("held", 3.5, 6),
            ("ready", 6, 6.5),
        ],
        "execution": [
            ("executed", 1, 1.4),
            ("executed", 2.1, 2.3),
            ("executed", 2.3, 2.5),
            ("waited", 2.5, 3.5),
            ("executed", 3.5, 4.5),
            ("executed", 4.5, 5),
            ("executed", 6, 6.5),
            ("executed", 6.5, 6.6),
        ],
    }


def test_chunks_of_one_cell_are_one_span() -> None:
    parts = (Part(1, 2, 3), Part(2, 2, 3, lines=4))
    execution = lanes(report_of(*parts, generation=2, end=3, one_cell=True))[-1]
    assert [(span.lines, span.kind) for span in execution.spans] == [((1, 5), "executed")]


def test_what_was_given_up_waits_no_longer() -> None:
    report = report_of(Part(1, 1, 2), Part(1.5), Part(3), generation=4, end=4)
    assert spans(report)["queue"] == [("ready", 1.5, 2)]


def test_what_runs_and_waits_now() -> None:
    report = report_of(Part(1, 1, None), Part(2), generation=2, end=4)
    assert spans(report)["execution"] == [("executed", 1, 4)]
    assert spans(report)["queue"] == [("ready", 2, 4)]


def test_wait_on_no_known_line_is_on_its_chunk() -> None:
    timeline_of = report_of(Part(1, 1, 3, waits=((1, 2, ""),), lines=3), generation=2, end=3)
    plain = timeline_of.to_dict()
    plain["chunks"][0]["waits"][0]["line"] = 0
    assert lanes(Report.from_dict(plain))[-1].spans[0].lines == (1, 3)


# The picture ----------------------------------------------------------------------------------


def test_picture() -> None:
    root = ET.fromstring(to_svg(eventful()))
    assert root.tag == SVG + "svg"
    assert root.get("role") == "img"
    assert root.findtext(SVG + "title") == "Timeline of a run"
    assert "of execution ran while" in (root.findtext(SVG + "desc") or "")
    texts = [text.text for text in root.iter(SVG + "text")]
    assert {"generation", "detection", "queue", "execution", "0 s", "5 s", "2-13"} <= set(texts)
    assert "last token, 6.0 s" in texts
    assert {look.meaning for look in LOOKS.values()} <= set(texts)  # the legend
    titles = [title.text for title in root.findall(f"{SVG}rect/{SVG}title")]
    assert "Lines 2-13 put off, to run with what follows, 0.5 s" in titles
    assert "Line 14 stood still at an effect, 1.0 s: opens 'a' for writing" in titles
    assert "Lines 16-17 held by the gate, 2.5 s: line 16 reads a clock" in titles


def test_legend_shows_what_there_is() -> None:
    svg = to_svg(report_of(Part(1, 1, 2), generation=1, end=2))
    assert LOOKS["executed"].meaning in svg
    assert LOOKS["held"].meaning not in svg
    assert "pattern id" not in svg


def test_patterns_are_defined_once_and_for_what_is_used() -> None:
    root = ET.fromstring(to_svg(eventful()))
    assert Counter(p.get("id") for p in root.iter(SVG + "pattern")) == {
        "eager-deferred": 1,
        "eager-held": 1,
        "eager-waited": 1,
    }


def test_nothing_is_outside_the_picture() -> None:
    for width in (300, 900, 2000):
        root = ET.fromstring(to_svg(eventful(), width=width))
        _, _, wide, high = map(float, (root.get("viewBox") or "").split())
        assert wide == width
        for rect in root.findall(SVG + "rect"):
            x, y, w, h = (float(rect.get(name) or 0) for name in ("x", "y", "width", "height"))
            assert 0 <= x <= x + w <= wide
            assert 0 <= y <= y + h <= high


def test_too_narrow() -> None:
    with pytest.raises(ValueError, match="width"):
        to_svg(eventful(), width=100)


@pytest.mark.parametrize(
    "report",
    [
        Timeline(START).report(START),
        Timeline(START).report(START + 3),
        report_of(generation=2, end=2),
        report_of(Part(1), generation=2, end=2),
        report_of(Part(0, 1e-9, 2e-9), generation=0, end=2e-9, ttft=0),
        report_of(Part(1e6, 1e6, 2e6), generation=1e6, end=2e6),
    ],
    ids=["nothing", "no text", "no code", "nothing ran", "nanoseconds", "weeks"],
)
def test_odd_runs(report: Report) -> None:
    root = ET.fromstring(to_svg(report))
    assert "nan" not in to_svg(report)
    assert 2 <= sum(" s" in (t.text or "") or " ms" in (t.text or "") for t in root.iter()) < 40


@pytest.mark.parametrize(
    ("end", "labels"),
    [
        (7, ["0 s", "1 s", "2 s"]),
        (0.7, ["0.0 s", "0.1 s"]),
        (0.07, ["0 ms", "10 ms"]),
        (0.0007, ["0.0 ms", "0.1 ms"]),
        (3.5, ["0.0 s", "0.5 s"]),
        (70, ["0 s", "10 s"]),
    ],
)
def test_ticks_are_round(end: float, labels: list[str]) -> None:
    report = report_of(Part(end / 2, end / 2, end), generation=end / 2, end=end, ttft=end / 9)
    texts = [text.text for text in ET.fromstring(to_svg(report)).iter(SVG + "text")]
    assert texts[: len(labels)] == labels


def test_hostile_strings() -> None:
    report = hostile_report()
    svg = to_svg(report)
    assert svg.isascii() or "…" in svg
    assert all(char.isprintable() or char == "\n" for char in svg)
    assert "<script" not in svg
    assert len(svg) < 12_000
    root = ET.fromstring(svg)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "title", "desc", "defs", "pattern", "rect", "path", "g", "text")
    }
    assert not [name for e in root.iter() for name in e.attrib if name.startswith("on")]


@given(st.text(st.characters()))
@settings(max_examples=50)
def test_any_reason_is_valid_xml(reason: str) -> None:
    report = report_of(Part(1, 2, 3, "hold", reason), generation=2, end=3)
    ET.fromstring(to_svg(report).encode())


def test_size_is_bounded() -> None:
    parts = []
    for i in range(5000):
        ready, start = 1 + i / 500, 1.5 + i / 500
        action = ("run", "defer", "run", "run")[i % 4]
        waits = ((start, start + 0.0005, "an effect"),) if i % 3 == 0 else ()
        parts.append(Part(ready, start, start + 0.0015, action, "r", waits=waits, delay=0.0003))
    svg = to_svg(report_of(*parts, generation=11, end=12))
    ET.fromstring(svg)
    assert len(svg) < 300_000


# Merging --------------------------------------------------------------------------------------

lane_spans = st.lists(
    st.tuples(st.floats(0, 0.5), st.floats(0, 3), st.sampled_from(["executed", "waited"])),
    max_size=60,
)


@given(lane_spans)
def test_merged_spans_are_few_and_cover_the_same(parts: list[tuple[float, float, str]]) -> None:
    at, made = 0.0, []
    for i, (gap, long, kind) in enumerate(parts):
        start = at + gap
        at = start + long
        made.append(Span(start, at, kind, (i, i)))  # type: ignore[arg-type]
    drawn = merged(made, 1.0)
    assert len(drawn) <= 2 * at + 2
    for span in made:
        assert any(d.start <= span.start and span.finish <= d.finish for d in drawn)
    for one, other in pairwise(drawn):
        assert one.finish <= other.start
    long = [span for span in made if span.finish - span.start >= 1]
    assert all(any(d.start <= s.start and d.kind == s.kind for d in drawn) for s in long)


def test_what_is_rare_is_seen() -> None:
    tiny = [Span(0, 0.1, "executed", (1, 1)), Span(0.1, 0.2, "waited", (2, 2), "an effect")]
    (span,) = merged(tiny, 1.0)
    assert (span.kind, span.lines, span.note) == ("waited", (1, 2), "an effect")


def test_a_moment_in_the_queue_is_no_news() -> None:
    assert merged([Span(0, 0.1, "ready"), Span(1, 1.1, "deferred")], 1.0) == []
