"""A report as a Gantt chart in SVG.

The picture has a transparent background and colours of middling brightness, so that it can be
read on a light page and on a dark one, whatever the reader's system prefers. Nothing of a
program is in it but reasons and effects, escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import Final

from eager_kernel.core.figures.lanes import LOOKS, Kind, Lane, Span, end_of, lanes, merged
from eager_kernel.core.report import Report
from eager_kernel.core.summary import summarise
from eager_kernel.core.text.phrases import seconds


def to_svg(report: Report, *, width: int = 900) -> str:
    """Draw generation, detection, queue and execution of a run over time.

    Parameters
    ----------
    report
        What to draw.
    width
        Pixels from left to right; the height follows.

    Returns
    -------
    str
        An XML document that needs nothing else. Its size is bounded by `width`, however many
        chunks there are.

    Raises
    ------
    ValueError
        For less than 300 pixels.
    """
    if width < 300:
        raise ValueError(f"width must be at least 300 pixels, not {width!r}")
    axis = _Axis(end_of(report), width)
    least = _LEAST / axis.scale
    drawn = [Lane(lane.name, tuple(merged(lane.spans, least))) for lane in lanes(report)]
    kinds = {span.kind for lane in drawn for span in lane.spans}
    striped = [kind for kind in LOOKS if kind in kinds and LOOKS[kind].stripes]
    bottom = _TOP + len(drawn) * _PITCH
    legend, height = _legend([kind for kind in LOOKS if kind in kinds], bottom + 36, width)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" font-size="12" '
        f'font-family="system-ui, sans-serif" fill="{_INK}">',
        "<title>Timeline of a run</title>",
        f"<desc>{escape(summarise(report), quote=False)}</desc>",
        f"<defs>{''.join(map(_pattern, striped))}</defs>",
        *_ticks(axis, bottom),
    ]
    for i, lane in enumerate(drawn):
        parts += _lane(lane, axis, _TOP + i * _PITCH)
    parts += _last_token(report, axis, bottom)
    return "\n".join([*parts, *legend, "</svg>"]) + "\n"


class _Axis:
    """Time from left to right."""

    def __init__(self, end: float, width: int) -> None:
        self.end = end if end > 0 else 1.0
        self.right = width - 22
        self.scale = (self.right - _LEFT) / self.end

    def x(self, time: float) -> float:
        return _LEFT + min(max(time, 0.0), self.end) * self.scale

    def ticks(self) -> list[tuple[float, str]]:
        """Times to mark, about a hundred pixels apart, and what to write there."""
        about = self.end / max(2, (self.right - _LEFT) // 100)
        power = 10.0 ** math.floor(math.log10(about))
        step = next(step * power for step in (1, 2, 5, 10) if step * power >= about * 0.999)
        if step < 0.1:
            factor, unit = 1000.0, "ms"
        else:
            factor, unit = 1.0, "s"
        digits = max(0, -math.floor(math.log10(step * factor) + 1e-9))
        count = int(self.end / step + 1e-9)
        return [(i * step, f"{i * step * factor:.{digits}f} {unit}") for i in range(count + 1)]


# The parts ------------------------------------------------------------------------------------


def _ticks(axis: _Axis, bottom: float) -> Iterator[str]:
    yield f'<g stroke="{_INK}" stroke-opacity="0.25">'
    for time, _ in axis.ticks():
        x = axis.x(time)
        yield f'<path d="M{x:.1f} {_TOP - 4}V{bottom}"/>'
    yield "</g>"
    yield '<g font-size="11" text-anchor="middle">'
    for time, text in axis.ticks():
        yield f'<text x="{axis.x(time):.1f}" y="{bottom + 14}">{text}</text>'
    yield "</g>"


def _lane(lane: Lane, axis: _Axis, top: float) -> Iterator[str]:
    yield f'<text x="{_LEFT - 10}" y="{top + 16}" text-anchor="end">{lane.name}</text>'
    for span in lane.spans:
        x = axis.x(span.start)
        long = axis.x(span.finish) - x
        wide = max(_LEAST, long - (1 if long > 4 else 0))  # neighbours can be told apart
        yield (
            f'<rect x="{x:.1f}" y="{top}" width="{wide:.1f}" height="{_HEIGHT}" '
            f'fill="{_fill(span.kind)}"{_outline(span.kind)}>'
            f"<title>{escape(span.label, quote=False)}</title></rect>"
        )
        yield from _numbers(span, x + wide / 2, wide, top)


def _numbers(span: Span, middle: float, wide: float, top: float) -> Iterator[str]:
    """The lines that a span is about, where there is room."""
    if span.lines is None or LOOKS[span.kind].stripes or span.kind == "ready":
        return
    first, last = span.lines
    text = str(first) if first == last else f"{first}-{last}"
    if len(text) * 6.5 + 6 <= wide:
        yield (
            f'<text x="{middle:.1f}" y="{top + 15}" font-size="11" text-anchor="middle" '
            f'fill="#fff" pointer-events="none">{text}</text>'
        )


def _last_token(report: Report, axis: _Axis, bottom: float) -> Iterator[str]:
    if not report.generation_s:
        return
    x = axis.x(report.generation_s)
    anchor = "end" if x > (_LEFT + axis.right) / 2 else "start"
    yield (
        f'<path d="M{x:.1f} {_TOP - 8}V{bottom}" stroke="{_INK}" stroke-width="1.5" '
        'stroke-dasharray="4 3"/>'
    )
    yield (
        f'<text x="{x:.1f}" y="{_TOP - 12}" font-size="11" text-anchor="{anchor}">'
        f"last token, {seconds(report.generation_s)}</text>"
    )


def _legend(kinds: list[Kind], top: float, width: int) -> tuple[list[str], int]:
    """The legend in as many rows as it takes, and where it ends."""
    parts, x, y = [], 14.0, top
    for kind in kinds:
        long = 22 + len(LOOKS[kind].meaning) * 6.4 + 18
        if x > 14 and x + long > width:
            x, y = 14.0, y + 20
        parts.append(
            f'<rect x="{x:.1f}" y="{y}" width="16" height="11" fill="{_fill(kind)}"'
            f"{_outline(kind)}/>"
            f'<text x="{x + 22:.1f}" y="{y + 10}">{LOOKS[kind].meaning}</text>'
        )
        x += long
    return parts, math.ceil(y + 22)


def _pattern(kind: Kind) -> str:
    return (
        f'<pattern id="eager-{kind}" width="8" height="8" patternUnits="userSpaceOnUse">'
        f'<rect width="8" height="8" fill="{LOOKS[kind].colour}"/>'
        f'<path d="{LOOKS[kind].stripes}" stroke="#fff" stroke-opacity="0.75" stroke-width="1.5" '
        'fill="none"/></pattern>'
    )


def _fill(kind: Kind) -> str:
    if kind == "ready":
        return "none"
    return f"url(#eager-{kind})" if LOOKS[kind].stripes else LOOKS[kind].colour


def _outline(kind: Kind) -> str:
    return f' stroke="{LOOKS[kind].colour}" stroke-dasharray="3 2"' if kind == "ready" else ""


_LEFT: Final = 92
_TOP: Final = 34
_HEIGHT: Final = 22
_PITCH: Final = 32
_LEAST: Final = 1.5
"""Pixels of the narrowest span."""

# Its contrast is at least 4 to white and to #111.
_INK: Final = "#767676"
