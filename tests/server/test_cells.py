"""The server reads a cell's text as the kernel does."""

from __future__ import annotations

from dataclasses import asdict, fields

import pytest

from eager_kernel.magics.cell_text import CELL_KINDS, read_cell
from eager_kernel.magics.options import PromptOptions
from eager_kernel.server.handlers import description
from tests.server.conftest import Api

CELLS = {
    "a prompt": ("%%eager\nSay hello.", "prompt", "Say hello.", {}),
    "blank lines before it": ("\n  \r\n%%eager\r\nSay\n", "prompt", "Say\n", {}),
    "no prompt below it": ("%%eager", "prompt", "", {}),
    "options": (
        "%%eager --model 'a/b c' --steps 3 --dry --temperature 0\nGo",
        "prompt",
        "Go",
        {"model": "a/b c", "steps": 3, "dry": True, "temperature": 0.0},
    ),
    "a file": ("%%eager --from no/such.md", "prompt", "", {"from_file": "no/such.md"}),
    "a fix": ("%eager fix --repair 2\n", "fix", "", {"repair": 2}),
    "a stream's cell": ("%eager attach 1f0c --view", "attach", "", {}),
    "another magic": ("%%eagerly\nx", "other", "", {}),
    "a command": ("%eager model a/b", "other", "", {}),
    "Python before it": ("x = 1\n%%eager\nSay", "other", "", {}),
    "indented": ("  %%eager\nSay", "other", "", {}),
    "nothing": ("", "other", "", {}),
}


@pytest.mark.parametrize("name", CELLS)
def test_what_a_cell_asks_for(api: Api, name: str) -> None:
    source, kind, prompt, options = CELLS[name]
    said = api.ask("POST", "eager/api/cells", json={"source": source})
    assert said.status_code == 200, said.text
    expected = {"kind": kind, "prompt": prompt, "options": options, "error": None}
    assert said.json() == expected == asdict(read_cell(source))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--modell x", "unrecognized arguments: --modell x"),
        ("--gate ajar", "'ajar' is none of effect"),
        ("--model 'x", "No closing quotation"),
        ("--replay --from x", "choose one"),
    ],
)
def test_a_line_that_is_wrong_is_told_as_the_cell_tells_it(api: Api, line: str, words: str) -> None:
    said = api.ask("POST", "eager/api/cells", json={"source": f"%%eager {line}\nGo"}).json()
    assert (said["kind"], said["prompt"], said["options"]) == ("prompt", "Go", {})
    assert words in said["error"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("{", 400, "body: must be JSON"),
        ("[]", 400, "body: must be an object"),
        ("{}", 400, "source: must be a string"),
        ('{"source": 5}', 400, "source: must be a string"),
        ('{"source": "", "cell": ""}', 400, "there are: source"),
        ('{"source": "' + "x" * 200_001 + '"}', 413, "EagerServer.max_prompt_chars"),
    ],
)
def test_what_is_wrong_is_refused(api: Api, body: str, status: int, words: str) -> None:
    headers = {"Content-Type": "application/json"}
    said = api.ask("POST", "eager/api/cells", data=body, headers=headers)
    assert said.status_code == status
    assert words in said.json()["message"]
    assert api.ask("POST", "eager/api/cells", data=body).status_code == 415


def test_a_page_knows_a_server_that_is_older_by_its_404(api: Api) -> None:
    """What a release does not have, it answers so; the page says that it may be older."""
    assert api.ask("POST", "eager/api/of-a-later-release", json={}).status_code == 404


def test_it_is_described_with_all_kinds_and_options() -> None:
    schema = description("/")["components"]["schemas"]["CellText"]["properties"]
    assert schema["kind"]["enum"] == list(CELL_KINDS)
    assert set(schema["options"]["properties"]) == {field.name for field in fields(PromptOptions)}
