"""The notebooks that come with the project run, from a fresh kernel, without a network."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.mark.timeout(180)
@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_it_runs_to_its_end(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=120,
        coalesce_streams=True,
        resources={"metadata": {"path": str(NOTEBOOKS)}},
    )
    client.execute()  # an error ends it, but in cells that are there to show one
    fails = [cell for cell in notebook.cells if "raises-exception" in _tags(cell)]
    for cell in fails:
        assert [o for o in cell.outputs if o.output_type == "error"], cell.source
    for cell in notebook.cells:
        if cell.source.startswith("%%eager") and "--dry" not in cell.source:
            pictures = [o for o in cell.outputs if "text/markdown" in o.get("data", {})]
            assert pictures, cell.source
            assert "<script" not in pictures[0]["data"]["text/markdown"]


def test_there_are_some() -> None:
    assert [path.stem[:2] for path in sorted(NOTEBOOKS.glob("*.ipynb"))] == ["01", "02", "03", "04"]


def test_nothing_in_them_names_the_machine_they_ran_on() -> None:
    for path in NOTEBOOKS.rglob("*.*"):
        text = path.read_text(encoding="utf-8")
        assert str(Path.home()) not in text, path
        assert str(NOTEBOOKS.parent) not in text, path


def _tags(cell: nbformat.NotebookNode) -> list[str]:
    tags: list[str] = cell.metadata.get("tags", [])
    return tags
