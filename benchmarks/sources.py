"""Sources: what it costs to have one in a process of its own, and how soon it stops."""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.measure import Samples, Table
from eager_kernel.errors import SourceError
from eager_kernel.sources.answer import Answer
from eager_kernel.sources.process import ModelProcess
from eager_kernel.sources.recording import RecordedAnswer, TimedDelta, format_answer
from eager_kernel.sources.registry import open_source
from eager_kernel.sources.source import Event, Message, Options, Request

_DELTAS = 20_000
_CANCELS = 100
_REQUEST = Request((Message("user", "x"),))


def run(repeats: int) -> list[Table]:
    """Measure throughput and cancellation."""
    with tempfile.TemporaryDirectory() as folder:
        fast, slow = Path(folder, "fast.jsonl"), Path(folder, "slow.jsonl")
        fast.write_text(_recording(0.0))
        slow.write_text(_recording(0.01))
        return [_throughput(f"recorded/{fast}", repeats), _cancels(f"recorded/{slow}")]


def _throughput(model_id: str, repeats: int) -> Table:
    options = Options(extra={"speed": 0})
    model = ModelProcess(model_id, options)
    _through(model)  # begins the process
    samples: dict[str, list[float]] = {name: [] for name in ("loop", "process", "busy")}
    for _ in range(repeats):
        samples["loop"].append(asyncio.run(_in_process(model_id, options)))
        samples["process"].append(_through(model))
        samples["busy"].append(_through(model, spin=True))
    model.close()
    names = {
        "loop": "on this process' event loop",
        "process": "in a process of its own",
        "busy": "the same, while the main thread runs Python",
    }
    base = Samples(tuple(samples["loop"])).median
    rows = []
    for name, title in names.items():
        median = Samples(tuple(samples[name])).median
        rows.append((title, f"{_DELTAS / median:,.0f}", f"{median / base:.2f}"))
    return Table(
        "Sources: throughput",
        (
            f"A recording of {_DELTAS:,} deltas of 4 characters, at once, from the request to the "
            "last delta heard. Ratio: the median time against that of the first row.",
        ),
        ("source", "deltas/s", "ratio"),
        tuple(rows),
        {names[name]: tuple(seconds) for name, seconds in samples.items()},
    )


def _cancels(model_id: str) -> Table:
    model = ModelProcess(model_id, Options())
    called, confirmed = [], []
    for _ in range(_CANCELS):
        heard = threading.Event()
        generation = model.generate(_REQUEST, lambda event, heard=heard: heard.set())  # type: ignore[misc]
        heard.wait()
        start = time.perf_counter()
        generation.cancel()
        called.append(time.perf_counter() - start)
        generation.done.wait()
        confirmed.append(time.perf_counter() - start)
    model.close()
    samples = {"cancel returns": tuple(called), "the model confirms": tuple(confirmed)}
    base = Samples(tuple(called)).median
    return Table(
        "Sources: cancellation",
        (
            f"{_CANCELS} answers with a delta every 10 ms, each cancelled after its first. Ratio: "
            "the median against that of the first row.",
        ),
        ("until", "p50 ms", "p99 ms", "ratio"),
        tuple(
            (
                name,
                f"{Samples(seconds).median * 1e3:.3f}",
                f"{Samples(seconds).percentile(99) * 1e3:.3f}",
                f"{Samples(seconds).median / base:.1f}",
            )
            for name, seconds in samples.items()
        ),
        samples,
    )


async def _in_process(model_id: str, options: Options) -> float:
    start = time.perf_counter()
    async for _ in Answer(open_source(model_id, options), _REQUEST, options):
        pass
    return time.perf_counter() - start


def _through(model: ModelProcess, *, spin: bool = False) -> float:
    ended: list[float] = []

    def hear(event: Event | SourceError) -> None:
        if not isinstance(event, str):
            ended.append(time.perf_counter())

    start = time.perf_counter()
    generation = model.generate(_REQUEST, hear)
    while spin and not ended:
        pass
    generation.done.wait()
    return ended[-1] - start


def _recording(interval: float) -> str:
    deltas = tuple(TimedDelta(interval * k, "x = ") for k in range(_DELTAS))
    return format_answer(RecordedAnswer(deltas, "stop"))
