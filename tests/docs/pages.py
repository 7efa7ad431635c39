"""The project's pages, as Markdown's own parser reads them."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
# What the site's build makes.
MADE = ("docs/project/", "docs/reference/command-line.md")


@dataclass(frozen=True)
class Block:
    """A block of code on a page."""

    page: str
    line: int
    language: str
    text: str
    comment: str
    """What the comment right before it says; empty if there is none."""

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """All pages, from the repository's root."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("notebooks/*.ipynb")]
    names = sorted(path.relative_to(ROOT).as_posix() for path in found)
    return [name for name in names if name in _KEPT or not name.startswith(MADE)]


def targets(page: str) -> Iterator[str]:
    """What the links and pictures of a page name."""
    for token in _tokens(page):
        for child in token.children or []:
            if child.type == "link_open":
                yield str(child.attrs["href"])
            elif child.type == "image":
                yield str(child.attrs["src"])


@cache
def anchors(page: str) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    made = set()
    tokens = _tokens(page)
    for heading, inline in itertools.pairwise(tokens):
        if heading.type == "heading_open":
            text = "".join(child.content for child in inline.children or [])
            made.add(re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-"))
    return frozenset(made)


def blocks(page: str) -> list[Block]:
    """The blocks of code of a page."""
    if page.endswith(".ipynb"):
        return []
    found = []
    tokens = _tokens(page)
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "fence":
            comment = before.content if before is not None and before.type == "html_block" else ""
            said = re.fullmatch(r"<!--(.*)-->\s*", comment, re.S)
            line = (token.map or [0])[0] + 1
            found.append(
                Block(page, line, token.info.strip(), token.content, said[1] if said else "")
            )
    return found


@cache
def _tokens(page: str) -> list[Token]:
    text = ROOT.joinpath(page).read_text(encoding="utf-8")
    if page.endswith(".ipynb"):
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return MarkdownIt("commonmark").enable("table").parse(text)


_KEPT = {"docs/project/index.md"}
