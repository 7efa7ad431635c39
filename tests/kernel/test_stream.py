"""Streams into a real kernel process."""

from __future__ import annotations

import time

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from eager_kernel.testing.wire import WireStream, run
from tests.conftest import Starter


def test_text_before_during_and_after_the_attach(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().delta("a = 1\npri")
    time.sleep(0.2)
    stream.delta("nt(a)\n").attach().delta("b = a + 1\n")
    time.sleep(0.2)
    heard = stream.delta("b * 10").end().finish()
    assert heard.text() == "1\n"
    assert heard.displayed() == ["20"]
    assert heard.reply["status"] == "ok"
    assert heard.result["program"] == "a = 1\nprint(a)\nb = a + 1\nb * 10"
    assert heard.result["executed_lines"] == 4


def test_all_text_and_the_end_before_the_attach(client: BlockingKernelClient) -> None:
    heard = WireStream(client).open().delta("x = 41\nx + 1").end().attach().finish()
    assert heard.displayed() == ["42"]
    assert [c["index"] for c in heard.result["report"]["chunks"]] == [0, 1]


def intake_of(stream: WireStream) -> str:
    """A line by which a program sees what the kernel has read of its stream."""
    return f"intake = get_ipython().kernel.streams.get({stream.comm_id!r}).intake\n"


def test_statements_run_while_text_is_still_to_come(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().attach().delta("print('early')\n")
    stream.listen(until=lambda heard: "early" in heard.text())
    assert not stream.heard.closed
    assert stream.delta("print('late')").end().finish().text() == "early\nlate\n"


def test_text_comes_in_while_the_main_thread_sleeps_and_spins(
    client: BlockingKernelClient,
) -> None:
    stream = WireStream(client).open(gate="off").attach()
    # Each of the two goes on until text has been read that comes while it runs.
    stream.delta(
        f"{intake_of(stream)}import time\n"
        "while 'slept' + ' =' not in intake.program: time.sleep(0.01)\n"
        "while 'spun' + ' =' not in intake.program: pass\n"
        "done = True\n"
    )
    stream.until_told("running", 2).delta("slept = 1\n")
    stream.until_told("running", 3).delta("spun = 1\n")
    report = stream.end().finish().result["report"]
    slept, spun = report["chunks"][5:]
    assert slept["ready"] < report["chunks"][2]["finish"]
    assert spun["ready"] < report["chunks"][3]["finish"]


def test_a_program_is_not_charged_for_the_text_that_is_read_meanwhile(
    client: BlockingKernelClient,
) -> None:
    stream = WireStream(client).open(gate="off").attach()
    stream.delta(f"{intake_of(stream)}while 'last' + ' =' not in intake.program: pass\nend = 1\n")
    stream.until_told("running", 1)
    for number in range(100):
        stream.delta(f"# {number}\n")
    report = stream.delta("last = 1\n").end().finish().result["report"]
    spans = [(chunk["start"], chunk["finish"]) for chunk in report["chunks"]]
    in_statements = sum(finish - start for start, finish in spans)
    assert report["reading_s"] > 0
    in_batches = in_statements + report["setup_s"] * len({c["batch"] for c in report["chunks"]})
    charged = report["execution_s"] + report["reading_s"] + report["waited_s"]
    assert charged == pytest.approx(in_batches)


def test_runs_follow_each_other_with_cells_between(client: BlockingKernelClient) -> None:
    first = run(client, "n = 1\n", "n")
    between = client.execute_interactive("n += 1", timeout=60, output_hook=lambda m: None)
    second = run(client, "n\n", "n + 1")
    counts = [
        first.reply["execution_count"],
        between["content"]["execution_count"],
        second.reply["execution_count"],
    ]
    assert counts == [counts[0], counts[0] + 1, counts[0] + 2]
    assert (first.displayed(), second.displayed()) == (["1"], ["3"])


def test_an_error_stops_the_stream_and_keeps_what_ran(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().attach().delta("kept = 7\nkept / 0\n")
    stream.listen(until=lambda heard: heard.stops)
    heard = stream.delta("never = 1\n").end().finish()
    assert heard.stops == [
        {
            "type": "stop",
            "reason": "error",
            "message": "ZeroDivisionError: division by zero",
        }
    ]
    assert heard.errors() == ["ZeroDivisionError"]
    assert heard.reply["status"] == heard.result["status"] == "error"
    assert heard.result["error"]["lines"] == [2, 2]
    assert heard.result["executed_lines"] == 1
    assert heard.result["program"] == "kept = 7\nkept / 0\n"
    assert run(client, "kept, 'never' in globals()").displayed() == ["(7, False)"]


def test_draining_waits_for_the_whole_program(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open(on_error="drain").attach().delta("x = 1 / 0\n")
    stream.until_told("failed")
    assert not stream.heard.closed
    heard = stream.delta("after = 1\n").end().finish()
    assert heard.stops == []
    assert heard.result["program"] == "x = 1 / 0\nafter = 1\n"
    assert "after = 1" in _plain("\n".join(heard.result["error"]["traceback"]))
    assert run(client, "'after' in globals()").displayed() == ["False"]


def test_cancel_drops_what_has_not_run(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().attach()
    stream.delta(f"{intake_of(stream)}while intake.supply.wanted: pass\nlate = 1\n")
    heard = stream.until_told("running", 1).data({"type": "cancel"}).finish()
    assert heard.result["status"] == "cancelled"
    assert heard.reply["ename"] == "RunCancelledError"
    assert [stop["reason"] for stop in heard.stops] == ["cancelled"]
    assert run(client, "'late' in globals()").displayed() == ["False"]


def test_a_program_of_one_megabyte(client: BlockingKernelClient) -> None:
    line = "total = total + 1  # " + "x" * 70 + "\n"
    count = 1_000_000 // len(line) + 1
    text = "total = 0\n" + line * count + "total"
    pieces = [text[i : i + 20_000] for i in range(0, len(text), 20_000)]
    heard = run(client, *pieces)
    assert heard.displayed() == [str(count)]
    assert heard.result["program"] == text


def test_a_markdown_answer(client: BlockingKernelClient) -> None:
    answer = "Sure:\n\n```python\nx = 2\nx * 3\n```\n\nAnd then:\n```python\nx * 4\n```\nDone."
    heard = run(client, *answer)
    assert heard.displayed() == ["8"]
    assert heard.result["program"] == "x = 2\nx * 3\nx * 4\n"


def test_the_end_of_a_code_block_completes_its_last_statement(
    client: BlockingKernelClient,
) -> None:
    text = "```python\nfor i in range(2):\n    print(i)\n```\n"
    stream = WireStream(client).open().attach().delta(text)
    stream.listen(until=lambda heard: "0\n1\n" in heard.text())
    assert stream.delta("That printed two lines.").end().finish().reply["status"] == "ok"


@pytest.mark.parametrize(
    ("text", "status"),
    [("", "no_code"), ("\n\n", "no_code"), ("# only a comment\n", "ok")],
    ids=["nothing", "blank", "comment"],
)
def test_programs_that_do_nothing(client: BlockingKernelClient, text: str, status: str) -> None:
    heard = run(client, text)
    assert heard.reply["status"] == "ok"
    assert heard.result["status"] == status
    assert heard.displayed() == []


def test_an_answer_without_code_says_so(client: BlockingKernelClient) -> None:
    heard = run(client, "You need no code for that.\n\n```json\n{}\n```\n")
    assert heard.reply["status"] == "ok"
    assert heard.result["status"] == "no_code"
    assert heard.result["error"] is None
    assert heard.result["left_out"] == {
        "blocks": [["json", 1]],
        "prose_lines": 1,
        "reasoning_lines": 0,
        "json_values": 0,
        "message": 'no Python found; left out: 1 block of "json", 1 line of prose',
    }


def test_a_program_says_which_blocks_are_no_part_of_it(client: BlockingKernelClient) -> None:
    text = "First:\n```bash\npip install x\n```\nThen:\n```python\n2 * 21\n```\n"
    heard = run(client, text)
    assert heard.displayed() == ["42"]
    assert heard.result["status"] == "ok"
    assert heard.result["left_out"]["message"] == 'left out: 1 block of "bash"'


@pytest.mark.parametrize(
    ("text_format", "text"),
    [
        ("json:query", '{"language": "python", "query": "6 * 7"}'),
        ("json:arguments.source", '{"arguments": {"source": "6 * 7"}}'),
        ("tags:run", "Use <code>x</code>: <run>6 * 7</run>"),
    ],
)
def test_formats_with_a_name(client: BlockingKernelClient, text_format: str, text: str) -> None:
    heard = run(client, text, format=text_format)
    assert heard.displayed() == ["42"]
    assert heard.result["program"] == "6 * 7"


def test_what_waits_for_the_end_of_the_answer_is_limited(start_kernel: Starter) -> None:
    _, client = start_kernel("eager_python", "--EagerRun.max_program_chars=1000")
    stream = WireStream(client).open().attach()
    heard = stream.delta("```\n").delta("x = 1\n" * 200).finish()
    assert heard.reply["ename"] == "LimitError"
    assert "EagerRun.max_program_chars" in heard.reply["evalue"]


def test_chunk_states_are_told(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().attach()
    stream.delta(f"{intake_of(stream)}while 'division' + ' =' not in intake.program: pass\n")
    stream.delta("_ = 0; _ = 1\n")
    stream.until_told("done", 0).until_told("running", 1)
    heard = stream.delta("division = 1 / 0\n").end().finish()
    states = [(m["index"], m["state"]) for m in heard.comm if m["type"] == "chunk"]
    assert states[-1] == (4, "failed")


def test_serial_mode_runs_nothing_before_the_end(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open(gate="serial").attach().delta("print('held')\n")
    stream.until_told("held").listen(0.3)
    assert stream.heard.text() == ""
    assert stream.heard.comm[0]["state"] == "held"
    assert "serial mode" in stream.heard.comm[0]["reason"]
    assert stream.end().finish().text() == "held\n"


def test_cancel_drops_what_has_not_run_of_a_text_that_has_ended(
    client: BlockingKernelClient,
) -> None:
    stream = WireStream(client).open().attach()
    stream.delta(f"{intake_of(stream)}while intake.supply.wanted: pass\nlate").until_told(
        "running", 1
    )
    heard = stream.delta("r = 1\n").end().data({"type": "cancel"}).finish()
    assert heard.result["status"] == "cancelled"
    assert run(client, "'later' in globals()").displayed() == ["False"]


def test_cancel_of_a_program_that_has_run_changes_nothing(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().attach()
    stream.delta(f"{intake_of(stream)}_ = all(iter(lambda: intake.ending is None, False))\n")
    stream.until_told("running", 1)
    assert stream.end().data({"type": "cancel"}).finish().result["status"] == "ok"


def test_a_stream_whose_cell_is_queued_is_kept(start_kernel: Starter) -> None:
    _, client = start_kernel("eager_python", "--EagerRun.attach_timeout=0.3")
    client.execute("import time; time.sleep(1.2)")
    heard = WireStream(client).open().attach().delta("x = 3\nx").end().finish()
    assert heard.displayed() == ["3"]


def test_a_stream_whose_cell_is_aborted_is_dropped(client: BlockingKernelClient) -> None:
    client.execute("import time; time.sleep(0.5); 1 / 0")
    stream = WireStream(client).open().attach().delta("x = 3\n")
    heard = stream.finish()
    assert heard.reply["status"] == "aborted"
    assert heard.stops[0]["message"] == "its cell was aborted"


def test_another_loop_runner_is_explained(client: BlockingKernelClient) -> None:
    client.execute_interactive("%autoawait sync", timeout=60, output_hook=lambda m: None)
    stream = WireStream(client).open()
    reply = client.execute_interactive(
        f"%eager attach {stream.comm_id}", timeout=60, output_hook=lambda m: None
    )
    client.execute_interactive("%autoawait asyncio", timeout=60, output_hook=lambda m: None)
    assert "%autoawait asyncio" in reply["content"]["evalue"]
    assert stream.delta("9").end().attach().finish().displayed() == ["9"]


def test_cancel_before_the_attach_drops_the_stream(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().delta("x = 1\n").data({"type": "cancel"})
    heard = stream.listen(until=lambda heard: heard.closed)
    assert [stop["reason"] for stop in heard.stops] == ["cancelled"]


def test_input_is_answered(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().attach(allow_stdin=True)
    stream.delta("name = input('who? ')\n")
    question = client.get_stdin_msg(timeout=60)
    assert question["content"]["prompt"] == "who? "
    stream.delta("print('hello', name)\n").end()  # text comes in while the program waits
    client.input("Ada")
    assert stream.finish().text() == "hello Ada\n"


def test_input_without_a_frontend_is_the_usual_error(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().attach(allow_stdin=False)
    heard = stream.delta("input()\n").end().finish()
    assert heard.reply["ename"] == "StdinNotImplementedError"


def test_two_streams_wait_for_each_other(client: BlockingKernelClient) -> None:
    first, second = WireStream(client).open(), WireStream(client).open()
    first.attach()
    second.attach()
    second.delta("who = 'second'\n").end()
    first.delta("who = 'first'\n").end()
    assert first.finish().result["status"] == "ok"
    assert second.finish().result["status"] == "ok"
    assert run(client, "who").displayed() == ["'second'"]


def _plain(text: str) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_a_statement_that_does_not_compile_after_others_ran(
    client: BlockingKernelClient,
) -> None:
    for known in (True, False):
        stream = WireStream(client).open()
        if known:
            heard = stream.delta("r = 1\nreturn r\n").end().attach().finish()
        else:
            heard = stream.attach().delta("r = 1\n").delta("return r\n").end().finish()
        assert heard.reply["ename"] == "SyntaxError"
        assert heard.result["error"]["lines"] == [2, 2]
        assert heard.result["executed_lines"] == 1
