"""What the kernel keeps for a client whose connection breaks, by the protocol."""

from __future__ import annotations

from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient

from eager_kernel.kernel.journal import Journals
from eager_kernel.testing.wire import Heard, WireStream
from tests.conftest import Starter


def resume(client: BlockingKernelClient, comm_id: str, **data: Any) -> list[dict[str, Any]]:
    """Ask for what was missed; returns the answer, and the messages that are told again."""
    stream = WireStream(client)
    stream.comm_id = comm_id
    asked = client.session.msg("comm_msg", {"comm_id": comm_id, "data": {"type": "resume", **data}})
    client.shell_channel.send(asked)
    answer: list[dict[str, Any]] = []
    count = 1
    while len(answer) < count:
        message = client.get_iopub_msg(timeout=60)
        parent = message["parent_header"].get("msg_id")
        if not answer and (parent != asked["header"]["msg_id"] or message["msg_type"] == "status"):
            continue
        data = message["content"]["data"]
        answer.append(data["message"] if answer else message)
        count += data.get("count", 0)
    return answer


def told(messages: list[dict[str, Any]]) -> str:
    texts = [m["content"]["text"] for m in messages if m["header"]["msg_type"] == "stream"]
    return "".join(texts)


def of_run(heard: Heard) -> list[str]:
    """The ids of the messages that a run's client heard."""
    return [message["header"]["msg_id"] for message in heard.iopub]


def test_all_of_a_run_is_told_again(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open(resume=True).attach()
    stream.delta("print('a')\n").delta("6 * 7").end()
    heard = stream.finish()
    answer, *again = resume(client, stream.comm_id, number=3)
    data = answer["content"]["data"]
    assert (data["number"], data["more"], data["missing"]) == (3, False, False)
    assert data["reply"]["status"] == "ok"
    assert data["input"] is None
    assert told(again) == "a\n"
    ids = [message["header"]["msg_id"] for message in again]
    assert len(ids) == len(set(ids))
    assert set(of_run(heard)) <= set(ids)  # the very same messages
    kinds = [m["content"]["data"]["type"] for m in again if m["header"]["msg_type"] == "comm_msg"]
    assert kinds[-1] == "result"
    # From the middle.
    middle = ids[len(ids) // 2]
    answer, *rest = resume(client, stream.comm_id, after=middle)
    assert [message["header"]["msg_id"] for message in rest] == ids[len(ids) // 2 + 1 :]


def test_a_run_whose_client_does_not_ask_for_it_is_not_kept(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().attach().delta("1").end()
    stream.finish()
    (answer,) = resume(client, stream.comm_id)
    assert answer["content"]["data"]["missing"] is True


def test_a_stream_that_never_was(client: BlockingKernelClient) -> None:
    (answer,) = resume(client, "no-such-comm")
    assert answer["content"]["data"]["missing"] is True


def test_wrong_requests_name_the_field(client: BlockingKernelClient) -> None:
    for data, field in (({"number": "1"}, "data.number"), ({"after": 5}, "data.after")):
        stop = resume(client, "no-such-comm", **data)[0]["content"]["data"]
        assert (stop["type"], stop["reason"]) == ("stop", "protocol")
        assert stop["message"].startswith(field)
    stream = WireStream(client).open(resume="yes")
    stop = stream.listen(until=lambda heard: heard.closed).stops[0]
    assert stop["message"] == "data.resume: must be true or false, not 'yes'"


def test_what_comes_twice_runs_once(client: BlockingKernelClient) -> None:
    """A client that is back sends again, byte for byte, what may have arrived."""
    stream = WireStream(client)
    session = client.session
    opening = {"comm_id": stream.comm_id, "target_name": "eager.stream"}
    messages = [
        session.msg("comm_open", {**opening, "data": {"version": 1, "resume": True}}),
        session.msg("execute_request", {**_CELL, "code": f"%eager attach {stream.comm_id}"}),
        *(
            session.msg("comm_msg", {"comm_id": stream.comm_id, "data": data})
            for data in (
                {"type": "delta", "text": "print('once')\n", "offset": 0},
                {"type": "delta", "text": "5", "offset": 14},
                {"type": "end"},
            )
        ),
    ]
    stream.request = messages[1]["header"]["msg_id"]
    for message in (*messages[:3], *messages[:4], *messages):
        client.shell_channel.send(message)
    heard = stream.finish()
    assert heard.text() == "once\n"
    assert heard.displayed() == ["5"]
    assert heard.result["status"] == "ok"
    for message in messages:
        client.shell_channel.send(message)
    _, *again = resume(client, stream.comm_id)
    assert told(again) == "once\n"


def test_what_is_kept_has_a_limit(start_kernel: Starter) -> None:
    _, client = start_kernel("eager_python", "--EagerRun.max_journal_bytes=20000")
    stream = WireStream(client).open(resume=True).attach()
    stream.delta("for i in range(50):\n    print('x' * 1000, flush=True)\n\n").end()
    first = of_run(stream.finish())[0]
    for after in (None, first):
        answer, *again = resume(client, stream.comm_id, after=after)
        assert answer["content"]["data"]["missing"] is True
    assert 0 < len(told(again)) < 20000


def test_journals_of_ended_runs_make_room() -> None:
    journals = Journals(1000)

    def record(parent: str, number: int) -> None:
        header = f'{{"msg_id": "{parent}-{number}"}}'.encode()
        about = f'{{"msg_id": "{parent}"}}'.encode()
        journals.record([b"topic", b"<IDS|MSG>", b"", header, about, b"{}", b"y" * 300])

    for name in map(str, range(300)):
        journals.open(name, f"open-{name}")
        assert journals.expect(name, f"cell-{name}")
        assert not journals.expect(name, f"cell-{name}")
        for number in range(2):
            record(f"cell-{name}", number)
        journals.note_reply(name, {"status": "ok"})
    kept = [name for name in map(str, range(300)) if not journals.since(name, None).missing]
    assert kept == ["298", "299"]
    for name in map(str, range(1000, 1300)):
        journals.open(name, f"open-{name}")  # nobody attaches these
    assert len(journals._journals) <= 96


_CELL = {
    "silent": False,
    "store_history": True,
    "user_expressions": {},
    "allow_stdin": False,
    "stop_on_error": False,
}
