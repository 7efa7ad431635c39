"""What a kernel may say: whatever comes, it is taken as it must be, or refused in one way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyter_client.session import Session

from eager_kernel.client import checks
from eager_kernel.client.heard import UnfitError, check_message, read_frames
from eager_kernel.client.outputs import OutputCollector, size_of
from eager_kernel.client.websocket import V1, decode
from eager_kernel.core.report import Report
from eager_kernel.protocol import CHUNK_STATES, STOP_REASONS

NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(), st.sampled_from([float("nan"), 2**53, True])
)
ODD = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=8), st.just("\ud800\n\n")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = (
    *("type", "index", "lines", "state", "category", "reason", "message", "status", "error"),
    *("execution_count", "program", "executed_lines", "report", "number", "count", "more"),
    *("missing", "reply", "input", "name", "text", "data", "metadata", "transient", "ename"),
    *("evalue", "traceback", "prompt", "password", "header", "parent_header", "content", "buffers"),
)
WORDS = (
    *("chunk", "stop", "result", "done", "plain", "error", "ok", "stdout"),
    *CHUNK_STATES,
    *STOP_REASONS,
)
NEARLY = st.dictionaries(
    st.sampled_from(FIELDS), st.one_of(ODD, st.sampled_from(WORDS), st.just([1, 1])), max_size=12
)
RESUMED = {"number": 1, "count": 0, "more": False, "missing": False}
CHUNK = {
    "type": "chunk",
    "index": 0,
    "lines": [1, 2],
    "state": "done",
    "category": "plain",
    "reason": "",
}


@given(NEARLY)
def test_any_json_is_taken_or_refused(data: dict[str, Any]) -> None:
    takers = [
        lambda: checks.check_event(data, 100),
        lambda: checks.check_event({**CHUNK, **data}, 100),
        lambda: checks.check_event({"type": "result", "status": "ok", **data}, 100),
        lambda: checks.check_report(data),
        lambda: checks.check_resumed(data),
        lambda: checks.check_again(data, []),
        lambda: checks.check_reply({"status": "ok", **data}),
        lambda: checks.check_question(data),
        lambda: checks.check_resumed({**RESUMED, "input": data}),
        lambda: checks.check_update(data),
        lambda: check_message(data),
        *(
            lambda kind=kind: checks.check_output(kind, data)  # type: ignore[misc]
            for kind in ("stream", "error", "display_data", "execute_result")
        ),
    ]
    for take in takers:
        refused = ""
        try:
            assert isinstance(take(), dict | tuple)
        except UnfitError as error:
            refused = str(error)
        assert refused.isascii()  # and says nothing of what came
        assert "\n" not in refused
        assert len(refused) < 200


@given(NEARLY)
def test_what_is_taken_can_be_sent_on(data: dict[str, Any]) -> None:
    for take in (
        lambda: checks.check_event({**CHUNK, **data}, 100),
        lambda: checks.check_output("display_data", {"data": data, "metadata": {}}),
        lambda: checks.check_reply({"status": "ok", **data}),
    ):
        try:
            taken = take()
        except UnfitError:
            continue
        json.dumps(taken, ensure_ascii=False, allow_nan=False).encode()


def test_extra_fields_are_left_out() -> None:
    assert checks.check_event({**CHUNK, "more": "x"}, 10) == CHUNK
    result = {"type": "result", "status": "ok", "program": "x", "executed_lines": 1, "new": 1}
    taken = checks.check_event(result, 10)
    assert "new" not in taken
    assert (taken["execution_count"], taken["error"]) == (None, None)


def test_a_program_is_no_longer_than_what_was_sent() -> None:
    result = {"type": "result", "status": "ok", "executed_lines": 1}
    # Half a surrogate pair is spelled out by the kernel.
    assert checks.check_event({**result, "program": "\\udc80" * 10}, 10)["program"]
    with pytest.raises(UnfitError, match="must not be longer"):
        checks.check_event({**result, "program": "x" * 1000}, 10)


LEFT_OUT = {"prose_lines": 1, "reasoning_lines": 0, "json_values": 0, "message": "left out"}


def test_what_was_left_out() -> None:
    result = {"type": "result", "status": "no_code", "program": "", "executed_lines": 0}
    left_out = {**LEFT_OUT, "blocks": [["sh", 1], ["", 2]]}
    assert checks.check_event({**result, "left_out": left_out}, 100)["left_out"] == left_out


@pytest.mark.parametrize(
    "blocks", [None, {}, [["sh"]], [["sh", True]], [[1, 1]], [["x" * 2000, 1]], [["sh", 1]] * 200]
)
def test_what_can_not_have_been_left_out(blocks: object) -> None:
    result = {"type": "result", "status": "ok", "program": "x", "executed_lines": 0}
    with pytest.raises(UnfitError):
        checks.check_event({**result, "left_out": {**LEFT_OUT, "blocks": blocks}}, 100)


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_frames(parts: list[bytes]) -> None:
    session = Session(key=b"the key")
    for frames in (parts, [b"<IDS|MSG>", *parts], [b"<IDS|MSG>", session.sign(parts[:4]), *parts]):
        with pytest.raises(UnfitError):
            read_frames(session, frames)


@given(st.lists(ODD, min_size=4, max_size=5))
def test_any_json_that_is_signed(parts: list[Any]) -> None:
    session = Session(key=b"the key")
    packed = [json.dumps(part).encode() for part in parts]
    frames = [b"<IDS|MSG>", session.sign(packed[:4]), *packed]
    try:
        message = read_frames(session, frames)
    except UnfitError:
        return
    assert message is not None


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)), st.sampled_from([V1, None]))
def test_anything_on_a_websocket(data: bytes | str, protocol: str | None) -> None:
    with pytest.raises(UnfitError):
        decode(Session(), data, protocol)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{" + b" " * 70_000_000 + b"}", "longer than 64,000,000 bytes"),
        (b'{"x": [' + b",".join([b"[]"] * 1_000_000) + b"]}", "too many arrays and objects"),
        (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "no Jupyter message"),
        (b'{"x": 1' + b"0" * 5000 + b"}", "no Jupyter message"),
    ],
)
def test_what_would_take_much_to_read(content: bytes, says: str) -> None:
    session = Session(key=b"the key")
    parts = [json.dumps(session.msg_header("status"), default=str).encode(), b"{}", b"{}", content]
    with pytest.raises(UnfitError, match=says):
        read_frames(session, [b"<IDS|MSG>", session.sign(parts), *parts])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"ttft_s": "x"}, "ttft_s: is no float"),
        ({"ttft_s": float("nan")}, "ttft_s: is no float"),
        ({"ttft_s": None}, "ttft_s: is no float"),
        ({"saved_s": 10**400}, "saved_s: is no float"),
        ({"regime": "odd"}, "regime: is no Regime"),
        ({"chunks": 5}, "chunks: must be a list"),
        ({"chunks": [5]}, "chunks: must hold objects"),
        ({"chunks": [{}]}, "lines: must be a list"),
        ({"critical_chunks": True}, "critical_chunks: is no float"),
    ],
)
def test_a_report_that_is_none(wrong: dict[str, Any], says: str) -> None:
    plain = dict.fromkeys(
        ("ttft_s", "generation_s", "execution_s", "end_to_end_s", "non_overlapped_s", "serial_s"),
        1.0,
    )
    plain |= dict.fromkeys(("saved_s", "hidden_fraction", "lower_bound_s"), 0.5)
    whole: dict[str, Any] = {**plain, "regime": "balanced", "chunks": []}
    assert Report.from_dict(whole).ttft_s == 1.0
    with pytest.raises(ValueError, match=says):
        Report.from_dict({**whole, **wrong})


# How much is kept -------------------------------------------------------------------------------


def message(kind: str, **content: Any) -> dict[str, Any]:
    return {"header": {"msg_type": kind}, "content": content}


def display(text: str, display_id: str | None = None) -> dict[str, Any]:
    transient = {} if display_id is None else {"display_id": display_id}
    return message("display_data", data={"text/plain": text}, metadata={}, transient=transient)


def test_outputs_above_the_limit_are_dropped() -> None:
    collector = OutputCollector(10_000)
    for _ in range(3):
        collector.take(display("x" * 2000))
    with pytest.raises(UnfitError, match="have reached 10,000 bytes"):
        collector.take(display("x" * 5000))
    collector.take(display("y"))  # what is small has room
    assert len(collector.outputs) == 4
    collector.take(message("clear_output", wait=False))
    collector.take(display("x" * 8000))
    assert len(collector.outputs) == 1


def test_a_stream_has_a_limit_too() -> None:
    collector = OutputCollector(10_000)
    for _ in range(3):
        collector.take(message("stream", name="stdout", text="x" * 2000))
    with pytest.raises(UnfitError):
        collector.take(message("stream", name="stdout", text="x" * 5000))
    (output,) = collector.outputs
    assert output["text"] == "x" * 6000
    assert collector.outputs == [output]


def test_updates_count_once() -> None:
    collector = OutputCollector(10_000)
    collector.take(display("x", "id"))
    for _ in range(100):
        collector.take(
            message(
                "update_display_data",
                data={"text/plain": "y" * 3000},
                metadata={},
                transient={"display_id": "id"},
            )
        )
    assert collector.outputs[0]["data"] == {"text/plain": "y" * 3000}
    collector.take(display("x" * 3000))


def test_wide_characters_count_for_what_they_take() -> None:
    assert size_of("x" * 1000) < 1100
    assert size_of("\U0001f600" * 1000) > 4000
    assert size_of({"a": ["x" * 1000]}) > 1000
