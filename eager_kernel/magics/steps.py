"""``%%eager --steps N``: a cell in which the model writes, sees what came of it, and writes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, Protocol

from IPython.display import display

from eager_kernel.core.conversation.steps import (
    Budget,
    Ended,
    Spent,
    Step,
    StepEnd,
    as_one,
    gap,
    joined,
    longest_answer,
    said_of,
    what_follows,
)
from eager_kernel.core.conversation.told import StepText, answer_of, outcome_of, plain
from eager_kernel.core.cost import Tokens
from eager_kernel.core.extract import NOTHING_LEFT_OUT
from eager_kernel.core.ledger import TextState
from eager_kernel.errors import EagerError, IncompleteProgramError, LimitError
from eager_kernel.execution.held import HeldPump
from eager_kernel.execution.intake import Intake
from eager_kernel.execution.options import CellOptions
from eager_kernel.execution.outcome import Outcome
from eager_kernel.execution.pump import Pump
from eager_kernel.execution.repair import Repair
from eager_kernel.execution.steps import SteppedPump
from eager_kernel.kernel.stream import Runs, Stream
from eager_kernel.kernel.streams import Gates, Streams
from eager_kernel.magics.listener import Listener
from eager_kernel.magics.run import (
    Model,
    ModelWriter,
    PromptedRun,
    PromptedStream,
    TextWriter,
    Writer,
    cost_of,
)
from eager_kernel.magics.saved import SavedProgram, SavedStep
from eager_kernel.protocol import OpenOptions
from eager_kernel.sources.source import Image, Message, Request
from eager_kernel.widget.visible import visible_lines
from eager_kernel.widget.words import words_as_html


class Author(Protocol):
    """Writes the programs of a cell, one after the other."""

    budget: Budget
    """What the cell may cost."""

    @property
    def prompt_chars(self) -> int:
        """Characters of what was asked last."""

    def first(self) -> Writer:
        """Who writes the first one."""

    def after(self, end: StepEnd, spent: Spent) -> Ended | None:
        """Why nothing follows a step that ended so; None: something does."""

    def next(self, step: StepText, images: tuple[Image, ...], spent: Spent) -> Writer:
        """Who writes the next one, after `step`."""


class ModelAuthor:
    """Has a model write.

    Parameters
    ----------
    model
        The model.
    request
        What it is asked first.
    budget
        What the cell may cost.
    repairs
        How often a program that has failed is written on before its failure is a step's end.
    longest
        Characters of an output that the model is told.
    sees
        Whether it is shown figures.
    """

    def __init__(
        self,
        model: Model,
        request: Request,
        budget: Budget,
        *,
        repairs: int,
        longest: int,
        sees: bool,
    ) -> None:
        self.budget = budget
        self.exchanges: list[tuple[Message, Message]] = []
        """What the model has written so far, and what it was told of it."""
        self._model = model
        self._request = request
        self._wanted = request.max_tokens
        self._repairs = repairs
        self._longest = longest
        self.sees = sees
        self._writer = ModelWriter(model, request, repairs)
        self._requests = 0

    @property
    def prompt_chars(self) -> int:
        """Characters of what was asked last."""
        return sum(len(message.text) for message in self._writer.messages)

    def first(self) -> Writer:
        """Have it write the first program."""
        return self._writer

    def after(self, end: StepEnd, spent: Spent) -> Ended | None:
        """Why it does not go on."""
        return what_follows(end, self.budget, spent)

    def next(self, step: StepText, images: tuple[Image, ...], spent: Spent) -> Writer:
        """Tell it what came of a step, and have it write on."""
        answer = Message("assistant", answer_of(step))
        told = Message("user", outcome_of(step, self._longest), images)
        before = self._writer.messages
        self.exchanges += _pairs(before[len(self._request.messages) :])
        self.exchanges.append((answer, told))
        self._request = replace(
            self._request,
            messages=(*before, answer, told),
            max_tokens=longest_answer(self._wanted, self.budget, spent),
            attempt=self._writer.last_attempt + 1,
            step=spent.steps,
        )
        self._writer = ModelWriter(self._model, self._request, self._repairs)
        return self._writer


class ReplayAuthor:
    """Gives the programs of an earlier run.

    Parameters
    ----------
    saved
        That run.
    """

    prompt_chars = 0

    def __init__(self, saved: SavedProgram) -> None:
        self.budget = Budget(len(saved.steps))
        self.words = saved.words
        """What the model said in the end."""
        self._steps = saved.steps

    def first(self) -> Writer:
        """Give the first one."""
        return TextWriter(self._steps[0].program)

    def after(self, end: StepEnd, spent: Spent) -> Ended | None:
        """Why nothing follows: it was the last, or went another way than it did."""
        if end not in ("ran", "failed"):
            return what_follows(end, self.budget, spent)
        if spent.steps >= len(self._steps) and not self.words:
            return "replayed"
        if end == "failed" and not self._steps[spent.steps - 1].failed:
            return "lost"
        return None

    def next(self, step: StepText, images: tuple[Image, ...], spent: Spent) -> Writer:
        """Give the next one; after all of them, a text without any, for which the words stand."""
        if spent.steps == len(self._steps):
            return TextWriter("")
        return TextWriter(self._steps[spent.steps].program)


class SteppedStream(PromptedStream):
    """A stream whose text is that of one program after the other; each has an intake of its own."""

    run: SteppedRun
    """Knows what comes after each."""

    def make_pump(self, pump_class: Callable[..., Pump], shell: Any, cell: CellOptions) -> Runs:
        """Make what runs all steps in a cell."""

        def make(intake: Intake, options: CellOptions, repair: Repair | None) -> Pump | HeldPump:
            def of(intake: Intake) -> Pump:
                return pump_class(shell, intake, options, self.options.on_error, repair)

            return self.run.hold(of, intake)

        return SteppedPump(make, shell, cell, _Owner(self.run))

    def tell_result(self, outcome: Outcome, traceback: list[str]) -> None:
        """Tell how the last step ended, to those who have heard how the others did."""
        if self.run.said:
            self.tell_observers({"type": "ended", "text": self.run.said})
        super().tell_result(self.run.last_outcome, traceback)
        self.outcome = outcome

    @property
    def words(self) -> str:
        """What the model says instead of a program; after programs, it is displayed by itself."""
        return "" if self.run.wrote_programs else self.words_now

    @property
    def words_now(self) -> str:
        """What the last text says, if it held no program."""
        return super().words

    def look(self) -> None:
        """Tell what is new, and stop the model when its time is up."""
        super().look()
        self.run.look_at_clock()


class SteppedRun(PromptedRun):
    """The run of a cell in which the model may write more than once.

    Parameters
    ----------
    author
        Writes the programs.
    options, streams, gates
        As of a `PromptedRun`.
    shell
        The IPython shell.
    """

    def __init__(
        self, author: Author, options: OpenOptions, streams: Streams, gates: Gates, shell: Any
    ) -> None:
        self._author = author
        self._shell = shell
        self._begun = self._step_begun = time.perf_counter()
        self._usage_known = 0
        self._held = self._took = 0.0
        self._programs: list[str] = []
        self._steps: list[Step] = []
        self._outcomes: list[Outcome] = []
        self._told = ""
        self.listener: Listener | None = None
        """Hears what the programs show; None: nobody does."""
        self.ended_by: Ended | None = None
        """Why no step follows the last one; None until then."""
        self._deadline: float | None = None
        if author.budget.seconds is not None:
            self._deadline = self._begun + author.budget.seconds
        self._next: Intake | None = None
        super().__init__(author.first(), options, streams, gates)

    def _make_stream(self, *about: Any) -> Stream:
        stream = SteppedStream(*about)
        stream.run = self
        return stream

    # The cell: on the main thread ------------------------------------------------------------

    def step_ended(self, outcome: Outcome, *, interrupted: bool) -> bool:
        """Note how a step ended; tell whether another follows."""
        tokens = self._tokens_of(outcome)
        begin = self._step_begun - self._begun
        step = Step(begin, outcome.program, outcome.report, tokens, outcome.status)
        self._steps.append(step)
        self._outcomes.append(outcome)
        end = _end_of(outcome, words=bool(self._words_of(outcome)), interrupted=interrupted)
        self.ended_by = self._author.after(end, self._spent)
        if self.ended_by is not None:
            self._show_end()
        return self.ended_by is None

    def go_on(self) -> None:
        """Tell the model what came of the step, and have it write on."""
        outcome = self._outcomes[-1]
        output, images = self.listener.take() if self.listener is not None else ("", ())
        sent = images if getattr(self._author, "sees", False) else ()
        text = StepText(
            answer=self.as_written or self.stream.answer,
            complete=outcome.error is None,
            program=outcome.program,
            executed_lines=outcome.executed_lines,
            error_lines=outcome.error_lines,
            failed=isinstance(outcome.error, Exception),
            traceback=self._traceback_of(outcome),
            output=output,
            figures=len(images),
            figures_sent=len(sent),
            repaired=outcome.failures[-1].executed if outcome.failures else "",
        )
        self._told = outcome_of(text, _LONGEST_TOLD)
        writer = self._author.next(text, sent, self._spent)
        self._turn_to_step(writer)

    def sum_up(self) -> Outcome:
        """How the cell ended, as of one program."""
        last = self._outcomes[-1]
        before = joined([step.program for step in self._steps[:-1] if step.program.strip()])
        before += gap(before) if last.program.strip() else ""
        lines = before.count("\n")
        numbers = [outcome.execution_count for outcome in self._outcomes]
        error_lines = last.error_lines
        self._took = time.perf_counter() - self._begun
        report = as_one(self._steps, self._took)
        return replace(
            last,
            status="ok" if last.status == "no_code" and before else last.status,
            execution_count=next((n for n in numbers if n is not None), None),
            error_lines=None
            if error_lines is None
            else (error_lines[0] + lines, error_lines[1] + lines),
            program=before + last.program,
            executed_lines=lines + last.executed_lines,
            report=report,
            failures=tuple(failure for o in self._outcomes for failure in o.failures),
        )

    def cost_event(self, outcome: Outcome) -> dict[str, Any]:
        """What observers are told of the cost: of all steps, and of the last one."""
        last = self._steps[-1]
        return {
            "type": "cost",
            "text": self.in_words(self._tokens),
            "seconds": self._took,
            "last": self.in_words(last.tokens),
        }

    @property
    def last_outcome(self) -> Outcome:
        """How the last step ended; one that only says something, after programs, ended well."""
        last = self._outcomes[-1]
        if last.status == "no_code" and self.wrote_programs:
            return replace(last, status="ok", left_out=NOTHING_LEFT_OUT)
        return last

    @property
    def wrote_programs(self) -> bool:
        """Whether any step that has ended had a program."""
        return any(step.program.strip() for step in self._steps)

    @property
    def steps(self) -> Sequence[Step]:
        """The steps that have ended."""
        return self._steps

    @property
    def saved_steps(self) -> tuple[SavedStep, ...]:
        """The programs, to be replayed."""
        return tuple(
            SavedStep(o.program, o.error is not None) for o in self._outcomes if o.program.strip()
        )

    @property
    def exchanges(self) -> tuple[tuple[Message, Message], ...]:
        """What the model has written before its last answer, and what it was told of it."""
        return tuple(getattr(self._author, "exchanges", ()))

    @property
    def last_program(self) -> str:
        """The program of the last step."""
        return self._outcomes[-1].program if self._outcomes else ""

    @property
    def last_words(self) -> str:
        """What the model has said in the end, in Markdown; empty where it has not."""
        return self._words_of(self._outcomes[-1]) if self.ended_by == "answered" else ""

    @property
    def said(self) -> str:
        """Why no step followed the last one, for a person; empty where that needs no words."""
        if self.ended_by in (None, "answered", "replayed", "lost", "stopped"):
            return ""
        assert self.ended_by is not None
        return said_of(self.ended_by, self._author.budget)

    def _show_end(self) -> None:
        """Display the answer, if there were programs before it."""
        if self.wrote_programs and (words := self.last_words):
            display(as_markdown(words), raw=True)

    def _words_of(self, outcome: Outcome) -> str:
        assert isinstance(self.stream, SteppedStream)
        if outcome.status != "no_code":
            return ""
        if isinstance(self._author, ReplayAuthor):
            return self._author.words
        return self.stream.words_now

    def _traceback_of(self, outcome: Outcome) -> str:
        if outcome.error is None:
            return ""
        lines = plain(self._shell._last_traceback or [])
        return "\n".join(lines) or f"{type(outcome.error).__name__}: {outcome.error}"

    @property
    def _spent(self) -> Spent:
        seconds = time.perf_counter() - self._begun - self._held
        return Spent(len(self._steps), self._tokens.spent, seconds)

    @property
    def _tokens(self) -> Tokens:
        return sum((step.tokens for step in self._steps), Tokens())

    def _tokens_of(self, outcome: Outcome) -> Tokens:
        bills = self.usage[self._usage_known :]
        self._usage_known = len(self.usage)
        unbilled = self._unbilled(outcome, len(bills))
        return cost_of(bills, unbilled, self._author.prompt_chars, len(self.stream.answer))

    # The text -------------------------------------------------------------------------------

    def rewrite(self, text: str) -> Intake:
        """As `PromptedRun.rewrite`; the time in which the user is asked is not the model's."""
        if self.question is not None:
            self._held += self.question.asked_s
            if self._deadline is not None:
                self._deadline += self.question.asked_s
        self._step_begun = time.perf_counter()
        self._next = super().rewrite(text)
        return self._next

    def _turn_to_step(self, writer: Writer) -> None:
        self.as_written = ""
        self._writer = writer
        self._failures = []
        self._asked += 1
        number = self._asked
        self._step_begun = time.perf_counter()
        intake = self._next = self._make_intake(self._options, on_stop=self.stream.tell_stop)
        event = self._step_event()
        self._streams.deliver(self.stream.comm_id, partial(self._take_step, number, intake, event))
        self._begin_answer()
        try:
            self._stop_writing = writer.write(partial(self._hear, number))
        except EagerError as error:
            intake.stop("error", error)
        ending = intake.ending
        if ending is not None and ending.state is TextState.STOPPED:
            self._stop_writing()

    def _take_step(self, number: int, intake: Intake, event: dict[str, Any]) -> None:
        """Take the text of another program from now on; on the stream thread."""
        self._attempt = number
        self.stream.turn_to(intake, event)

    def _step_event(self) -> dict[str, Any]:
        step = self._steps[-1]
        return {
            "type": "step",
            "number": len(self._steps),
            "status": step.status,
            "told": self._told,
            "seconds": step.report.end_to_end_s,
            "cost": self.in_words(step.tokens),
        }

    @property
    def current(self) -> Intake:
        """The intake of the program that is to run."""
        return self._next or self.stream.intake

    def look_at_clock(self) -> None:
        """Stop the model when its time is up."""
        if self._deadline is not None and time.perf_counter() >= self._deadline:
            budget = self._author.budget
            self._deadline = None
            error = LimitError(f"{said_of('seconds', budget)}; raise --budget-seconds to go on")
            self.current.stop("limit", error)


class _Owner:
    """A stepped run, as the pump of its cell sees it."""

    def __init__(self, run: SteppedRun) -> None:
        self._run = run

    @property
    def intake(self) -> Intake:
        return self._run.current

    @property
    def repair(self) -> Any:
        return self._run if self._run._writer.repairs else None

    def ended(self, outcome: Outcome, *, interrupted: bool) -> bool:
        return self._run.step_ended(outcome, interrupted=interrupted)

    def go_on(self) -> None:
        self._run.go_on()

    def sum_up(self) -> Outcome:
        return self._run.sum_up()


def as_markdown(words: str) -> dict[str, str]:
    """A model's answer as a MIME bundle in which nothing is active."""
    return {
        "text/markdown": f'<div class="mathjax_ignore">{words_as_html(words)}</div>',
        "text/plain": visible_lines(words),
    }


def _end_of(outcome: Outcome, *, words: bool, interrupted: bool) -> StepEnd:
    """How a step ended, by how its run did."""
    if interrupted or outcome.interrupted or (outcome.status == "cancelled" and not outcome.error):
        return "interrupted"
    if outcome.status == "no_code":
        return "answered" if words else "silent"
    error = outcome.error
    if error is None:
        return "ran"
    told = not isinstance(error, EagerError) or isinstance(error, IncompleteProgramError)
    return "failed" if isinstance(error, Exception) and told else "lost"


_LONGEST_TOLD: Final = 8_000


def _pairs(messages: Sequence[Message]) -> list[tuple[Message, Message]]:
    return list(zip(messages[::2], messages[1::2], strict=True))
