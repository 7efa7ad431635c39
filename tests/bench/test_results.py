"""Files of results."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from eager_kernel.bench.interruption import Stop
from eager_kernel.bench.measure import Table
from eager_kernel.bench.page import to_html
from eager_kernel.bench.pictures import draw
from eager_kernel.bench.results import Results, compare, paste, read
from eager_kernel.bench.suites import Outcome
from eager_kernel.errors import EagerError
from tests.bench.runs import run


def results(*ratios: float, machine: str = "a") -> Results:
    table = Table("T", ("n",), ("x",), (("1",),), {"s": (0.1, 0.2)}, {"r": ratios})
    records = [run().to_dict(), run(state="warm", rate=300.0).to_dict()]
    stop = Stop(
        program="p", place=0.5, rate=100.0, tokens=100, needed=50, written=53, serial_s=2.0,
        eager_s=0.6, needed_s=0.5,
    )  # fmt: skip
    return Results(
        {"machine": machine},
        {
            "programs": {"set": "mine", "count": 2},
            "repeats": 1,
            "gates": ["effect"],
            "ttfts": [0.5],
            "environments": ["local"],
        },
        {
            "end-to-end": Outcome([table], records),
            "interruption": Outcome([], [asdict(stop)]),
        },
        ["so & so"],
    )


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    before = results(0.5, 0.6)
    before.write(tmp_path / "r.json")
    after = read(tmp_path / "r.json")
    assert after.tables == before.tables
    assert after.options == before.options
    assert after.to_markdown() == before.to_markdown()
    assert after.summary == ["so & so"]
    assert "- machine: a\n- programs: 2, mine\n- repeats: 1\n" in after.to_markdown()
    # What was a tuple is a list in JSON.
    assert run().from_dict(after.suites["end-to-end"].records[0]) == run()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no results"),
        ("[]", "no results"),
        ('{"format": "other", "version": 1}', "other version 1, expected eager-bench version 1"),
        ('{"format": "eager-bench", "version": 9}', "version 9"),
        ('{"format": "eager-bench", "version": 1}', "no results"),
    ],
)
def test_what_is_no_file_of_results(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(EagerError, match=message):
        read(tmp_path / "r.json")


def test_comparing() -> None:
    table = compare(results(0.50, 0.51, 0.52), results(0.60, 0.61, 0.62))
    assert table.rows[0] == (
        "T: r", "%", "51.0 [50.5, 51.5]", "61.0 [60.5, 61.5]", "+10.0", "**yes**",
    )  # fmt: skip
    assert table.rows[1][0] == "T: s"
    assert table.rows[1][-2:] == ("+0.0", "no")
    assert "same sort of machine" in table.notes[1]
    assert "different machines" in compare(results(1), results(1, machine="b")).notes[1]


def test_nothing_to_compare() -> None:
    with pytest.raises(EagerError, match="no figure in common"):
        compare(results(1), replace(results(1), suites={}))


def test_tables_are_put_where_a_document_asks_for_them() -> None:
    document = (
        "A\n<!-- bench: T -->\nold\n<!-- end of bench -->\nB\n"
        "<!-- bench: machine --><!-- end of bench -->\n"
        "<!-- bench: Other -->\nkept\n<!-- end of bench -->\n"
    )
    once = paste(document, results(1))
    assert "old" not in once
    assert "| x |\n| --- |\n| 1 |\n<!-- end of bench -->\nB" in once
    assert "- machine: a" in once
    assert "kept" in once
    assert paste(once, results(1)) == once
    assert paste(document, results(1), ["Other"]) == document
    assert paste(document, results(1), ["machine", "Other"]).count("old") == document.count("old")


def test_a_page_is_whole_and_takes_names_for_text() -> None:
    shown = results(1)
    shown.options["programs"]["set"] = "<script>alert(1)</script>"
    table = Table("<b>T</b>", ("`a` & b",), ("x",), (("<img src=x> \\| `<i>`",),))
    shown.suites["more"] = Outcome([table])
    page = to_html(shown)
    assert "<script>" not in page
    assert "<img" not in page
    assert "<code>a</code> &amp; b" in page
    assert "&lt;img src=x&gt; | <code>&lt;i&gt;</code>" in page
    assert "<li>so &amp; so</li>" in page
    assert page.count("<svg") == 4
    assert "<?xml" not in page
    assert not re.search(r"(src|href)=['\"]https?:", page)


def test_pictures(tmp_path: Path) -> None:
    files = draw(results(1), tmp_path / "pictures")
    assert [path.name for path in files] == [
        "share.svg", "end-to-end.svg", "bound.svg", "interruption.svg",
    ]  # fmt: skip
    first = {path.name: path.read_bytes() for path in files}
    for text in first.values():
        ET.fromstring(text)
    assert b"tokens per second" in first["end-to-end.svg"]
    again = draw(results(1), tmp_path / "pictures")
    assert {path.name: path.read_bytes() for path in again} == first
