"""The timeline of a run on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from eager_kernel.core.figures.lanes import LOOKS, Kind, Lane, end_of, lanes
from eager_kernel.core.report import Report
from eager_kernel.core.text.phrases import seconds


class Chart:
    """Generation, detection, queue and execution over time, as a rich renderable.

    Parameters
    ----------
    reports
        The runs to draw, by title, on one axis of time. The title of a single run is not shown.
    """

    def __init__(self, reports: Mapping[str, Report]) -> None:
        self._reports = reports
        self._until = max(map(end_of, reports.values()), default=0.0) or 1.0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        ascii_only = options.ascii_only
        marks = {kind: look.ascii if ascii_only else look.sign for kind, look in LOOKS.items()}
        width = max(10, min(options.max_width, _WIDEST) - _LABEL - 1)
        drawn: set[Kind] = set()
        for title, report in self._reports.items():
            if len(self._reports) > 1:
                yield Text(title, "bold")
            for lane in lanes(report):
                cells = _cells(lane, self._until / width, width)
                if any(cells):
                    yield _line(lane.name, cells, marks)
                    drawn.update(cell[0] for cell in cells if cell is not None)
            yield self._axis(report, width, "^" if ascii_only else "▲")
        yield from _explain([kind for kind in LOOKS if kind in drawn], marks, options.max_width)

    def _axis(self, report: Report, width: int, pointer: str) -> Text:
        """Where the last token came, and where it all ended."""
        at = report.generation_s
        column = min(width - 1, int(at / self._until * width))
        text = f"last token {seconds(at)}"
        if column + 2 + len(text) <= width:
            line = f"{'':{column}}{pointer} {text}"
        elif len(text) + 1 <= column:
            line = f"{text + ' ' + pointer:>{column + 1}}"
        else:
            line = f"{'':{column}}{pointer}"
        end = seconds(self._until)
        line = f"{line:{width}}"
        room = line[-len(end) - 1 :].strip() == ""
        line = line[: -len(end)] + end if room else line
        return Text(f"{'':{_LABEL}} {line}", style="dim", no_wrap=True, overflow="crop")


def _cells(lane: Lane, step: float, width: int) -> list[_Cell | None]:
    """What a lane shows in each column: what takes most of it, but anything unusual first."""
    shares: list[dict[Kind, float]] = [{} for _ in range(width)]
    for span in lane.spans:
        if span.kind in _QUEUED and span.finish - span.start < step / 2:
            continue
        first = min(width - 1, int(span.start / step))
        last = min(width - 1, max(first, int(span.finish / step - 1e-9)))
        for column in range(first, last + 1):
            begin, end = column * step, (column + 1) * step
            share = max(0.0, min(span.finish, end) - max(span.start, begin)) / step
            shares[column][span.kind] = shares[column].get(span.kind, 0.0) + share
    shares = [{kind: round(share, 6) for kind, share in there.items()} for there in shares]
    return [max(there.items(), key=_weight) if there else None for there in shares]


def _weight(cell: _Cell) -> float:
    kind, share = cell
    return share + (1.0 if kind in _UNUSUAL and share > 0.2 else 0.0)


def _line(name: str, cells: list[_Cell | None], marks: _Marks) -> Text:
    line = Text(f"{name:>{_LABEL}} ", no_wrap=True, overflow="crop")
    for before, cell, after in zip([None, *cells], cells, [*cells[1:], None], strict=False):
        if cell is None:
            line.append(" ")
            continue
        kind, share = cell
        # The ends of a long span are full; but a long row of short statements must not look
        # like work without a pause.
        if (kind, 1.0) in (before, after):
            share = 1.0
        sizes = marks[kind]
        line.append(sizes[min(len(sizes) - 1, int((1 - share) * len(sizes)))], LOOKS[kind].style)
    return line


def _explain(kinds: Sequence[Kind], marks: _Marks, width: int) -> RenderResult:
    """The legend, in as many lines as it takes."""
    line = Text()
    for kind in kinds:
        entry = Text.assemble(
            (marks[kind][0], LOOKS[kind].style), (f" {LOOKS[kind].meaning}", "dim")
        )
        if line and len(line) + 3 + len(entry) > width:
            yield line
            line = Text()
        line += Text("   ") + entry if line else entry
    if line:
        yield line


_Cell = tuple[Kind, float]
"""What a column shows, and how much of the column that takes."""

_Marks = dict[Kind, str]

_LABEL: Final = 10
_WIDEST: Final = 160
_QUEUED: Final = frozenset({"ready", "deferred"})
_UNUSUAL: Final = frozenset({"held", "waited"})
