"""The picture of a run that a saved notebook keeps: Markdown, and plain text.

Every frontend and every exporter shows Markdown: the program is a block of code in a notebook, on a
page, and in a file of Markdown. What is around it is HTML without scripts. Sites that show
notebooks strip styles, so all is said in text and characters; colour only helps. What a model wrote
is in blocks that it can't end, or escaped, and what can't be seen is spelled out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Final

from eager_kernel.core.figures.lanes import LOOKS, Kind, Span, end_of
from eager_kernel.core.text.phrases import counted, line_range, seconds
from eager_kernel.widget.lines import MARKS, Mark
from eager_kernel.widget.record import Record
from eager_kernel.widget.spans import LaneName, exact
from eager_kernel.widget.visible import visible, visible_lines
from eager_kernel.widget.words import words_as_html


@dataclass(frozen=True, slots=True)
class Keep:
    """What is kept of a run.

    Parameters
    ----------
    program
        Whether its program is: it may be the text of the cell already.
    unfolded
        Whether the program is open to be read.
    name
        By which a page finds the run, to put its buttons there.
    """

    program: bool = True
    unfolded: bool = False
    name: str = ""


def to_text(record: Record, keep: Keep | None = None) -> str:
    """The run in plain text: how it ended, where the time went, and the program with marks."""
    keep = keep or Keep()
    parts = [headline(record), *_notes(record), visible_lines(record.words)]
    parts.append("\n".join(costs(record, each=not keep.program)))
    if record.report is not None and record.line_count:
        parts += [record.summary, _text_lanes(record)]
    lines = []
    if keep.program:
        for step in record.steps:
            parts.append("\n".join([step.title, visible_lines(step.program.rstrip("\n"))]))
        lines = [f"{SIGNS[mark]} {number}  {text}" for mark, number, text in _program(record)]
    return "\n\n".join(filter(None, [*parts, "\n".join(lines)]))


def to_markdown(record: Record, keep: Keep | None = None) -> str:
    """The run in Markdown.

    What needs its styles is hidden without them, and what stands in for it is hidden with them.
    """
    keep = keep or Keep()
    name = f' data-eager-run="{escape(keep.name)}"' if keep.name else ""
    # Without an empty line, down to the program, all of it is one block of HTML.
    parts = [
        f'<div class="mathjax_ignore" style="{_BOX}">',
        f'<div style="{_HEAD}"><b style="flex:auto">{_safe(headline(record))}</b>'
        f'<span{name} style="{_BUTTONS}"></span></div>',
    ]
    if record.words:
        parts.append(f'<div style="margin-top:10px">{words_as_html(record.words)}</div>')
    alarm = f"color:{_ALARM}" if record.phase == "error" and not record.stopped else _QUIET
    # Of an answer that never came, the error below is all that there is to say.
    notes = _notes(record) if record.line_count else []
    parts += [f'<div style="margin-top:6px;{alarm}">{_safe(note)}</div>' for note in notes]
    parts += [
        f'<div style="margin-top:6px;{_QUIET}">{_safe(cost)}</div>'
        for cost in costs(record, each=not keep.program)
    ]
    if record.report is not None and record.line_count:
        drawn = "".join(_drawn_lanes(record))
        parts.append(f'<div hidden style="display:block;margin-top:8px">{drawn}</div>')
        parts.append(f'<pre style="display:none">{escape(_text_lanes(record))}</pre>')
        said = _safe(record.summary)
        parts.append(f'<div style="margin-top:8px;{_QUIET}">{said}</div>' if said else "")
    if keep.program and record.steps:
        return _with_steps(record, keep, parts)
    if record.line_count and keep.program:
        opened = " open" if keep.unfolded else ""
        parts.append(f'<details{opened} style="margin-top:8px">')
        parts.append(f"<summary>Program, {counted(record.line_count, 'line')}</summary>")
        head = "\n".join(filter(None, parts))
        return f"{head}\n\n{_blocks(record)}\n\n</details>\n\n</div>"
    return "\n".join([*filter(None, parts), "</div>"])


def _with_steps(record: Record, keep: Keep, parts: list[str]) -> str:
    """The head, and below it each program on its own."""
    opened = " open" if keep.unfolded else ""
    blocks = [
        f"<details><summary>{_safe(step.title)}</summary>\n\n{_plain_block(step.program)}\n\n"
        f'<div style="{_QUIET}">The model was told:</div>\n\n{_told_block(step.told)}\n\n'
        "</details>"
        for step in record.steps
    ]
    if record.line_count:
        said = f"Step {len(record.steps) + 1}: {counted(record.line_count, 'line')}"
        blocks.append(
            f"<details{opened}><summary>{said}</summary>\n\n{_blocks(record)}\n\n</details>"
        )
    return "\n\n".join(["\n".join(filter(None, parts)), *blocks, "</div>"])


def _plain_block(program: str) -> str:
    lines = _BREAK.split(program.rstrip("\n"))
    more = len(lines) - _MOST_LINES
    shown = [_cut(line) for line in lines[:_MOST_LINES]]
    return _block([*shown, *([f"# … {more:,} more lines …"] if more > 0 else [])])


def _told_block(told: str) -> str:
    return _block([_cut(line) for line in _BREAK.split(told)]).replace("python", "text", 1)


# The parts ------------------------------------------------------------------------------------


def headline(record: Record) -> str:
    """How a run went, in one line."""
    count, done = record.line_count, record.lines.done
    phase = "stopped" if record.stopped else record.phase
    how = "answered, without a program" if record.words else _PHASES[phase]
    said = [f"{_SIGN_OF_PHASE.get(phase, '…')} {record.title or 'Run'}: {how}"]
    if record.repairs and record.phase == "ok":
        said.append(f"after {counted(len(record.repairs), 'repair')}")
    if record.steps:
        said.append(counted(len(record.steps) + (1 if count else 0), "step"))
    if count:
        said.append(f"{done:,} of {counted(count, 'line')} executed")
    return ", ".join(said)


def _notes(record: Record) -> list[str]:
    notes = [record.note] if record.note else []
    return notes + [
        f"Line {line} had failed, and was written anew: {message}"
        for line, message in record.repairs[:_MOST_REPAIRS]
    ]


def costs(record: Record, *, each: bool) -> list[str]:
    """What the model's answers have cost, line by line; nothing where nobody knows.

    Parameters
    ----------
    record
        The run.
    each
        Whether to say it of each step; else of the last one alone, as the headings of the others
        do.
    """
    lines = record.costs
    return lines if each or len(lines) < 2 else [lines[0], lines[-1]]


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
            yield MARKS[codes[i]], " " * width, f"# … {left:,} more lines …"
        if i < head or i >= len(lines) - _TAIL:
            yield MARKS[codes[i]], f"{i + 1:>{width}}", _cut(line)


def _cut(line: str) -> str:
    more = len(line) - _LONGEST
    shown = visible(line[:_LONGEST])
    return f"{shown} … {more:,} more characters" if more > 0 else shown


def _blocks(record: Record) -> str:
    """The program as blocks of code; where not all has run, one for each part."""
    parts = [list(part) for _, part in groupby(_program(record), key=lambda line: line[0])]
    blocks, at = [], 1
    for part in parts:
        mark = part[0][0]
        numbers = [int(number) for _, number, _ in part if number.strip()]
        last = numbers[-1] if numbers else at
        if len(parts) > 1 or mark not in {"done", "written"}:
            where = line_range(at, last)
            said = f"{SIGNS[mark]} {where[0].upper()}{where[1:]}: {SAYS[mark]}"
            blocks.append(f'<div style="{_PART}">{said}</div>')
        blocks.append(_block([text for _, _, text in part]))
        at = last + 1
    return "\n\n".join(blocks)


def _block(lines: list[str]) -> str:
    """Lines as a block of code that they can't end."""
    longest = max((len(run[0]) for line in lines for run in _FENCES.finditer(line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}python", *lines, fence])


# The lanes ------------------------------------------------------------------------------------


def _text_lanes(record: Record) -> str:
    """The lanes in characters, with what they mean."""
    rows = [
        f"{name:>10} {''.join(_sign(kind) for kind in _cells(spans, record, 64))}"
        for name, spans in _lanes(record).items()
    ]
    legend = "   ".join(f"{_sign(kind)} {LOOKS[kind].meaning}" for kind in _kinds(record))
    return "\n".join([*rows, legend])


def _drawn_lanes(record: Record) -> Iterator[str]:
    """The lanes as coloured blocks beside each other."""
    for name, spans in _lanes(record).items():
        yield f'<div style="{_LANE}"><span style="{_NAME}">{name}</span><span style="{_TRACK}">'
        for kind, run in groupby(_cells(spans, record, _COLUMNS)):
            wide = len(list(run)) / _COLUMNS * 100
            fill = f";background-color:{LOOKS[kind].colour}" if kind else ""
            yield f'<span style="{_BLOCK};width:{wide:.2f}%{fill}"></span>'
        yield "</span></div>"
    yield f'<div style="font-size:85%;{_QUIET};margin-left:92px">'
    yield f"{seconds(end_of(record.report))} in all"  # type: ignore[arg-type]
    for kind in _kinds(record):
        yield (
            f' &nbsp; <span style="{_BLOCK};width:10px;height:10px;'
            f'background-color:{LOOKS[kind].colour}"></span> {LOOKS[kind].meaning}'
        )
    yield "</div>"


def _sign(kind: Kind | None) -> str:
    return LOOKS[kind].sign[0] if kind else " "


def _lanes(record: Record) -> dict[LaneName, list[Span]]:
    assert record.report is not None
    return exact(record.report)


def _kinds(record: Record) -> list[Kind]:
    there = {span.kind for lane in _lanes(record).values() for span in lane}
    return [kind for kind in LOOKS if kind in there]


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


def _safe(text: str) -> str:
    """Text as a part of a line of HTML, in which nothing means anything to Markdown or TeX."""
    return "<br>".join(escape(visible(line)).replace("$", "&#36;") for line in text.split("\n"))


_BREAK: Final = re.compile(r"\r\n?|\n")
_FENCES: Final = re.compile("`+")

SIGNS: Final[dict[Mark, str]] = {
    "written": "·",
    "ready": "○",
    "deferred": "↷",
    "held": "‖",
    "running": "▸",
    "done": "✓",
    "failed": "✗",
    "skipped": "–",  # noqa: RUF001 - a dash that is seen
    "stopped": "■",
}
"""What stands for a mark, so that it can be read without colour."""
SAYS: Final[dict[Mark, str]] = {
    "written": "not complete",
    "ready": "did not run",
    "deferred": "did not run",
    "held": "were held, and did not run",
    "running": "were running",
    "done": "ran",
    "failed": "failed",
    "skipped": "did not run",
    "stopped": "ran when the run was stopped",
}
_PHASES: Final = {
    "waiting": "waits for the model",
    "loading": "the model is loaded",
    "writing": "is being written",
    "asked": "is written, and waits for you",
    "running": "is written, and runs",
    "stopping": "is being stopped",
    "ok": "done",
    "error": "failed",
    "cancelled": "cancelled",
    "stopped": "stopped",
    "no_code": "no Python found",
}
_SIGN_OF_PHASE: Final = {
    "ok": "✓",
    "error": "✗",
    "cancelled": "–",  # noqa: RUF001
    "stopped": "■",
    "no_code": "–",  # noqa: RUF001
}
# Of middling brightness: read on light and on dark, as in `eager_kernel.core.gantt`.
_QUIET: Final = "opacity:.75"
_ALARM: Final = "#cc4365"
_BOX: Final = (
    "border:1px solid #76767655;border-radius:8px;padding:10px 16px;max-width:1100px;"
    "line-height:1.45"
)
_HEAD: Final = "display:flex;flex-wrap:wrap;gap:4px 12px;align-items:center"
_BUTTONS: Final = "display:flex;flex-wrap:wrap;gap:6px"
_PART: Final = "margin:8px 0 2px"
_LANE: Final = "display:flex;align-items:center;margin:3px 0;line-height:1"
_NAME: Final = f"width:80px;margin-right:12px;text-align:right;font-size:90%;{_QUIET}"
_TRACK: Final = (
    "flex:1;display:flex;height:14px;background-color:#7676761f;border-radius:3px;overflow:hidden"
)
_BLOCK: Final = "display:inline-block;height:14px"
_COLUMNS: Final = 300
_MOST_REPAIRS: Final = 5
_MOST_LINES: Final = 400
_TAIL: Final = 40
_LONGEST: Final = 400
