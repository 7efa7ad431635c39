"""What the site takes from outside its folder: notebooks, and pages in the repository's root.

They are copied to where the site has them, each with its links led to where they lead there. The
page of the command line is made, too.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
import tomllib
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PROJECT = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text("utf-8"))["project"]
SOURCE = PROJECT["urls"]["Source"]
PAGES = {
    "CHANGELOG.md": "project/changelog.md",
    "CODE_OF_CONDUCT.md": "project/code-of-conduct.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security-policy.md",
    "README.md": "index.md",
}
"""Where the site has what the repository has elsewhere."""


def gather() -> None:
    """Copy everything, and touch nothing that is as it was."""
    for name, page in PAGES.items():
        if page != "index.md":
            text = ROOT.joinpath(name).read_text("utf-8")
            _write(DOCS / page, relink(text, name, page))
    from make_command_line import command_line  # noqa: PLC0415 - imports the package

    _write(DOCS / "reference" / "command-line.md", command_line())
    for path in sorted(ROOT.glob("notebooks/*.ipynb")):
        page = f"tutorials/{path.name}"
        notebook: dict[str, Any] = json.loads(path.read_text("utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                text = "".join(cell["source"])
                cell["source"] = relink(text, f"notebooks/{path.name}", page)
            else:
                # The first run's outputs, as they are; a page has no widgets that live.
                for output in cell["outputs"]:
                    output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
        _write(DOCS / page, json.dumps(notebook, ensure_ascii=False, indent=1))


def relink(text: str, home: str, page: str) -> str:
    """Lead the links of a page to where they lead on the site.

    Parameters
    ----------
    text
        The page, in Markdown.
    home
        Its file, from the repository's root; its links are from there.
    page
        Its file on the site, from the folder of the site's sources.
    """

    def led(found: re.Match[str]) -> str:
        target, hash_, anchor = found[2].partition("#")
        if not target or ":" in target:
            return found[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(home), target))
        return f"{found[1]}{_on_site(path, page)}{hash_}{anchor})"

    return _LINK.sub(led, text)


def _on_site(path: str, page: str) -> str:
    if path in PAGES:
        there = PAGES[path]
    elif path.startswith("docs/"):
        there = path.removeprefix("docs/")
    elif path.startswith("notebooks/") and path.endswith(".ipynb"):
        there = f"tutorials/{posixpath.basename(path)}"
    else:
        return f"{SOURCE}/blob/main/{path}"
    return posixpath.relpath(there, posixpath.dirname(page) or ".")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    if not path.exists() or path.read_text("utf-8") != text:
        part = path.with_name(f"{path.name}.{os.getpid()}")
        part.write_text(text, encoding="utf-8")
        part.replace(path)


_LINK = re.compile(r"(\]\()([^()\s]+)\)")
