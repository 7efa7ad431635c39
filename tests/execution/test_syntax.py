"""Whether the rest of a program parses, found out without running or warning."""

from __future__ import annotations

import ast
import sys
import warnings

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eager_kernel.core.chunker import Chunker
from eager_kernel.execution.syntax import first_fault

GOOD = [
    "x = 1\ny = 2\n",
    "x = '\\d \\. \\777'\n",
    "x = 1if True else 0\n",
    "x = 0x1for 2\n",
    "!ls 'unclosed\n",
    "%matplotlib inline\nx = 1\n",
    "x?\n",
    "x = 1; y = '\\d'; z = 3\n",
    "await f()\nasync with a as b: pass\n",
    "s = f'{x!r}\\d'\n",
    "return 1\n",  # only compiling tells
]
BAD = {
    "x = (\n": 0,
    "x = 1\ny = ]\nz = 2\n": 1,
    "x = \\d\n": 0,
    "x = '\\x'\n": 0,
    "x = 1\n  y = 2\n": 1,
    "if x:\npass\n": 0,
    "x = 1; y = = 2\n": 1,
}


def fault(text: str) -> int | None:
    """Which chunk of a program does not parse."""
    chunker = Chunker()
    found = first_fault(chunker.feed(text) + chunker.close(), 0)
    return found.chunk.index if found is not None else None


@pytest.mark.parametrize("text", GOOD)
def test_what_parses(text: str) -> None:
    assert fault(text) is None


@pytest.mark.parametrize("text", BAD)
def test_what_does_not(text: str) -> None:
    assert fault(text) == BAD[text]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="allowed since 3.12")
def test_a_backslash_in_the_braces_of_an_f_string() -> None:
    assert fault("x = f\"{'\\d'}\"\n") == 0


@pytest.mark.skipif(sys.version_info < (3, 12), reason="hidden before 3.12")
@pytest.mark.parametrize("text", ["x = '\\d'\n", "x = 1if True else 0\n", "x = '\\777'\n"])
def test_nothing_is_warned_of(text: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert fault(text) is None
    assert caught == []


@example("\\\n ")
@example("x = 1\n\\\n \t")
@given(st.text(alphabet="ab1\\'\"{}$f.d(=)\n ", max_size=30))
def test_as_the_parser_says(text: str) -> None:
    chunker = Chunker()
    chunks = [chunk for chunk in chunker.feed(text) + chunker.close() if not chunk.column]
    for chunk in chunks:
        if chunk.ipython:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                ast.parse(chunk.source)
                parses = True
            except SyntaxError:
                parses = False
        first = chunk.source[:1]
        if first not in " \f\t":  # IPython removes a first indentation
            assert (first_fault([chunk], 0) is None) == parses
