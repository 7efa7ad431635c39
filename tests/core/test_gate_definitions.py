"""Definitions that run nothing yet wait for the next statement."""

from __future__ import annotations

import ast
import inspect
import textwrap

import pytest

from eager_kernel.core.chunker import Chunker
from eager_kernel.core.gate import Policy
from eager_kernel.core.gating import definitions
from eager_kernel.core.gating.definitions import is_idle_definition
from tests.core.gate_programs import judge

DEFER = [
    "def f(): pass\n",
    "# why\n\ndef f(a, *b, c=1, d='x', e=A.b, **k) -> int:\n    return g()\n",
    "def f(a: int = 1, b: list[int] | None = None, *, d=('a', 'b')) -> dict[str, int]: 0\n",
    "def f(\n    a,\n    b={},  # note\n):\n    x = [i for i in g()]\n",
    "async def f(): await g()\n",
    "class A: pass\n",
    "class A(B, metaclass=M):\n    '''Doc.'''\n    x = 1\n    y: int\n    z: list[int] = []\n"
    "    def f(self, a=1):\n        print(a)\n\n    @property\n    def p(self): return 1\n"
    "    # note\n    @staticmethod\n    def s(): pass\n",
    'class A:\n    """\n    Doc: f(x)\n\n    More.\n    """\n\n    def f(self): pass\n',
    "@dataclass(frozen=True)\nclass A:\n    x: int = 0\n    y: A = field(default_factory=list)\n",
    "@functools.lru_cache(maxsize=None)\ndef f(): pass\n",
    "@contextmanager\ndef f(): yield\n",
    "def f(g=lambda: h()): pass\n",
    'def f():\n    return """\nx = 1\n"""\n',
    "class A:\n    class B:\n        x = 1\n",
    "\n\ndef f(): pass\n",
]
RUN = [
    "x = 1\n",
    "defer = 1\n",
    "classes = 2\n",
    "def f(x=g()): pass\n",
    "def f(x=[y for y in g]): pass\n",
    "def f(x: g()): pass\n",
    "def f() -> g(): pass\n",
    "@app.route('/')\ndef f(): pass\n",
    "@dataclass(eq=g())\nclass A: pass\n",
    "class A(g()): pass\n",
    "class A:\n    x = g()\n",
    "class A:\n    print(1)\n",
    "class A:\n    for x in y: pass\n",
    "class A:\n    def f(self, x=g()): pass\n",
    "class A:\n    '''Doc.'''\n    x = [\n        g()\n    ]\n",
    "f = lambda: 1\n",
    "if x:\n    def f(): pass\n",
    "def f(:\n",
]


@pytest.mark.parametrize("text", DEFER)
@pytest.mark.parametrize("mode", ["effect", "static", "paper"])
def test_idle_definition_is_deferred(text: str, mode: str) -> None:
    (verdict,) = judge(text, mode, Policy())  # type: ignore[arg-type]
    assert (verdict.action, verdict.category) == ("defer", "low-yield")
    assert verdict.reason == "a definition: runs with the next statement"
    assert judge(text, mode)[0].action == "run"  # type: ignore[arg-type]


@pytest.mark.parametrize("text", RUN)
def test_what_runs_code_is_not(text: str) -> None:
    assert judge(text, "effect", Policy())[0].action == "run"


def test_comments_at_the_end_are_no_definition() -> None:
    chunker = Chunker()
    chunks = [*chunker.feed("x\n# def f(): pass\n"), *chunker.close()]
    assert not chunks[-1].has_statement
    assert judge("# def f(): pass\n", "effect", Policy()) == []


def test_what_the_text_shows_is_what_the_parse_shows() -> None:
    """On real code, the two ways to judge a definition come to the same."""
    for module in (inspect, textwrap, ast, definitions):
        chunker = Chunker(syntax="python")
        chunks = [*chunker.feed(inspect.getsource(module)), *chunker.close()]
        for chunk in chunks:
            tree = ast.parse(chunk.source)
            parsed = bool(tree.body) and all(map(definitions._is_idle, tree.body))
            assert is_idle_definition(chunk.source, lambda tree=tree: tree) == parsed


def test_plain_definitions_are_not_parsed() -> None:
    def parse() -> None:
        raise AssertionError

    assert is_idle_definition("def f(a, b=1, *c: int) -> int:\n    return g(a)\n", parse)
    assert is_idle_definition('class A(B):\n    """A."""\n    x = 1\n    def f(self): g()\n', parse)
