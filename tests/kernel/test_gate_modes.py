"""The gate's modes, as a client sees them."""

from __future__ import annotations

from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from eager_kernel.testing.wire import Heard, WireStream

PATHS_ONLY = (
    "import os, subprocess\n"
    "name = os.path.join('a', 'b')\n"
    "print(os.path.basename(name))\n"
    "done = os.path.exists(name)\n"
    "print('here')\n"
)


def started(heard: Heard) -> list[bool]:
    """Of each chunk, whether it began before the last delta came."""
    report = heard.result["report"]
    last_delta = report["generation_s"]
    return [c["start"] is not None and c["start"] < last_delta for c in report["chunks"]]


@pytest.mark.parametrize("mode", ["effect", "static", "off"])
def test_a_program_that_only_imports_os_overlaps(client: BlockingKernelClient, mode: str) -> None:
    stream = WireStream(client).open(gate=mode).attach().delta(PATHS_ONLY)
    stream.listen(until=lambda heard: heard.text() == "b\nhere\n")
    assert all(started(stream.delta("# the end\n").end().finish())[:5])


@pytest.mark.parametrize("mode", ["paper", "serial"])
def test_it_does_not_by_names_alone(client: BlockingKernelClient, mode: str) -> None:
    stream = WireStream(client).open(gate=mode).attach().delta(PATHS_ONLY)
    stream.listen(0.4)
    assert stream.heard.text() == ""
    heard = stream.delta("# the end\n").end().finish()
    assert heard.text() == "b\nhere\n"
    assert not any(started(heard))
    told = [data for data in heard.comm if data.get("state") == "held"]
    assert told[0]["lines"] == [1, 1]
    assert "os" in told[0]["reason"] or mode == "serial"


@pytest.mark.parametrize("last", ["print('last')\n", "print('last']\n"])
def test_a_removal_reached_through_getattr_in_a_function(
    client: BlockingKernelClient, tmp_path: Path, last: str
) -> None:
    file = tmp_path / "file"
    file.write_text("here")
    stream = WireStream(client).open(gate="wait").attach()
    stream.delta("import os\ndef tidy(how, what):\n    return getattr(os, how)(what)\n\n")
    stream.delta(f"tidy('rem' + 'ove', {str(file)!r})\n")
    stream.listen(until=lambda heard: any(d.get("state") == "held" for d in heard.comm))
    assert file.exists()
    heard = stream.delta(last).end().finish()
    parses = last.endswith(")\n")
    assert file.exists() == (not parses)
    assert heard.errors() == ([] if parses else ["SyntaxError"])
    assert heard.text() == ("last\n" if parses else "")


CLOCK = "import time\nstart = time.perf_counter()\nx = 1\ntook = time.perf_counter() - start\n"


def test_a_clock_does_not_see_the_models_pace(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().attach()
    for line in CLOCK.splitlines(keepends=True):
        stream.delta(line).until_run(1).listen(0.15)
    heard = stream.delta("took > 0").end().finish()
    assert heard.displayed() == ["True"]
    # All of it ran when the model had written all, one right after the other.
    assert started(heard) == [True, False, False, False, False]
    held = next(data for data in heard.comm if data.get("state") == "held")
    assert (held["category"], held["lines"]) == ("timing", [2, 2])
    assert "perf_counter" in held["reason"]


def test_what_is_held_does_not_run_in_a_program_that_is_cut_off(
    client: BlockingKernelClient,
) -> None:
    stream = WireStream(client).open().attach()
    stream.delta("print('a')\ndef f():\n    return 1\n\nimport time\n" + CLOCK + "print('b')\nx")
    stream.listen(until=lambda heard: any(d.get("state") == "held" for d in heard.comm))
    heard = stream.end("length").finish()
    assert heard.text() == "a\n"
    assert heard.errors() == ["IncompleteProgramError"]


def test_deferred_definitions_ride_with_the_next_statement(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().attach()
    stream.delta("x = 1\ndef f():\n    return x\n\ndef g():\n    return f()\n\n# so")
    stream.until_told("deferred", 1)
    heard = stream.delta("\ng()\n").end().finish()
    assert heard.displayed() == ["1"]
    chunks = heard.result["report"]["chunks"]
    assert chunks[1]["batch"] == chunks[2]["batch"] == chunks[3]["batch"]
    assert chunks[1]["action"] == "defer"


def test_definitions_at_the_end_run_at_the_end(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().attach()
    stream.delta("x = 1\ndef f():\n    return 2\n\n").until_run(1)
    stream.end().finish()
    reply = client.execute_interactive(
        "f()", user_expressions={"it": "f()"}, timeout=60, output_hook=lambda message: None
    )
    assert reply["content"]["user_expressions"]["it"]["data"]["text/plain"] == "2"
