"""`docs/protocol.md` is the reference; what it lists is what `eager_kernel.protocol` has."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from inspect import signature
from typing import Any, get_args

import pytest

from eager_kernel import protocol
from eager_kernel.core.extract import FORMATS
from eager_kernel.core.gate import MODES
from eager_kernel.core.reading import CUT_OFF_REASONS
from eager_kernel.protocol import calls, models, words
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/protocol.md").read_text()
Rows = list[list[str]]


def table(after: str) -> Rows:
    """The rows of the first table after a text; a cell is as it is written."""
    assert PAGE.count(after) == 1, after
    lines = iter(PAGE.partition(after)[2].splitlines())
    rows: Rows = []
    for line in lines:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif rows:
            break
    return rows[2:]


def names(cell: str) -> list[str]:
    """What stands in a cell between backquotes: words and names, no texts."""
    return re.findall(r"`([\w-]+(?::NAME)?)`", cell)


def column(rows: Rows, at: int = 0) -> list[str]:
    return [name for row in rows for name in names(row[at])[:1]]


def row(rows: Rows, name: str) -> list[str]:
    return next(row for row in rows if names(row[0])[:1] == [name])


def fields_of(message: Any) -> list[str]:
    return [name for name in message.__annotations__ if name != "type"]


def test_the_opening() -> None:
    rows = table("characters), and `data`:")
    assert f'`target_name: "{protocol.TARGET}"`' in PAGE
    assert f"at most {words.LONGEST_ID}\ncharacters" in PAGE
    assert set(column(rows)) == {"version", *signature(protocol.open_data).parameters}
    assert row(rows, "version")[1] == f"`{protocol.VERSION}`"
    formats = names(row(rows, "format")[3])
    assert formats == [*FORMATS[:-1], "tags:NAME", "json", "json:NAME"]
    assert protocol.FORMAT_WORDS.split(", ") == [*FORMATS, "tags:NAME", "json:NAME"]
    assert names(row(rows, "gate")[3]) == list(MODES)
    assert names(row(rows, "on_error")[3]) == list(protocol.ON_ERROR)
    defaults = {field.name: field.default for field in fields(protocol.OpenOptions)}
    for name in ("resume", "idle"):
        assert row(rows, name)[2] == f"`{str(defaults[name]).lower()}`"


def test_what_a_client_sends() -> None:
    rows = table("**`comm_msg`**, with one of these as `data`:")
    sent = {
        "delta": protocol.Delta("text", 3),
        "end": protocol.End("stop"),
        "cancel": protocol.Cancel("why"),
        "resume": protocol.Resume(1, "id"),
    }
    assert column(rows) == list(sent)
    for kind, message in sent.items():
        data = message.data()
        assert protocol.is_client_message(data)
        assert data.pop("type") == kind
        assert set(re.findall(r"`(\w+)`:", row(rows, kind)[1])) == set(data)
    said = re.search(r"\*Finish reasons\.\* (.*?) say", PAGE, re.DOTALL)
    assert said is not None
    assert set(names(said[1])) == CUT_OFF_REASONS


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ('**`{"type": "chunk"}`**', protocol.ChunkMessage),
        ('**`{"type": "result"}`**', protocol.ResultMessage),
        ("as many messages `again` as that says:", protocol.ResumedMessage),
    ],
)
def test_what_a_kernel_tells(after: str, message: Any) -> None:
    assert sorted(column(table(after))) == sorted(fields_of(message))


def test_the_words_of_a_kernel() -> None:
    chunk = table('**`{"type": "chunk"}`**')
    assert names(row(chunk, "state")[2]) == list(protocol.CHUNK_STATES)
    assert names(row(chunk, "category")[2]) == list(protocol.CATEGORIES)
    stops = table('**`{"type": "stop"}`**')
    assert column(stops) == list(protocol.STOP_REASONS)
    assert f"at most {words.LONGEST_ERROR} characters" in row(stops, "error")[2]
    result = table('**`{"type": "result"}`**')
    assert [w for w in names(row(result, "status")[2]) if w in protocol.STATUSES] == list(
        protocol.STATUSES
    )
    assert set(names(row(result, "error")[2])) == set(protocol.ErrorContent.__annotations__) | {
        "error"
    }
    left_out = set(names(row(result, "left_out")[2]))
    assert left_out == set(protocol.LeftOutContent.__annotations__)
    resumed = table("as many messages `again` as that says:")
    assert f"at most {words.MOST_AGAIN}," in row(resumed, "count")[2]
    question = set(names(row(resumed, "input")[2]))
    assert question == set(protocol.QuestionContent.__annotations__)
    assert "`again` has the `number` and the `message`" in PAGE
    assert fields_of(protocol.AgainMessage) == ["number", "message"]
    assert f"last {words.MOST_GONE} streams that ended" in PAGE


def test_the_models_of_a_server() -> None:
    pages = table("The page may send `{")
    assert f"**`{models.PAGE_TARGET}`**" in PAGE
    assert f"**`{models.MODELS_TARGET}`**" in PAGE
    told = {
        "want": models.WantMessage,
        "program": models.ProgramMessage,
        "running": models.RunningMessage,
    }
    by_kernel = [names(row[1])[0] for row in pages if row[0] == "kernel"]
    assert sorted(by_kernel) == sorted(told)
    for of_kernel in pages:
        if of_kernel[0] == "kernel":
            assert names(of_kernel[2]) == fields_of(told[names(of_kernel[1])[0]])
    by_page = {names(row[1])[0] for row in pages if row[0] == "page"}
    assert by_page | {"offer"} == set(get_args(models.PageWord))
    servers = table("the server does so to end it.")
    by_server = [names(row[1])[0] for row in servers if row[0] == "server"]
    assert by_server == [*models.ANSWER_WORDS, models.ALIVE]
    asked = {names(row[1])[0]: names(row[2]) for row in servers if row[0] == "kernel"}
    assert asked["generate"][:2] == fields_of(models.GenerateMessage)
    assert asked["cancel"] == fields_of(models.CancelAnswerMessage)
    assert set(names(row_of(servers, "delta")[2])) == set(fields_of(models.AnswerDelta))


def row_of(rows: Rows, kind: str) -> list[str]:
    return next(row for row in rows if names(row[1])[:1] == [kind])


def test_functions_of_a_client() -> None:
    told = table("whose `data` is `{")
    assert column(told) == ["call", "drop"]
    assert list(dict.fromkeys(names(row(told, "call")[1]))) == fields_of(calls.CallContent)
    assert names(row(told, "drop")[1]) == fields_of(calls.DropContent)
    answer = table("while the\nprogram waits on the main thread:")
    assert column(answer) == fields_of(calls.AnswerContent)
    assert set(re.findall(r'"(\w+)"', row(answer, "error")[1])) == set(
        calls.RaisedContent.__annotations__
    )
    (function,) = re.findall(r'^ +(\{"name": "search".*\}),$', PAGE, re.MULTILINE)
    assert re.findall(r'"(\w+)":', function) == list(calls.HostedFunction.__annotations__)


def test_a_page_of_jupyterlab_speaks_the_same() -> None:
    folder = ROOT / "labextension/src"
    said = "".join(path.read_text() for path in sorted(folder.glob("*.ts")))
    assert f'const TARGET = "{models.PAGE_TARGET}"' in said
    assert f"version: {protocol.VERSION}," in said
    told = set(re.findall(r'\.tell\(\w+, \{ type: "(\w+)"', said))
    assert told == set(get_args(models.PageWord))
    schema = json.loads((ROOT / "labextension/schema/plugin.json").read_text("utf-8"))
    assert schema["properties"]["gate"]["enum"] == ["", *MODES]
    taken = set(re.findall(r'data\.type === "(\w+)"', said))
    assert taken == {"want", "running", "program"}


def test_nobody_spells_the_names_again() -> None:
    spelled = re.compile(
        r"""["']eager\.(?:stream|page|models)["']|%eager attach \{|["']stop["'], ["']drain["']"""
    )
    files = [*(ROOT / "eager_kernel").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    where = {
        path.relative_to(ROOT).parts[1] for path in files if spelled.search(path.read_text("utf-8"))
    }
    assert where == {"protocol"}
