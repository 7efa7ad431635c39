"""What a view knows of a run, and what of it is new: plain data, without a page or a clock.

Events go in with their times; news and snapshots come out, as plain JSON. News cost what is
new, not what the program has become.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Literal

from eager_kernel.core.report import Report
from eager_kernel.core.summary import summarise
from eager_kernel.core.words import plain
from eager_kernel.widget.lines import MARKS, Lines
from eager_kernel.widget.spans import Spans, hidden

Event = Mapping[str, Any]
"""A message as the kernel sends it to clients, or ``delta`` with code text, ``progress`` of a
model that loads, ``repair`` of a program that is written on from a line, ``end`` of the text."""

Phase = Literal[
    "waiting", "loading", "writing", "running", "stopping", "ok", "error", "cancelled", "no_code"
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
        self.lines = Lines()
        self.spans = Spans()
        self._start = start
        self._pieces: list[str] = []
        self._new_text: list[str] = []
        self._cut: int | None = None
        self._chars = 0
        self._breaks = 0
        self._ends_in_cr = False
        self._recent: deque[tuple[float, int]] = deque()
        self._first_delta = self._last_delta = 0.0
        self._hidden_so_far = 0.0
        self._facts: dict[str, Any] = {}
        self._sent: dict[str, Any] = {}
        self._now = 0.0
        self._seq = 0
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
                if self.phase == "writing":
                    self.phase = "running"
            case "stop":
                self.phase = "stopping"
                self._facts["note"] = plain(str(event.get("message") or event.get("reason")), 300)
            case "progress":
                self.phase = "loading"
                self._facts["progress"] = {
                    "text": plain(str(event.get("text") or ""), 120),
                    "fraction": event.get("fraction"),
                }
            case "repair":
                self._repair(event)
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
        self.lines.tell(first, last, state, reason)
        self.spans.chunk(state, (first, last), self._now, reason)

    def _repair(self, event: Event) -> None:
        first = max(1, int(event["from_line"]))
        text = self.program
        at = _start_of_line(text, first)
        self._replace(text[:at], first)
        self.lines.cut(first)
        self.phase = "writing"
        self._facts["note"] = (
            f"Attempt {int(event['attempt']) + 1}, from line {first}: "
            f"{plain(str(event.get('message') or ''), 300)}"
        )

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
        self.lines.end(
            event.get("executed_lines") or 0,
            (failed[0], failed[1]) if failed else None,
            self.line_count,
        )
        self.phase = event["status"]
        if self.error is not None:
            ename, evalue = str(self.error.get("ename")), str(self.error.get("evalue"))
            self._facts["note"] = plain(f"{ename}: {evalue}" if evalue else ename, 300)
        elif self.phase in {"ok", "no_code"}:
            left_out = event.get("left_out") or {}
            self._facts["note"] = plain(str(left_out.get("message") or ""), 300)
        if event.get("report") is not None:
            self.report = Report.from_dict(event["report"])
            self.spans.end(self.report)
            self._now = self.report.end_to_end_s

    # What is known --------------------------------------------------------------------------

    @property
    def program(self) -> str:
        """The code text so far."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

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

    def facts(self) -> dict[str, Any]:
        """Everything that is one value, not a growing text."""
        held = None if self.ended else self.lines.held
        return {
            **self._facts,
            "phase": self.phase,
            "title": self.title,
            "count": self.line_count,
            "executed": self.lines.done,
            "held": None if held is None else {"line": held[0], "reason": held[1]},
            "rate": self._rate(),
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
                "hidden": round(part, 3),
                "execution": round(whole, 3),
                "open": None,
                "summary": summarise(self.report),
            }
        # All that runs while the model writes is hidden.
        if self.phase == "writing":
            self._hidden_so_far = round(self.spans.executed, 3)
        return {
            "hidden": self._hidden_so_far,
            "execution": round(self.spans.executed, 3),
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
_LEAST: Final = 0.1
