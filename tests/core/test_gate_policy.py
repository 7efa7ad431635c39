"""What a deployer adds: names, and rules of their own."""

from __future__ import annotations

from typing import Any

import pytest

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.gate import Gate, Mode, Policy, Verdict
from tests.core.gate_programs import held, judge

CHUNK = Chunk("\nx = 1\n", index=2, first_line=7, last_line=8)
POLICY = Policy(
    modules=frozenset({"boto3", "acme.cloud"}),
    names=frozenset({"acme.send"}),
    methods=frozenset({"launch"}),
    timing=frozenset({"acme.clock"}),
    defer=False,
)


@pytest.mark.parametrize("mode", ["effect", "static"])
@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("import boto3 as b\nb.client('s3')\n", "external-effect"),
        ("from acme.cloud import x as y\ny.z()\n", "external-effect"),
        ("from acme import send\nsend()\n", "external-effect"),
        ("rocket().launch()\n", "external-effect"),
        ("class C:\n    def launch(self): pass\n\nC().launch()\n", "external-effect"),
        (
            "class C:\n    def launch(self): pass\n\n[c.launch() for c in [C()]]\n",
            "external-effect",
        ),
        ("import acme\nacme.clock()\n", "timing"),
    ],
)
def test_policy_adds_to_the_tables(text: str, category: str, mode: Mode) -> None:
    verdict = judge(text, mode, POLICY)[-1]
    assert (verdict.action, verdict.category) == ("hold", category)
    assert held(text, mode, POLICY) == [len(judge(text, mode, POLICY)) - 1]
    assert "this installation" in verdict.reason
    assert held(text) == []


def test_policy_may_list_a_module_of_every_other_line() -> None:
    policy = Policy(modules=frozenset({"numpy", "torch.hub"}))
    assert held("np.mean(x)\nimport numpy as n\nn.mean(x)\n", "effect", policy) == [0, 2]
    assert held("import torch as t\nt.rand(1)\nt.hub.load('x')\n", "effect", policy) == [2]


def test_policy_leaves_the_rest_alone() -> None:
    assert held("import acme\nacme.other()\nlaunch = 1\n", "effect", POLICY) == []


@pytest.mark.parametrize(
    "given",
    [
        {"modules": "boto3"},
        {"names": {"a b"}},
        {"methods": {"a.b"}},
        {"timing": {""}},
        {"modules": {1}},
    ],
)
def test_policy_that_makes_no_sense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(given))):
        Policy(**given)


def test_rule_decides_where_it_has_an_opinion() -> None:
    opinion = Verdict("hold", "external-effect", "not on Fridays", 8)
    rules = {"none": lambda chunk: None, "mine": lambda chunk: opinion}
    assert Gate("effect", rules=rules).judge(CHUNK) == opinion
    assert Gate("effect", rules={"none": lambda chunk: None}).judge(CHUNK).action == "run"
    assert Gate("serial", rules=rules).judge(CHUNK).category == "plain"
    assert Gate("off", rules=rules).judge(CHUNK).action == "run"


def test_rule_may_let_run_what_the_gate_holds() -> None:
    rules = {"clocks are fine": lambda chunk: Verdict("run", "plain", "", chunk.first_line)}
    clock = Chunk("time.time()\n", 0, 1, 1)
    assert Gate().judge(clock).action == "hold"
    assert Gate(rules=rules).judge(clock).action == "run"


def test_gate_learns_names_whatever_a_rule_says() -> None:
    first = Chunk("import time as t\n", 0, 1, 1)
    rules = {"first": lambda c: Verdict("run", "plain", "", 1) if c.index == 0 else None}
    gate = Gate(rules=rules)
    gate.judge(first)
    assert gate.judge(Chunk("t.time()\n", 1, 2, 2)).action == "hold"


class _UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (lambda chunk: 1 / 0, "'mine' raised ZeroDivisionError: division by zero"),
        (
            lambda chunk: (_ for _ in ()).throw(_UnspeakableError()),
            "'mine' raised _UnspeakableError: ?",
        ),
        (lambda chunk: True, "'mine' returned bool"),
        (lambda chunk: "hold", "'mine' returned str"),
        (lambda: None, "'mine' raised TypeError"),
        (lambda chunk: Verdict("stop", "plain", "", 1), "'mine' returned Verdict"),  # type: ignore[arg-type]
        (lambda chunk: Verdict("hold", "bad", "", 1), "'mine' returned Verdict"),  # type: ignore[arg-type]
        (lambda chunk: Verdict("hold", "plain", "", "1"), "'mine' returned Verdict"),  # type: ignore[arg-type]
    ],
)
def test_rule_that_fails_holds(rule: Any, says: str) -> None:
    verdict = Gate("static", rules={"mine": rule}).judge(CHUNK)
    assert (verdict.action, verdict.category, verdict.line) == ("hold", "dynamic", 7)
    assert says in verdict.reason


def test_rule_without_a_reason_or_with_a_wrong_line() -> None:
    rules = {"mine": lambda chunk: Verdict("hold", "timing", "", 99)}
    verdict = Gate(rules=rules).judge(CHUNK)
    assert (verdict.line, verdict.reason) == (8, "the gate's rule 'mine' says so")
