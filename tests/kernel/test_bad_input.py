"""Bad input: a clear error that names the thing and the line, and a kernel that goes on."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from eager_kernel.magics.commands import _COMMANDS
from eager_kernel.testing.wire import Heard, WireStream, run
from tests.conftest import Starter


def shown(heard: Heard) -> str:
    """The traceback that the cell shows, without colours."""
    text = "\n".join(
        "\n".join(m["content"]["traceback"]) for m in heard.iopub if m["msg_type"] == "error"
    )
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def attach_only(client: BlockingKernelClient, comm_id: str) -> Heard:
    stream = WireStream(client)
    stream.comm_id = comm_id
    return stream.attach().listen(until=lambda heard: heard.reply)


def test_attach_of_an_unknown_comm(client: BlockingKernelClient) -> None:
    heard = attach_only(client, "no-such-comm")
    assert heard.reply["ename"] == "UnknownStreamError"
    assert "'no-such-comm'" in heard.reply["evalue"]
    assert "eager.stream" in shown(heard)


def test_attach_of_a_stream_that_has_ended(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().attach().delta("1").end()
    stream.finish()
    heard = attach_only(client, stream.comm_id)
    assert "its run has ended" in heard.reply["evalue"]


CANNOT_GO_ON = [
    ({"type": "delta", "text": "x = 1\n" * 500}, "LimitError", "EagerRun.max_program_chars"),
    ({"type": "delta", "text": 5}, "ProtocolError", "data.text: must be a string"),
    ({"type": "cancel", "message": "no more"}, "RunCancelledError", "no more"),
]


def test_attach_of_a_stream_that_could_not_go_on_says_why(start_kernel: Starter) -> None:
    _, client = start_kernel("eager_python", "--EagerRun.max_program_chars=1000")
    for data, kind, says in CANNOT_GO_ON:
        for view in (False, True):
            stream = WireStream(client).open().data(data)
            stream.listen(until=lambda heard: heard.closed)
            heard = stream.attach(view=view).finish()
            assert heard.reply["ename"] == kind
            assert says in heard.reply["evalue"]
            assert shown(heard).strip() == f"{kind}: {heard.reply['evalue']}"
    assert run(client, "6 * 7").displayed() == ["42"]


def test_attach_that_is_not_alone_in_its_cell(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open()
    reply = client.execute_interactive(
        f"x = 1\n%eager attach {stream.comm_id}", timeout=60, output_hook=lambda m: None
    )
    assert "alone in its cell" in reply["content"]["evalue"]
    assert stream.delta("5").end().attach().finish().displayed() == ["5"]


COMMANDS = ", ".join(_COMMANDS)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("", f"use one of {COMMANDS}"),
        ("nonsense", f"use one of {COMMANDS}"),
        ("attach", "%eager attach COMM_ID"),
    ],
)
def test_other_uses_of_the_magic(client: BlockingKernelClient, command: str, says: str) -> None:
    reply = client.execute_interactive(f"%eager {command}", timeout=60, output_hook=lambda m: None)
    assert reply["content"]["ename"] == "UsageError"
    assert says in reply["content"]["evalue"]


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ({"version": 2}, "data.version: 2 is not supported; send 1"),
        ({"version": True}, "data.version"),
        ({"version": 1, "format": "yaml"}, "data.format"),
        ({"version": 1, "gate": "open"}, "data.gate"),
        ({"version": 1, "on_error": 3}, "data.on_error"),
        ({"version": 1, "model": []}, "data.model"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_comm_open_is_checked(
    client: BlockingKernelClient, data: dict[str, Any], names: str
) -> None:
    stream = WireStream(client)
    stream.send(
        "comm_open", {"comm_id": stream.comm_id, "target_name": "eager.stream", "data": data}
    )
    heard = stream.listen(until=lambda heard: heard.closed)
    assert [stop["reason"] for stop in heard.stops] == ["protocol"]
    assert heard.stops[0]["message"].startswith(names)
    assert names in attach_only(client, stream.comm_id).reply["evalue"]


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ("text", "data: must be an object"),
        ({}, "data.type: missing"),
        ({"type": "Delta"}, "data.type: must be delta, end or cancel, not 'Delta'"),
        ({"type": ["delta"]}, "data.type"),
        ({"type": "delta"}, "data.text: missing"),
        ({"type": "delta", "text": 5}, "data.text: must be a string, not 5"),
        ({"type": "delta", "text": "x", "offset": "0"}, "data.offset"),
        ({"type": "delta", "text": "x", "offset": -1}, "data.offset"),
        ({"type": "end", "finish_reason": 1}, "data.finish_reason"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_messages_are_checked(client: BlockingKernelClient, data: object, names: str) -> None:
    stream = WireStream(client).open().attach().delta("kept = 1\n")
    stream.until_run(1)
    heard = stream.data(data).finish()
    assert [stop["reason"] for stop in heard.stops] == ["protocol"]
    assert heard.stops[0]["message"].startswith(names)
    assert heard.reply["ename"] == "ProtocolError"
    assert names in shown(heard)
    assert run(client, "kept; del kept").reply["status"] == "ok"


@pytest.mark.parametrize("offset", [3, 9], ids=["a repeat", "a gap"])
def test_an_offset_that_does_not_fit(client: BlockingKernelClient, offset: int) -> None:
    stream = WireStream(client).open().attach().delta("n = 1\n", offset=0)
    stream.until_run(1)
    heard = stream.delta("n += 1\n", offset=offset).finish()
    assert heard.reply["ename"] == "ProtocolError"
    assert f"data.offset: {offset} where 6 was expected" in heard.reply["evalue"]
    assert run(client, "n").displayed() == ["1"]


def test_text_for_a_comm_that_nobody_opened(client: BlockingKernelClient) -> None:
    stream = WireStream(client).delta("x = 1\n")
    heard = stream.listen(until=lambda heard: heard.stops)
    assert heard.stops[0]["reason"] == "protocol"
    assert "open a comm to eager.stream first" in heard.stops[0]["message"]


def test_a_comm_that_is_opened_twice(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().open()
    heard = stream.listen(until=lambda heard: heard.stops)
    assert "is open already" in heard.stops[0]["message"]
    assert stream.delta("1").end().attach().finish().displayed() == ["1"]


def test_a_forged_message_is_dropped(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().attach()
    message = client.session.msg(
        "comm_msg",
        {"comm_id": stream.comm_id, "data": {"type": "delta", "text": "forged = 1\n"}},
    )
    frames = client.session.serialize(message)
    frames[1] = b"0" * len(frames[1])  # the signature
    client.shell_channel.socket.send_multipart(frames)
    heard = stream.delta("'forged' in globals()").end().finish()
    assert heard.displayed() == ["False"]


def test_a_syntax_error_after_good_lines(client: BlockingKernelClient) -> None:
    good = "".join(f"v{n} = {n}\n" for n in range(1, 40))
    stream = WireStream(client).open().attach()
    for line in good.splitlines(keepends=True):
        stream.delta(line)
    stream.until_run(39)
    heard = stream.delta("v40 = = 40\nv41 = 41\n").finish()
    assert heard.reply["ename"] == "SyntaxError"
    assert "line 40" in shown(heard)
    assert "v40 = = 40" in shown(heard)
    assert "Lines 1-39 of the program ran before this was known." in shown(heard)
    assert "cell.py" not in shown(heard)
    assert heard.result["error"]["lines"] == [40, 40]
    assert heard.result["executed_lines"] == 39
    assert [stop["reason"] for stop in heard.stops] == ["error"]
    assert run(client, "v39, 'v41' in globals()").displayed() == ["(39, False)"]


def test_a_syntax_error_in_a_program_that_is_all_there(client: BlockingKernelClient) -> None:
    heard = WireStream(client).open().delta("w1 = 1\nw2 = = 2\n").end().attach().finish()
    assert heard.reply["ename"] == "SyntaxError"
    assert heard.result["executed_lines"] == 0  # as in any cell
    assert heard.result["error"]["lines"] == [2, 2]
    assert run(client, "'w1' in globals()").displayed() == ["False"]


def test_a_string_that_is_not_closed(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().attach().delta("first = 1\n")
    stream.until_run(1)
    heard = stream.delta('text = """abc\nmore\n').end().finish()
    # The class is a private one in Python 3.13; so it is for any cell.
    assert heard.reply["ename"] in ("SyntaxError", "_IncompleteInputError")
    assert "line 2" in shown(heard)
    assert 'text = """abc' in shown(heard)
    assert "incomplete input" in shown(heard)  # what the shell's compiler says of any cell
    assert "Line 1 of the program ran before this was known." in shown(heard)
    assert run(client, "first").displayed() == ["1"]


@pytest.mark.parametrize(
    ("tail", "lines"),
    [("open('x', 'w", [2, 2]), ("for i in range(3):\n    pri", [2, 3])],
    ids=["in a statement", "in a block"],
)
def test_a_program_that_was_cut_off(
    client: BlockingKernelClient, tail: str, lines: list[int]
) -> None:
    stream = WireStream(client).open().attach().delta("done = 1\n" + tail)
    stream.until_run(1)
    heard = stream.end("length").finish()
    assert heard.reply["ename"] == "IncompleteProgramError"
    assert f"cut off (length) in line {lines[1]}" in shown(heard)
    assert "line 1 has run" in shown(heard)
    assert heard.result["error"]["lines"] == lines
    assert run(client, "done").displayed() == ["1"]


def test_a_complete_last_line_of_a_cut_off_program_is_not_trusted(
    client: BlockingKernelClient,
) -> None:
    heard = WireStream(client).open().attach().delta("a = 1\nb = 12").end("length").finish()
    assert heard.reply["ename"] == "IncompleteProgramError"
    assert run(client, "a, 'b' in globals()").displayed() == ["(1, False)"]


def test_a_cut_in_the_prose_after_the_code_does_no_harm(client: BlockingKernelClient) -> None:
    heard = (
        WireStream(client)
        .open()
        .attach()
        .delta("```python\nc = 3\nc\n```\nThis is")
        .end("length")
        .finish()
    )
    assert heard.reply["status"] == "ok"
    assert heard.displayed() == ["3"]


def test_half_a_surrogate_pair(client: BlockingKernelClient) -> None:
    heard = run(client, '{"code": "x = 1\\ny = \'\\ud83d\'\\n"}')
    assert heard.result["status"] == "error"
    assert "surrogates not allowed" in heard.reply["evalue"]


def test_a_program_that_is_too_long(start_kernel: Starter) -> None:
    _, client = start_kernel("eager_python", "--EagerRun.max_program_chars=100")
    stream = WireStream(client).open().attach().delta("kept = 1\n")
    stream.until_run(1)
    heard = stream.delta("x = 1\n" * 20).finish()
    assert heard.reply["ename"] == "LimitError"
    assert "longer than 100 characters" in shown(heard)
    assert [stop["reason"] for stop in heard.stops] == ["limit"]
    assert run(client, "kept").displayed() == ["1"]


# The limits of the next three are apart: none of them runs out where another is looked at, however
# slow the machine.


def test_a_stream_that_goes_silent(start_kernel: Starter) -> None:
    _, client = start_kernel("eager_python", "--EagerRun.delta_timeout=1.5")
    heard = WireStream(client).open().attach().delta("kept = 1\n").finish()
    assert "no text came for 1.5 s" in shown(heard)
    assert [stop["reason"] for stop in heard.stops] == ["limit"]
    assert WireStream(client).execute("kept").finish().displayed() == ["1"]


def test_a_stream_that_no_cell_attaches(start_kernel: Starter) -> None:
    _, client = start_kernel("eager_python", "--EagerRun.attach_timeout=0.4")
    heard = WireStream(client).open().delta("kept = 99\n").listen(until=lambda heard: heard.closed)
    assert "no cell attached the stream within 0.4 s" in heard.stops[0]["message"]
    cell = WireStream(client).execute("'kept' in globals()")
    assert cell.finish().displayed() == ["False"]


def test_too_many_streams(start_kernel: Starter) -> None:
    _, client = start_kernel("eager_python", "--EagerRun.max_streams=2")
    one, two, three = (WireStream(client).open() for _ in range(3))
    heard = three.listen(until=lambda heard: heard.closed)
    assert "2 streams are open" in heard.stops[0]["message"]
    for stream in (one, two):
        assert stream.delta("1").end().attach().finish().displayed() == ["1"]


def test_a_client_that_closes_its_comm(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().attach().delta("seen = 1\n")
    stream.until_run(1)
    stream.send("comm_close", {"comm_id": stream.comm_id, "data": {}})
    heard = stream.finish()
    assert heard.reply["ename"] == "RunCancelledError"
    assert heard.result["status"] == "cancelled"
    assert run(client, "seen").displayed() == ["1"]


def test_too_many_pending_deltas(start_kernel: Starter) -> None:
    _, client = start_kernel("eager_python", "--EagerRun.max_pending_deltas=3")
    # C code that keeps the GIL keeps every thread of the kernel from reading.
    busy = "print('go', flush=True); sum(range(60_000_000))\n"
    stream = WireStream(client).open().attach().delta(busy)
    stream.listen(until=lambda heard: heard.text() == "go\n")
    for number in range(500):
        stream.delta(f"x = {number}\n")
    heard = stream.finish()
    assert [stop["reason"] for stop in heard.stops] == ["limit"]
    assert "more than 3 deltas wait" in heard.stops[0]["message"]
    assert run(client, "1").displayed() == ["1"]


@pytest.mark.parametrize(
    "frames",
    [
        [b"<IDS|MSG>", b"sig"],
        [b"<IDS|MSG>", b"sig", b'{"msg_type": "comm_msg"}', b"{}", b"{}", b"not json"],
        [b"<IDS|MSG>", b"sig", b'["comm_msg"]', b"{}", b"{}", b"{}"],
        [b"<IDS|MSG>", b"", b'{"msg_type": "execute_request"}', b"{}", b"{}", b'["%eager"]'],
    ],
    ids=["too short", "no json", "no header", "no content"],
)
def test_frames_that_are_no_message(client: BlockingKernelClient, frames: list[bytes]) -> None:
    stream = WireStream(client).open().attach()
    client.shell_channel.socket.send_multipart(frames)
    assert stream.delta("5").end().finish().displayed() == ["5"]


def test_a_comm_id_that_is_too_long(client: BlockingKernelClient) -> None:
    stream = WireStream(client)
    stream.comm_id = "x" * 10_000
    heard = stream.open().listen(until=lambda heard: heard.closed)
    assert heard.stops[0]["message"] == "comm_id: longer than 256 characters"


def test_a_program_that_turns_out_to_be_none_while_a_batch_runs(
    client: BlockingKernelClient,
) -> None:
    stream = WireStream(client).open().attach()
    stream.delta(f"intake = get_ipython().kernel.streams.get({stream.comm_id!r}).intake\n")
    stream.until_run(1)
    # The statement that runs goes on until all of the text has been read.
    stream.delta("while intake.ending is None: pass\nx = 1\ns = 'abc\n").until_told("running", 1)
    heard = stream.delta("t = 1\n").end().finish()
    assert heard.errors() == ["SyntaxError"]
    assert "Cell In" in shown(heard)
    assert "line 4" in shown(heard)
    assert "Lines 1-2 of the program ran before this was known." in shown(heard)
    assert heard.result["error"]["lines"] == [4, 4]
    assert heard.result["executed_lines"] == 2
