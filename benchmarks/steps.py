"""A session of several steps against the same steps serially: what overlap saves, and the cache.

Each request is read by a local model with random weights, which takes as long as reading does; what
it would write is nothing of use, so the text of the steps is given in its place, at a pace.
Serially, the same text comes in one piece when all of it is written. Needs the extra
``transformers``.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import tempfile
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from eager_kernel.bench.measure import Samples, Table
from eager_kernel.client import AsyncEagerClient
from eager_kernel.sources.source import Event, Finish, Options, Request
from eager_kernel.sources.transformers import TransformersSource, make_source
from tests.tiny_model import READINGS, make_untaught

TITLE: Final = "A session of several steps"
_REPEATS: Final = 5
_RATE: Final = 50.0
_CHARS_A_TOKEN: Final = 4
_WORK: Final = 0.25
_STATEMENT: Final = "# the next part of the work, as a model would say it\ntime.sleep({work})\n"
_PROGRAM: Final = "import time\n" + _STATEMENT.format(work=_WORK) * 4 + "'step {number}'\n"
_ANSWERS: Final = (*(f"```python\n{_PROGRAM}```\n".replace("{number}", n) for n in "123"), "Done.")
_WAYS: Final = ("serially", "overlapped", "overlapped, cached")


def run(repeats: int) -> list[Table]:
    """Measure."""
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        note = (
            f"Not measured: {' and '.join(missing)} not installed (`eager-kernel[transformers]`)."
        )
        return [Table(TITLE, (note,), ("",), (), {})]
    os.environ["HF_HUB_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, "untaught")
        make_untaught(folder, layers=4, width=256)
        return [asyncio.run(_measure(folder, min(repeats, _REPEATS)))]


@dataclass
class Paced:
    """Has a model read each request, and gives the text of the steps at a pace.

    Parameters
    ----------
    reader
        The model.
    whole
        Whether the text comes in one piece when all of it is written.
    forget
        Whether what was computed of the last request is computed again.
    """

    reader: TransformersSource
    whole: bool
    forget: bool
    tokens: list[tuple[int, int]] = field(default_factory=list)
    """Of each request, and how many of them were not computed again."""

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        """Read it, and write."""
        if self.forget or not request.attempt:
            _forget(self.reader)
        async for event in self.reader.generate(replace(request, max_tokens=1, temperature=0.0)):
            if isinstance(event, Finish) and event.usage is not None:
                usage = event.usage
                self.tokens.append((usage.input_tokens or 0, usage.cached_tokens or 0))
        text, begun = _ANSWERS[request.attempt], time.perf_counter()
        for at in range(0, len(text), _CHARS_A_TOKEN):
            due = begun + at / _CHARS_A_TOKEN / _RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if not self.whole:
                yield text[at : at + _CHARS_A_TOKEN]
        if self.whole:
            yield text
        yield Finish()

    async def aclose(self) -> None:
        """The model goes on."""


async def _measure(folder: Path, repeats: int) -> Table:
    reader = make_source(str(folder), Options())
    taken: dict[str, list[list[float]]] = {way: [] for way in _WAYS}
    tokens: list[tuple[int, int]] = []
    async with await AsyncEagerClient.start() as client:
        await _session(client, Paced(reader, whole=False, forget=False))  # loads the model
        for _ in range(repeats):
            for way in _WAYS:
                model = Paced(reader, whole=way == "serially", forget="cached" not in way)
                taken[way].append(await _session(client, model))
                tokens = model.tokens
    await reader.aclose()
    return _table(taken, tokens)


async def _session(client: AsyncEagerClient, model: Paced) -> list[float]:
    """Seconds of each step, from its request to the next, or to the end."""
    times: list[float] = []

    def hear(event: dict[str, Any]) -> None:
        if event["type"] in ("step", "ended"):
            times.append(time.perf_counter())

    system = (READINGS[1] * 20)[:6_000]
    async with client.session(model=model, steps=5, gate="off", system=system) as session:
        result = await session.run("Work.", on_event=hear)
    assert (result.ended_by, len(result.steps)) == ("answered", len(_ANSWERS)), result
    assert all(step.result.error is None for step in result.steps), result
    return [b - a for a, b in pairwise(times)]


def _table(taken: dict[str, list[list[float]]], tokens: list[tuple[int, int]]) -> Table:
    names = [*(f"step {n}" for n in range(1, len(_ANSWERS))), "answer"]
    whole = {way: tuple(sum(one) for one in taken[way]) for way in _WAYS}
    rows = []
    for index, name in enumerate(names):
        by_way = {way: tuple(one[index] for one in taken[way]) for way in _WAYS}
        rows.append((name, *_row(by_way)))
    rows.append(("all", *_row(whole)))
    pairs = [zip(whole[a], whole[b], strict=True) for a, b in pairwise(_WAYS)]
    overlap, cache = (Samples(tuple(a / b for a, b in pair)) for pair in pairs)
    both = Samples(tuple(a / b for a, b in zip(whole[_WAYS[0]], whole[_WAYS[2]], strict=True)))
    last, cached = tokens[-1]
    notes = (
        f"Seconds, medians of {len(whole[_WAYS[0]])} sessions each way in turn. {_RATE:g} "
        f"tokens/s; {len(_ANSWERS) - 1} programs with {4 * _WORK:g} s of work each, which sleeps. "
        f"The last request has {last:,} tokens, of which {cached:,} are not computed again where "
        "they are cached. The model that reads is a Mistral of 4 layers and 256 dimensions, on the "
        "CPU.",
    )
    return Table(
        TITLE,
        notes,
        ("", *_WAYS, "overlap saves", "the cache saves"),
        tuple(rows),
        whole,
        {
            "serially / overlapped": overlap.seconds,
            "overlapped / overlapped, cached": cache.seconds,
            "serially / overlapped, cached": both.seconds,
        },
    )


def _row(by_way: dict[str, tuple[float, ...]]) -> tuple[str, ...]:
    """The medians, and those of what is saved from one way to the next."""
    ways = [by_way[way] for way in _WAYS]
    saved = [
        Samples(tuple(x - y for x, y in zip(a, b, strict=True))).median for a, b in pairwise(ways)
    ]
    return tuple(f"{value:.2f}" for value in [*(Samples(way).median for way in ways), *saved])


def _forget(source: TransformersSource) -> None:
    if source._loaded is not None:
        source._loaded.prefix.forget()
