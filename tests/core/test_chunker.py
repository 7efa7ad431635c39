"""The chunker: vectors, any split of any text, the standard library, and the moment of release."""

from __future__ import annotations

import ast
import builtins
import json
import os
import random
import re
import sys
import sysconfig
import warnings
import zlib
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.chunker import Chunker
from eager_kernel.core.text.positions import parse_at

DATA = Path(__file__).parents[1] / "data" / "chunks.json"
VECTORS: list[dict[str, Any]] = json.loads(DATA.read_text(encoding="utf-8"))["vectors"]


def chunks_of(pieces: list[str], syntax: Any = "python", **options: Any) -> list[Chunk]:
    chunker = Chunker(syntax, **options)
    chunks = [chunk for piece in pieces for chunk in chunker.feed(piece)]
    return chunks + chunker.close()


def sources(chunks: list[Chunk]) -> list[str]:
    return [chunk.source for chunk in chunks]


def parse(chunk: Chunk) -> list[ast.stmt]:
    return parse_at(chunk.source, line=chunk.first_line, column=chunk.column).body


# Vectors ------------------------------------------------------------------------------------


def version_of(vector: dict[str, Any]) -> tuple[int, ...]:
    return tuple(map(int, vector.get("min_python", "3.0").split(".")))


def vector_chunker(vector: dict[str, Any]) -> Chunker:
    nested = version_of(vector) >= (3, 12) or sys.version_info >= (3, 12)
    return Chunker(vector["mode"], nested_fstrings=nested)


each_vector = pytest.mark.parametrize("vector", VECTORS, ids=[v["name"] for v in VECTORS])


@each_vector
def test_vector_is_released_at_the_piece_it_names(vector: dict[str, Any]) -> None:
    chunker = vector_chunker(vector)
    got = [
        {"text": chunk.source, "after_piece": number}
        for number, piece in enumerate(vector["pieces"])
        for chunk in chunker.feed(piece)
    ]
    got += [{"text": chunk.source, "after_piece": -1} for chunk in chunker.close()]
    assert got == vector["expect"]


@each_vector
def test_vector_has_the_same_chunks_whole_and_char_by_char(vector: dict[str, Any]) -> None:
    text = "".join(vector["pieces"])
    for pieces in ([text], list(text)):
        chunker = vector_chunker(vector)
        got = [chunk for piece in pieces for chunk in chunker.feed(piece)]
        assert sources(got + chunker.close()) == [e["text"] for e in vector["expect"]]


PARSED = [v for v in VECTORS if v["mode"] == "python" and version_of(v) <= sys.version_info[:2]]


@pytest.mark.parametrize("vector", PARSED, ids=[v["name"] for v in PARSED])
def test_vector_parses_or_fails_as_it_says(vector: dict[str, Any]) -> None:
    chunks = chunks_of(vector["pieces"])
    if "error" not in vector:
        whole = ast.parse("".join(vector["pieces"]))
        body = [node for chunk in chunks for node in parse(chunk)]
        assert_same_nodes(body, whole.body)
        return
    with pytest.raises(getattr(builtins, vector["error"])):
        _ = [parse(chunk) for chunk in chunks]


# Any split of any text ----------------------------------------------------------------------

FRAGMENTS = [
    # Simple statements, and what may stand around and in them.
    *("x = 1\n", "a.b[0] = {1: 2}\n", "return\n", "pass", "x ; y\n"),
    *(";", " ; ", "# c\n", "#", "\n"),
    *("  ", "\t", "\f", "\\\n", "\\\r\n", "\\", "\r\n", "\r", "\\ \n", " = ", "+", "$", "\0", "\v"),
    *("x: int = 3\n", "lambda: 1\n", "x = 1  # c\n", "(y := 2)\n", "\u2028", "\x85", "\ufeff"),
    # Strings.
    *("'", '"', "'''", '"""', "''"),
    *("'a\\'b'\n", "r'\\'", "rb'\\\n'\n", "'''a\n# ;b\n'''\n", 'u"#"'),
    *('"\\\n"', "'\\\r\n'", "B'''\\'''", "'''a''", '"""a""', "\\'", '\\"', "'\\", "if'a':b\n"),
    # f-strings.
    *('f"{x}"', "f'{x!r:>{w}}'", 'f"{f"{1}"}"', 'f"""{\n# "\n}"""', "f'''", 'f"', "rf'", "Fr'\\{'"),
    *("{", "}", "{{", "}}", "!r", ":", ":{", '"\\N{BULLET}"', "f'\\N{BULLET}{x}'", "f'{x:\n}'\n"),
    *("f'{x:{{}}}'", "f'{lambda x: 1}'", "f'{ {1: 2}[1] }'"),
    *("f'{(a:=1)}{b:=5}'", "f'{x=}'", "t'{x}'"),
    # Brackets.
    *("(", ")", "[", "]", "f(\n", "\n)\n", "[1,\n2]\n", "(\n# c\n)\n", "({[", "]})", "(;)"),
    # Compound statements, their clauses, and words that look like one.
    *("if x:\n", "if x: y\n", "    y\n", " z\n", "elif y:\n"),
    *("else:\n", "else: z\n", "else", "els"),
    *("elsewhere\n", "else\u0301 = 1\n", "\uff45lse\n", "elif"),
    *("el", "e", "for i in x:\n", "while 1:\n"),
    *("try:\n", "try: a\n", "except E:\n", "except* E: b\n"),
    *("exceptional = 1\n", "finally:\n", "final\n"),
    *("finally: c\n", "f", "with a as b:\n", "def f():\n"),
    *("def g(a, b=1): pass\n", "class A:\n", "@d\n"),
    *("@", "@a.b(1)\n", "class B: x = 1; y = 2\n"),
    *("async def f():\n", "async for a in b:\n", "async"),
    *("async with a: b\n", "async  for x in y: z\n", "await x\n"),
    *("match x:\n", "  case 1: a\n", "case\n"),
    *("match = 1\n", "match\n", "type X = int\n", "type = 2\n", "if"),
    *("def", "class", "try", "with\n"),
    # Names.
    *("ł = 1\n", "ﬁ", "名前 = 'é'; é = 2\n", "\U0001f600", "_", "x1", "\udc80"),
    # IPython.
    *("%time x\n", "!ls -l\n", "!!ls\n", "x = !ls 'a\n", "y = %pwd\n", "x = %\\\n a\n", "obj?\n"),
    *("?obj\n", "??x\n", "%%time\n", "%%", "%", "!", "?", ",f a\n", ";f b\n", "/f 1\n", "!ls \\\n"),
    *("%%time?\n", "x == %y\n", "a != b\n", "= !", "= %"),
]  # fmt: skip

programs = st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join)
# Statement after statement, so that a broken fragment does not swallow what follows.
tidy_programs = st.lists(
    st.sampled_from([f for f in FRAGMENTS if f.endswith("\n")]), max_size=10
).map("".join)
any_program = programs | tidy_programs
any_options = st.fixed_dictionaries(
    {"syntax": st.sampled_from(["python", "ipython"]), "nested_fstrings": st.booleans()}
)


def cut(text: str, places: list[int]) -> list[str]:
    """Cut at `places` (taken modulo the length); equal ones give empty pieces."""
    marks = [0, *sorted(p % (len(text) + 1) for p in places), len(text)]
    return [text[start:stop] for start, stop in pairwise(marks)]


def position_after(text: str) -> tuple[int, int]:
    """Line and column (UTF-8 bytes) of what would follow `text`."""
    lines = re.split(r"\r\n|\r|\n", text)
    return len(lines), len(lines[-1].encode("utf-8", "surrogatepass"))


def check_consistent(chunks: list[Chunk], text: str) -> None:
    assert "".join(sources(chunks)) == text
    before = ""
    for number, chunk in enumerate(chunks):
        assert chunk.source
        assert chunk.index == number
        assert (chunk.first_line, chunk.column) == position_after(before)
        before += chunk.source
        last_line, column = position_after(before)
        assert chunk.last_line == last_line - (column == 0)
        # Only the end of a program is without a statement.
        assert chunk.has_statement or number == len(chunks) - 1


@settings(max_examples=1000, deadline=None)
@given(any_program, any_options, st.lists(st.integers(0, 10_000), max_size=12))
def test_no_split_changes_the_chunks(text: str, options: dict[str, Any], places: list[int]) -> None:
    whole = chunks_of([text], **options)
    assert chunks_of(cut(text, places), **options) == whole
    assert chunks_of(list(text), **options) == whole


@settings(max_examples=1000, deadline=None)
@given(any_program, any_options)
def test_chunks_make_up_the_text_and_know_their_place(text: str, options: dict[str, Any]) -> None:
    check_consistent(chunks_of([text], **options), text)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="\"'{}()\\\n\r\f \t;:#fFrRbN!%?=@eils0é\x00"), any_options, st.data())
def test_no_split_of_noise_changes_the_chunks(
    text: str, options: dict[str, Any], data: st.DataObject
) -> None:
    whole = chunks_of([text], **options)
    check_consistent(whole, text)
    places = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    assert chunks_of(cut(text, places), **options) == whole


@settings(max_examples=500, deadline=None)
@given(any_program, st.lists(st.integers(0, 10_000), max_size=6), any_options)
def test_end_of_blocks_loses_no_text(text: str, places: list[int], options: dict[str, Any]) -> None:
    assume("\r" not in text)  # the end of a block may stand between a CR and its LF
    chunker = Chunker(**options)
    chunks = []
    for piece in cut(text, places):
        chunks += chunker.feed(piece) + chunker.end_block()
    check_consistent(chunks + chunker.close(), text)


# Statements of which every sequence is a program.
STATEMENTS = [
    *("x = 1\n", "x; y\n", "s = 'é'; y = 2;\n", "x  # c\n", "x \\\n; y; z\n", "x = \\\n  1\n"),
    *("f(\n  a, # (\n)\n", "s = 'a\\'b;#'\n", 's = """\n#;\n"""; y\n'),
    *("r'\\'' \n", "import a as b, c\n"),
    *("f'{x!r:>{w}}#;'\n", "f\"{'a;'}{{\"\n", "del x, y # c\n", "e\n", "f()\n", "exc = 1\n"),
    *("else_ = 1\n", "finally_ = 1\n", "case = 1\n", "match(x)\n", "elsif = 1\n", "async_ = 1\n"),
    *("if x: y\n", "if x:\n  y\n"),
    *("if x: y # c\nelse: z # c\n", "if x:\n  y\n\n# c\nelif z:\n  a\n"),
    *("if x:\n  if y:\n    z\n  else: a\n", "if x: y; z\nelif y: a\nelse:\n  b\n", "if x: y;\n"),
    *("for i in x: y\n", "for i in x:\n  y\nelse: z\n"),
    *("while x: y\nelse:\n  z\n", "while x:\n  y\n"),
    *("try: a\nexcept E: b\n", "try:\n  a\nexcept* E:\n  b\nelse: c\nfinally: d\n"),
    *("try: a\nfinally: b\n", "try: a\nexcept: b\nelse:\n  c\n"),
    *("with a as b: c\n", "with (a):\n  b\n"),
    *("class A:\n  x = 1\n\n  y\n", "class A(b): x # c\n"),
    *("@a\n\n@b\nclass A: x; y\n", "def f(): p\n"),
    *("def f(a,\nb):\n  p\n# c\n  q\n", "async def f(): p\n", "async def f():\n  p\n"),
    *("async for a in b: c\n", "async with a:\n  b\n", "async for a in b:\n  c\nelse: d\n"),
    *("match x:\n  case 1: a\n  case _:\n    b\n", "# c\n", "\n", "  # d\n"),
]  # fmt: skip
valid_programs = st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=5).map("".join)


@settings(max_examples=300, deadline=None)
@given(valid_programs)
def test_parsed_chunks_equal_the_parsed_program(text: str) -> None:
    chunks = chunks_of([text])
    assert_same_nodes([node for chunk in chunks for node in parse(chunk)], quiet_parse(text).body)


# The standard library -----------------------------------------------------------------------

LIBRARY = Path(sysconfig.get_paths()["stdlib"])
GROUPS = 16
# One in four is enough for every day; all of it takes minutes.
EVERY = 1 if os.environ.get("EAGER_WHOLE_LIBRARY") else 4


def library_files() -> list[Path]:
    found = (path for path in LIBRARY.rglob("*.py") if "site-packages" not in path.parts)
    return sorted(found)


def quiet_parse(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def read_program(path: Path) -> str | None:
    """The file's text with its own newlines; None where it is no program in UTF-8."""
    try:
        text = path.read_bytes().decode("utf-8")
        quiet_parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    return text


def random_pieces(text: str, seed: int) -> list[str]:
    rng, pieces, at = random.Random(seed), [], 0
    while at < len(text):
        size = rng.choice((1, 2, 3, 4, 5, 8, 20))
        pieces.append(text[at : at + size])
        at += size
    return pieces


def same_nodes(one: Any, other: Any) -> bool:
    """Whether two trees are equal, positions included: `ast.dump` and `==`, only faster."""
    if one.__class__ is not other.__class__:
        return False
    if isinstance(one, ast.AST):
        mine, others = one.__dict__, other.__dict__
        return mine.keys() == others.keys() and all(
            value == others[name] if value.__class__ in ATOMS else same_nodes(value, others[name])
            for name, value in mine.items()
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same_nodes, one, other))
    return repr(one) == repr(other)  # tells 0.0 from -0.0, and equals nan


ATOMS = (int, str)


def assert_same_nodes(nodes: list[ast.stmt], expected: list[ast.stmt]) -> None:
    if not same_nodes(nodes, expected):
        whole = [ast.dump(node, include_attributes=True) for node in expected]
        assert [ast.dump(node, include_attributes=True) for node in nodes] == whole


def check_file(text: str, seed: int) -> None:
    chunks = chunks_of([text], "ipython")
    assert "".join(sources(chunks)) == text
    assert not [chunk for chunk in chunks if chunk.ipython]
    assert chunks_of(random_pieces(text, seed), "python") == chunks
    assert_same_nodes([node for chunk in chunks for node in parse(chunk)], quiet_parse(text).body)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("group", range(0, GROUPS, EVERY))
@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_standard_library_is_cut_into_its_statements(group: int) -> None:
    for path in library_files()[group::GROUPS]:
        text = read_program(path)
        if text is None:
            continue
        name = path.relative_to(LIBRARY).as_posix()
        try:
            check_file(text, seed=zlib.crc32(name.encode()))
        except (AssertionError, SyntaxError) as error:
            pytest.fail(f"{name}: {str(error)[:2000]}")


# The moment of release ----------------------------------------------------------------------

CUT, RELEASE = "¦", "»"
MOMENTS = [
    # Simple statements: NEWLINE, `;` or `#`.
    "x = 1\n¦»y = 2\n¦»",
    "x = 1\r\n¦»y\r\n¦»",
    "x = 1\r¦y»\r¦z»",  # a CR may be half a CRLF, so it counts with the next character
    "x = 1;¦» y = 2;¦» z\n¦»",
    "x;¦»\n# c\ny\n¦»",
    "x;¦»# c\ny\n¦»",
    "x = 1 ¦#» c ; d\ny\n¦»",
    "x¦#» é\ny¦#»",
    "# a\n\nx\n¦»",
    "x\n¦»# trailing\n",
    "import a, \\\n  b\n¦»",
    "x = (1,\n# ; c\n2)\n¦»",
    "x = [\n';',\n]¦#»\n",
    "x = [\n';',\n];¦»",
    "x = {'#': ';'}\n¦»",
    "s = '''a\n;#\n'''\n¦»",
    "s = 'a\\\nb;'\n¦»",
    "s = 'open;#\n¦»x\n¦»",
    "x = 1)\n¦»y\n¦»",
    "\n  x\n¦»y\n¦»",
    "@\n",
    "f'{x:;^{w}}';¦»",
    "f'{x!r}#'¦#»",
    "rf'\\{x}';¦»",
    "match(x);¦»case\n¦»",
    "type X = int\n¦»",
    "else: x; y\n¦»",
    "async\n¦»x\n¦»",
    # Compound ones: the first character that rules every continuation out.
    "if x:\n  y\n¦z» = 1\n¦»",
    "if x:\n  y\n¦else_» = 1\n¦»",
    "if x:\n  y\n¦elsi»f\n¦»",
    "if x:\n  y\n¦el »\\\n=1\n¦»",
    "if x:\n  y\n¦(»z)\n¦»",
    "if x:\n  y\n¦'»e'\n¦»",
    "if x:\n  y\n¦@»a\ndef f(): p\n¦»",
    "if x:\n  y\n¦1»\n¦»",
    "if x:\n  y\n¦eé» = 1\n¦»",
    "if x:\n  y\n¦el.»a\n¦»",
    "if x:\n  y\n¦e\n»¦»",
    "if x: y\n¦ex»it\n¦»",
    "if x: y\nelif z: a\n¦f»\n¦»",
    "if x: y  # c\n# d\nelse: z\n¦»",
    "if x: y\nelse: z¦#»",
    "if x: y; z\nelse: a; b\n¦»",
    "if x:\n  y\nelse:\n  z\n¦e»\n¦»",
    "if x:\n  if y:\n    z\n  else:\n    a\n¦\n# c\nb»\n¦»",
    "if (\nx\n): y\n¦z»\n¦»",
    "if x:\n  y\n\\\nelse: z\n¦»",
    "if x:\n  y\n¦\\\nz»\n¦»",
    "if x:\n  y\n\\\n  z\n¦a»\n¦»",
    "if x:\n  y\n\felse: z\n¦»",
    "if x:\n  y\n¦\fz»\n¦»",
    "for i in x: y\n¦eli»sa\n¦»",
    "for i in x: y\n¦f»\n¦»",
    "for i in x:\n  y\nelse: z\n¦»",
    "while x:\n  y\n\n\n# c\n  # d\n  z\n¦a»\n¦»",
    "try: a\nexcept: b\n¦fi(»)\n¦»",
    "try: a\nexcept E:\n  b\nelse: c\n¦e»x\n¦»",
    "try: a\nexcept E: b\nelse: c\nfinally: d\n¦»",
    "try: a\nexcept* E: b\n¦en»\n¦»",
    "try:\n  a\nfinally:\n  b\n¦f»\n¦»",
    "try: a\nfinally: b\n¦»f\n¦»",
    "with a: b\n¦»",
    "with a: b; c¦#»",
    "with a: # c\n  b\n¦e»\n¦»",
    "def f(): p¦#»\n",
    "def f(): p; q\n¦»",
    "def f(\na): p\n¦»",
    "def f() -> {\n}:\n  p\n¦}»\n¦»",
    "def f():\n  '''\nelse\n'''\n  p\n¦e»\n¦»",
    "class A(b): p\n¦»",
    "class A:\n  x = '\\\n;'\n\n  y\n¦_»\n¦»",
    "@a\n@b(\n)\n\n# c\ndef f(): p\n¦»",
    "@a\nclass A:\n  p\n¦@»b\nclass B: q\n¦»",
    "async def f(): p\n¦»",
    "async def f():\n  p\n¦e»\n¦»",
    "async with a: b\n¦»",
    "async for a in b: c\n¦f»\n¦»",
    "async for a in b:\n  c\nelse: d\n¦»",
    "match x:\n  case 1: a\n¦c»ase\n¦»",
    "match x:\n  case 1:\n    a\n\n  case _: b\n¦e»\n¦»",
]  # fmt: skip
IPYTHON_MOMENTS = [
    "%time x; y # c\n¦»z\n¦»",
    "!ls ; pwd # c\n¦»",
    "!ls \\\n-l\n¦»",
    "x = !ls ; #\n¦»",
    "x = y != z;¦» w\n¦»",
    "x?\n¦»",
    "x? # c\n¦»",  # no help, as in a whole cell: an error
    "x?;¦»",
    "if x:\n  !ls ; ls\n¦%»pwd\n¦»",
    "if x:\n  y\n¦?»x\n¦»",
    "# c\n%%time\n¦»x\n¦»",
    "%%time\nx\ny;z\n",
]  # fmt: skip


def moments(marked: str) -> tuple[str, list[str], list[int]]:
    """The text without marks, the chunks between the cuts, and the characters each needs."""
    text = marked.replace(CUT, "").replace(RELEASE, "")
    parts = marked.replace(RELEASE, "").split(CUT)[:-1]
    released = accumulate(map(len, marked.replace(CUT, "").split(RELEASE)[:-1]))
    return text, parts, list(released)


def releases(text: str, syntax: Any = "python") -> list[tuple[str, int]]:
    chunker = Chunker(syntax)
    return [
        (chunk.source, number)
        for number, char in enumerate(text, 1)
        for chunk in chunker.feed(char)
    ]


@pytest.mark.parametrize(
    ("marked", "syntax"),
    [(m, "python") for m in MOMENTS] + [(m, "ipython") for m in MOMENTS + IPYTHON_MOMENTS],
)
def test_chunk_is_released_at_the_first_character_that_decides(marked: str, syntax: str) -> None:
    text, parts, released = moments(marked)
    assert releases(text, syntax) == list(zip(parts, released, strict=True))


# What a model might write instead of, or after, what it did write.
INSERTS = ["+1", "z", "1", "s", "z+", "}{y", ", z", "\n", ""]
TAILS = sorted(
    {
        before + clause[start:]
        for clause in (
            *("else: z\n", "elif z: z\n", "except E: z\n", "except* E: z\n", "finally: z\n"),
            *("  z\n", "  case 2: z\n", "  else: z\n"),
        )
        for start in range(len(clause))
        for before in ("", "\n")
    }
)


def other_programs(prefix: str, rest: str) -> list[str]:
    """Programs that begin with `prefix`, of which `rest` was the rest of a statement."""
    changed = [
        prefix + rest[:at] + insert + rest[at + skip :]
        for at in reversed(range(len(rest) + 1))
        for insert in INSERTS
        for skip in (0, 1)
    ]
    return changed + [prefix + tail for tail in TAILS]


def statement_of(text: str, number: int) -> str | None:
    """Statement `number` of a program, with positions; None if it is no program."""
    try:
        body = quiet_parse(text).body
    except (SyntaxError, ValueError):
        return None
    return ast.dump(body[number], include_attributes=True) if number < len(body) else ""


@settings(max_examples=300, deadline=None)
@given(valid_programs)
def test_chunk_is_released_as_soon_as_nothing_can_change_it_and_no_sooner(text: str) -> None:
    start = 0
    for number, (source, chars) in enumerate(releases(text)):
        end = start + len(source)
        written = statement_of(text, number)
        before, after = text[: chars - 1], text[:chars]
        others = (statement_of(o, number) for o in other_programs(before, text[chars - 1 : end]))
        assert any(other not in (None, written) for other in others), (number, before)
        others = (statement_of(o, number) for o in other_programs(after, text[chars:end]))
        assert all(other in (None, written) for other in others), (number, after)
        start = end


# The rest of the interface ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "following", "expected"),
    [
        ("x = 1", "\ny = 2", ["x = 1", "\ny = 2"]),
        ("x = 1\n", "y = 2", ["x = 1\n", "y = 2"]),
        ("if x:\n  y\n", "else: z\n", ["if x:\n  y\n", "else: z\n"]),
        ("if x:\n  y\n# c\n", "z\n", ["if x:\n  y\n", "# c\nz\n"]),
        ("if x: y # c", "\nz\n", ["if x: y # c", "\nz\n"]),
        ("x # c", "\ny\n", ["x ", "# c\ny\n"]),
        ("if x:", "\n  y\n", ["if x:", "\n  y\n"]),
        ("@a\n", "def f(): p\n", ["@a\n", "def f(): p\n"]),
        ("x = (1,\n", "2)\n", ["x = (1,\n2)\n"]),
        ("x = '''a\n", "'''\n", ["x = '''a\n'''\n"]),
        ("# c\n", "x\n", ["# c\nx\n"]),
        ("%time x", "\ny\n", ["%time x", "\ny\n"]),
        ("%%time\nx\n", "y\n", ["%%time\nx\ny\n"]),
        ("", "x", ["x"]),
    ],
)
def test_end_of_a_block_completes_what_is_not_open(
    block: str, following: str, expected: list[str]
) -> None:
    chunker = Chunker()
    released = chunker.feed(block) + chunker.end_block()
    complete = [text for text in expected if block.startswith(text)]
    assert sources(released) == complete
    assert chunker.end_block() == []
    chunks = released + chunker.feed(following) + chunker.close()
    assert sources(chunks) == expected
    check_consistent(chunks, block + following)


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("", False),
        ("x = ", False),
        ("x = 'a ", True),
        ("x = 'a' ", False),
        ('x = """a\n', True),
        ('x = """a\n"""\n', False),
        ("x = 'open\n", False),
        ("# it's ", False),
        ("x = 'a' # it's ", False),
        ("f(# '\n", False),
        ("f'{x} ", True),
        ("f'''{ ", True),
        ("f'{x}' ", False),
        ("!echo it's ", False),
        ("%%bash\necho 'a ", False),
        ("if x:\n  '''a\n", True),
    ],
)
@pytest.mark.parametrize("nested_fstrings", [False, True])
def test_inside_string(text: str, inside: bool, nested_fstrings: bool) -> None:
    chunker = Chunker(nested_fstrings=nested_fstrings)
    for char in text:
        chunker.feed(char)
    assert chunker.inside_string is inside
    assert chunker.inside_string is inside  # asking changes nothing


@settings(max_examples=500, deadline=None)
@given(st.lists(programs, min_size=2, max_size=4), any_options)
@example(["if x:\n  ", "\n"], {})
def test_asking_for_inside_string_before_a_backtick_changes_no_chunk(
    parts: list[str], options: dict[str, Any]
) -> None:
    chunker, chunks = Chunker(**options), []
    for part in parts:
        chunks += chunker.feed(part)
        _ = chunker.inside_string
        chunks += chunker.feed("`")
    assert chunks + chunker.close() == chunks_of(["`".join([*parts, ""])], **options)


def test_empty_pieces_and_programs_give_nothing() -> None:
    chunker = Chunker()
    assert [chunker.feed(piece) for piece in ("", "x\n", "")] == [[], [Chunk("x\n", 0, 1, 1)], []]
    assert chunker.close() == []
    assert Chunker().close() == []


def test_program_of_comments_is_one_chunk_without_a_statement() -> None:
    assert chunks_of(["# a\n", "\n# b"]) == [Chunk("# a\n\n# b", 0, 1, 3, has_statement=False)]


def test_chunk_after_a_semicolon_knows_its_column_in_bytes() -> None:
    first, second = chunks_of(["s = 'é中'; t\n"])
    assert (first.column, second.column) == (0, len("s = 'é中';".encode()))


def test_only_chunks_with_ipython_syntax_are_marked() -> None:
    program = "x = 'a?'\n%time x\ny = !ls\nx?\nx % 2 != 3\nf'{x!r:%d}'\nif x:\n  !ls\n"
    marked = [chunk.ipython for chunk in chunks_of([program], "ipython")]
    assert marked == [False, True, True, True, False, False, True]
    assert not any(chunk.ipython for chunk in chunks_of([program], "python"))


def test_quotes_in_fstring_fields_follow_the_grammar_asked_for() -> None:
    program = "f'{'#'}'\n"
    assert sources(chunks_of([program], nested_fstrings=True)) == [program]
    assert sources(chunks_of([program], nested_fstrings=False)) == ["f'{'", "#'}'\n"]


def test_feed_after_close_is_refused() -> None:
    chunker = Chunker()
    chunker.close()
    with pytest.raises(ValueError, match="closed"):
        chunker.feed("x")


def test_unknown_syntax_is_refused() -> None:
    with pytest.raises(ValueError, match="'ruby'"):
        Chunker("ruby")  # type: ignore[arg-type]
