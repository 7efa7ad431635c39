"""What a view knows of a run: news are enough, and cost what is new."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from eager_kernel.widget.lines import MARKS
from eager_kernel.widget.record import Record


class Page:
    """The plainest page: applies news as `view.js` does."""

    def __init__(self) -> None:
        self.text = ""
        self.codes: dict[int, int] = {}
        self.notes: dict[int, str] = {}
        self.lanes: dict[str, list[Any]] = {}
        self.facts: dict[str, Any] = {}

    def take(self, news: dict[str, Any] | None) -> Page:
        if news is None:
            return self
        json.dumps(news)
        if news.get("whole"):
            self.__init__()  # type: ignore[misc]
        self.facts.update(news["facts"])
        if "cut" in news:
            self.text = "".join(self.text.splitlines(keepends=True)[: news["cut"] - 1])
            self.codes = {line: c for line, c in self.codes.items() if line < news["cut"]}
        self.text += news.get("text", "")
        for first, last, code, note in news.get("lines", ()):
            self.codes.update(dict.fromkeys(range(first, last + 1), code))
            if note:
                self.notes[first] = note
        for name, (start, spans) in news.get("lanes", {}).items():
            self.lanes[name] = self.lanes.get(name, [])[:start] + list(spans)
        return self

    @property
    def marks(self) -> list[str]:
        return [MARKS[self.codes.get(line + 1, 0)] for line in range(self.facts["count"])]


def chunk(first: int, last: int, state: str, reason: str = "") -> dict[str, Any]:
    return {"type": "chunk", "index": 0, "lines": [first, last], "state": state, "reason": reason}


def delta(text: str) -> dict[str, Any]:
    return {"type": "delta", "text": text}


def test_an_answer_without_code() -> None:
    record = Record()
    left_out = {"message": "no Python found; left out: 2 lines of prose"}
    record.hear(result("no_code", program="", left_out=left_out), 1.0)
    assert record.ended
    assert record.facts()["phase"] == "no_code"
    assert record.note == "no Python found; left out: 2 lines of prose"


REPORT: dict[str, Any] = {
    "ttft_s": 0.5,
    "generation_s": 2.0,
    "execution_s": 1.0,
    "end_to_end_s": 2.5,
    "non_overlapped_s": 0.5,
    "serial_s": 3.0,
    "saved_s": 0.5,
    "hidden_fraction": 0.5,
    "lower_bound_s": 2.0,
    "regime": "generation-dominated",
    "chunks": [
        {
            "index": 0,
            "lines": [1, 2],
            "category": "plain",
            "action": "run",
            "reason": "",
            "ready": 1.5,
            "start": 1.5,
            "finish": 2.5,
            "batch": 0,
        }
    ],
}


def result(status: str = "ok", executed: int = 0, **more: Any) -> dict[str, Any]:
    return {"type": "result", "status": status, "executed_lines": executed, "error": None, **more}


def test_news_are_what_is_new() -> None:
    record, page = Record("m"), Page()
    page.take(record.news(0.0))
    assert record.news(0.1) is None
    record.hear(delta("a = 1\nb"), 0.2)
    news = record.news(0.3)
    assert news is not None
    assert news["text"] == "a = 1\nb"
    record.hear(delta(" = 2\n"), 0.4)
    record.hear(chunk(1, 1, "running"), 0.4)
    news = record.news(0.5)
    assert news is not None
    assert (news["text"], news["lines"]) == (" = 2\n", [(1, 1, MARKS.index("running"), "")])
    assert "title" not in news["facts"]


def test_what_is_told_of_a_long_program_does_not_grow() -> None:
    record = Record()
    for line in range(1, 20_001):
        record.hear(delta(f"x{line} = {line}\n"), line * 0.01)
        record.hear(chunk(line, line, "ready"), line * 0.01)
    record.news(200.0)
    sizes = []
    for line in range(20_001, 20_101):
        record.hear(delta(f"x{line} = {line}\n"), line * 0.01)
        record.hear(chunk(line, line, "ready"), line * 0.01)
        sizes.append(len(json.dumps(record.news(line * 0.01))))
    # A lane is told anew when it has become coarser; that is of limited size, and rare.
    assert sorted(sizes)[90] < 500
    assert max(sizes) < 30_000


def test_a_burst_is_told_by_its_last_chunk() -> None:
    record, page = Record(), Page()
    record.hear(delta("x\n" * 300), 0.1)
    record.hear(chunk(300, 300, "ready"), 0.2)
    page.take(record.news(0.2))
    assert set(page.marks) == {"ready"}
    record.hear(chunk(200, 200, "done"), 0.3)
    record.hear(chunk(201, 201, "running"), 0.3)
    page.take(record.news(0.3))
    assert page.marks == ["done"] * 200 + ["running"] + ["ready"] * 99
    assert page.facts["executed"] == 200
    record.hear(chunk(201, 201, "failed"), 0.4)
    record.hear(chunk(300, 300, "skipped"), 0.4)
    page.take(record.news(0.4))
    assert page.marks == ["done"] * 200 + ["failed"] + ["skipped"] * 99


def test_what_is_held_says_why_until_it_runs() -> None:
    record, page = Record(), Page()
    record.hear(delta("t = time()\n"), 0.1)
    record.hear(chunk(1, 1, "held", "reads a \x1b[31mclock\n"), 0.2)
    page.take(record.news(0.2))
    assert page.facts["held"] == {"line": 1, "reason": "reads a clock"}
    assert page.notes == {1: "reads a clock"}
    record.hear(chunk(1, 1, "running"), 0.3)
    page.take(record.news(0.3))
    assert page.facts["held"] is None


def test_a_repaired_program_is_cut_and_written_on() -> None:
    record, page = Record(), Page()
    record.hear(delta("a = 1\nb = c\nd = 3"), 0.1)
    record.hear(chunk(1, 1, "done"), 0.2)
    record.hear(chunk(2, 2, "failed"), 0.2)
    page.take(record.news(0.2))
    record.hear(delta("\nnever told\n"), 0.25)
    repair = {"type": "repair", "attempt": 1, "from_line": 2, "message": "NameError: c"}
    record.hear(repair, 0.3)
    record.hear(delta("b = 2\n"), 0.4)
    page.take(record.news(0.4))
    assert page.text == record.program == "a = 1\nb = 2\n"
    assert page.marks == ["done", "written"]
    assert page.facts["note"] == "Line 2 failed, and is written anew: NameError: c"


def test_the_result_has_the_last_word() -> None:
    record, page = Record(), Page()
    record.hear(delta("a = 1\nb = "), 0.1)
    page.take(record.news(0.2))
    error = {"ename": "E", "evalue": "so\x1b[1m what", "lines": [3, 3], "traceback": []}
    ended = result("error", 2, program="a = 1\nb = 2\nc\nd\n", error=error, report=REPORT)
    record.hear(ended, 9.0)
    page.take(record.news(9.0))
    assert page.text == "a = 1\nb = 2\nc\nd\n"
    assert page.marks == ["done", "done", "failed", "skipped"]
    assert page.facts["phase"] == "error"
    assert page.facts["note"] == "E: so what"
    assert (page.facts["hidden"], page.facts["execution"]) == (0.5, 1.0)
    assert record.news(10.0) is None
    assert record.snapshot(10.0)["at"] == 2.5


def test_speed_is_estimated_of_the_last_moments_then_of_the_whole() -> None:
    record = Record()
    for tenth in range(1, 41):
        record.hear(delta("12345678" if tenth > 20 else "1234"), tenth / 10)
    assert 18 <= record.facts()["rate"] <= 22  # 80 characters a second
    record.hear({"type": "end"}, 4.1)
    assert 14 <= record.facts()["rate"] <= 17
    assert record.facts()["phase"] == "running"


def test_a_model_that_loads_and_a_run_that_is_stopped() -> None:
    record = Record()
    record.hear({"type": "progress", "text": "weights", "fraction": 0.5}, 0.1)
    assert record.facts()["phase"] == "loading"
    assert record.facts()["progress"] == {"text": "weights", "fraction": 0.5}
    record.hear(delta("x"), 0.2)
    record.hear({"type": "stop", "reason": "cancelled", "message": "the user\nsaid so"}, 0.3)
    assert (record.facts()["phase"], record.facts()["note"]) == ("stopping", "the user said so")
    record.hear({"type": "of another version"}, 0.4)


def test_line_ends_may_come_in_pieces() -> None:
    record = Record()
    for text in ("a\r", "\nb\r", "c\n", "\n"):
        record.hear(delta(text), 0.1)
    assert record.line_count == 4  # a, b, c, and an empty one


texts = st.text("ab \n\r", max_size=6)
events = st.one_of(
    texts.map(delta),
    st.tuples(st.integers(1, 12), st.integers(0, 3), st.sampled_from(MARKS[1:])).map(
        lambda c: chunk(c[0], c[0] + c[1], c[2], "why")
    ),
    st.integers(1, 12).map(
        lambda line: {"type": "repair", "attempt": 1, "from_line": line, "message": "m"}
    ),
)


@settings(max_examples=300)
@given(st.lists(st.tuples(events, st.booleans()), max_size=30))
def test_a_page_that_was_told_news_knows_what_one_knows_that_gets_a_snapshot(
    steps: list[tuple[dict[str, Any], bool]],
) -> None:
    record, page = Record("m"), Page()
    for tick, (event, tells) in enumerate(steps):
        record.hear(event, tick * 0.1)
        if tells:
            page.take(record.news(tick * 0.1))
    page.take(record.news(len(steps) * 0.1, beat=True))
    fresh = Page().take(record.snapshot(len(steps) * 0.1))
    assert page.text.replace("\r\n", "\n") == record.program.replace("\r\n", "\n")
    assert all(page.facts.get(name) == value for name, value in fresh.facts.items())
    known = [code for line, code in sorted(page.codes.items())]
    assert known == [code for line, code in sorted(fresh.codes.items())][: len(known)]
    for name, spans in fresh.lanes.items():
        assert page.lanes.get(name, []) == spans


def test_each_step_is_folded_when_the_next_is_asked_for() -> None:
    record = Record("m", 10.0)
    record.hear(delta("a = 1\nb\n"), 11.0)
    record.hear(chunk(1, 1, "done"), 11.0)
    record.hear(chunk(2, 2, "failed"), 11.5)
    assert record.news(11.5) is not None
    record.hear({"type": "step", "number": 1, "status": "error", "told": "Line 2 failed"}, 12.0)
    news = record.news(12.0)
    assert news is not None
    assert news["whole"] is True  # what pages know of lines and lanes is of the step before
    assert (news["text"], news["lines"]) == ("", [])
    assert news["facts"]["steps"] == [
        {
            "title": "Step 1: failed, 2 lines, 2.0 s",
            "status": "error",
            "program": "a = 1\nb\n",
            "told": "Line 2 failed",
        }
    ]
    record.hear(delta("c = 3\n"), 13.0)
    record.hear(chunk(1, 1, "done"), 13.0)
    assert record.program == "c = 3\n"
    assert record.whole == "a = 1\nb\n\nc = 3\n"
    record.hear({**result("ok", 1), "program": "c = 3\n"}, 14.0)
    assert record.line_count == record.lines.done == 1


def test_seconds_and_tokens_are_known_of_each_step_and_of_all() -> None:
    record = Record("m", 10.0)
    assert record.facts()["before"] == 0
    record.hear(delta("a\n"), 11.0)
    step = {
        "type": "step",
        "number": 1,
        "status": "ok",
        "seconds": 1.8,
        "cost": "3 tokens in, 5 out",
    }
    record.hear(step, 12.0)
    assert record.facts()["before"] == 1.8  # a page adds what the step has taken so far
    record.hear({"type": "cost", "text": "4 tokens in, 5 out"}, 12.5)
    assert record.facts()["cost"] == "4 tokens in, 5 out"
    cost = {
        "type": "cost",
        "text": "6 tokens in, 10 out",
        "seconds": 4.0,
        "last": "3 tokens in, 5 out",
    }
    record.hear(cost, 13.5)
    record.hear({**result("ok", 0), "program": ""}, 13.5)
    assert record.facts()["before"] == 2.5
    assert record.costs == [
        "In all: 4.0 s; 6 tokens in, 10 out",
        "Step 1: 1.8 s; 3 tokens in, 5 out",
        "Step 2: 1.5 s; 3 tokens in, 5 out",
    ]


def test_a_step_without_a_program_leaves_those_before_it() -> None:
    record = Record("m", 0.0)
    record.hear(delta("a\n"), 1.0)
    record.hear({"type": "step", "number": 1, "status": "ok", "told": ""}, 2.0)
    record.hear({**result("ok", 0), "program": ""}, 3.0)
    assert record.whole == "a\n"
    assert record.phase == "ok"
