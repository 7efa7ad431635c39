"""Files of recorded answers."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eager_kernel.errors import RecordingError
from eager_kernel.sources import recording
from eager_kernel.sources.recording import (
    RecordedAnswer,
    TimedDelta,
    format_answer,
    read_recording,
)
from eager_kernel.sources.source import Usage

HEADER = '{"format": "eager-recording", "version": 1}\n'
DELTA = '{"t": 1, "text": "a"}\n'


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    deltas = (TimedDelta(0.0, "é\u2028\n"), TimedDelta(0.0, ""), TimedDelta(2.5, '"'))
    path.write_text(format_answer(RecordedAnswer(deltas)), encoding="utf-8")
    assert read_recording(path) == [RecordedAnswer(deltas)]


def test_line_separator_inside_a_string_is_no_line_end(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text(HEADER + '{"t": 1, "text": "a\u2028b"}\n', encoding="utf-8")
    assert read_recording(path)[0].deltas == (TimedDelta(1.0, "a\u2028b"),)


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("", 1, "found an empty line"),
        ("not json\n", 1, "not JSON"),
        ("[]\n", 1, "expected a JSON object, found an array"),
        ('{"version": 1}\n', 1, 'missing field "format"'),
        ('{"format": "other", "version": 1}\n', 1, 'unknown format "other"'),
        ('{"format": "eager-recording"}\n', 1, 'missing field "version"'),
        ('{"format": "eager-recording", "version": 2}\n', 1, "unknown version 2, expected 1"),
        (
            '{"format": "eager-recording", "version": "1"}\n',
            1,
            "must be an integer, found a string",
        ),
        ('{"format": "eager-recording", "version": true}\n', 1, "found a boolean"),
        (HEADER + '{"t": 1, "text": "a"\n', 2, "not JSON"),
        (HEADER + "null\n", 2, "expected a JSON object, found null"),
        (HEADER + '{"t": 1, "text": "a"}\n\n{"t": 2, "text": "b"}\n', 3, "found an empty line"),
        (HEADER + '{"text": "a"}\n', 2, 'missing field "t"'),
        (HEADER + '{"t": 1}\n', 2, 'missing field "text"'),
        (HEADER + '{"t": "1", "text": "a"}\n', 2, '"t" must be a number, found a string'),
        (HEADER + '{"t": true, "text": "a"}\n', 2, '"t" must be a number, found a boolean'),
        (HEADER + '{"t": NaN, "text": "a"}\n', 2, "must be finite"),
        (HEADER + '{"t": -1, "text": "a"}\n', 2, "not negative"),
        (HEADER + f'{{"t": 1{"0" * 400}, "text": "a"}}\n', 2, "must be finite"),
        (HEADER + '{"t": 1, "text": {}}\n', 2, '"text" must be a string, found an object'),
        (HEADER + '{"t": 1e999, "text": "a"}\n', 2, "must be finite"),
        (HEADER + '{"t": -Infinity, "text": "a"}\n', 2, "must be finite"),
        (HEADER + '{"t": [], "text": "a"}\n', 2, '"t" must be a number, found an array'),
        (HEADER + '{"t": null, "text": "a"}\n', 2, '"t" must be a number, found null'),
        (HEADER + '{"t": 0, "text": true}\n', 2, '"text" must be a string, found a boolean'),
        (HEADER + '{"t": 0, "t": 1, "text": "a"}\n', 2, 'the field "t" is there twice'),
        ('{"format": "x", "format": "eager-recording", "version": 1}\n', 1, "is there twice"),
        (
            '{"format": "eager-recording", "version": 1.0}\n',
            1,
            "must be an integer, found a number",
        ),
        ('{"format": "eager-recording", "version": NaN}\n', 1, "must be an integer"),
        ('{"format": [[[[]]]], "version": 1}\n', 1, "unknown format an array"),
        ('{"format": "\\u001b[2J", "version": 1}\n', 1, r'unknown format "\u001b[2J"'),
        ("\ufeff" + HEADER, 1, "BOM"),
        (HEADER + '{"t": 1, "text": "a"}\n' + "\0\n", 3, "not JSON"),
        *(
            (text.replace("DIGITS", digits), 2, "not JSON")
            for digits in ("1" * 5001, "-" + "9" * 5001)
            for text in (
                HEADER + '{"t": DIGITS, "text": "a"}\n',
                HEADER + '{"t": 0, "text": "a", "more": DIGITS}\n',
                HEADER + '{"finish_reason": "stop", "usage": {"input_tokens": DIGITS}}\n',
            )
        ),
        ('{"format": "eager-recording", "version": 1' + "0" * 5000 + "}\n", 1, "not JSON"),
        ('{"format": "eager-recording", "version": 1' + "0" * 4000 + "}\n", 1, "unknown version"),
        (
            HEADER + '{"t": 1, "text": "a"}\n{"t": 0.5, "text": "b"}\n',
            3,
            "time goes backwards, from 1.0 s to 0.5 s",
        ),
    ],
)
def test_bad_files_are_named(tmp_path: Path, content: str, line: int, problem: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RecordingError) as caught:
        read_recording(path)
    message = str(caught.value)
    assert message.startswith(f"{path}, line {line}: ")
    assert problem in message


def test_bytes_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(HEADER.encode() + b'{"t": 1, "text": "\xff"}\n')
    with pytest.raises(ValueError, match="line 2: not UTF-8 text"):
        read_recording(path)


def test_an_end_and_several_answers(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    first = RecordedAnswer((TimedDelta(0.5, "a"),), "stop", Usage(3, 1))
    second = RecordedAnswer((), "length")
    third = RecordedAnswer((TimedDelta(0.1, "b"),))
    path.write_text("".join(map(format_answer, (first, second, third))))
    assert read_recording(path) == [first, second, third]


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ('{"finish_reason": "stop"}\n' + DELTA, 3, "the answer has ended"),
        ('{"finish_reason": 1}\n', 2, '"finish_reason" must be a string, found a number'),
        ('{"usage": []}\n', 2, '"usage" must be an object, found an array'),
        ('{"usage": {"input_tokens": true}}\n', 2, '"usage.input_tokens" must be an integer'),
        (DELTA + '{"format": "eager-recording", "version": 9}\n', 3, "unknown version 9"),
        ("[" * 100_000 + "\n", 2, "not JSON"),
        ('{"usage": {"input_tokens": NaN}}\n', 2, '"usage.input_tokens" must be an integer'),
        ('{"usage": {"input_tokens": -1}}\n', 2, "must be a number of tokens"),
        ('{"usage": {"output_tokens": 1e3}}\n', 2, '"usage.output_tokens" must be an integer'),
        ('{"usage": {"output_tokens": 1' + "0" * 300 + "}}\n", 2, "must be a number of tokens"),
        ('{"usage": {}, "usage": {}}\n', 2, "is there twice"),
        ('{"x": [' + "[]," * 700_000 + "1]}\n", 2, "too many arrays and objects"),
    ],
)
def test_bad_ends_are_named(tmp_path: Path, content: str, line: int, problem: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(HEADER + content)
    with pytest.raises(RecordingError) as caught:
        read_recording(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert problem in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        read_recording(tmp_path / "none.jsonl")


def test_messages_are_short(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"format": "' + "x" * 100_000 + '", "version": 1}\n')
    with pytest.raises(RecordingError) as caught:
        read_recording(path)
    assert len(str(caught.value)) < 1000


def test_a_file_that_is_too_long_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MAX_BYTES", 1000)
    path = tmp_path / "long.jsonl"
    path.write_text(HEADER + DELTA * 20)
    assert read_recording(path)
    path.write_text(HEADER + DELTA * 100)
    with pytest.raises(RecordingError, match="is longer than 1,000 bytes"):
        read_recording(path)


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "\ud800", "/dev/zero/x", "."])
def test_a_name_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordingError):
        read_recording(tmp_path / name)


def test_what_has_no_end_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MAX_BYTES", 1_000_000)
    with pytest.raises(RecordingError, match="is longer than"):
        read_recording(Path("/dev/zero"))


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    )
)
def test_any_file_is_read_or_refused(data: bytes) -> None:
    class File:
        def open(self, mode: str) -> io.BytesIO:
            return io.BytesIO(data)

        def __str__(self) -> str:
            return "file"

    for content in (data, HEADER.encode() + data, HEADER.encode() + DELTA.encode() + data):
        data = content
        with contextlib.suppress(RecordingError):
            assert read_recording(File())  # type: ignore[arg-type]
