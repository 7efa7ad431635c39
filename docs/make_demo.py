"""Draw the moving picture of the demo from a real run: ``python docs/make_demo.py``.

The bundled recording runs twice, each time in a fresh kernel: while it is written, and after it is
written. What is drawn is what the two reports say. The picture needs no script: two covers slide
off the program, one as its lines are written, one as they are executed. Where nothing may move, all
of it is there, and the lanes below tell the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Final

from pygments.lexers.python import PythonLexer
from pygments.token import Token

from eager_kernel.cli.pace import replay
from eager_kernel.client import EagerClient
from eager_kernel.core.extract import Code, make_extractor
from eager_kernel.core.report import Report
from eager_kernel.sources.recorded import load_recording

Steps = list[tuple[float, int]]
"""At which second how many lines are done."""


def main() -> None:
    """Run the demo, and draw it."""
    deltas = load_recording(None).deltas
    reports = []
    for gate in ("off", "serial"):
        with EagerClient.start(extra_arguments=["--log-level=ERROR"]) as client:
            result = client.run(replay(deltas), gate=gate)
        assert result.status == "ok", result.error
        assert result.report is not None
        reports.append(result.report)
    written = written_lines([(delta.seconds, delta.text) for delta in deltas])
    picture = draw(result.program, written, *reports)
    Path(__file__).with_name("demo-moving.svg").write_text(picture, encoding="utf-8")


def written_lines(deltas: Sequence[tuple[float, str]]) -> Steps:
    """When how many lines of the program were written."""
    extractor = make_extractor("auto")
    lines, steps = 0, []
    for seconds, text in deltas:
        more = "".join(event.text for event in extractor.feed(text) if isinstance(event, Code))
        if "\n" in more:
            lines += more.count("\n")
            steps.append((seconds, lines))
    return steps


def draw(program: str, written: Steps, eager: Report, serial: Report) -> str:
    """Draw the picture.

    Parameters
    ----------
    program
        The program.
    written
        When how many of its lines were written.
    eager, serial
        What the two runs took.
    """
    lines = program.splitlines()
    end = max(eager.end_to_end_s, serial.end_to_end_s)
    executed = [
        (chunk.finish, chunk.lines[1]) for chunk in eager.chunks if chunk.finish is not None
    ]
    height = _ROWS * _LINE
    last = max(0, len(lines) - _ROWS)
    scroll = [(at, -_LINE * max(0, n - _ROWS)) for at, n in written]
    styles = [
        _keyframes("scroll", scroll, end),
        _keyframes("written", [(at, n * _LINE) for at, n in written], end),
        _keyframes("executed", [(at, n * _LINE) for at, n in executed], end),
        f"@keyframes now{{from{{transform:translateX(0)}}{_share(end, end)}"
        f"{{transform:translateX({_TRACK}px)}}to{{transform:translateX({_TRACK}px)}}}}",
    ]
    whole = len(lines) * _LINE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height + 150}" '
        'role="img" font-family="ui-monospace,Menlo,Consolas,monospace" font-size="13">',
        f"<title>{escape(_title(eager, serial))}</title>",
        f"<style>{_STYLE}{''.join(styles)}{_moves(end + _REST)}</style>",
        f'<rect width="100%" height="100%" rx="8" fill="{_GROUND}"/>',
        f'<svg y="12" width="{_WIDTH}" height="{height}">',
        f'<g class="scroll" style="transform:translateY({-last * _LINE}px)">',
        *_program(lines),
        f'<rect class="written" width="{_WIDTH}" height="{whole}" fill="{_GROUND}" '
        f'style="transform:translateY({whole}px)"/>',
        f'<rect class="executed" x="44" width="18" height="{whole}" fill="{_GROUND}" '
        f'style="transform:translateY({whole}px)"/>',
        "</g></svg>",
        *_lanes("EAGER", eager, height + 36, end),
        *_lanes("serial", serial, height + 78, end),
        f'<rect class="now" x="{_LEFT}" y="{height + 22}" width="1.5" height="80" fill="#fff" '
        'opacity="0"/>',
        f'<text x="{_LEFT}" y="{height + 132}" class="dim">'
        f'<tspan class="w">■</tspan> written  <tspan class="x">■</tspan> executed: '
        f"{escape(_title(eager, serial))}</text>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _title(eager: Report, serial: Report) -> str:
    return (
        f"{eager.end_to_end_s:.1f} s while it is written, {serial.end_to_end_s:.1f} s after it is "
        "written"
    )


def _program(lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(_coloured(lines), 1):
        y = number * _LINE - 5
        yield (
            f'<text y="{y}" xml:space="preserve"><tspan x="14" class="dim">{number:>3}</tspan>'
            f'<tspan x="46" class="x">✓</tspan><tspan x="68">{line}</tspan></text>'
        )


def _coloured(lines: list[str]) -> list[str]:
    made = []
    for _, kind, text in PythonLexer().get_tokens_unprocessed("\n".join(lines)):
        name = next((name for of, name in _SYNTAX if kind in of), "")
        for i, piece in enumerate(text.split("\n")):
            made.append("\n" if i else "")
            if piece:
                safe = escape(piece)
                made.append(f'<tspan class="{name}">{safe}</tspan>' if name else safe)
    return "".join(made).split("\n")


def _lanes(name: str, report: Report, y: int, end: float) -> Iterator[str]:
    scale = _TRACK / end
    yield f'<text x="{_LEFT - 10}" y="{y + 11}" text-anchor="end">{name}</text>'
    yield (
        f'<rect x="{_LEFT}" y="{y - 9}" width="{report.generation_s * scale:.1f}" height="11" '
        'rx="2" class="w"/>'
    )
    for chunk in report.chunks:
        if chunk.start is not None and chunk.finish is not None:
            wide = max(1.0, (chunk.finish - chunk.start) * scale)
            yield (
                f'<rect x="{_LEFT + chunk.start * scale:.1f}" y="{y + 5}" width="{wide:.1f}" '
                'height="11" class="x"/>'
            )
    at = _LEFT + report.end_to_end_s * scale
    yield f'<text x="{at + 8:.1f}" y="{y + 11}">{report.end_to_end_s:.1f} s</text>'


def _keyframes(name: str, steps: Sequence[tuple[float, int]], end: float) -> str:
    """Jump to each value at its time; nothing at the beginning."""
    jumps = [(0.0, 0), *steps]
    kept = [one for one, after in pairwise(jumps) if after != one] + jumps[-1:]
    stops = "".join(f"{_share(at, end)}{{transform:translateY({v}px)}}" for at, v in kept)
    return f"@keyframes {name}{{{stops}to{{transform:translateY({jumps[-1][1]}px)}}}}"


def _share(at: float, end: float) -> str:
    return f"{min(100.0, at / (end + _REST) * 100):.2f}%"


def _moves(seconds: float) -> str:
    names = ("scroll", "written", "executed")
    each = "".join(f".{n}{{animation:{n} {seconds:.2f}s step-end infinite}}" for n in names)
    now = f".now{{opacity:.8;animation:now {seconds:.2f}s linear infinite}}"
    return f"@media (prefers-reduced-motion:no-preference){{{each}{now}}}"


_WIDTH: Final = 860
_ROWS: Final = 20
_LINE: Final = 18
_LEFT: Final = 76
_TRACK: Final = 690
_REST: Final = 3.0
"""Seconds that the end is shown before it begins again."""
_GROUND: Final = "#1c2128"
_STYLE: Final = (
    "text{fill:#d5dbe3}.dim{fill:#8b949e}.w{fill:#e0b34a}.x{fill:#5fbf7a}"
    ".k{fill:#d58fe0}.s{fill:#e2a36f}.n{fill:#79b8ff}.c{fill:#8b949e;font-style:italic}"
)
_SYNTAX: Final = (
    (Token.Comment, "c"),
    (Token.Keyword, "k"),
    (Token.Operator.Word, "k"),
    (Token.Literal.String, "s"),
    (Token.Literal.Number, "n"),
)

if __name__ == "__main__":
    main()
