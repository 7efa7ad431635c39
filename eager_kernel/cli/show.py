"""Results on a terminal. Text of models and programs is printed as text, never as markup."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from eager_kernel.cli.chart import Chart
from eager_kernel.core.report import Report
from eager_kernel.core.summary import summarise
from eager_kernel.terminal.console import shows_colours


def print_output(output: dict[str, Any]) -> str:
    """Print a notebook output as plain text. Returns what was printed."""
    stream = sys.stdout
    match output["output_type"]:
        case "stream":
            text, end = output["text"], ""
            stream = sys.stderr if output["name"] == "stderr" else sys.stdout
        case "error":
            text, end, stream = "\n".join(output["traceback"]), "\n", sys.stderr
            if not shows_colours(stream):
                text = "\n".join(Text.from_ansi(line).plain for line in text.split("\n"))
        case _:
            data = output["data"]
            text, end = data.get("text/plain"), "\n"
            if text is None:
                text = f"<{', '.join(data)}>"
    print(text, end=end, file=stream, flush=True)
    return f"{text}{end}"


def print_report(console: Console, report: Report) -> None:
    """Print all that a report says: numbers, picture, sentences."""
    runs = {"this run": report}
    console.print(report_table(runs))
    console.print(Chart(runs))
    console.print(Text(summarise(report)))


def report_table(reports: dict[str, Report], saved: dict[str, float] | None = None) -> Table:
    """A table with a column for each report.

    Parameters
    ----------
    reports
        The reports by title.
    saved
        Seconds saved against a measured serial run, by title; default: against what each
        report computes for one.
    """
    table = Table()
    table.add_column("")
    for name in reports:
        table.add_column(name, justify="right")
    rows: list[tuple[str, Any]] = [
        ("generation", lambda r: f"{r.generation_s:.2f} s"),
        ("execution", lambda r: f"{r.execution_s:.2f} s"),
        ("end to end", lambda r: f"{r.end_to_end_s:.2f} s"),
        ("waited after the last token", lambda r: f"{r.non_overlapped_s:.2f} s"),
        ("share of execution hidden", lambda r: f"{max(0.0, r.hidden_fraction):.0%}"),
        ("lower bound", lambda r: f"{r.lower_bound_s:.2f} s"),
    ]
    for label, seconds in _WHERE_THERE_IS_ANY:
        if any(seconds(report) >= _NOTABLE for report in reports.values()):
            rows.append((label, lambda r, seconds=seconds: f"{seconds(r):.2f} s"))
    for label, cell in rows:
        table.add_row(label, *(cell(report) for report in reports.values()))
    if saved is None:
        saved = {name: report.saved_s for name, report in reports.items()}
    # Adding 0.0 takes the sign from a zero.
    cells = (f"{round(saved[name], 2) + 0.0:.2f} s" if name in saved else "" for name in reports)
    table.add_row("saved", *cells, style="bold")
    return table


_WHERE_THERE_IS_ANY: Final[tuple[tuple[str, Callable[[Report], float]], ...]] = (
    ("held by the gate", lambda report: report.held_s),
    ("stood still at effects", lambda report: report.waited_s),
    ("slowed by reading, at most", lambda report: report.reading_s),
)
_NOTABLE: Final = 0.005
