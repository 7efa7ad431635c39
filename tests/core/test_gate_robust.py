"""Nothing makes the gate raise, recurse without end, or take more than linear time."""

from __future__ import annotations

import sys
import time
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.gate import MODES, Gate, Mode, Policy, Verdict
from eager_kernel.core.gating.argument_checks import name_items
from tests.core.gate_programs import held, judge
from tests.core.test_gate_effect import RUN, SILENT, TIMING
from tests.core.test_gate_static import HELD

LOOKING: tuple[Mode, ...] = ("effect", "static", "paper")
WORDS = [
    *name_items("""
        os . remove ( ) [ ] 'f' open time = : def class lambda if else for in import from * , @ f
        getattr exec %time ! ? ; # \\ await async self { } " \'\'\' with as
    """),
    *("\n", "\n    ", "\r", "\0", "\ud800"),
]
texts = st.text() | st.lists(st.sampled_from(WORDS)).map(" ".join)


@given(st.lists(texts, max_size=4), st.integers(0, 3), st.booleans())
@settings(deadline=None)
def test_any_text_gets_a_verdict(sources: list[str], column: int, ipython: bool) -> None:
    for mode in MODES:
        gate = Gate(mode)
        for index, source in enumerate(sources):
            chunk = Chunk(source, index, 3, 5, column=column, ipython=ipython)
            verdict = gate.judge(chunk)
            assert isinstance(verdict, Verdict)
            assert 3 <= verdict.line <= 5
            assert bool(verdict.reason) == (verdict.action != "run")
            assert len(verdict.reason) < 300


PROGRAMS = [*HELD, *TIMING, *SILENT, *RUN]


@given(st.sampled_from(PROGRAMS), st.sampled_from(PROGRAMS))
@settings(deadline=None)
def test_programs_know_nothing_of_each_other(one: str, other: str) -> None:
    for mode in LOOKING:
        before = judge(one, mode)
        judge(other, mode)
        assert judge(one, mode) == before


@given(st.lists(st.sampled_from(PROGRAMS), max_size=4))
@settings(deadline=None)
def test_program_of_several_gets_its_verdicts(parts: list[str]) -> None:
    for mode in LOOKING:
        judge("".join(part.rstrip("\n") + "\n" for part in parts if "%%" not in part), mode)


ODD = {
    "not Python": "os.remove('f'\n)) = 3\n",
    "half a statement": "os.remove('f'",
    "NUL": "os.remove('f')\0\n",
    "a surrogate": "os.remove('\ud800')\n",
    "many brackets": "(" * 500 + ")" * 500,
    "a number too long": "x = " + "1" * 10_000 + "\n",
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("mode", LOOKING)
def test_text_that_does_not_parse_runs(name: str, mode: Mode) -> None:
    verdict = Gate(mode).judge(Chunk(ODD[name], 0, 1, 9))
    assert (verdict.action, verdict.category) in [("run", "plain"), ("hold", "external-effect")]


def test_deep_expressions_are_judged() -> None:
    terms = 900  # more than the parsers of all versions take is not to be judged
    chain = "x" + ".a()" * terms
    assert held(f"os.remove({'+'.join('x' * terms)})\n", "static") == [0]
    assert held(f"y = {chain}.to_csv('f')\n", "static") == [0]
    assert held(f"os{'.a' * terms}\nrequests{'.a' * terms}\n", "static") == []
    elifs = "if x:\n    1\n" + "elif y:\n    2\n" * terms + "else:\n    os.remove('f')\n"
    assert held(elifs, "static") == [0]
    many = f"{' + '.join(['x'] * 10_000)} + os.remove('f')\n"
    assert held(many, "static") in ([0], [])  # as the parser takes it


def test_what_can_not_be_followed_to_its_end_is_held() -> None:
    deep = "".join(f"def f{i}(): f{i - 1}()\n" for i in range(299, 0, -1))
    deep += "def f0(): open('x', 'w')\n"
    verdict = judge(deep + "f299()\n", "static")[-1]
    assert (verdict.action, verdict.category) == ("hold", "dynamic")
    # Each calls the one before it twice, with something new: 2 to the 60th calls.
    wide = "def f0(a): os.getcwd()\n"
    wide += "".join(f"def f{i}(a): f{i - 1}(os.stat); f{i - 1}(lambda: os)\n" for i in range(1, 60))
    start = time.perf_counter()
    judge(wide + "f20(1)\n", "static")
    assert time.perf_counter() - start < 20


def test_cost_does_not_depend_on_what_came_before() -> None:
    def seconds(lines: int) -> float:
        text = "def g(): return 1\n" * (lines // 2)
        text += "".join(f"def f{i}(p): open(p, 'w')\n" for i in range(lines))
        start = time.process_time()
        judge(text, "static")
        return time.process_time() - start

    seconds(50)
    # 4 is linear, 16 quadratic; the best of some, as a busy machine shares its caches.
    assert min(seconds(1600) for _ in range(3)) < 12 * min(seconds(400) for _ in range(5))


def test_parser_warnings_are_left_to_the_run() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for mode in LOOKING:
            judge("open('\\d', 'w')\nos.x(1if y else 2, 0x1for_, '\\8')\nos.a(0xfor 1)\n", mode)
            judge("os.a(r'\\d', b'\\z', f'\\d{x}')\nos.b(1or 2)\n", mode)
            judge("os.a(1int(2))\n", mode)
    assert caught == []


def test_same_verdicts_near_the_recursion_limit() -> None:
    def at_depth(depth: int) -> list[int]:
        return at_depth(depth - 1) if depth else held("f = g(os.remove)\nf(1)\n", "static")

    assert at_depth(sys.getrecursionlimit() // 2) == [0]


def test_policy_is_kept_apart() -> None:
    strict = Policy(methods=frozenset({"go"}))
    assert held("a.go()\n", "effect", strict) == [0]
    assert held("a.go()\n", "effect") == []
