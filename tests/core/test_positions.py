"""Chunks parsed where they stand: nodes, errors and warnings as of the whole program."""

from __future__ import annotations

import ast
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eager_kernel.core.chunker import Chunker
from eager_kernel.core.text import positions
from eager_kernel.core.text.positions import parse_at

LINES = [0, 1, 10, 498, 499, 500, 501, 5000]  # around the line where the method changes
PROGRAMS = [
    "x = 1\n",
    "x = 1; y = 2\n",
    "x;y\n",
    "x; y; z\n",
    "s = 'é中😀'; t = f(s)\n",
    "x \\\n;y\n",  # the ";" begins its line: 1 byte before the statement
    "x \\\n; y\n",
    "x \\\n \\\n;y; z\n",
    "xy \\\n  ;y\n",
    "a;\n# c\nb\n",
    "a;# c\nb\n",
    "a # c\nb\n",
    "a; \\\n  b\n",
    "a;\r\nb;c\rd\n",
    "'''\n''';b\n",
    "f(\n1);b\n",
    "\fx;y\n",
    "if x:\n  y;z\nw;v\n",
    "f'{x}{y:{z}}';f'{x}'\n",
    "@a\nclass B:\n  '''c\n  '''\n  d;e\nf\n",
    "match x:\n  case [1, *_]: pass\ny;z\n",
]


def dump(nodes: list[ast.stmt]) -> list[str]:
    return [ast.dump(node, include_attributes=True) for node in nodes]


def parse_chunks(program: str) -> list[ast.stmt]:
    chunker = Chunker("python")
    return [
        node
        for chunk in chunker.feed(program) + chunker.close()
        for node in parse_at(chunk.source, line=chunk.first_line, column=chunk.column).body
    ]


@pytest.mark.parametrize("lines", LINES)
@pytest.mark.parametrize("program", PROGRAMS)
def test_nodes_stand_where_they_stand_in_the_program(program: str, lines: int) -> None:
    program = "\n" * lines + program
    assert dump(parse_chunks(program)) == dump(ast.parse(program).body)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["x", "'é'", "f(a,\n b)", "'''\n'''", "x = [\n]", "del x", "x \\\n"]),
        min_size=1,
    ),
    st.sampled_from([";", "; ", ";\n", "; # c\n", "\n", ";\\\n"]),
    st.sampled_from([0, 600]),
)
def test_nodes_of_lines_with_many_statements_stand_where_they_stand(
    statements: list[str], between: str, lines: int
) -> None:
    program = "\n" * lines + between.join(statements) + "\n"
    assert dump(parse_chunks(program)) == dump(ast.parse(program).body)


@pytest.mark.parametrize("line", [1, 2, 3, 1000])
@pytest.mark.parametrize("column", [0, 1, 2, 3, 80])
@pytest.mark.parametrize("source", ["", "\n", "# c\n", " # c", "\n\n  # c\n"])
def test_source_without_a_statement_has_no_nodes(source: str, line: int, column: int) -> None:
    assert parse_at(source, line=line, column=column).body == []


@pytest.mark.parametrize("line", [1, 3, 1000])
@pytest.mark.parametrize("column", [0, 1, 4])
@pytest.mark.parametrize("source", ["x = = 1\n", "x = (\n", "'a\n", "x\n  y\n"])
def test_broken_source_raises(source: str, line: int, column: int) -> None:
    with pytest.raises(SyntaxError):
        parse_at(source, line=line, column=column)


def test_compound_statement_after_a_semicolon_is_an_error() -> None:
    with pytest.raises(SyntaxError):
        parse_at(" if x: y\n", line=1, column=4)


@pytest.mark.parametrize("line", [1, 400])
def test_error_names_the_line_of_the_program(line: int) -> None:
    with pytest.raises(SyntaxError) as caught:
        parse_at("f(\n1 = = 2)\n", line=line, column=0)
    assert caught.value.lineno == line + 1


@pytest.mark.parametrize("line", [2, 5000])
@pytest.mark.parametrize(
    "source",
    [
        *("'\\d'", "b'\\u'", "'\\400'", "'''\n\\ '''", "f'{x}\\d'"),
        *("1if x else 2", "1.if x else 2", "1_0or x", "1e5and x", "1jin x", "1.Jis x", "0b1or x"),
        *("0xfor x", "0xfin x", "0x_aif x else y", "0XFor x"),
    ],
)
def test_warnings_of_the_parser_name_the_line_of_the_program(source: str, line: int) -> None:
    with warnings.catch_warnings(record=True) as expected:
        warnings.simplefilter("always")
        ast.parse("\n" * (line - 1) + source)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parse_at(source, line=line, column=0)
    assert expected
    assert [(w.category, str(w.message), w.lineno) for w in caught] == [
        (w.category, str(w.message), w.lineno) for w in expected
    ]


def test_given_parser_is_the_one_that_parses() -> None:
    texts: list[str] = []

    def parse(text: str) -> ast.Module:
        texts.append(text)
        return ast.parse(text)

    parse_at("x\n", line=3, column=0, parse=parse)
    parse_at("x\n", line=positions._CHEAP_LINES + 1, column=0, parse=parse)
    assert texts == ["\n\nx\n", "x\n"]
