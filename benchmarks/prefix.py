"""The second step of a local model: its time to the first token, with and without what it has kept.

A Mistral with random weights, which says nothing of use: what is measured is how long it computes.
Needs the extra ``transformers``.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import tempfile
import time
from pathlib import Path
from typing import Final

from eager_kernel.bench.measure import Samples, Table
from eager_kernel.sources.source import Finish, Message, Options, Request
from eager_kernel.sources.transformers import TransformersSource, make_source
from tests.tiny_model import READINGS, make_untaught

_CONTEXT: Final = 2_000
_REPEATS: Final = 10


def run(repeats: int) -> list[Table]:
    """Measure."""
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        note = (
            f"Not measured: {' and '.join(missing)} not installed (`eager-kernel[transformers]`)."
        )
        return [Table("The second step of a local model", (note,), ("",), (), {})]
    os.environ["HF_HUB_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, "untaught")
        make_untaught(folder, layers=4, width=256)
        return [asyncio.run(_second_step(folder, min(repeats, _REPEATS)))]


async def _second_step(folder: Path, repeats: int) -> Table:
    source = make_source(str(folder), Options())
    firsts: list[float] = []
    kept: list[float] = []
    anew: list[float] = []
    reused: list[int] = []
    lengths: list[int] = []
    await _ask(source, _first(-1))  # loads the model
    for number in range(repeats):
        first, answer, _ = await _ask(source, _first(number))
        firsts.append(first)
        second = _second(number, answer)
        seconds, _, finish = await _ask(source, second)
        kept.append(seconds)
        assert finish.usage is not None
        reused.append(finish.usage.cached_tokens or 0)
        lengths.append(finish.usage.input_tokens or 0)
        _forget(source)
        seconds, _, _ = await _ask(source, second)
        anew.append(seconds)
    await source.aclose()
    times = {
        "first step": tuple(firsts),
        "second step, computed anew": tuple(anew),
        "second step, with what was kept": tuple(kept),
    }
    ratio = Samples(tuple(b / a for a, b in zip(kept, anew, strict=True)))
    rows = [(name, f"{1000 * Samples(taken).median:.1f}") for name, taken in times.items()]
    rows.append(("anew / kept", f"{ratio.median:.1f}"))
    notes = (
        "Time to the first token, ms, median. The second step's prompt has "
        f"{max(lengths):,} tokens, of which {min(reused):,} or more were not "
        "computed again. A Mistral of 4 layers and 256 dimensions with random weights, on the CPU.",
    )
    return Table(
        "The second step of a local model",
        notes,
        ("", "ms"),
        tuple(rows),
        times,
        {"second step, anew / kept": ratio.seconds},
    )


def _first(number: int) -> Request:
    text = READINGS[1] * 20
    system = f"{number} " + text
    return _request(Message("system", system[: 3 * _CONTEXT]), Message("user", "Go on."))


def _second(number: int, answer: str) -> Request:
    told = Message("user", "Output of the program:\n42\n\nGo on with the next program.")
    return _request(*_first(number).messages, Message("assistant", answer), told)


def _request(*messages: Message) -> Request:
    return Request(messages, max_tokens=24, temperature=0.0)


async def _ask(source: TransformersSource, request: Request) -> tuple[float, str, Finish]:
    """Seconds to the first text, the answer, and its end."""
    start = time.perf_counter()
    first, pieces = 0.0, []
    async for event in source.generate(request):
        if isinstance(event, str):
            first = first or time.perf_counter() - start
            pieces.append(event)
        elif isinstance(event, Finish):
            return first, "".join(pieces), event
    raise AssertionError("it has no end")


def _forget(source: TransformersSource) -> None:
    assert source._loaded is not None
    source._loaded.prefix.forget()
