"""``--ask``: a program is shown, with what it will touch, and runs when its user says so."""

from __future__ import annotations

import asyncio
import builtins
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Literal, Protocol

from eager_kernel.core.gate import Gate
from eager_kernel.core.ledger import TextState
from eager_kernel.core.touches import Touch, touches_of
from eager_kernel.execution.intake import Intake
from eager_kernel.magics.listener import Listener
from eager_kernel.magics.shown import Shown
from eager_kernel.magics.terminal import Listed
from eager_kernel.widget.visible import visible_lines


class Run(Protocol):
    """The run that is asked about: `eager_kernel.magics.run.PromptedRun`."""

    stream: Any

    def rewrite(self, text: str) -> Intake:
        """Have another program in the place of the one that was asked about."""


class Question:
    """Asks the user of a cell whether its program is to run.

    Parameters
    ----------
    shell
        The IPython shell.
    run
        The run.
    make_gate
        Makes the gate that sees what the program will touch.
    shown
        What shows the run; None: nothing does.
    heard_at_once
        Whether the kernel hears a view's buttons while the cell runs.
    """

    def __init__(
        self,
        shell: Any,
        run: Run,
        make_gate: Callable[[], Gate],
        shown: Shown | Listed | None,
        *,
        heard_at_once: bool,
    ) -> None:
        self._shell = shell
        self._run = run
        self._make_gate = make_gate
        self._shown = shown
        self._heard_at_once = heard_at_once
        self.listener: Listener | None = None
        """Hears what the cell shows, which is the question's and not the program's."""
        self.in_prompt = False
        run.stream.tell_observers({"type": "hold"})
        self.asked_s = 0.0
        """Seconds in which the user was asked last."""

    async def decide(self, intake: Intake) -> str | None:
        """Ask; the program that is to run, or None."""
        begun = time.perf_counter()
        touches = touches_of(intake.program, self._make_gate())
        note = _note_of(intake)
        told = [_told(touch) for touch in touches]
        event = {"type": "ask", "head": _head(touches), "touches": told, "note": note}
        tell = partial(self._run.stream.tell_observers, event)
        try:
            match self._way():
                case "view":
                    program = await self._by_view(intake, touches, note, tell)
                case "prompt":
                    tell()
                    program = self._by_prompt(intake, touches, note)
                case "nobody":
                    _write([*_listed(touches, note), _NOBODY])
                    program = None
        finally:
            self.asked_s = time.perf_counter() - begun
            if self.listener is not None:
                self.listener.take()
        return program if program and program.strip() else None

    def rewrite(self, text: str) -> Intake:
        """Have another program run in the place of the one that was asked about."""
        return self._run.rewrite(text)

    def _way(self) -> Literal["view", "prompt", "nobody"]:
        if not hasattr(self._shell, "kernel"):
            return "prompt" if sys.stdin is not None and sys.stdin.isatty() else "nobody"
        if not self._shell.get_parent().get("content", {}).get("allow_stdin"):
            return "nobody"  # as nbclient, which runs notebooks without a person
        return "view" if isinstance(self._shown, Shown) and self._heard_at_once else "prompt"

    async def _by_view(
        self, intake: Intake, touches: Sequence[Touch], note: str, tell: Callable[[], object]
    ) -> str | None:
        assert isinstance(self._shown, Shown)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str | None] = loop.create_future()

        def take(program: str | None) -> None:
            if not answer.done():
                answer.set_result(program)

        self._shown.on_run(lambda program: loop.call_soon_threadsafe(take, program))
        tell()  # now that an answer is heard
        try:
            until = loop.time() + _UNTIL_A_PAGE
            while not answer.done():
                await asyncio.wait({answer}, timeout=_LOOK)
                if not answer.done() and not self._shown.is_seen and loop.time() > until:
                    return self._by_prompt(intake, touches, note)
        finally:
            self._shown.on_run(None)
        edited = answer.result()
        return intake.program if edited is None else edited

    def _by_prompt(self, intake: Intake, touches: Sequence[Touch], note: str) -> str | None:
        listed = self._shown is None  # else the program is above
        program = [visible_lines(intake.program.rstrip())] if listed else []
        _write([*program, *_listed(touches, note)])
        self.in_prompt = True
        try:
            answer = builtins.input(_PROMPT).strip().lower()
        except KeyboardInterrupt:
            raise asyncio.CancelledError from None  # which a task may end with
        except EOFError:
            answer = ""
        finally:
            self.in_prompt = False
        if answer in ("y", "yes"):
            return intake.program
        if answer in ("e", "edit"):
            self._shell.set_next_input(intake.program)
        _write([_EDIT if answer in ("e", "edit") else _NOT_RUN])
        return None


def _note_of(intake: Intake) -> str:
    ending = intake.ending
    if ending is not None and ending.state is TextState.CUT_OFF:
        return f"The model was cut off ({ending.reason}): see whether its last line is whole."
    return ""


def _told(touch: Touch) -> dict[str, Any]:
    return {"kind": touch.kind, "line": touch.line, "what": touch.what, "code": touch.code}


def _head(touches: Sequence[Touch]) -> str:
    if not touches:
        return "It touches no files, hosts or processes that can be seen in it."
    return "It will touch, as far as can be seen:"


def _listed(touches: Sequence[Touch], note: str) -> list[str]:
    lines = [f"%%eager: {note}"] if note else []
    return [
        *lines,
        f"%%eager: {_head(touches)}",
        *(f"  {touch.kind}, {touch}" for touch in touches),
    ]


def _write(lines: Sequence[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


_PROMPT: Final = "Run it? Type y to run it, e to edit it in a new cell, anything else to leave it: "
_NOT_RUN: Final = "%%eager: it was not run; %%eager --replay with the same prompt runs it."
_EDIT: Final = "%%eager: it was not run; it is in the next cell, to be edited and run there."
_NOBODY: Final = (
    "%%eager: the program was written and not run, as --ask has nobody to ask here. "
    "%%eager --replay with the same prompt runs it; to be asked, run the cell where somebody can "
    "answer."
)
_UNTIL_A_PAGE: Final = 5.0
"""Seconds in which a page that can show the view says so."""
_LOOK: Final = 0.5
