"""The timeline on a terminal, and in a file."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from rich.console import Console

from eager_kernel.cli.chart import Chart
from eager_kernel.cli.show import print_report
from eager_kernel.core.figures.timeline import Timeline
from eager_kernel.core.report import Report
from tests.cli.test_cli import eager
from tests.core.runs import Part, hostile_report, report_of


def eventful() -> Report:
    return report_of(
        Part(2, 2, 4),
        Part(3, 4, 8, waits=((5, 7, "an effect"),)),
        Part(4, 8, 8.5),
        Part(9, 10, 12, "hold", "reads a clock"),
        generation=10,
        end=12,
        ttft=1,
    )


def drawn(report: Report, width: int = 36, encoding: str = "utf-8", **options: object) -> list[str]:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, width=width, **options)  # type: ignore[arg-type]
    console.print(Chart({"this run": report}))
    file.flush()
    return file.buffer.getvalue().decode(encoding).split("\n")  # type: ignore[attr-defined]


def test_chart() -> None:
    assert [line.rstrip() for line in drawn(eventful())] == [
        "generation ··▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒",
        " detection     ╵ ╵ ╵         ╵",
        "     queue       ─────────── ▚▚▚",
        " execution     ██████░░░░░███  █████",
        "             last token 10.0 s ▲",
        "· until the first token",
        "▒ written by the model",
        "╵ found to be complete",
        "─ ready, behind other code",
        "▚ held by the gate   █ executed",
        "░ stood still at an effect",
        "",
    ]


def test_plain_characters_where_there_are_no_others() -> None:
    for line in drawn(eventful(), encoding="ascii"):
        assert line.isascii()
    text = "\n".join(drawn(eventful(), encoding="ascii"))
    assert "execution" in text
    assert "#" in text


def test_no_colours_in_a_file() -> None:
    assert "\x1b" not in "\n".join(drawn(eventful()))
    assert "\x1b[3" in "\n".join(drawn(eventful(), force_terminal=True, color_system="standard"))


@pytest.mark.parametrize("width", [1, 10, 21, 40, 80, 300])
def test_fits(width: int) -> None:
    for line in drawn(eventful(), width=width):
        assert len(line) <= max(width, 1)


@pytest.mark.parametrize(
    "report",
    [
        Timeline(0.0).report(0.0),
        report_of(generation=2, end=2),
        report_of(Part(1), generation=2, end=2),
        report_of(Part(1, 1, 1), generation=1, end=1),
    ],
    ids=["nothing", "no code", "nothing ran", "no time"],
)
def test_odd_runs(report: Report) -> None:
    assert drawn(report)


def test_hostile_strings() -> None:
    report = hostile_report()
    file = io.StringIO()
    print_report(Console(file=file, width=100), report)
    text = file.getvalue()
    assert "[red]<script>" in text  # not taken for markup
    assert all(char.isprintable() or char == "\n" for char in text)


def test_run_draws_to_a_file(work: Path) -> None:
    Path("p.py").write_text("x = 1\nprint(x)\n")
    done = eager("run", "p.py", "--rate=100", "--chart=t.svg", "--json=r.json", "--report")
    assert done.stdout == "1\n"
    for part in ("end to end", "execution", "little to hide"):
        assert part in done.stderr
    assert ET.parse("t.svg").getroot().tag.endswith("svg")
    chunk = json.loads(Path("r.json").read_text())["report"]["chunks"][0]
    assert chunk["waits"] == []


def test_a_file_that_can_not_be_written(work: Path) -> None:
    Path("p.py").write_text("print('ran')\n")
    done = eager("run", "p.py", "--chart=no/such/folder/t.svg")
    assert done.stdout == "ran\n"
    assert "no/such/folder" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode != 0
