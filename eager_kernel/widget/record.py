"""What a view knows of a run, and what of it is new: plain data, without a page or a clock.

Events go in with their times; news and snapshots come out, as plain JSON. News cost what is
new, not what the program has become.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from eager_kernel.core.conversation.steps import joined
from eager_kernel.core.cost import bill
from eager_kernel.core.figures.lanes import hidden
from eager_kernel.core.figures.progress import Figures, News
from eager_kernel.core.packages import how_to_install
from eager_kernel.core.report import Report
from eager_kernel.core.summary import summarise
from eager_kernel.core.text.phrases import counted, line_range, plain
from eager_kernel.widget.lines import MARKS, Lines
from eager_kernel.widget.spans import Spans

Event = Mapping[str, Any]
"""A message as the kernel sends it to clients, or

- ``delta`` with code text, ``end`` of the text, ``progress`` of a model that loads;
- ``repair`` of a program that is written on from a line;
- ``step`` when one of several programs has ended and the next is asked for, with its seconds and
  its ``cost``; ``ended`` where none follows, with the reason;
- ``hold`` of programs that run when their user says so, ``ask`` when one of them is written and
  waits (head, touches, note), ``go`` when it is to run, and comes again;
- ``cost`` (text) of the answers so far; when all have ended, with the seconds of all steps, and the
  ``last`` one's text;
- ``times`` with a `eager_kernel.core.figures.progress.News`.
"""

Phase = Literal[
    "waiting",
    "loading",
    "writing",
    "asked",
    "running",
    "stopping",
    "ok",
    "error",
    "cancelled",
    "no_code",
]

ENDED: Final = frozenset({"ok", "error", "cancelled", "no_code"})
"""Phases after which nothing changes."""


class Record:
    """One run, as far as it is known.

    Parameters
    ----------
    title
        What to call it: the model's name, for instance.
    start
        When it began, in seconds of the clock that times come from.
    """

    def __init__(self, title: str = "", start: float = 0.0) -> None:
        self.phase: Phase = "waiting"
        self.title = plain(title, 80)
        self.error: dict[str, Any] | None = None
        self.report: Report | None = None
        self.stopped = False
        """Whether the user ended the run."""
        self.words = ""
        """What the model has said, in Markdown, where it has written no program."""
        self.repairs: list[tuple[int, str]] = []
        """The line from which the program was written on, and why; each time."""
        self.steps: list[Section] = []
        """The programs before this one, in a cell of several."""
        self.lines = Lines()
        self.spans = Spans()
        self._whole_due = False
        self._holds = False
        self._ended = ""
        self._before = 0.0
        self._took: float | None = None
        self._last_cost = ""
        self._start = start
        self._pieces: list[str] = []
        self._new_text: list[str] = []
        self._cut: int | None = None
        self._chars = 0
        self._breaks = 0
        self._ends_in_cr = False
        self._recent: deque[tuple[float, int]] = deque()
        self._first_delta = self._last_delta = 0.0
        self._figures: Figures | None = None
        self._hidden_so_far = 0.0
        self._facts: dict[str, Any] = {}
        self._sent: dict[str, Any] = {}
        self._now = 0.0
        self._seq = 0
        self._fresh = True

    def know(self, **facts: Any) -> None:
        """Have pages know more about the run."""
        self._facts.update(facts)
        self._fresh = True

    # In -------------------------------------------------------------------------------------

    def hear(self, event: Event, now: float) -> None:
        """Take an event that happened at `now`. Events of unknown types have no effect."""
        self._now = max(self._now, now - self._start)
        self._fresh = True
        match event.get("type"):
            case "delta":
                self._delta(str(event["text"]))
            case "chunk":
                self._chunk(event)
            case "end":
                if self.phase in {"writing", "waiting", "loading"}:
                    self.phase = "running"
            case "times":
                self._times(event["news"], now)
            case "stop":
                self.phase = "stopping"
                self.stopped = event.get("reason") == "interrupted"
                said = "" if self.stopped else str(event.get("message") or event.get("reason"))
                self._facts["note"] = plain(said, 300)
            case "progress":
                self.phase = "loading"
                self._facts["progress"] = {
                    "text": plain(str(event.get("text") or ""), 120),
                    "fraction": event.get("fraction"),
                }
            case "repair":
                self._repair(event)
            case "step":
                self._step(event, now)
            case "cost":
                self._facts["cost"] = plain(str(event.get("text") or ""), 120)
                self._took = event.get("seconds")
                self._last_cost = plain(str(event.get("last") or ""), 120)
            case "ask":
                self.phase = "asked"
                self._facts["asks"] = {name: event[name] for name in ("head", "touches", "note")}
            case "hold":
                self._holds = self._facts["holding"] = True
            case "go":
                self._facts["asks"] = None
                self._facts["holding"] = False
                self._begin_program(now)
            case "ended":
                self._ended = plain(str(event.get("text") or ""), 300)
            case "result":
                self._result(event)

    def _delta(self, text: str) -> None:
        if not text:
            return
        if self.phase in {"waiting", "loading"}:
            self.phase = "writing"
            self._first_delta = self._now
        self._append(text)
        self._last_delta = self._now
        self._recent.append((self._now, len(text)))
        self.spans.delta(self._now)

    def _times(self, news: News, now: float) -> None:
        self._figures = news.figures
        # From now on, seconds are those of the run's own clock.
        self._start, self._now = now - news.figures.at, news.figures.at
        self.spans.times(news)

    def _append(self, text: str) -> None:
        self._pieces.append(text)
        self._new_text.append(text)
        self._chars += len(text)
        # A line ends in \n, \r or both, which may come in two pieces.
        self._breaks += len(_BREAK.findall(text))
        if self._ends_in_cr and text.startswith("\n"):
            self._breaks -= 1
        self._ends_in_cr = text.endswith("\r")

    def _chunk(self, event: Event) -> None:
        state = event["state"]
        if state not in MARKS:
            return
        first, last = event["lines"]
        reason = plain(str(event.get("reason") or ""), 200)
        if state == "failed" and self.stopped:
            state = "stopped"
        self.lines.tell(first, last, state, reason)
        self.spans.chunk(event["state"], (first, last), self._now, reason)

    def _repair(self, event: Event) -> None:
        first = max(1, int(event["from_line"]))
        text = self.program
        at = _start_of_line(text, first)
        self._replace(text[:at], first)
        self.lines.cut(first)
        self.phase = "writing"
        message = plain(str(event.get("message") or ""), 300)
        self.repairs.append((first, message))
        self._facts["repairs"] = len(self.repairs)
        self._facts["note"] = f"Line {first} failed, and is written anew: {message}"

    def _step(self, event: Event, now: float) -> None:
        """Fold what there is, and begin with the next program."""
        took = event.get("seconds")
        section = Section(
            number=len(self.steps) + 1,
            status=str(event.get("status") or ""),
            program=self.program,
            lines=self.line_count,
            seconds=max(0.0, self._now if took is None else took),
            told=str(event.get("told") or "")[:_LONGEST_TOLD],
            cost=plain(str(event.get("cost") or ""), 120),
        )
        self.steps.append(section)
        self._before += section.seconds
        self._facts["steps"] = [step.to_dict() for step in self.steps]
        self._facts["note"] = ""
        self._facts["repairs"] = 0
        self._facts["holding"] = self._holds
        self.repairs = []
        self._begin_program(now)

    def _begin_program(self, now: float) -> None:
        """Forget the program, and what became of it: another one comes."""
        self.phase = "waiting"
        self._pieces, self._new_text, self._cut = [], [], None
        self._chars, self._breaks, self._ends_in_cr = 0, 0, False
        self.lines, self.spans = Lines(), Spans()
        self._recent.clear()
        self._first_delta = self._last_delta = self._hidden_so_far = 0.0
        self._figures = None
        self._start, self._now = now, 0.0
        self._whole_due = True

    def _replace(self, kept: str, first: int) -> None:
        """Cut the program to `kept`, which ends before line `first`."""
        self._pieces = [kept] if kept else []
        # What was not told yet belongs to the part before the cut, if anything of it is left.
        unsent = "".join(self._new_text)
        told = self._chars - len(unsent)
        self._new_text = [kept[told:]] if len(kept) > told else []
        self._cut = first if self._cut is None else min(self._cut, first)
        self._chars = len(kept)
        self._breaks = len(_BREAK.findall(kept))
        self._ends_in_cr = kept.endswith("\r")

    def _result(self, event: Event) -> None:
        program = event.get("program")
        if isinstance(program, str) and program != self.program:
            self._replace("", 1)
            self._append(program)
        self.error = event.get("error")
        failed = (self.error or {}).get("lines")
        name = (self.error or {}).get("ename")
        by_user = self.stopped and name in {"KeyboardInterrupt", "CancelledError"}
        self.stopped = bool(event.get("stopped", by_user))
        self.lines.end(
            event.get("executed_lines") or 0,
            (failed[0], failed[1]) if failed else None,
            self.line_count,
            "stopped" if self.stopped else "failed",
        )
        self.phase = event["status"]
        self._facts["asks"] = None
        self._facts["stopped"] = self.stopped
        self._facts["number"] = event.get("execution_count")
        if self.stopped:
            self._facts["note"] = self._where_stopped(failed)
        elif self.error is not None:
            ename, evalue = str(self.error.get("ename")), str(self.error.get("evalue"))
            said = plain(f"{ename}: {evalue}" if evalue else ename, 300)
            help_ = how_to_install(ename, evalue)
            self._facts["note"] = f"{said}. {help_}" if help_ else said
        elif self.phase == "cancelled":
            self._facts["note"] = "It was not run."
        elif self.phase in {"ok", "no_code"}:
            self.words = str(event.get("words") or "")
            left_out = event.get("left_out") or {}
            said = "" if self.words else str(left_out.get("message") or "")
            self._facts["note"] = plain(said, 300) or self._ended
        if event.get("report") is not None:
            self.report = Report.from_dict(event["report"])
            self.spans.end(self.report)
            self._now = self.report.end_to_end_s
        if self._took is not None:
            self._before = max(0.0, self._took - self._now)

    def _where_stopped(self, lines: Any) -> str:
        if not self.line_count:
            return "Stopped before the model had written anything."
        if not lines:
            between = self.lines.done > 0
            return "Stopped between two statements." if between else "Stopped before any line ran."
        return f"Stopped in {line_range(*lines)}."

    # What is known --------------------------------------------------------------------------

    @property
    def program(self) -> str:
        """The code text so far."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    @property
    def whole(self) -> str:
        """The code text of all steps."""
        return joined([p for p in (*(s.program for s in self.steps), self.program) if p.strip()])

    @property
    def line_count(self) -> int:
        """Lines of the program so far; one that has begun counts."""
        if not self._chars:
            return 0
        return self._breaks + (0 if self.program_ends_a_line else 1)

    @property
    def program_ends_a_line(self) -> bool:
        """Whether the next character begins a line."""
        return bool(self._pieces) and self._pieces[-1].endswith(("\n", "\r"))

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return self.phase in ENDED

    @property
    def note(self) -> str:
        """The last thing to say: an error, why the run was stopped, that it is repaired."""
        return str(self._facts.get("note", ""))

    @property
    def costs(self) -> list[str]:
        """What the answers have cost: all of them, then each step; empty where nobody knows."""
        cost = str(self._facts.get("cost", ""))
        if not cost:
            return []
        all_of_it = bill(self._before + self._now, cost)
        if not self.steps:
            return [all_of_it]
        last = f"Step {len(self.steps) + 1}: {bill(self._now, self._last_cost)}"
        each = [f"Step {step.number}: {step.bill}" for step in self.steps]
        return [f"In all: {all_of_it}", *each, last]

    @property
    def summary(self) -> str:
        """What is to be said of where the time went; empty where there is nothing to say.

        Who has stopped a run, or sees it fail, has other things to think of than how it could have
        been faster.
        """
        if self.report is None or not self.line_count or self.stopped:
            return ""
        return summarise(self.report, saving=self.phase == "ok", advice=self.phase == "ok")

    def facts(self) -> dict[str, Any]:
        """Everything that is one value, not a growing text."""
        held = None if self.ended or self._facts.get("holding") else self.lines.held
        return {
            **self._facts,
            "phase": self.phase,
            "title": self.title,
            "count": self.line_count,
            "executed": self.lines.done,
            "held": None if held is None else {"line": held[0], "reason": held[1]},
            "rate": self._rate(),
            "before": round(self._before, 3),
            **self._hidden(),
        }

    def _rate(self) -> float:
        """Estimated tokens a second: of the last moments, or of the whole if it has ended."""
        if self.phase == "writing":
            while self._recent and self._recent[0][0] < self._now - _WINDOW:
                self._recent.popleft()
            chars = sum(count for _, count in self._recent)
            span = min(_WINDOW, self._now - self._first_delta)
        else:
            chars, span = self._chars, self._last_delta - self._first_delta
        return round(chars / CHARS_A_TOKEN / span, 1) if span >= _LEAST else 0.0

    def _hidden(self) -> dict[str, Any]:
        if self.report is not None:
            part, whole = hidden(self.report)
            return {
                "hidden": round(part, 4),
                "execution": round(whole, 4),
                "last": round(self.report.generation_s, 4),
                "open": None,
                "summary": self.summary,
            }
        if self._figures is not None:
            figures = self._figures
            return {
                "hidden": round(figures.hidden_s, 4),
                "execution": round(figures.executed_s, 4),
                "last": round(figures.generation_s, 4),
                "open": figures.open,
            }
        # All that runs while the model writes is hidden.
        executed = round(self.spans.executed(self._now), 4)
        if self.phase == "writing":
            self._hidden_so_far = executed
        return {
            "hidden": self._hidden_so_far,
            "execution": executed,
            "last": round(self._last_delta, 4),
            "open": self.spans.open,
        }

    # Out ------------------------------------------------------------------------------------

    def news(self, now: float, *, beat: bool = False) -> dict[str, Any] | None:
        """What has changed since the last news or snapshot; None if nothing has.

        Parameters
        ----------
        now
            The time.
        beat
            Give news even if there are none, so that a page knows that the kernel lives.
        """
        if self._whole_due:
            return self.snapshot(now)
        self._advance(now)
        if not self._fresh and not beat:
            return None
        facts = self.facts()
        news: dict[str, Any] = {"facts": {k: v for k, v in facts.items() if self._sent.get(k) != v}}
        if self._cut is not None:
            news["cut"] = self._cut
        if self._new_text:
            news["text"] = sendable("".join(self._new_text))
        if lines := self.lines.changed():
            news["lines"] = lines
        changed = {name: lane.changed() for name, lane in self.spans.lanes.items()}
        if lanes := {name: spans for name, spans in changed.items() if spans is not None}:
            news["lanes"] = lanes
        return self._numbered(news, facts)

    def snapshot(self, now: float) -> dict[str, Any]:
        """All that is known, for a page that knows nothing."""
        self._whole_due = False
        self._advance(now)
        facts = self.facts()
        lanes = {name: lane.everything() for name, lane in self.spans.lanes.items()}
        whole = {
            "whole": True,
            "facts": facts,
            "text": sendable(self.program),
            "lines": self.lines.everything(),
            "lanes": lanes,
        }
        return self._numbered(whole, facts)

    def _advance(self, now: float) -> None:
        if not self.ended:
            self._now = max(self._now, now - self._start)

    def _numbered(self, news: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
        self._sent, self._new_text, self._cut, self._fresh = facts, [], None, False
        self._seq += 1
        return {"type": "news", "seq": self._seq, "at": round(self._now, 3), **news}

    @property
    def seq(self) -> int:
        """The number of the last news."""
        return self._seq


@dataclass(frozen=True, slots=True)
class Section:
    """A program that another has followed.

    Parameters
    ----------
    number
        1-based.
    status
        How its run ended.
    program
        Its code text.
    lines
        How many lines that has.
    seconds
        From its request to its end.
    told
        What the model was told of it.
    cost
        What its answers have cost, in words; empty where nobody knows.
    """

    number: int
    status: str
    program: str
    lines: int
    seconds: float
    told: str
    cost: str = ""

    @property
    def bill(self) -> str:
        """What it took, in seconds and tokens."""
        return bill(self.seconds, self.cost)

    @property
    def title(self) -> str:
        """It in a few words."""
        how = "done" if self.status == "ok" else "failed"
        return f"Step {self.number}: {how}, {counted(self.lines, 'line')}, {self.bill}"

    def to_dict(self) -> dict[str, Any]:
        """It as plain JSON."""
        return {
            "title": self.title,
            "status": self.status,
            "program": sendable(self.program),
            "told": sendable(self.told),
        }


def sendable(text: str) -> str:
    """`text` as UTF-8 can hold it: half a surrogate pair, from a broken model, is escaped."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def _start_of_line(text: str, line: int) -> int:
    """Where a 1-based line begins; the end of the text if it has fewer."""
    if line == 1:
        return 0
    for count, found in enumerate(_BREAK.finditer(text), 2):
        if count == line:
            return found.end()
    return len(text)


CHARS_A_TOKEN: Final = 4
"""What a token of code is taken for, in characters; views say that it is an estimate."""
_BREAK: Final = re.compile(r"\r\n?|\n")
_WINDOW: Final = 2.0
_LONGEST_TOLD: Final = 8_000
_LEAST: Final = 0.1
