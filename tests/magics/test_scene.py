"""Three steps, an error in the second, a figure, an answer: with each kind of model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.magics.notebook import VIEW
from tests.scene import ANSWER, ANSWERS, KEY, PROGRAMS, PROMPT, Scene

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def scripted_model(scripted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    script = tmp_path / "scene.json"
    log = str(tmp_path / "log")
    script.write_text(json.dumps({"answers": [[answer] for answer in ANSWERS], "log": log}))
    monkeypatch.setenv("PYTHONPATH", str(scripted))
    return f"--model scripted/{script}"


@pytest.fixture
def server_model(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    pytest.importorskip("openai")
    monkeypatch.setenv("A_KEY", KEY)
    scene = Scene()
    yield f"--model openai/m --api-base {scene.url} --credential A_KEY"
    scene.close()


@pytest.fixture
def local_model(model_environment: dict[str, str], tmp_path: Path) -> str:
    pytest.importorskip("transformers")
    folder = tmp_path / "knows-the-scene"
    command = [sys.executable, "-m", "tests.scene", str(folder)]
    subprocess.run(command, check=True, timeout=300, cwd=REPOSITORY, env={**os.environ})
    return f"--model transformers/{folder} --max-tokens 200"


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", ["scripted_model", "server_model", "local_model"])
def test_a_notebook_of_several_steps_and_its_replay(
    kind: str, request: pytest.FixtureRequest
) -> None:
    options = request.getfixturevalue(kind)
    cells = [
        f"%%eager --steps 5 {options}\n{PROMPT}",
        "get_ipython().history_manager.input_hist_raw[1]",
        f"%%eager --replay\n{PROMPT}",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="eager_python", timeout=120).execute()
    asked, history, again = notebook.cells
    assert history.outputs[0]["data"]["text/plain"] == repr("\n".join(PROGRAMS).rstrip())
    shown = outputs(asked)
    kinds = [kind for kind, _ in shown]
    assert kinds == ["stream", "execute_result", "error", "display_data", "display_data"]
    assert shown[0][1] == "3\n"
    assert shown[1][1]["text/plain"] == "340"
    assert shown[2][1] == ("KeyError", "'Dec'")
    assert "image/png" in shown[3][1]
    assert shown[4][1]["text/plain"] == ANSWER
    assert outputs(again) == shown


def outputs(cell: Any) -> list[tuple[str, Any]]:
    """What a cell shows, but for its view."""
    shown: list[tuple[str, Any]] = []
    for output in cell.outputs:
        kind = output["output_type"]
        if kind == "stream":
            shown.append((kind, output["text"]))
        elif kind == "error":
            shown.append((kind, (output["ename"], output["evalue"])))
        elif VIEW not in output["data"] and "eager" not in output["metadata"]:
            shown.append((kind, dict(output["data"])))
    return shown
