"""The figures of a run that goes on are those of its report, at every moment."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.figures.lanes import Span, hidden, lanes
from eager_kernel.core.figures.progress import Cursor, News
from eager_kernel.core.figures.timeline import Timeline
from eager_kernel.core.gate import Verdict
from eager_kernel.core.report import Report

START = 1000.0


class Run:
    """A timeline on which anything may happen that can happen in a run, in any order of it.

    A step is a number, which is taken as one of the things that can happen now.
    """

    def __init__(self) -> None:
        self.timeline = Timeline(START)
        self.now = START
        self.chunks = 0
        self.begun = 0
        self.open: list[int] = []
        self.waits = False
        self.ended = False

    def can(self) -> list[str]:
        able = ["pass"]
        if not self.ended:
            able += ["delta", "delta", "chunk", "chunk", "end"]
        if not self.open:
            able += ["start"] * (self.begun < self.chunks)
            able += ["one cell"] * (self.begun == 0 and self.chunks > 1)
            able += ["repair"] * (self.begun > 0)
        else:
            able += ["finish"]
            if len(self.open) == 1:
                able += ["go on" if self.waits else "wait"]
        return able

    def step(self, number: int, seconds: float) -> None:
        self.now += seconds
        able = self.can()
        match able[number % len(able)]:
            case "delta":
                self.timeline.delta(self.now)
            case "chunk":
                action: Any = ("run", "run", "defer", "hold")[number % 4]
                verdict = Verdict(action, "plain", "", 0)
                line = self.chunks + 1
                chunk = Chunk("x\n", self.chunks, line, line)
                self.timeline.delta(self.now)
                self.timeline.ready(chunk, verdict, self.now)
                self.chunks += 1
            case "end":
                self.ended = True
            case "start":
                self.timeline.batch_started(self.now)
                self.timeline.started(self.begun, self.now)
                self.open = [self.begun]
                self.begun += 1
            case "one cell":
                self.timeline.batch_started(self.now)
                for index in range(self.chunks):
                    self.timeline.started(index, self.now)
                self.open, self.begun = list(range(self.chunks)), self.chunks
            case "finish":
                if self.waits:
                    self.timeline.wait_finished(self.open[0], self.now)
                    self.waits = False
                cut = number % (len(self.open) + 1) if len(self.open) > 1 else len(self.open)
                for place, index in enumerate(self.open):
                    if place <= cut:
                        self.timeline.finished(index, self.now)
                    else:  # one before it has failed
                        self.timeline.skipped(index)
                self.timeline.batch_finished(self.now)
                self.open = []
            case "wait":
                self.timeline.wait_started(self.open[0], "writes", 1, self.now)
                self.waits = True
            case "go on":
                self.timeline.wait_finished(self.open[0], self.now)
                self.waits = False
            case "repair":
                self.begun = self.chunks = number % self.begun
                self.timeline.cut_back(self.chunks)
                self.ended = False


class Told:
    """Who hears the news, and keeps the lanes."""

    def __init__(self) -> None:
        self.cursor = Cursor()
        self.lanes: dict[str, list[Span]] = {}
        self.ends: dict[str, list[Span]] = {}

    def hear(self, news: News | None) -> None:
        if news is None:
            return
        if news.whole:
            self.lanes = {"generation": [], "detection": [], "execution": []}
        self.lanes["generation"] += news.generation
        self.lanes["detection"] += news.detection
        self.lanes["execution"] += news.execution
        self.ends = {"generation": news.writing, "execution": news.running}


def seen(spans: list[Span], kinds: set[str]) -> list[tuple[float, float, str]]:
    """What a picture shows of spans: where which kind begins and ends."""
    drawn = [(s.start, s.finish, s.kind) for s in spans if s.kind in kinds and s.finish > s.start]
    return [
        (group[0][0], group[-1][1], kind)
        for kind, several in groupby(drawn, key=lambda each: each[2])
        for group in [list(several)]
    ]


def near(spans: list[tuple[float, float, str]]) -> list[Any]:
    return [(pytest.approx(a), pytest.approx(b), kind) for a, b, kind in spans]


steps = st.lists(
    st.tuples(st.integers(0, 10_000), st.sampled_from([0.0, 0.001, 0.25, 1.0, 7.0])), max_size=60
)


@settings(deadline=None)
@given(steps)
def test_figures_and_lanes_are_those_of_the_report(taken: list[tuple[int, float]]) -> None:
    run, told = Run(), Told()
    for number, seconds in taken:
        run.step(number, seconds)
        told.hear(run.timeline.news(run.now, told.cursor))
        check(run.timeline.report(run.now), run.timeline, told, run.now)
        # And so they are where nothing has happened for a while.
        check(run.timeline.report(run.now + 3), run.timeline, None, run.now + 3)


def check(report: Report, timeline: Timeline, told: Told | None, now: float) -> None:
    news = timeline.news(now, Cursor())
    assert news is not None
    figures = news.figures
    part, whole = hidden(report)
    assert figures.at == pytest.approx(report.end_to_end_s)
    assert figures.executed_s == pytest.approx(whole)
    assert figures.hidden_s == pytest.approx(part)
    assert (figures.ttft_s, figures.generation_s) == (report.ttft_s, report.generation_s)
    runs = any(c.start is not None and c.finish is None for c in report.chunks)
    assert (figures.open in {"executed", "waited"}) == runs
    if told is None or not told.lanes:
        return
    generation, detection, _, execution = lanes(report)
    kinds = {"executed", "waited"}
    heard = told.lanes["execution"] + told.ends["execution"]
    if figures.open in kinds and heard:  # it grows by itself, as in a page
        heard[-1] = replace(heard[-1], finish=now - START)
    assert seen(heard, kinds) == near(seen(list(execution.spans), kinds))
    heard = told.lanes["generation"] + told.ends["generation"]
    kinds = {"first token", "generated"}
    assert seen(heard, kinds) == near(seen(list(generation.spans), kinds))
    heard = told.lanes["detection"]
    assert [s.finish for s in heard] == pytest.approx([s.finish for s in detection.spans])


def test_the_end_of_a_program_that_sleeps_is_not_hidden() -> None:
    timeline = Timeline(START)
    chunks = [(Chunk("x\n", i, i + 1, i + 1), Verdict("run", "plain", "", 0)) for i in (0, 1)]
    timeline.delta(START + 1)
    timeline.ready(*chunks[0], START + 1)
    timeline.started(0, START + 1)
    timeline.finished(0, START + 1.5)
    timeline.delta(START + 2)
    timeline.ready(*chunks[1], START + 2)
    timeline.started(1, START + 2)
    news = timeline.news(START + 8, Cursor())
    assert news is not None
    assert news.figures.executed_s == pytest.approx(6.5)
    assert news.figures.hidden_s == pytest.approx(0.5)


def test_news_of_a_long_program_cost_what_is_new() -> None:
    timeline, cursor = Timeline(START), Cursor()
    for i in range(20_000):
        at = START + i * 0.01
        timeline.delta(at)
        timeline.ready(Chunk("x\n", i, i + 1, i + 1), Verdict("run", "plain", "", 0), at)
        timeline.started(i, at)
        timeline.finished(i, at + 0.001)
        news = timeline.news(at, cursor)
        assert news is not None
        assert len(news.detection) == 1
        assert len(news.execution) == 1
    asked: list[int] = []
    progress = timeline._progress
    progress.report_of, real = lambda i, now: asked.append(i) or real(i, now), progress.report_of  # type: ignore[func-returns-value]
    timeline.news(START + 300, cursor)
    timeline.delta(START + 301)
    assert timeline.news(START + 301, cursor) is not None
    assert len(asked) < 10


def test_a_pause_between_two_answers_hides_nothing() -> None:
    timeline = Timeline(START)
    for i in (0, 1):
        timeline.delta(START + 1)
        chunk = Chunk("x\n", i, i + 1, i + 1)
        timeline.ready(chunk, Verdict("run", "plain", "", 0), START + 1)
    timeline.started(0, START + 1)
    timeline.finished(0, START + 4)  # of which nothing is hidden: the answer ended at 1
    timeline.started(1, START + 4)
    timeline.finished(1, START + 5)  # and fails
    timeline.cut_back(1)
    timeline.delta(START + 6)
    report = timeline.report(START + 7)
    assert report.pauses == ((1.0, 6.0),)
    assert report.repairs == 1
    assert hidden(report) == (0.0, pytest.approx(3.0))
    kinds = [(s.start, s.finish, s.kind) for s in lanes(report)[0].spans if s.finish > s.start]
    assert (1.0, 6.0, "first token") in kinds
