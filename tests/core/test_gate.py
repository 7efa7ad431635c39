"""The gate's verdicts."""

from __future__ import annotations

import pytest

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.gate import MODES, Gate, Verdict

CHUNK = Chunk("\nx = 1\n", index=2, first_line=7, last_line=8)


def test_gate_that_is_off_lets_everything_run() -> None:
    assert Gate("effect").judge(CHUNK) == Gate("off").judge(CHUNK) == Verdict("run", "plain", "", 7)


def test_serial_gate_holds_everything_and_says_why() -> None:
    verdict = Gate("serial").judge(CHUNK)
    assert (verdict.action, verdict.category, verdict.line) == ("hold", "plain", 7)
    assert "serial" in verdict.reason


def test_only_code_that_waits_needs_a_reason() -> None:
    for mode in MODES:
        verdict = Gate(mode).judge(CHUNK)
        assert bool(verdict.reason) == (verdict.action != "run")


def test_unknown_mode_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="effect, journal, wait, static, paper, serial, off, not"):
        Gate("open")  # type: ignore[arg-type]


def test_effect_is_the_default() -> None:
    assert Gate().mode == "effect"
    assert MODES == ("effect", "journal", "wait", "static", "paper", "serial", "off")
