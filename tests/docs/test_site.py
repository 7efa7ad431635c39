"""The site is built by its one command, without a warning, and hangs together."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import eager_kernel
from tests.docs.pages import ROOT

PARTS = ("sphinx", "myst_nb", "pydata_sphinx_theme", "sphinx_copybutton", "sphinx_design")
if not all(find_spec(part) for part in PARTS):
    pytest.skip(
        "the site's tools are not installed: pip install -e '.[docs]'", allow_module_level=True
    )


@pytest.fixture(scope="module")
def site() -> Path:
    done = subprocess.run(
        [sys.executable, "-m", "docs", "-q"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "build" / "docs" / "html"


class Page(HTMLParser):
    """The ids of a page, and what it refers to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in {"script", "img"} and "src" in given:
            self.loads.append(given["src"])
        elif tag == "link" and given.get("rel") in {"stylesheet", "preload", "icon"}:
            self.loads.append(given["href"])


@pytest.mark.timeout(330)
def test_each_link_leads_to_something(site: Path) -> None:
    read = {path: Page(path) for path in _pages(site)}
    assert len(read) > 50
    for path, page in read.items():
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert there.is_file(), f"{path.relative_to(site)}: {link}"
            if parts.fragment and there in read and path.name not in {"search.html"}:
                assert unquote(parts.fragment) in read[there].ids, f"{path.name}: {link}"


@pytest.mark.timeout(330)
def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for path in _pages(site):
        for load in Page(path).loads:
            assert not urlsplit(load).netloc, f"{path.relative_to(site)}: {load}"


@pytest.mark.timeout(330)
def test_every_public_name_has_its_entry(site: Path) -> None:
    entries = set().union(*(Page(path).ids for path in site.glob("reference/api/*.html")))
    for name in eager_kernel.__all__:
        value = getattr(eager_kernel, name)
        if isinstance(value, type):
            assert f"{value.__module__}.{value.__qualname__}" in entries, name
    for name in ("EagerClient.run", "AsyncEagerClient.connect", "RunResult.executed"):
        assert any(entry.endswith(f".{name}") for entry in entries), name
    for error in vars(eager_kernel.errors).values():
        if isinstance(error, type) and issubclass(error, BaseException):
            assert f"eager_kernel.errors.{error.__name__}" in entries


@pytest.mark.timeout(330)
def test_notebooks_have_their_outputs(site: Path) -> None:
    first = site.joinpath("tutorials", "01-first-run.html").read_text(encoding="utf-8")
    assert "EAGER" in first
    assert "Program, " in first  # the picture of a run
    assert "<svg" in first or ".svg" in first  # its report
    assert "widget-view" not in first


def _pages(site: Path) -> list[Path]:
    return [path for path in site.rglob("*.html") if "_static" not in path.parts]
