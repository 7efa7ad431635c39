"""What it costs to find the program in an answer, and how much later its first statement runs."""

from __future__ import annotations

import ast
import json
import statistics
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import texts
from eager_kernel.bench import programs
from eager_kernel.bench.measure import Table, alternate, exponent, timed
from eager_kernel.core.chunker import Chunker
from eager_kernel.core.extract import BlockClose, Code, make_extractor


def run(repeats: int) -> list[Table]:
    """Measure the cost of answers of all shapes, of hostile ones, and the wait of `auto`."""
    return [_cost(repeats), _hostile(), _wait()]


def read(text: str, text_format: str, size: int = 4) -> None:
    """Read an answer as the kernel does."""
    chunker = Chunker()
    extractor = make_extractor(text_format, lambda: chunker.inside_string)
    for piece in (*texts.pieces_of(text, size), None):
        for event in extractor.close() if piece is None else extractor.feed(piece):
            if isinstance(event, Code):
                chunker.feed(event.text)
            elif isinstance(event, BlockClose):
                chunker.end_block()
    chunker.close()


def _cost(repeats: int) -> Table:
    program = texts.script(1000)
    rows = []
    samples = {}
    for name, (text_format, make) in _SHAPES.items():
        answer = make(program)

        def extract(answer: str = answer, text_format: str = text_format) -> None:
            read(answer, text_format)

        reading, parsing = alternate(
            [lambda: timed(extract), lambda: timed(lambda: ast.parse(program))], repeats
        )
        per_piece = reading.best / len(texts.pieces_of(answer))
        rows.append(
            (
                name,
                f"{len(answer):,}",
                f"{reading.best * 1e3:.1f}",
                f"{reading.best / parsing.best:.2f} ({reading.median / parsing.median:.2f})",
                f"{per_piece * 1e6:.2f}",
            )
        )
        samples[name] = reading.seconds
    return Table(
        "Answers: cost of extraction and chunker against one ast.parse",
        (
            "A program of 1,000 lines in answers of several shapes, in 4-character pieces. Ratio: "
            f"against one `ast.parse` of the program in the same run, best of {repeats} (median).",
        ),
        ("answer", "chars", "ms", "ratio", "µs/piece"),
        tuple(rows),
        samples,
    )


def _hostile() -> Table:
    rows = []
    samples = {}
    for name, (start, again) in _HOSTILE.items():
        times = []
        for size in _SIZES:
            text = start + again * (size // len(again))
            times.append(min(timed(lambda text=text: read(text, "auto")) for _ in range(2)))  # type: ignore[misc]
        rows.append(
            (
                name,
                f"{exponent(_SIZES, times):.2f}",
                *(f"{time * 1e3:.0f}" for time in times),
            )
        )
        samples[name] = tuple(times)
    return Table(
        "Answers: hostile ones",
        (
            "Exponent: least-squares slope of log cost against log size; 1 is linear. In "
            "4-character pieces, milliseconds.",
        ),
        ("answer", "exponent", *(f"{size:,} chars" for size in _SIZES)),
        tuple(rows),
        samples,
    )


def _wait() -> Table:
    rows = []
    samples = {}
    for name, sources in (("programs of the benchmark", _programs), ("standard library", _library)):
        waits = [first_at(text, "auto") - first_at(text, "python") for text in sources()]
        rows.append(
            (
                name,
                f"{len(waits):,}",
                f"{sum(wait > 0 for wait in waits):,}",
                f"{statistics.mean(waits):.2f}",
                f"{max(waits):,}",
            )
        )
        samples[name] = tuple(map(float, waits))
    return Table(
        "Answers: how much later a bare program's first statement may run",
        (
            "Characters that must come until the first statement may run, where the text is of "
            "format `auto`, less those where it is known to be Python.",
        ),
        ("texts", "count", "later", "mean", "most"),
        tuple(rows),
        samples,
    )


def first_at(text: str, text_format: str) -> int:
    """How many characters must be there until the first statement may run."""
    chunker = Chunker()
    extractor = make_extractor(text_format, lambda: chunker.inside_string)
    for count, char in enumerate(text, 1):
        for event in extractor.feed(char):
            if isinstance(event, Code) and any(
                chunk.has_statement for chunk in chunker.feed(event.text)
            ):
                return count
    return len(text) + 1


def _programs() -> Iterator[str]:
    for program in programs.load_programs().programs:
        for cell in program.cells:
            if cell.format == "python":
                yield cell.text


def _library() -> Iterator[str]:
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if "site-packages" in path.parts:
            continue
        try:
            text = path.read_text(encoding="utf-8")
            ast.parse(text)
        except (SyntaxError, ValueError):  # of tests of the parser
            continue
        if text.strip():
            yield text


_SHAPES: dict[str, tuple[str, Callable[[str], str]]] = {
    "python: the program": ("python", lambda program: program),
    "auto: the program": ("auto", lambda program: program),
    "auto: a fenced block": ("auto", lambda program: f"Here:\n\n```python\n{program}```\n"),
    "auto: in a list and a quote": (
        "auto",
        lambda program: (
            "> - ```python\n"
            + "".join(f">   {line}" for line in program.splitlines(keepends=True))
            + ">   ```\n"
        ),
    ),
    "auto: a block without a language": ("auto", lambda program: f"Here:\n\n```\n{program}```\n"),
    "auto: tags": ("auto", lambda program: f"<code>\n{program}</code>\n"),
    "auto: a tool call": ("auto", lambda program: json.dumps({"code": program})),
    "auto: reasoning first": ("auto", lambda program: f"<think>{program}</think>\n{program}"),
}
_HOSTILE = {
    "backticks": ("", "`"),
    "quotes": ("", ">"),
    "quotes, a line each": ("", "> > > a\n"),
    "unclosed tags": ("", "<code>"),
    "unclosed tags, a line each": ("", "<code>\n"),
    "reasoning without an end": ("<think>", "</thin"),
    "objects without an end": ("", '{"a":'),
    "strings without an end": ("", '{"a": "\n'),
    "fences without an end": ("", "```\n"),
}
_SIZES = (10_000, 100_000, 1_000_000)
