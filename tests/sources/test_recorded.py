"""``recorded/NAME``, and recordings that are made of any source."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest

from eager_kernel.errors import RecordingError, SourceError
from eager_kernel.sources.answer import Answer
from eager_kernel.sources.recorded import load_recording, recordings_folder
from eager_kernel.sources.recording import (
    RecordedAnswer,
    Recorder,
    TimedDelta,
    format_answer,
    read_recording,
)
from eager_kernel.sources.registry import open_source
from eager_kernel.sources.source import Message, Options, Request, Usage

AT_ONCE = Options(extra={"speed": 0})


def ask(attempt: int = 0) -> Request:
    return Request((Message("user", "x"),), attempt=attempt)


def answer(model_id: str, options: Options = AT_ONCE, attempt: int = 0) -> Answer:
    return Answer(open_source(model_id, options), ask(attempt), options)


async def text_of(answer: Answer) -> str:
    return "".join([text async for text in answer])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    folder = recordings_folder()
    folder.mkdir(parents=True)
    return folder


async def test_the_bundled_recording() -> None:
    got = answer("recorded/demo")
    assert await text_of(got) == load_recording().text
    assert got.finish_reason is None


async def test_by_name_and_by_path(folder: Path) -> None:
    file = folder / "mine.jsonl"
    recorded = RecordedAnswer((TimedDelta(0.1, "x = 1"),), "length", Usage(1, 2))
    file.write_text(format_answer(recorded))
    for name in ("mine", str(file)):
        got = answer(f"recorded/{name}")
        assert await text_of(got) == "x = 1"
        assert (got.finish_reason, got.usage) == ("length", Usage(1, 2))
    with pytest.raises(RecordingError, match=r"no recording 'yours'.*Recordings: demo, mine\."):
        await text_of(answer("recorded/yours"))


async def test_repairs_get_the_next_answers(folder: Path) -> None:
    texts = [format_answer(RecordedAnswer((TimedDelta(0, t),))) for t in ("first", "second")]
    folder.joinpath("two.jsonl").write_text("".join(texts))
    got = [await text_of(answer("recorded/two", attempt=k)) for k in range(4)]
    assert got == ["first", "second", "second", "second"]


async def test_the_pace(folder: Path) -> None:
    deltas = tuple(TimedDelta(0.2 * k, str(k)) for k in range(1, 4))
    folder.joinpath("slow.jsonl").write_text(format_answer(RecordedAnswer(deltas)))
    start = time.monotonic()
    times = []
    async for _ in answer("recorded/slow", Options(extra={"speed": 2})):
        times.append(time.monotonic() - start)  # noqa: PERF401
    assert all(at >= 0.1 * k for k, at in enumerate(times, start=1))  # never too early
    assert [b > a for a, b in itertools.pairwise(times)] == [True, True]


@pytest.mark.parametrize("speed", ["fast", -1, True, float("nan"), float("inf"), None])
async def test_speeds_that_are_none(speed: object) -> None:
    with pytest.raises(SourceError, match="speed must be a number"):
        await text_of(answer("recorded/demo", Options(extra={"speed": speed})))


async def test_record_and_replay(folder: Path) -> None:
    recorder = Recorder(answer("recorded/demo"))
    texts = [text async for text in recorder]
    recorded = recorder.recorded()
    assert [delta.text for delta in recorded.deltas] == texts
    folder.joinpath("again.jsonl").write_text(format_answer(recorded))
    assert read_recording(folder / "again.jsonl") == [recorded]
    assert await text_of(answer("recorded/again")) == load_recording().text
