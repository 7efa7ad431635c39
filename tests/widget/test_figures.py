"""What a view says of a run, at every moment, is what its report would say then."""

from __future__ import annotations

import pytest
from hypothesis import given

from eager_kernel.core.figures.lanes import hidden
from eager_kernel.core.figures.progress import Cursor
from eager_kernel.widget.record import Record
from tests.core.test_progress import START, Run, steps


@given(steps)
def test_facts_are_those_of_the_report(taken: list[tuple[int, float]]) -> None:
    run, record, cursor = Run(), Record(start=START), Cursor()
    for number, seconds in taken:
        run.step(number, seconds)
        news = run.timeline.news(run.now, cursor)
        if news is None:
            continue
        record.hear({"type": "times", "news": news}, run.now)
        report, facts = run.timeline.report(run.now), record.facts()
        part, whole = hidden(report)
        assert facts["execution"] == pytest.approx(whole, abs=1e-3)
        assert facts["hidden"] == pytest.approx(part, abs=1e-3)
        assert facts["last"] == pytest.approx(report.generation_s, abs=1e-3)
    report = run.timeline.report(run.now)
    before = record.facts()
    result = {"type": "result", "status": "ok", "executed_lines": 0, "report": report.to_dict()}
    if run.timeline.news(run.now, cursor) is None and before.get("open") is None:
        record.hear(result, run.now)
        after = record.facts()
        for name in ("hidden", "execution", "last"):
            assert after[name] == pytest.approx(before[name], abs=1e-3), "the end changes nothing"
