"""Other ways to find complete statements, on the same texts: how fast, how late, how often wrong.

They were written for this comparison from what is published of them; each keeps to one idea:

- *re-parse per token*, as in the paper: the buffer is parsed with every token; a statement is
  complete when another one follows it or, if it is a simple one, its line has ended;
- *re-parse per line*, as some agents do: the buffer is parsed with every newline; a statement is
  complete when a later one parses;
- *tree-sitter*: the text is parsed incrementally with every newline.
"""

from __future__ import annotations

import ast
import json
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, Protocol

from benchmarks import texts
from eager_kernel.bench.measure import Samples, Table, alternate, quartiles, timed
from eager_kernel.bench.programs import load_programs
from eager_kernel.core.chunker import Chunker
from eager_kernel.core.text.tokens import tokens
from eager_kernel.errors import MissingExtraError


class Finder(Protocol):
    """Finds complete statements in a text that grows."""

    def feed(self, piece: str) -> list[str]:
        """The texts of statements that are complete now."""
        ...

    def close(self) -> list[str]:
        """Those that the end of the text completes."""
        ...


def run(repeats: int) -> list[Table]:
    """Compare all on vectors, on programs, and by their cost."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the texts' own
        return [correctness(), lag(), speed(min(repeats, 3))]


# The ways -------------------------------------------------------------------------------------


class Ours:
    """The chunker."""

    def __init__(self) -> None:
        self._chunker = Chunker("python")

    def feed(self, piece: str) -> list[str]:
        """See `Finder.feed`."""
        return [c.source for c in self._chunker.feed(piece) if c.has_statement]

    def close(self) -> list[str]:
        """See `Finder.close`."""
        return [c.source for c in self._chunker.close() if c.has_statement]


class PerToken:
    """Parse the buffer with every piece."""

    def __init__(self) -> None:
        self._buffer = ""

    def feed(self, piece: str) -> list[str]:
        """See `Finder.feed`."""
        self._buffer += piece
        return self._release(self._buffer)

    def close(self) -> list[str]:
        """See `Finder.close`."""
        return self._release(self._buffer, last_too=True)

    def _release(self, text: str, *, last_too: bool = False) -> list[str]:
        try:
            body = _parse(text).body
        except SyntaxError:
            return []
        lines = text.splitlines(keepends=True)
        if not last_too and body and not self._has_ended(body[-1], lines):
            body = body[:-1]
        return self._take(body, lines)

    def _has_ended(self, statement: ast.stmt, lines: Sequence[str]) -> bool:
        """Whether a last statement is a simple one on a line that has ended."""
        assert statement.end_lineno is not None
        last = lines[statement.end_lineno - 1]
        return not isinstance(statement, _COMPOUND) and last.endswith("\n")

    def _take(self, body: Sequence[ast.stmt], lines: Sequence[str]) -> list[str]:
        """Cut statements off the buffer."""
        found, done = [], 0
        for node in body:
            assert node.end_lineno is not None
            assert node.end_col_offset is not None
            on_line = lines[node.end_lineno - 1].encode()[: node.end_col_offset].decode()
            end = sum(map(len, lines[: node.end_lineno - 1])) + len(on_line)
            found.append(self._buffer[done:end])
            done = end
        self._buffer = self._buffer[done:].lstrip(" \t;")
        return found


class PerLine(PerToken):
    """Parse the lines that are there with every newline; a later statement has to parse."""

    def feed(self, piece: str) -> list[str]:
        """See `Finder.feed`."""
        self._buffer += piece
        if "\n" not in piece:
            return []
        return self._release(self._buffer[: self._buffer.rindex("\n") + 1])

    def _has_ended(self, statement: ast.stmt, lines: Sequence[str]) -> bool:
        return False


class TreeSitter:
    """Parse incrementally, with every newline."""

    def __init__(self) -> None:
        try:
            import tree_sitter  # noqa: PLC0415 - an extra
            import tree_sitter_python  # noqa: PLC0415
        except ImportError as error:
            raise MissingExtraError("the suite cutters", "peers") from error
        self._parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_python.language()))
        self._tree: Any = None
        self._text = bytearray()
        self._parsed = 0
        self._point = (0, 0)

    def feed(self, piece: str) -> list[str]:
        """See `Finder.feed`."""
        self._text += piece.encode("utf-8", "surrogatepass")
        return self._release(last_too=False) if "\n" in piece else []

    def close(self) -> list[str]:
        """See `Finder.close`."""
        return self._release(last_too=True)

    def _release(self, *, last_too: bool) -> list[str]:
        text = bytes(self._text)
        end = (text.count(b"\n"), len(text) - 1 - text.rfind(b"\n"))
        if self._tree is not None:
            self._tree.edit(
                start_byte=self._parsed, old_end_byte=self._parsed, new_end_byte=len(text),
                start_point=self._point, old_end_point=self._point, new_end_point=end,
            )  # fmt: skip
            self._tree = self._parser.parse(text, self._tree)
        else:
            self._tree = self._parser.parse(text)
        self._parsed, self._point = len(text), end
        nodes = [
            node
            for node in self._tree.root_node.children
            if node.is_named and node.type != "comment"
        ]
        if nodes and not last_too:
            last = nodes[-1]
            if last.type in _COMPOUND_NODES or b"\n" not in text[last.end_byte :]:
                nodes = nodes[:-1]
        found, done = [], 0
        for node in nodes:
            if node.has_error:
                break
            found.append(text[node.start_byte : node.end_byte].decode("utf-8", "surrogatepass"))
            done = node.end_byte
        if done:  # what was released need not be looked at again
            del self._text[:done]
            self._tree, self._parsed, self._point = None, 0, (0, 0)
        return found


WAYS: Final[dict[str, Callable[[], Finder]]] = {
    "chunker": Ours,
    "re-parse per token": PerToken,
    "re-parse per line": PerLine,
    "tree-sitter per line": TreeSitter,
}


# Correctness ----------------------------------------------------------------------------------


def correctness() -> Table:
    """How the ways do on the hard cases of the tests."""
    vectors = [v for v in json.loads(_VECTORS.read_text(encoding="utf-8"))["vectors"] if _fair(v)]
    rows: list[tuple[str, ...]] = []
    ratios: dict[str, tuple[float, ...]] = {}
    for name, way in WAYS.items():
        verdicts = Counter(judge(way, vector) for vector in vectors)
        count = len(vectors)
        rows.append(
            (name, *(f"{verdicts[word]} ({verdicts[word] / count:.0%})" for word in _VERDICTS))
        )
        ratios |= {f"{name}: {word}": (verdicts[word] / count,) for word in _VERDICTS}
    return Table(
        "Cutters: hard cases",
        (
            f"The {len(vectors)} cases of `tests/data/chunks.json` that are whole, valid Python. "
            "Right: all statements, each with the piece that completes it. Late: all, but some "
            "only later. Wrong: another statement than the program has, none where there is one, "
            "or one released while it could still go on. They are the chunker's own tests, so "
            "that it passes says nothing; what the others do not pass does.",
        ),
        ("way", *_VERDICTS),
        tuple(rows),
        ratios=ratios,
    )


def judge(way: Callable[[], Finder], vector: dict[str, Any]) -> str:
    """``right``, ``late`` or ``wrong``: what a way makes of a case."""
    expected = [
        (dump, _place(chunk["after_piece"]))
        for chunk in vector["expect"]
        for dump in _dumps(chunk["text"])
    ]
    finder, got = way(), []
    for number, piece in enumerate(vector["pieces"]):
        got += [(dump, float(number)) for text in finder.feed(piece) for dump in _dumps(text)]
    got += [(dump, _place(-1)) for text in finder.close() for dump in _dumps(text)]
    if [dump for dump, _ in got] != [dump for dump, _ in expected]:
        return "wrong"
    places = [(mine, ideal) for (_, mine), (_, ideal) in zip(got, expected, strict=True)]
    if any(mine < ideal for mine, ideal in places):
        return "wrong"
    return "right" if all(mine == ideal for mine, ideal in places) else "late"


def _fair(vector: dict[str, Any]) -> bool:
    version = tuple(map(int, vector.get("min_python", "3.0").split(".")))
    if vector["mode"] != "python" or "error" in vector or version > sys.version_info[:2]:
        return False
    return all(_dumps(chunk["text"]) or True for chunk in vector["expect"])


def _dumps(text: str) -> list[str]:
    """The statements of a text, without their places."""
    try:
        return [ast.dump(node) for node in _parse(text.lstrip(" \t\f;")).body]
    except (SyntaxError, ValueError):
        return [f"no Python: {text}"]


def _parse(text: str) -> ast.Module:
    tree = compile(text, "<text>", "exec", _FLAGS, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    return tree


def _place(after_piece: int) -> float:
    return float("inf") if after_piece < 0 else float(after_piece)


# Lag ------------------------------------------------------------------------------------------


def lag() -> Table:
    """How much later than the chunker the ways find the statements of programs."""
    programs = [cell for program in load_programs().programs for cell in program.cells]
    rows: list[tuple[str, ...]] = []
    ratios: dict[str, tuple[float, ...]] = {}
    for name, way in WAYS.items():
        lags: list[float] = []
        wrong = 0
        for program in programs:
            pieces = tokens(program.code)
            ideal, got = _released(Ours, pieces), _released(way, pieces)
            if [dump for dump, _ in got] != [dump for dump, _ in ideal]:
                wrong += 1
                continue
            lags += [mine - best for (_, mine), (_, best) in zip(got, ideal, strict=True)]
        early = sum(1 for one in lags if one < 0)
        _, middle, high = quartiles(lags)
        rows.append(
            (name, f"{wrong}", f"{early}", f"{middle:.0f}", f"{high:.0f}", f"{max(lags):.0f}")
        )
        ratios[f"{name}: characters late"] = tuple(lags)
    return Table(
        "Cutters: how late they release",
        (
            f"The code of the {len(programs)} programs, token by token. Characters that "
            "were there when a statement was released, less those when the chunker released it. "
            "Wrong: programs whose statements were not found as they are. Early: statements "
            "released before the chunker did, while they could still have gone on.",
        ),
        ("way", "wrong", "early", "median", "upper quartile", "most"),
        tuple(rows),
        ratios=ratios,
    )


def _released(way: Callable[[], Finder], pieces: Sequence[str]) -> list[tuple[str, float]]:
    finder, got = way(), []
    for piece, there in zip(pieces, accumulate(map(len, pieces)), strict=True):
        got += [(dump, float(there)) for text in finder.feed(piece) for dump in _dumps(text)]
    total = float(sum(map(len, pieces)))
    return got + [(dump, total) for text in finder.close() for dump in _dumps(text)]


# Speed ----------------------------------------------------------------------------------------


def speed(repeats: int) -> Table:
    """What the ways cost, against one parse of the same text."""
    shapes = {
        "script of 300 lines": texts.script(300),
        "script of 1,000 lines": texts.script(1000),
        "class of 50 lines": texts.one_class(50),
        "class of 100 lines": texts.one_class(100),
        "class of 200 lines": texts.one_class(200),
    }
    rows: list[tuple[str, ...]] = []
    samples: dict[str, tuple[float, ...]] = {}
    ratios: dict[str, tuple[float, ...]] = {}
    for shape, text in shapes.items():
        pieces = texts.pieces_of(text)
        actions = [partial(timed, partial(ast.parse, text))]
        actions += [partial(timed, partial(_feed, way, pieces)) for way in WAYS.values()]
        base, *taken = alternate(actions, repeats)
        rows.append((shape, f"{base.best * 1e3:.1f}", *(_against(t, base) for t in taken)))
        for name, one in zip(WAYS, taken, strict=True):
            samples[f"{shape}: {name}"] = one.seconds
            ratios[f"{shape}: {name} ÷ ast.parse"] = tuple(
                a / b for a, b in zip(one.seconds, base.seconds, strict=True)
            )
    return Table(
        "Cutters: cost",
        (
            "All 4-character pieces of a text together, as multiples of one `ast.parse` of the "
            f"whole in the same turn: best of {repeats} (median).",
        ),
        ("text", "ast.parse ms", *WAYS),
        tuple(rows),
        samples,
        ratios,
    )


def _feed(way: Callable[[], Finder], pieces: Iterable[str]) -> None:
    finder = way()
    for piece in pieces:
        finder.feed(piece)
    finder.close()


def _against(taken: Samples, base: Samples) -> str:
    return f"{taken.best / base.best:.1f} ({taken.median / base.median:.1f})"


_VECTORS: Final = Path(__file__).parents[1] / "tests" / "data" / "chunks.json"
_FLAGS: Final = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_VERDICTS: Final = ("right", "late", "wrong")
_COMPOUND: Final = (
    ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.With, ast.AsyncWith,
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Match,
)  # fmt: skip
_COMPOUND_NODES: Final = frozenset(
    {
        "if_statement", "for_statement", "while_statement", "try_statement", "with_statement",
        "function_definition", "class_definition", "decorated_definition", "match_statement",
        "ERROR",
    }
)  # fmt: skip
