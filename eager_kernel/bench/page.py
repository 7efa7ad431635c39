"""Results as a page: what they say, charts, tables. One file, which asks for nothing else."""

from __future__ import annotations

import re
from html import escape
from typing import Final

from eager_kernel.bench.measure import Table
from eager_kernel.bench.pictures import svgs
from eager_kernel.bench.results import Results
from eager_kernel.errors import MissingExtraError


def to_html(results: Results) -> str:
    """The page. Without matplotlib, it has no charts, and says so.

    Names of programs and what they show come from whoever wrote them: all text is escaped.
    """
    name = str(results.options.get("programs", {}).get("set", "benchmark"))
    parts = [f"<h1>{escape(name)}: run while it is written</h1>"]
    if results.summary:
        items = "".join(f"<li>{escape(text)}</li>" for text in results.summary)
        parts.append(f"<ul class='summary'>{items}</ul>")
    parts += _charts(results)
    tables = list(results.tables.values())
    parts.append("<nav>" + " · ".join(_link(table) for table in tables) + "</nav>")
    parts += map(_table, tables)
    about = "".join(
        f"<tr><th>{escape(key)}</th><td>{escape(value)}</td></tr>"
        for key, value in results.about.items()
    )
    parts.append(f"<section><h2>Measured on</h2><table>{about}</table></section>")
    return _PAGE.format(title=escape(name), style=_STYLE, body="\n".join(parts))


def _charts(results: Results) -> list[str]:
    try:
        drawn = svgs(results)
    except MissingExtraError as error:
        return [f"<p class='note'>{escape(str(error))}</p>"]
    # What comes before the root element is for files alone.
    figures = (f"<figure>{text[text.index('<svg') :]}</figure>" for text in drawn.values())
    return ["<div class='charts'>", *figures, "</div>"]


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
    rows = "".join(
        "<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    notes = "".join(f"<p class='note'>{_note(note)}</p>" for note in table.notes)
    return (
        f"<section id='{_anchor(table)}'><h2>{escape(table.title)}</h2>{notes}"
        f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        "</div></section>"
    )


def _cell(text: str) -> str:
    """Escape text, and keep its `code`."""
    return _CODE.sub(r"<code>\1</code>", escape(text.replace("\\|", "|")))


def _note(text: str) -> str:
    """The same for a note, of our own words: with their *emphasis*, too."""
    return _EMPHASIS.sub(r"<em>\1</em>", _cell(text))


def _link(table: Table) -> str:
    return f"<a href='#{_anchor(table)}'>{escape(table.title)}</a>"


def _anchor(table: Table) -> str:
    return re.sub(r"[^a-z0-9]+", "-", table.title.lower()).strip("-")


_CODE: Final = re.compile(r"`([^`]*)`")
_EMPHASIS: Final = re.compile(r"\*(\w[^*]*)\*")
_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
.summary { background: #eef4fb; padding: 1rem 1rem 1rem 2rem; border-left: 4px solid #3b7dd8; }
.note { color: #555; max-width: 55rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9em; }
th, td { padding: 0.2rem 0.6rem; text-align: left; border-bottom: 1px solid #ddd;
  vertical-align: top; }
thead th { border-bottom: 2px solid #888; }
.charts { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; } figure svg { max-width: 100%; height: auto; }
nav { margin: 1.5rem 0; }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #181818; } .summary { background: #1d2733; }
  .note { color: #aaa; } th, td { border-color: #444; } a { color: #7fb2ee; }
  figure svg { background: #eee; }
}
"""
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
