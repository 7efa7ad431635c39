"""The chunker against one `ast.parse` of the same text."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import texts
from eager_kernel.bench.measure import Samples, Table, alternate, exponent, timed
from eager_kernel.core.chunker import Chunker


@dataclass(frozen=True, slots=True)
class Cost:
    """What one text costs."""

    text: str
    feed: Samples
    parse: Samples

    @property
    def ratio(self) -> float:
        """Cost against `ast.parse`, best against best."""
        return self.feed.best / self.parse.best

    @property
    def median_ratio(self) -> float:
        """Cost against `ast.parse`, median against median."""
        return self.feed.median / self.parse.median

    @property
    def per_piece(self) -> float:
        """Seconds a piece."""
        return self.feed.best / len(texts.pieces_of(self.text))


def measure(text: str, repeats: int) -> Cost:
    """Measure `text` in 4-character pieces, and parsed once."""
    pieces = texts.pieces_of(text)

    def feed() -> None:
        chunker = Chunker()
        for piece in pieces:
            chunker.feed(piece)
        chunker.close()

    feeding, parsing = alternate(
        [lambda: timed(feed), lambda: timed(lambda: ast.parse(text))], repeats
    )
    return Cost(text, feeding, parsing)


def run(repeats: int) -> list[Table]:
    """Measure all shapes."""
    costs = {name: measure(text, repeats) for name, text in _shapes().items()}
    series = {
        name: [measure(make(size), repeats) for size in sizes]
        for name, (make, sizes) in _SERIES.items()
    }
    shapes = Table(
        "Chunker: cost against one ast.parse",
        (
            "Text in 4-character pieces; the cost of all pieces together. Ratio: against one "
            f"`ast.parse` of the whole text in the same run, best of {repeats} (median).",
            "A parser skips a long string literal with one scan for its quote, so there the "
            "ratio says little: look at the cost of a piece, which is what a model waits for.",
        ),
        ("text", "lines", "chars", "chunker ms", "ast.parse ms", "ratio", "µs/piece", "≤ 2x"),
        tuple(_row(name, cost) for name, cost in costs.items()),
        _samples(costs),
    )
    growth = Table(
        "Chunker: growth of the cost",
        ("Exponent: least-squares slope of log cost against log size; 1 is linear.",),
        ("text", "sizes", "chunker", "ast.parse", "ratio at each size"),
        tuple(
            (
                name,
                " / ".join(f"{size:,}" for size in _SERIES[name][1]),
                f"{exponent(map(_size, measured), (c.feed.best for c in measured)):.2f}",
                f"{exponent(map(_size, measured), (c.parse.best for c in measured)):.2f}",
                " / ".join(f"{cost.ratio:.2f}" for cost in measured),
            )
            for name, measured in series.items()
        ),
        _samples(
            {
                f"{name}: {size}": cost
                for name, measured in series.items()
                for size, cost in zip(_SERIES[name][1], measured, strict=True)
            }
        ),
    )
    return [shapes, growth]


def _size(cost: Cost) -> int:
    return len(cost.text)


def _row(name: str, cost: Cost) -> tuple[str, ...]:
    return (
        name,
        f"{cost.text.count(chr(10)):,}",
        f"{len(cost.text):,}",
        f"{cost.feed.best * 1e3:.1f}",
        f"{cost.parse.best * 1e3:.1f}",
        f"{cost.ratio:.2f} ({cost.median_ratio:.2f})",
        f"{cost.per_piece * 1e6:.2f}",
        "yes" if cost.ratio <= 2 else "**no**",
    )


def _samples(costs: dict[str, Cost]) -> dict[str, tuple[float, ...]]:
    return {f"{name}: chunker": cost.feed.seconds for name, cost in costs.items()} | {
        f"{name}: ast.parse": cost.parse.seconds for name, cost in costs.items()
    }


def _shapes() -> dict[str, str]:
    modules = {f"standard library: {name}": text for name, text in texts.modules().items()}
    return {
        "script": texts.script(1000),
        **modules,
        "one class": texts.one_class(5000),
        "one list literal": texts.list_literal(20_000),
        "one string literal on a line": texts.string_literal(2_000_000),
        "one triple-quoted string": texts.multiline_string(2_000_000),
    }


_SERIES: dict[str, tuple[Callable[[int], str], tuple[int, ...]]] = {
    "script (lines)": (texts.script, (100, 300, 1000, 3000, 10_000)),
    "one class (lines)": (texts.one_class, (100, 300, 1000, 5000)),
    "one list literal (lines)": (texts.list_literal, (300, 1000, 3000, 20_000)),
    "string literal on a line (chars)": (
        texts.string_literal,
        (250_000, 500_000, 1_000_000, 2_000_000),
    ),
    "triple-quoted string (chars)": (
        texts.multiline_string,
        (250_000, 500_000, 1_000_000, 2_000_000),
    ),
}
