"""What a model says instead of a program: Markdown, in which nothing is active."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from eager_kernel.widget.visible import visible_lines


def words_as_html(text: str) -> str:
    """A model's Markdown as HTML without links, pictures or HTML of its own: these stay text.

    It is one line, which may stand in a block of HTML in Markdown. Headings are bold lines, so that
    they are not in the notebook's table of contents.

    Parameters
    ----------
    text
        The Markdown.
    """
    # Slow to import, and seldom used.
    from markdown_it import MarkdownIt  # noqa: PLC0415

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.disable(["link", "image", "autolink", "reference", "html_block", "html_inline"])
    markdown.add_render_rule("heading_open", _bold_open)
    markdown.add_render_rule("heading_close", _bold_close)
    html: str = markdown.render(visible_lines(text[:_LONGEST])).strip()
    # Nothing in it means anything to the Markdown or the TeX around it.
    for char in "$\\\n":
        html = html.replace(char, f"&#{ord(char)};")
    more = len(text) - _LONGEST
    return f"{html}<p>… {more:,} more characters</p>" if more > 0 else html


def _bold_open(self: Any, tokens: Sequence[Any], at: int, options: Any, env: Any) -> str:
    return "<p><b>"


def _bold_close(self: Any, tokens: Sequence[Any], at: int, options: Any, env: Any) -> str:
    return "</b></p>"


_LONGEST: Final = 20_000
