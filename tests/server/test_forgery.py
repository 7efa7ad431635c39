"""A program that speaks for the kernel: it can mislead about itself, and no more."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from eager_kernel import EagerClient
from tests.forging import CHUNK, PRELUDE, RESULT, UNFIT
from tests.server.conftest import Api, shown
from tests.servers import Server

KINDS = {"delta", "progress", "chunk", "stop", "output", "result", "error", "dropped", "end"}
Events = list[tuple[int, str, Any]]


def check(events: Events, program: str) -> None:
    """See that the server's own events are the server's."""
    kinds = [kind for _, kind, _ in events]
    assert set(kinds) <= KINDS
    assert [number for number, _, _ in events] == list(range(1, len(events) + 1))
    assert kinds.count("end") == 1
    assert kinds[-1] == "end"
    assert kinds.count("result") <= 1
    assert kinds.count("stop") <= 1
    told = "".join(data["text"] for _, kind, data in events if kind == "delta")
    assert program.startswith(told)
    assert told
    json.dumps(events, allow_nan=False)


def dropped(events: Events) -> dict[str, int]:
    """What was dropped, and how often: the last event of each reason says it."""
    return {data["reason"]: data["count"] for _, kind, data in events if kind == "dropped"}


def only(events: Events, kind: str) -> Any:
    (data,) = [data for _, k, data in events if k == kind]
    return data


SHARE = 14


@pytest.mark.parametrize("first", range(0, len(UNFIT), SHARE))
def test_what_is_no_message_of_the_protocol(
    api: Api, kernel: str, server: Server, first: int
) -> None:
    lines = list(UNFIT.values())[first : first + SHARE]
    before = len(server.log.read_text())
    program = "\n".join([PRELUDE, *lines, "print('after')\n"])
    events = api.run(kernel, program, gate="off")
    check(events, program)
    # The run goes on as if nothing had been sent.
    assert shown(events) == "after\n"
    assert only(events, "result")["program"] == program
    assert len(only(events, "result")["report"]["chunks"]) >= len(lines)
    assert not [kind for _, kind, _ in events if kind in ("stop", "error")]
    assert events[-1][2] == {"status": "ok"}
    assert sum(dropped(events).values()) >= len(lines)
    ours = [line for line in server.log.read_text()[before:].splitlines() if "EagerServer]" in line]
    assert any("Not taken of what came from the kernel" in line for line in ours)
    assert "forged" not in json.dumps([data for _, kind, data in events if kind == "dropped"])
    assert not [line for line in ours if "forged" in line or "failed by" in line]


# What looks as it should ----------------------------------------------------------------------

EARLY = {
    "stop": "forge({'type': 'stop', 'reason': 'error', 'message': 'forged'})\n",
    "close": "forge({}, 'comm_close')\n",
    "result and close": f"forge({RESULT})\nforge({{}}, 'comm_close')\n",
}


def fenced(program: str) -> str:
    return f"```python\n{program}"


@pytest.mark.parametrize("forged", EARLY)
def test_a_run_that_ends_itself(api: Api, kernel: str, forged: str) -> None:
    program = fenced(f"{PRELUDE}print('before')\n{EARLY[forged]}# pause\n")
    body = {"kernel_id": kernel, "prompt": program, "format": "markdown", "gate": "off"}
    run = api.ask("POST", "eager/api/runs", json=body).json()
    events = list(api.events(run["id"]))
    check(events, program)
    assert shown(events).startswith("before\n")
    result = only(events, "result")
    assert result["program"] != "forged"  # the kernel's own comes last
    assert result["error"]["ename"] == "IncompleteProgramError"
    assert events[-1][2] == {"status": "error"}
    assert shown(api.run(kernel, "'usable'")) == "'usable'"


REPLY = """\
from ipykernel.kernelbase import Kernel
def reply():
    parent = kernel.get_parent("shell")
    ident = getattr(kernel, "_shell_parent_ident", None) or kernel._parent_ident
    ident = ident.get() if hasattr(ident, "get") and not isinstance(ident, dict) else ident["shell"]
    kernel.session.send(kernel.shell_stream, "execute_reply", {"status": "ok",
        "execution_count": 1, "user_expressions": {}, "payload": []}, parent=parent, ident=ident)
"""


def test_all_that_ends_a_run(api: Api, kernel: str) -> None:
    """With a reply and an idle status, the server takes the run for ended: it is that run's own."""
    program = (
        f"{PRELUDE}{REPLY}import time; time.sleep(2)\n"  # until all is there
        f"forge({RESULT})\nforge({{}}, 'comm_close')\nreply()\n"
        "send('status', {'execution_state': 'idle'})\ntime.sleep(2)\nx = 'ran on'\n"
    )
    events = api.run(kernel, program + "# pause\n", gate="off")
    check(events, program + "# pause\n")
    assert only(events, "result")["status"] in ("ok", "error")
    # What was written of it runs, and the kernel does not wait for more.
    assert shown(api.run(kernel, "x")) == "'ran on'"


def test_a_cell_of_the_page(server: Server, api: Api, kernel: str) -> None:
    program = fenced(f"{PRELUDE}forge({RESULT})\nprint('ran')\n# pause\n")
    body = {"kernel_id": kernel, "prompt": program, "format": "markdown", "cell": "page"}
    run = api.ask("POST", "eager/api/runs", json={**body, "gate": "off"}).json()
    with EagerClient.connect(url=server.url, token=server.token, kernel_id=kernel) as page:
        cell = page.execute(f"%eager attach {run['comm_id']}")
    assert cell.error is not None
    assert cell.error.ename == "IncompleteProgramError"
    events = list(api.events(run["id"]))
    check(events, program)
    assert only(events, "result")["program"] == "forged"  # by which it has misled its own run


def test_runs_of_other_kernels_are_out_of_reach(api: Api, kernel: str) -> None:
    other = api.ask("POST", "api/kernels", json={"name": "eager_python"}).json()["id"]
    run = api.begin(other, "import time\nfor _ in range(30): time.sleep(0.1)\n'went on'\n").json()
    comm = run["comm_id"]
    attack = (
        f"{PRELUDE}for _ in range(20):\n"
        f"    forge({RESULT}, comm_id={comm!r})\n"
        f"    forge({{'type': 'stop', 'reason': 'error', 'message': ''}}, comm_id={comm!r})\n"
        f"    forge({{}}, 'comm_close', comm_id={comm!r})\n"
    )
    attacked = api.run(kernel, attack, gate="off")
    assert attacked[-1][2] == {"status": "ok"}
    events = list(api.events(run["id"]))
    assert shown(events) == "'went on'"
    assert only(events, "result")["status"] == "ok"
    assert dropped(events) == {}
    api.ask("DELETE", f"api/kernels/{other}")


# Floods ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flooding(server: Server) -> Iterator[str]:
    """A kernel that no page has left: for such a page, Jupyter Server keeps all that it says."""
    api = Api(server)
    kernel_id = api.ask("POST", "api/kernels", json={"name": "eager_python"}).json()["id"]
    # What it once needs for such messages, it keeps: what each of them leaves is looked for below.
    api.run(kernel_id, f"{PRELUDE}for i in range(300): {FLOODS['types']}\n", gate="off")
    yield kernel_id
    api.ask("DELETE", f"api/kernels/{kernel_id}")


# MB that a process may be bigger after it has read 300: what it frees, it need not give back.
KEPT = 80


@contextmanager
def growth(server: Server, most: float) -> Iterator[None]:
    """See that the server is no more than `most` MB bigger after this."""
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    yield
    deadline = time.monotonic() + 40  # in which it may give back what it has read
    while (grown := (process.memory_info().rss - before) / 1e6) > most:
        assert time.monotonic() < deadline, f"{grown:.0f} MB more"
        time.sleep(0.2)


BIG = "'y' * 1_000_000"
FLOODS = {
    "types": f"forge({{'type': 'noise', 'x': {BIG}}})",
    "reasons": f"forge({{**{CHUNK}, 'reason': {BIG}}})",
    "results": f"forge({{**{RESULT}, 'program': {BIG}}})",
    "stops": f"forge({{'type': 'stop', 'reason': 'error', 'message': {BIG}}})",
    "other comms": f"forge({{'type': 'chunk', 'x': {BIG}}}, comm_id='other')",
    "displays": f"send('display_data', {{'data': {{'text/plain': {BIG}}}, 'metadata': {{}}}})",
    "streams": f"send('stream', {{'name': 'stdout', 'text': {BIG}}})",
}


@pytest.mark.parametrize("flood", FLOODS)
def test_three_hundred_messages_of_a_megabyte(
    api: Api, flooding: str, server: Server, flood: str
) -> None:
    program = f"{PRELUDE}for i in range(300): {FLOODS[flood]}\nx = 1\n"
    limit = 16 if flood in ("displays", "streams") else 0
    with growth(server, limit + KEPT):
        events = api.run(flooding, program, gate="off")
    check(events, program)
    assert events[-1][2] == {"status": "ok"}
    size = len(json.dumps(events))
    assert size < (limit + 1) * 1_000_000
    if flood != "other comms":
        assert sum(dropped(events).values()) > 250
    if limit:
        reason = next(iter(dropped(events)))
        assert "EagerServer.max_event_chars" in reason
        outputs = [data["output"] for _, kind, data in events if kind == "output"]
        assert outputs.count(None) == 1  # where something is missing
        assert outputs[-1] is None


def test_a_hundred_thousand_small_messages(api: Api, server: Server) -> None:
    made = api.ask("POST", "api/kernels", json={"name": "eager_python"}).json()
    program = f"{PRELUDE}for i in range(100_000): forge({{'type': 'x'}})\n"
    with growth(server, KEPT):
        events = api.run(made["id"], program, gate="off")
    check(events, program)
    assert "more than 10,000 messages came" in only(events, "error")["message"]
    assert len(events) < 1000
    api.ask("DELETE", f"api/kernels/{made['id']}")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("forge({'type': 'chunk', 'x': 'y' * 20_000_000})", "it is longer than 16,000,000 bytes"),
        (
            """raw('{"comm_id": "ME", "data": {"x": [%s]}}' % ','.join(['[]'] * 4_000_000))""",
            "it has too many arrays and objects for its length",
        ),
    ],
)
def test_one_message_that_is_too_much(
    api: Api, flooding: str, server: Server, line: str, says: str
) -> None:
    program = f"{PRELUDE}{line}\n'after'\n"
    with growth(server, 40):
        events = api.run(flooding, program, gate="off")
    check(events, program)
    assert dropped(events) == {says: 1}
    assert shown(events) == "'after'"
    assert only(events, "result")["status"] == "ok"


def test_others_are_served_meanwhile(api: Api, flooding: str) -> None:
    program = f"{PRELUDE}for i in range(300): {FLOODS['types']}\n"
    run = api.begin(flooding, program, gate="off").json()
    served = 0
    reading = threading.Thread(target=lambda: list(api.events(run["id"])))
    reading.start()
    while reading.is_alive():
        assert api.ask("GET", "eager/api/models").status_code == 200
        served += 1
    reading.join()
    assert served > 2  # where the server waited, the first answer would come after the run
