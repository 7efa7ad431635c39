"""The gate against one `ast.parse` of the same text."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from unittest import mock

from benchmarks import texts
from eager_kernel.bench.measure import Samples, Table, alternate, exponent, timed
from eager_kernel.core import gate
from eager_kernel.core.chunk import Chunk
from eager_kernel.core.chunker import Chunker
from eager_kernel.core.gate import Gate, Mode
from eager_kernel.core.text.quiet_parsing import parse_quietly


@dataclass(frozen=True, slots=True)
class Cost:
    """What the gate costs on one text."""

    chunks: list[Chunk]
    parsed: int
    """Chunks that the gate parsed."""
    judge: Samples
    own_parse: Samples
    """Parsing those once more: the parse that is needed anyway."""
    parse: Samples
    """One `ast.parse` of the whole text."""

    @property
    def ratio(self) -> float:
        """All that the gate does, against one parse."""
        return self.judge.best / self.parse.best

    @property
    def beyond(self) -> float:
        """What the gate does beyond its own parse, against one parse."""
        return max(0.0, self.judge.best - self.own_parse.best) / self.parse.best


def measure(text: str, mode: Mode, repeats: int) -> Cost:
    """Measure the gate on the chunks of `text`."""
    chunker = Chunker(syntax="python")
    chunks = [*chunker.feed(text), *chunker.close()]
    parsed = _parsed_by(mode, chunks)

    def judge() -> None:
        judging = Gate(mode)
        for chunk in chunks:
            judging.judge(chunk)

    def parse_own() -> None:
        for source in parsed:
            parse_quietly(source)

    judging, own, whole = alternate(
        [lambda: timed(judge), lambda: timed(parse_own), lambda: timed(lambda: ast.parse(text))],
        repeats,
    )
    return Cost(chunks, len(parsed), judging, own, whole)


def _parsed_by(mode: Mode, chunks: list[Chunk]) -> list[str]:
    """What the gate parses, found by watching it."""
    parsed: list[str] = []

    def watched(source: str) -> ast.Module:
        parsed.append(source)
        return parse_quietly(source)

    with mock.patch.object(gate, "parse_quietly", watched):
        watching = Gate(mode)
        for chunk in chunks:
            watching.judge(chunk)
    return parsed


def run(repeats: int) -> list[Table]:
    """Measure all shapes, in the modes that look at the text."""
    costs = {
        (name, mode): measure(text, mode, repeats)
        for name, text in _shapes().items()
        for mode in _MODES
    }
    series = {
        name: [measure(make(size), "static", repeats) for size in _SIZES]
        for name, make in _SERIES.items()
    }
    shapes = Table(
        "Gate: cost against one ast.parse",
        (
            "The cost of judging all chunks of a program. Ratio: against one `ast.parse` of the "
            f"whole text in the same run, best of {repeats}. Beyond: without the parse of the "
            "chunks that the gate has to parse.",
            "Aims: a ratio of at most 0.1 where nothing is suspicious, and of at most 1 beyond "
            "the parse elsewhere.",
        ),
        ("text", "mode", "chunks", "parsed", "gate ms", "ast.parse ms", "ratio", "beyond", "aim"),
        tuple(_row(name, mode, cost) for (name, mode), cost in costs.items()),
        {f"{name}, {mode}": cost.judge.seconds for (name, mode), cost in costs.items()},
    )
    growth = Table(
        "Gate: growth of the cost",
        ("Exponent: least-squares slope of log cost against log size; 1 is linear.",),
        ("text", "sizes", "gate", "ast.parse", "ratio at each size"),
        tuple(
            (
                name,
                " / ".join(f"{size:,}" for size in _SIZES),
                f"{exponent(_SIZES, (cost.judge.best for cost in measured)):.2f}",
                f"{exponent(_SIZES, (cost.parse.best for cost in measured)):.2f}",
                " / ".join(f"{cost.ratio:.2f}" for cost in measured),
            )
            for name, measured in series.items()
        ),
        {
            f"{name}: {size}": cost.judge.seconds
            for name, measured in series.items()
            for size, cost in zip(_SIZES, measured, strict=True)
        },
    )
    return [shapes, growth]


def _row(name: str, mode: str, cost: Cost) -> tuple[str, ...]:
    quiet = cost.parsed == 0
    good = cost.ratio <= 0.1 if quiet else cost.beyond <= 1
    return (
        name,
        mode,
        f"{len(cost.chunks):,}",
        f"{cost.parsed:,}",
        f"{cost.judge.best * 1e3:.2f}",
        f"{cost.parse.best * 1e3:.2f}",
        f"{cost.ratio:.3f}",
        f"{cost.beyond:.3f}",
        ("≤ 0.1: " if quiet else "≤ 1: ") + ("yes" if good else "**no**"),
    )


def _shapes() -> dict[str, str]:
    modules = {f"standard library: {name}": text for name, text in texts.modules().items()}
    return {
        "script": texts.script(1000),
        "one class": texts.one_class(5000),
        "suspicious script": _suspicious_script(1000),
        "functions with uses, called": _functions(1000),
        **modules,
    }


_STEP = """\
import os, time
started_{i} = time.strptime("2020", "%Y")
folder_{i} = os.path.join("data", f"part{{{i}}}")
if os.path.exists(folder_{i}):
    frame_{i} = load(os.listdir(folder_{i}), sep=",")
    print(frame_{i}.describe(), getattr(frame_{i}, "shape"))
opened_{i} = open(os.path.join(folder_{i}, "a.txt")).read() if {i} % 2 else os.environ.get("A")
"""

_FUNCTION = """\
def read_{i}(path, *, tries=3):
    for attempt in range(tries):
        with open(os.path.join(path, str(attempt))) as file:
            yield file.read()
def both_{i}(path):
    return list(read_{i}(path)) + list(read_0(path))
print(both_{i}("data"), len(both_0("other")))
"""


def _suspicious_script(lines: int) -> str:
    """Every line but one names something that the gate looks at, and nothing is held."""
    return "".join(_STEP.format(i=i) for i in range(lines // _STEP.count("\n")))


def _functions(lines: int) -> str:
    """Functions that have to be followed wherever they are called."""
    return "".join(_FUNCTION.format(i=i) for i in range(lines // _FUNCTION.count("\n")))


_MODES: tuple[Mode, ...] = ("effect", "static", "paper")
_SIZES = (100, 300, 1000, 3000)
_SERIES: dict[str, Callable[[int], str]] = {
    "script (lines)": texts.script,
    "one class (lines)": texts.one_class,
    "suspicious script (lines)": _suspicious_script,
    "functions with uses, called (lines)": _functions,
}
