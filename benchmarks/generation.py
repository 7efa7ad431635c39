"""A model on this machine: where it runs, how its text comes, and how soon it stops.

The model is the tests' own (`tests/tiny_model.py`). Needs the extra ``transformers``.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measure import Samples, Table
from eager_kernel.errors import SourceError
from eager_kernel.sources.process import ModelProcess
from eager_kernel.sources.source import Event, Finish, Message, Options, Request
from eager_kernel.sources.transformers import make_source
from eager_kernel.sources.transformers.text import TextStream
from tests import tiny_model
from tests.sources.tokenizers_made import CODE, KINDS

_TOKENS = 300
_TOKENS_BESIDE = 12  # where a token takes the better part of a second
_CANCELS = 20
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def run(repeats: int) -> list[Table]:
    """Measure; what is slow is not repeated as often."""
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        note = (
            f"Not measured: {' and '.join(missing)} not installed (`eager-kernel[transformers]`)."
        )
        return [Table("Generation", (note,), ("",), (), {})]
    os.environ.update(_ENVIRONMENT)
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, "tiny")
        subprocess.run(
            [sys.executable, tiny_model.__file__, folder], check=True, stdout=subprocess.DEVNULL
        )
        with _own_process(folder) as process:
            return [
                places(folder, process, min(repeats, 3)),
                streams(repeats),
                cancels(folder, process),
            ]


# Where the model runs -----------------------------------------------------------------------


def places(folder: Path, process: ModelProcess, repeats: int) -> Table:
    """Tokens a second in a thread and in a process of its own, and what Python beside it does."""
    ways: dict[str, Callable[[], float]] = {
        "thread, main thread idle": lambda: _in_thread(folder, _TOKENS, _wait),
        "thread, main thread runs Python": lambda: _in_thread(folder, _TOKENS_BESIDE, _compute),
        "own process, main thread idle": lambda: _in_process(process, _TOKENS, _wait),
        "own process, main thread runs Python": lambda: _in_process(process, _TOKENS, _compute),
    }
    rounds = [[way() for way in ways.values()] for _ in range(repeats + 1)]
    samples = {
        name: Samples(column)
        for name, column in zip(ways, zip(*rounds[1:], strict=True), strict=True)
    }
    idle = samples["thread, main thread idle"].median
    return Table(
        "Generation: where the model runs",
        (
            f"A Llama of 1 x 64, {_TOKENS} tokens a repetition, {_TOKENS_BESIDE} in the thread "
            "beside Python; from the first token to the last. *Runs Python*: a loop of additions, "
            "as a program that computes. A token of this model is many small operations, each of "
            "which gives the interpreter up and waits to have it back; a large model's are fewer "
            "for their time, and suffer less.",
            "Ratio: against the thread with an idle main thread.",
        ),
        ("where", "tokens/s", "ms a token", "ratio"),
        tuple(
            (
                name,
                f"{1 / sample.median:.1f}",
                f"{sample.median * 1e3:.2f}",
                f"{idle / sample.median:.3f}",
            )
            for name, sample in samples.items()
        ),
        {name: sample.seconds for name, sample in samples.items()},
    )


Beside = Callable[[threading.Event], None]
"""What the main thread does until the event."""


def _in_thread(folder: Path, tokens: int, beside: Beside) -> float:
    """Seconds a token, with the source in a thread of this process."""
    times: list[float] = []
    begun, done = threading.Event(), threading.Event()

    async def generate() -> None:
        source = make_source(str(folder), Options())
        async for event in source.generate(_endless(tokens)):
            if isinstance(event, str):
                times.append(time.perf_counter())
                begun.set()
        await source.aclose()

    def work() -> None:
        try:
            asyncio.run(generate())
        finally:
            begun.set()
            done.set()

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    beside(done)
    thread.join()
    return _seconds_a_token(times)


def _in_process(process: ModelProcess, tokens: int, beside: Beside) -> float:
    """Seconds a token, with the source in a process of its own."""
    heard = _Heard()
    process.generate(_endless(tokens), heard)
    heard.begun.wait()
    beside(heard.ended)
    return _seconds_a_token(heard.times)


class _Heard:
    """Notes when a generation's text comes."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.begun = threading.Event()
        self.ended = threading.Event()

    def __call__(self, event: Event | SourceError) -> None:
        if isinstance(event, str):
            self.times.append(time.perf_counter())
            self.begun.set()
        elif isinstance(event, Finish | SourceError):
            self.begun.set()
            self.ended.set()


def _wait(done: threading.Event) -> None:
    done.wait()


def _compute(done: threading.Event) -> None:
    total = 0
    while not done.is_set():
        for number in range(10_000):
            total += number


def _seconds_a_token(times: list[float]) -> float:
    if len(times) < _TOKENS_BESIDE // 2:
        raise RuntimeError(f"the benchmark's model gave {len(times)} tokens")
    # Each token of this answer has its text, so there are as many deltas as tokens.
    return (times[-1] - times[0]) / (len(times) - 1)


def _endless(tokens: int) -> Request:
    prompt = tiny_model.ENDLESS[0][0]["content"]
    return Request((Message("user", prompt),), max_tokens=tokens)


@contextmanager
def _own_process(folder: Path) -> Iterator[ModelProcess]:
    process = ModelProcess(f"transformers/{folder}", Options())
    try:
        heard = _Heard()
        process.generate(_endless(1), heard)
        heard.ended.wait()
        yield process
    finally:
        process.close()
        process.join(20)


# How the text comes -------------------------------------------------------------------------


def streams(repeats: int) -> Table:
    """`DecodeStream`, as we use it, against the stock `TextIteratorStreamer`."""
    rows = []
    samples = {}
    for kind, make in KINDS.items():
        tokenizer = make()
        tokens = tokenizer.encode(CODE).ids
        for name, feed in (("DecodeStream", _ours), ("TextIteratorStreamer", _stock)):
            pieces: list[str] = []
            seconds: list[float] = []
            for _ in range(repeats + 1):
                pieces = feed(tokenizer, tokens, seconds)
            late = _late(tokenizer, tokens, pieces)
            sample = Samples(tuple(seconds[1:]))
            samples[f"{kind}, {name}"] = sample.seconds
            rows.append(
                (
                    kind,
                    name,
                    "yes" if "".join(pieces) == tokenizer.decode(tokens) else "**no**",
                    f"{statistics.mean(late):.2f}",
                    str(max(late)),
                    f"{sample.median / len(tokens) * 1e6:.1f}",
                )
            )
    return Table(
        "Generation: from tokens to text",
        (
            f"An indented program with many alphabets, {len(CODE)} characters. Exact: the pieces "
            "together are what decoding all tokens at once gives. Late: characters that a token "
            "has made certain and that have not been given with it.",
            f"With transformers {version('transformers')} and tokenizers "
            f"{version('tokenizers')}. Before transformers 5.24 the stock streamer lost a space of "
            "each line's indentation with byte fallback.",
        ),
        ("tokenizer", "by", "exact", "late, mean", "late, most", "µs a token"),
        tuple(rows),
        samples,
    )


def _ours(tokenizer: Any, tokens: list[int], seconds: list[float]) -> list[str]:
    stream = TextStream(tokenizer)
    start = time.perf_counter()
    pieces = [stream.step(token) for token in tokens]
    seconds.append(time.perf_counter() - start)
    return [*pieces, stream.close()]


def _stock(tokenizer: Any, tokens: list[int], seconds: list[float]) -> list[str]:
    import torch  # noqa: PLC0415 - takes seconds, and need not be there
    from transformers import PreTrainedTokenizerFast, TextIteratorStreamer  # noqa: PLC0415

    streamer = TextIteratorStreamer(PreTrainedTokenizerFast(tokenizer_object=tokenizer))
    values = [torch.tensor([token]) for token in tokens]
    start = time.perf_counter()
    pieces = []
    for value in values:
        streamer.put(value)
        pieces.append("".join(_drain(streamer)))
    streamer.end()
    seconds.append(time.perf_counter() - start)
    return [*pieces, "".join(_drain(streamer))]


def _drain(streamer: Any) -> Iterator[str]:
    while not streamer.text_queue.empty():
        text = streamer.text_queue.get()
        if text is not streamer.stop_signal:
            yield text


def _late(tokenizer: Any, tokens: list[int], pieces: list[str]) -> list[int]:
    """Characters that were known and not given, after each token."""
    late = []
    given = 0
    for count, piece in enumerate(pieces[: len(tokens)], start=1):
        given += len(piece)
        known = tokenizer.decode(tokens[:count])
        if not known.endswith("\ufffd"):  # bytes of a character are still to come
            late.append(max(0, len(known) - given))
    return late


# How soon it stops --------------------------------------------------------------------------


def cancels(folder: Path, process: ModelProcess) -> Table:
    """From a cancel to the model's rest."""
    waited, tokens = asyncio.run(_cancel_in_thread(folder))
    rows = [("thread: until `aclose` returns", Samples(tuple(waited)), f"{max(tokens)}")]
    confirmed = [_cancel_in_process(process) for _ in range(_CANCELS + 1)][1:]
    rows.append(("own process: until `done` is set", Samples(tuple(confirmed)), "not seen"))
    token = _in_process(process, _TOKENS, _wait)
    return Table(
        "Generation: from a cancel to the model's rest",
        (
            f"{_CANCELS} answers a row, cancelled after their 30th token. Tokens: those that the "
            "model has begun to compute after the cancel, at most.",
            f"Ratio: the median against the time of a token, {token * 1e3:.2f} ms.",
        ),
        ("where", "p50 ms", "p95 ms", "ratio", "tokens"),
        tuple(
            (
                name,
                f"{sample.median * 1e3:.2f}",
                f"{sample.percentile(95) * 1e3:.2f}",
                f"{sample.median / token:.2f}",
                count,
            )
            for name, sample, count in rows
        ),
        {name: sample.seconds for name, sample, _ in rows},
    )


async def _cancel_in_thread(folder: Path) -> tuple[list[float], list[int]]:
    import torch  # noqa: PLC0415
    from transformers import PreTrainedModel  # noqa: PLC0415

    passes: list[float] = []

    def note(module: Any, arguments: Any) -> None:
        if isinstance(module, PreTrainedModel) and hasattr(module, "lm_head"):
            passes.append(time.perf_counter())

    handle = torch.nn.modules.module.register_module_forward_pre_hook(note)
    source = make_source(str(folder), Options())
    waited, tokens = [], []
    for _ in range(_CANCELS + 1):
        events = source.generate(_endless(1000))
        count = 0
        async for event in events:
            count += isinstance(event, str)
            if count == 30:
                break
        start = time.perf_counter()
        await events.aclose()
        waited.append(time.perf_counter() - start)
        tokens.append(len([moment for moment in passes if moment > start]))
        passes.clear()
    await source.aclose()
    handle.remove()
    return waited[1:], tokens[1:]


def _cancel_in_process(process: ModelProcess) -> float:
    heard = _Heard()
    thirtieth = threading.Event()

    def hear(event: Event | SourceError) -> None:
        heard(event)
        if len(heard.times) == 30:
            thirtieth.set()

    generation = process.generate(_endless(1000), hear)
    thirtieth.wait()
    start = time.perf_counter()
    generation.cancel()
    generation.done.wait()
    return time.perf_counter() - start
