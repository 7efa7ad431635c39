"""The picture of a run that a saved notebook keeps: HTML without scripts, and plain text.

Sites that show notebooks strip scripts, and some strip styles. So all is said in text and
characters; colour only helps. What a model wrote is escaped, and what can't be seen is spelled
out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from itertools import groupby
from typing import Final

from eager_kernel.core.lanes import MEANINGS, Kind, Span, end_of
from eager_kernel.core.summary import summarise
from eager_kernel.core.words import seconds
from eager_kernel.widget.lines import MARKS, Mark
from eager_kernel.widget.record import Record
from eager_kernel.widget.spans import exact


def to_text(record: Record) -> str:
    """The run in plain text: how it ended, where the time went, and the program with marks."""
    parts = [headline(record)]
    if record.note:
        parts.append(record.note)
    if record.report is not None:
        parts.append(summarise(record.report))
        parts.append("\n".join(f"{name:>10} {cells}" for name, cells in _lanes(record)))
        parts.append("   ".join(f"{_CELLS[kind]} {MEANINGS[kind]}" for kind in _kinds(record)))
    lines = [f"{SIGNS[mark]} {number}  {text}" for mark, number, text in _program(record)]
    return "\n\n".join([*parts, "\n".join(lines)] if lines else parts)


def to_html(record: Record) -> str:
    """The run in HTML of plain tables and text, with inline styles that may be lost."""
    parts = [f'<p style="margin:6px 0"><b>{_safe(headline(record))}</b></p>']
    if record.note:
        parts.append(f'<p style="margin:6px 0;color:{_ALARM}">{_safe(record.note)}</p>')
    if record.report is not None:
        said = _safe(summarise(record.report)).replace("\n", "<br>")
        parts.append(f'<p style="margin:6px 0">{said}</p>')
        parts.append("".join(_html_lanes(record)))
    if record.line_count:
        count = f"{record.line_count:,} line{'s' * (record.line_count != 1)}"
        opened = " open" if record.line_count <= _OPEN else ""
        parts.append(
            f"<details{opened}><summary>Program, {count}</summary>"
            f'<pre style="{_PRE}">{"".join(_html_program(record))}</pre></details>'
        )
    return f'<div style="{_BOX}">' + "".join(parts) + "</div>"


# The parts ------------------------------------------------------------------------------------


def headline(record: Record) -> str:
    """How a run went, in one line."""
    count, done = record.line_count, record.lines.done
    name = record.title or "Run"
    lines = f"{done:,} of {count:,} line{'s' * (count != 1)} executed"
    return f"{_SIGN_OF_PHASE.get(record.phase, '…')} {name}: {_PHASES[record.phase]}, {lines}"


def _program(record: Record) -> Iterator[tuple[Mark, str, str]]:
    """Mark, number and text of each line that is shown."""
    # A page breaks lines where Python does, and nowhere else.
    lines = _BREAK.split(record.program)[: record.line_count]
    codes = [0] * len(lines)
    for first, last, code, _ in record.lines.everything():
        codes[first - 1 : last] = [code] * (min(last, len(lines)) - first + 1)
    width = len(str(len(lines)))
    head = len(lines) if len(lines) <= _MOST_LINES else _MOST_LINES - _TAIL
    for i, line in enumerate(lines):
        if i == head:
            left = len(lines) - head - _TAIL
            yield "written", " " * width, f"… {left:,} more lines …"
        if i < head or i >= len(lines) - _TAIL:
            yield MARKS[codes[i]], f"{i + 1:>{width}}", _cut(line)


def _cut(line: str) -> str:
    more = len(line) - _LONGEST
    shown = visible(line[:_LONGEST])
    return f"{shown} … {more:,} more characters" if more > 0 else shown


def _html_program(record: Record) -> Iterator[str]:
    for mark, number, text in _program(record):
        colour = _COLOURS.get(mark, _DIM)
        yield (
            f'<span style="color:{colour}" title="{mark}">{SIGNS[mark]}</span>'
            f'<span style="color:{_DIM}"> {number}  </span>{escape(text)}\n'
        )


def _kinds(record: Record) -> list[Kind]:
    assert record.report is not None
    spans = [span for lane in exact(record.report).values() for span in lane]
    there = {span.kind for span in spans}
    return [kind for kind in MEANINGS if kind in there]


def _lanes(record: Record) -> Iterator[tuple[str, str]]:
    """Names and cells, as characters, of the lanes."""
    assert record.report is not None
    step = (end_of(record.report) or 1.0) / _COLUMNS
    for name, spans in exact(record.report).items():
        yield name, _cells(spans, step)


def _cells(spans: list[Span], step: float) -> str:
    cells = [" "] * _COLUMNS
    for span in spans:
        first = min(_COLUMNS - 1, int(span.start / step))
        last = min(_COLUMNS - 1, max(first, int(span.finish / step - 1e-9)))
        cells[first : last + 1] = _CELLS[span.kind] * (last + 1 - first)
    return "".join(cells)


def _html_lanes(record: Record) -> Iterator[str]:
    assert record.report is not None
    yield f'<pre style="{_PRE}">'
    for name, cells in _lanes(record):
        yield f"{name:>10} "
        for cell, run in groupby(cells):
            yield _coloured(cell * len(list(run)))
        yield "\n"
    end = end_of(record.report)
    yield f'<span style="color:{_DIM}">{"":10} 0 s{seconds(end):>{_COLUMNS - 3}}\n\n'
    yield f"{'':10} </span>"
    for kind in _kinds(record):
        yield f'{_coloured(_CELLS[kind])} <span style="color:{_DIM}">{MEANINGS[kind]}   </span>'
    yield "</pre>"


def _coloured(cells: str) -> str:
    colour = _CELL_COLOURS.get(cells[0])
    return cells if colour is None else f'<span style="color:{colour}">{cells}</span>'


# Text of strangers ----------------------------------------------------------------------------


def visible(text: str) -> str:
    """`text` with all that can't be seen, or that changes how other text is seen, spelled out.

    Tabs become spaces; control characters, those that turn the direction of text and halves of
    surrogate pairs become ``⟨U+202E⟩``.
    """
    text = text.expandtabs(4)
    return text if text.isascii() and text.isprintable() else _HIDDEN.sub(_spell, text)


def _spell(found: re.Match[str]) -> str:
    return f"⟨U+{ord(found[0]):04X}⟩"


def _safe(text: str) -> str:
    return "\n".join(escape(visible(line)) for line in text.split("\n"))


_BREAK: Final = re.compile(r"\r\n?|\n")
# C0 and C1, soft hyphen, Arabic letter mark, Hangul fillers, zero-width and bidi controls, line
# and paragraph separators, variation and tag characters, surrogates, interlinear annotations.
_HIDDEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)

SIGNS: Final[dict[Mark, str]] = {
    "written": "·",
    "ready": "○",
    "deferred": "↷",
    "held": "‖",
    "running": "▸",
    "done": "✓",
    "failed": "✗",
    "skipped": "–",  # noqa: RUF001 - a dash that is seen
}
"""What stands for a mark, so that it can be read without colour."""
_PHASES: Final = {
    "waiting": "waits for the model",
    "loading": "the model is loaded",
    "writing": "is being written",
    "running": "is written, and runs",
    "stopping": "is being stopped",
    "ok": "done",
    "error": "failed",
    "cancelled": "cancelled",
}
_SIGN_OF_PHASE: Final = {"ok": "✓", "error": "✗", "cancelled": "–"}  # noqa: RUF001
_CELLS: Final[dict[Kind, str]] = {
    "first token": "·",
    "generated": "▒",
    "detected": "╵",
    "ready": "─",
    "deferred": "┄",
    "held": "▚",
    "executed": "█",
    "waited": "░",
}
# Of middling brightness: read on light and on dark, as in `eager_kernel.core.gantt`.
_DIM: Final = "#767676"
_ALARM: Final = "#cc4365"
_COLOURS: Final[dict[Mark, str]] = {
    "deferred": "#17868a",
    "held": "#bd6612",
    "running": "#3b78c3",
    "done": "#2f8a4e",
    "failed": _ALARM,
}
_CELL_COLOURS: Final = {
    "·": _DIM,
    "▒": "#3b78c3",
    "╵": "#8f62c9",
    "▚": "#bd6612",
    "█": "#2f8a4e",
    "░": _ALARM,
}
_BOX: Final = "border:1px solid #76767655;border-radius:6px;padding:4px 14px;max-width:900px"
_PRE: Final = "white-space:pre;line-height:1.35;overflow:auto;max-height:480px;margin:6px 0"
_COLUMNS: Final = 64
_OPEN: Final = 60
_MOST_LINES: Final = 400
_TAIL: Final = 40
_LONGEST: Final = 400
