"""What a model says again when it is to go on."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.chunker import Chunker
from eager_kernel.core.conversation.repeats import Repeats


def chunks_of(text: str) -> list[Chunk]:
    chunker = Chunker()
    return [*chunker.feed(text), *chunker.close()]


def new_in(executed: str, *pieces: str) -> str:
    """What is new in a text that comes in pieces, after a program."""
    repeats = Repeats(chunks_of(executed))
    return "".join([*map(repeats.feed, pieces), repeats.close()])


@pytest.mark.parametrize(
    ("executed", "text", "new"),
    [
        ("", "a = 1\n", "a = 1\n"),
        ("a = 1\n", "", ""),
        ("a = 1\n", "b = 2\n", "b = 2\n"),
        ("a = 1\n", "a = 1\n", ""),
        ("a = 1\n", "a = 1", ""),
        ("a = 1\n", "a = 1\nb = 2\n", "b = 2\n"),
        ("a = 1\nb = 2\n", "a = 1\nc = 3\n", "c = 3\n"),
        ("a = 1\nb = 2\n", "a = 1\nb = 3\nc = 4", "b = 3\nc = 4"),
        ("a = 1\nb = 2\n", "b = 2\nc = 3\n", "b = 2\nc = 3\n"),
        ("a = 1\n", "a = 1\na = 1\n", "a = 1\n"),
        ("a = 1\n", "a  =  1  # one\nb = 2", "# one\nb = 2"),
        ("a = 'x'\n", 'a = "x"\nb = 2', "b = 2"),
        ("# why\na = 1\n", "a = 1\nb = 2", "b = 2"),
        ("a = 1\n", "# why\n\na = 1\n\n# then\nb = 2", "\n# then\nb = 2"),
        ("a = 1\n", "# only this\n", ""),
        ("a = 1; ", "a = 1\nb = 2", "b = 2"),
        ("a = 1\n", "a = 1; b = 2", "b = 2"),
        ("a = 1\n", "a = 1;\tb = 2; c = 3", "b = 2; c = 3"),
        ("%matplotlib inline\n", "%matplotlib inline\nb = 2", "b = 2"),
        ("%matplotlib inline\n", "%matplotlib agg\nb = 2", "%matplotlib agg\nb = 2"),
        ("a\n# hm\n%who\n", "a  # a\n%who\nb = 2", "b = 2"),
        ("!ls\nx = !pwd\n", "!ls\nx = !pwd\nb = 2", "b = 2"),
        ("def f():\n    return 1\n", "def f():\n  return 1\n\nf()", "\nf()"),
        ("def f():\n    return 1\n", "def f():\n    return 2\nf()", "def f():\n    return 2\nf()"),
        ("a = 1\r\n", "a = 1\r\nb = 2\r\n", "b = 2\r\n"),
        ("a = 1\n", "a = (1\n", "a = (1\n"),
        ("a = 1\n", "a = 1 1\n", "a = 1 1\n"),
        ("a = 1\n", "\ud800\0", "\ud800\0"),
    ],
)
def test_only_what_is_new_is_left(executed: str, text: str, new: str) -> None:
    assert new_in(executed, text) == new
    assert new_in(executed, *text) == new


def test_what_is_new_is_told_as_soon_as_it_is_known() -> None:
    repeats = Repeats(chunks_of("a = 1\nb = 2\n"))
    assert [repeats.feed(p) for p in ("a = 1\n", "c = ", "3\n", "d")] == ["", "", "c = 3\n", "d"]


def test_a_block_ends_a_repeated_statement() -> None:
    repeats = Repeats(chunks_of("if a:\n    b\n"))
    assert repeats.feed("if a:\n    b\n") == ""
    assert repeats.end_block() == ""
    assert repeats.feed("else_ = 1\n") + repeats.close() == "else_ = 1\n"


def test_a_block_ends_a_new_statement() -> None:
    repeats = Repeats(chunks_of("a = 1\n"))
    assert repeats.feed("if a:\n    b\n") == ""
    assert repeats.end_block() == "if a:\n    b\n"


STATEMENTS = [
    "a = 1\n",
    "b = a  # why\n",
    "# a comment\nc = 3\n",
    "d = 4; e = 5\n",
    "for i in range(2):\n    a\n\n",
    "if a:\n    b\nelse:\n    c\n",
    "%time a\n",
    "x = !ls\n",
    "s = '''\n# no comment\n'''\n",
    "@f\ndef g():\n    return 1\n",
]
PROGRAMS = st.lists(st.sampled_from(STATEMENTS), max_size=6).map("".join)


def statements(text: str) -> list[str]:
    """The statements of a text, without comments and layout."""
    found = []
    for chunk in chunks_of(text):
        if chunk.has_statement:
            source = chunk.source.strip()
            found.append(source if chunk.ipython else ast.dump(ast.parse(source)))
    return found


@given(executed=PROGRAMS, text=PROGRAMS, data=st.data())
def test_any_split_leaves_the_statements_that_are_new(
    executed: str, text: str, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    new = new_in(executed, *pieces)
    before, said = statements(executed), statements(text)
    same = 0
    while same < min(len(before), len(said)) and before[same] == said[same]:
        same += 1
    assert statements(new) == said[same:]
    assert text.endswith(new)


@given(executed=PROGRAMS, rest=PROGRAMS)
def test_a_program_said_again_from_its_beginning_runs_on(executed: str, rest: str) -> None:
    assert statements(executed) + statements(new_in(executed, executed + rest)) == statements(
        executed + rest
    )
