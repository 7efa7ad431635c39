"""A cell's text that grew is, line by line, what the shell makes of the whole."""

from __future__ import annotations

import ast
import linecache

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from eager_kernel.core.chunker import Chunker
from eager_kernel.execution.cell_text import CellText
from tests.execution.running import Shell


@pytest.fixture(scope="module")
def shell() -> Shell:
    return Shell()


@example("1 / 0\n   ")
@example("1 / 0\na?\n   ")
@example("1 / 0\n   \n\t")
@example("1 / 0\n#\n   \n")
@example("1 / 0; a\n \\\n ")
@given(st.text(alphabet="ab1=;'\n \t", max_size=16))
def test_its_lines_are_those_of_the_shell(shell: Shell, after: str) -> None:
    text = "a\n" + after
    try:
        whole = shell.transform_cell(text)
        ast.parse(whole)
    except (SyntaxError, ValueError):
        assume(False)
    chunker = Chunker()
    chunks = [*chunker.feed(text), *chunker.close()]
    grown = CellText(shell.compile, 1)
    grown.add(chunks[0])
    grown.complete(chunks[1:])
    lines = [line + "\n" for line in whole.splitlines()]
    assert linecache.cache[grown.name][2] == lines
