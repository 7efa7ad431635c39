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
from typing import Any, Final

from pygments.lexers.python import PythonLexer
from pygments.token import Token

from eager_kernel.core.lanes import MEANINGS, Kind, Span, end_of
from eager_kernel.core.summary import summarise
from eager_kernel.core.words import seconds
from eager_kernel.widget.lines import MARKS, Mark
from eager_kernel.widget.record import Record
from eager_kernel.widget.spans import LaneName, exact


def to_text(record: Record) -> str:
    """The run in plain text: how it ended, where the time went, and the program with marks."""
    parts = [headline(record)]
    if record.note:
        parts.append(record.note)
    if record.report is not None:
        parts.append(summarise(record.report))
        parts.append(_text_lanes(record))
    lines = [f"{SIGNS[mark]} {number}  {text}" for mark, number, text in _program(record)]
    return "\n\n".join([*parts, "\n".join(lines)] if lines else parts)


def to_html(record: Record) -> str:
    """The run in HTML without scripts, with inline styles that may be lost.

    What needs its styles is hidden without them, and what stands in for it is hidden with them.
    """
    parts = [f'<div style="{_HEAD}"><b>{_safe(headline(record))}</b></div>']
    if record.note:
        colour = _ALARM if record.phase in {"error", "cancelled"} else _DIM
        parts.append(f'<div style="margin:4px 0;color:{colour}">{_safe(record.note)}</div>')
    if record.report is not None:
        parts.append(f'<div hidden style="display:block">{"".join(_drawn_lanes(record))}</div>')
        parts.append(f'<pre style="display:none">{escape(_text_lanes(record))}</pre>')
        said = _safe(summarise(record.report)).replace("\n", "<br>")
        parts.append(f'<div style="margin:8px 0;color:{_DIM}">{said}</div>')
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
    shown = list(_program(record))
    lines = _coloured_code("\n".join(text for _, _, text in shown)).split("\n")
    for (mark, number, _), line in zip(shown, lines, strict=True):
        colour = _COLOURS.get(mark, _DIM)
        yield (
            f'<span style="color:{colour}" title="{mark}">{SIGNS[mark]}</span>'
            f'<span style="color:{_DIM}"> {number}  </span>{line}\n'
        )


def _tokens(code: str) -> Iterator[tuple[Any, str]]:
    # Unprocessed: what pygments strips or adds at the ends would shift the lines.
    return ((kind, text) for _, kind, text in _LEXER.get_tokens_unprocessed(code))


def _coloured_code(code: str) -> str:
    """Escaped code, line for line, with the colours of its syntax."""
    made = []
    for kind, text in _tokens(code):
        style = next((style for of, style in _SYNTAX if kind in of), "")
        for i, piece in enumerate(text.split("\n")):
            made.append("\n" if i else "")
            if piece:
                safe = escape(piece)
                made.append(f'<span style="{style}">{safe}</span>' if style else safe)
    return "".join(made)


# The lanes ------------------------------------------------------------------------------------


def _text_lanes(record: Record) -> str:
    """The lanes in characters, with what they mean."""
    rows = [
        f"{name:>10} {''.join(_CELLS[kind] if kind else ' ' for kind in _cells(spans, record, 64))}"
        for name, spans in _lanes(record).items()
    ]
    legend = "   ".join(f"{_CELLS[kind]} {MEANINGS[kind]}" for kind in _kinds(record))
    return "\n".join([*rows, "", legend])


def _drawn_lanes(record: Record) -> Iterator[str]:
    """The lanes as coloured blocks beside each other."""
    for name, spans in _lanes(record).items():
        yield f'<div style="{_LANE}"><span style="{_NAME}">{name}</span><span style="{_TRACK}">'
        for kind, run in groupby(_cells(spans, record, _COLUMNS)):
            wide = len(list(run)) / _COLUMNS * 100
            fill = f";background-color:{_FILLS[kind]}" if kind else ""
            yield f'<span style="{_BLOCK};width:{wide:.2f}%{fill}"></span>'
        yield "</span></div>"
    yield f'<div style="font-size:85%;color:{_DIM};margin-left:92px">'
    yield f"{seconds(end_of(record.report))} in all"  # type: ignore[arg-type]
    for kind in _kinds(record):
        yield (
            f' &nbsp; <span style="{_BLOCK};width:10px;height:10px;'
            f'background-color:{_FILLS[kind]}"></span> {MEANINGS[kind]}'
        )
    yield "</div>"


def _lanes(record: Record) -> dict[LaneName, list[Span]]:
    assert record.report is not None
    return exact(record.report)


def _kinds(record: Record) -> list[Kind]:
    there = {span.kind for lane in _lanes(record).values() for span in lane}
    return [kind for kind in MEANINGS if kind in there]


def _cells(spans: list[Span], record: Record, columns: int) -> list[Kind | None]:
    """What is seen in each column of a lane."""
    assert record.report is not None
    step = (end_of(record.report) or 1.0) / columns
    cells: list[Kind | None] = [None] * columns
    for span in spans:
        first = min(columns - 1, int(span.start / step))
        last = min(columns - 1, max(first, int(span.finish / step - 1e-9)))
        cells[first : last + 1] = [span.kind] * (last + 1 - first)
    return cells


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
    "no_code": "no Python found",
}
_SIGN_OF_PHASE: Final = {"ok": "✓", "error": "✗", "cancelled": "–", "no_code": "–"}  # noqa: RUF001
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
_FILLS: Final[dict[Kind, str]] = {
    "first token": "#76767655",
    "generated": "#3b78c3",
    "detected": "#8f62c9",
    "ready": "#767676",
    "deferred": "#17868a",
    "held": "#bd6612",
    "executed": "#2f8a4e",
    "waited": "#d9903f",
}
_SYNTAX: Final = (
    (Token.Comment, f"color:{_DIM};font-style:italic"),
    (Token.Keyword, "color:#8f62c9"),
    (Token.Operator.Word, "color:#8f62c9"),
    (Token.Literal.String, "color:#b5602a"),
    (Token.Literal.Number, "color:#2f8a4e"),
    (Token.Name.Function, "color:#3b78c3"),
    (Token.Name.Class, "color:#3b78c3"),
    (Token.Name.Decorator, "color:#8f62c9"),
    (Token.Name.Builtin, "color:#17868a"),
)
_LEXER: Final = PythonLexer()
_BOX: Final = (
    "border:1px solid #76767655;border-radius:8px;padding:10px 16px;max-width:1100px;"
    "line-height:1.45"
)
_HEAD: Final = "margin:0 0 8px"
_LANE: Final = "display:flex;align-items:center;margin:3px 0;line-height:1"
_NAME: Final = f"width:80px;margin-right:12px;text-align:right;font-size:90%;color:{_DIM}"
_TRACK: Final = (
    "flex:1;display:flex;height:14px;background-color:#7676761f;border-radius:3px;overflow:hidden"
)
_BLOCK: Final = "display:inline-block;height:14px"
_PRE: Final = "white-space:pre;line-height:1.4;overflow:auto;max-height:440px;margin:6px 0 0"
_COLUMNS: Final = 300
_OPEN: Final = 60
_MOST_LINES: Final = 400
_TAIL: Final = 40
_LONGEST: Final = 400
