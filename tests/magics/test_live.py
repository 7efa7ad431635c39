"""What a view says while a run goes on, by the events of real runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from eager_kernel.widget.lines import MARKS
from tests.magics.notebook import Notebook

# Keeps what a view hears, and what it then says; and shows nothing.
RECORDER = """
from eager_kernel.core.figures.lanes import hidden as _hidden
from eager_kernel.core.report import Report as _Report
from eager_kernel.magics.session import Session as _Session
from eager_kernel.widget.record import Record as _Record

class _Recorder:
    def __init__(self, stream):
        self.record, self.said, self.marks = _Record(), [], []
        self.stream = stream

    @property
    def observer(self):
        return self

    def hear(self, event):
        import time
        self.record.hear(event, time.monotonic())
        facts = self.record.facts()
        self.said.append({"type": event["type"], **facts})
        if event["type"] == "times":
            report, figures = self.stream.intake.report(), event["news"].figures
            part, whole = _hidden(report)
            # The report is a little later, in which what runs has run on.
            late = report.end_to_end_s - figures.at
            self.said[-1]["off"] = (whole - figures.executed_s, part - figures.hidden_s, late)
        if event["type"] == "chunk":
            self.marks.append((event["state"], event["lines"]))

    view_id = None

    def flush(self): pass
    def begin(self): pass
    def close(self): pass

def _show(self, stream, **more):
    global _seen
    _seen = _Recorder(stream)
    return _seen

_Session._show, _shown_before = _show, _Session._show
"""


@pytest.fixture
def watched(ours: Notebook) -> Iterator[Notebook]:
    assert ours.run(RECORDER).errors() == []
    yield ours
    assert ours.run("_Session._show = _shown_before").errors() == []


def said(watched: Notebook) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = watched.value("_seen.said")
    return told


def test_every_moments_figures_are_those_of_the_report(watched: Notebook) -> None:
    gate = watched.path()
    program = "".join(f"a{i} = {i}\n" for i in range(465))
    cell = watched.begin(
        f"%%eager --model {watched.model([program, ['wait', str(gate)], 'sum(range(300_000))']).id}"
        "\ndo it"
    )
    cell.listen(2)
    gate.touch()
    assert cell.finish().displayed() == [str(sum(range(300_000)))]
    told = said(watched)
    times = [facts for facts in told if facts["type"] == "times"]
    assert len(times) > 3
    for facts in times:
        more, hidden, late = facts["off"]
        assert -1e-6 <= more <= late + 1e-6
        assert -1e-6 <= hidden <= late + 1e-6
    # 465 short lines are little work, and the last times are those of the result.
    last, end = times[-1], told[-1]
    assert end["type"] == "result"
    assert last["execution"] == pytest.approx(end["execution"], abs=1e-3)
    assert last["hidden"] == pytest.approx(end["hidden"], abs=1e-3)
    assert last["last"] == pytest.approx(end["last"], abs=1e-3)
    assert end["execution"] < 1


def test_what_runs_after_the_last_word_is_not_hidden(watched: Notebook) -> None:
    heard, _ = watched.ask("import time\nx = 1\ntime.sleep(0.6)\n", options="--gate off")
    assert heard.errors() == []
    told = said(watched)
    phases = [facts["phase"] for facts in told]
    assert "running" in phases, "the end of the text is told"
    assert told[-1]["execution"] >= 0.6
    assert max(facts["hidden"] for facts in told) < 0.3


def test_a_repair_leaves_no_red_lines_and_is_told(watched: Notebook) -> None:
    heard, _ = watched.ask(
        "a = 1\nb = 0\nmissing\nc = 2\n", "fine = 3\nprint('fine')\n", options="--repair 1"
    )
    assert heard.text() == "fine\n"
    told = said(watched)
    at = next(i for i, facts in enumerate(told) if facts["type"] == "repair")
    states = [state for state, lines in watched.value("_seen.marks")]
    assert states.count("failed") <= 1
    assert "failed" not in [
        state
        for facts, state in zip(
            [facts for facts in told if facts["type"] == "chunk"], states, strict=True
        )
        if told.index(facts) > at
    ]
    assert told[-1]["repairs"] == 1
    assert "failed once, and the model wrote it on" in told[-1]["summary"]
    assert "All " not in told[-1]["summary"]
    assert watched.value("_seen.record.repairs") == [
        (3, "NameError: name 'missing' is not defined")
    ]


@pytest.mark.parametrize(
    ("statement", "note"),
    [
        ("while True: pass\nx = 1\n", "Stopped in line 2."),
        ("await __import__('asyncio').sleep(60)\n", "Stopped in line 2."),
        (
            "__import__('subprocess').run('sleep 60', shell=True, check=True)\n",
            "Stopped in line 2.",
        ),
        ("", "Stopped between two statements."),
    ],
)
def test_who_stops_a_run_is_not_told_that_it_failed(
    watched: Notebook, statement: str, note: str
) -> None:
    model = watched.model([f"print('early')\n{statement}", ["wait", str(watched.path())]])
    cell = watched.begin(f"%%eager --model {model.id} --gate off\ndo it")
    cell.listen(30, until=lambda heard: "early" in heard.text())
    cell.listen(0.2)  # else it may not have come to the statement
    watched.manager.interrupt_kernel()
    cell.finish()
    end = said(watched)[-1]
    assert (end["stopped"], end["note"], end["summary"]) == (True, note, "")
    marks = watched.value("sorted({code for _, _, code, _ in _seen.record.lines.everything()})")
    assert "failed" not in [MARKS[code] for code in marks]


def test_an_interrupt_that_a_program_handles_does_not_stop_it(watched: Notebook) -> None:
    program = (
        "import time\ntry:\n    print('early')\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    pass\n1 / 0\n"
    )
    model = watched.model(program)
    cell = watched.begin(f"%%eager --model {model.id}\ndo it")
    cell.listen(30, until=lambda heard: "early" in heard.text())
    watched.manager.interrupt_kernel()
    cell.finish()
    end = said(watched)[-1]
    assert (end["phase"], end["stopped"]) == ("error", False)
    assert "ZeroDivisionError" in end["note"]
