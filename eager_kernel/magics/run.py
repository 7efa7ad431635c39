"""A run whose text the kernel itself asks a model for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol
from uuid import uuid4

from eager_kernel.core.conversation.told import plain
from eager_kernel.core.cost import Tokens, estimate
from eager_kernel.core.ledger import TextState
from eager_kernel.errors import EagerError, SourceError
from eager_kernel.execution.held import HeldPump
from eager_kernel.execution.intake import Intake
from eager_kernel.execution.options import CellOptions
from eager_kernel.execution.outcome import Outcome
from eager_kernel.execution.pump import Pump
from eager_kernel.execution.repair import Failure
from eager_kernel.kernel.stream import Again, Runs, Stream
from eager_kernel.kernel.streams import Gates, Streams
from eager_kernel.magics.asking import Question
from eager_kernel.magics.conversation import repair_messages
from eager_kernel.protocol import Delta, End, OpenOptions
from eager_kernel.sources.source import Event, Finish, Progress, Request, Usage


class Writer(Protocol):
    """Writes a program: a model, or what stands in for one."""

    repairs: int
    """How often it may write on a program that has failed."""

    def write(self, hear: Hear) -> Callable[[], None]:
        """Begin to write; returns what stops it. `hear` is told everything, on any thread."""

    def write_on(self, failures: list[Failure], hear: Hear) -> Callable[[], None]:
        """Begin to write what follows the last failure."""


Hear = Callable[[Event | SourceError], None]


class Answer(Protocol):
    """An answer on its way."""

    def cancel(self) -> None:
        """Stop it, from any thread."""


class Model(Protocol):
    """Answers: a process of the kernel's, or a model that the Jupyter server asks."""

    def generate(self, request: Request, hear: Hear) -> Answer:
        """Ask it; `hear` is told everything, on any thread."""


class ModelWriter:
    """Has a model write.

    Parameters
    ----------
    model
        The model.
    request
        What it is asked.
    repairs
        How often it may write on a program that has failed.
    """

    def __init__(self, model: Model, request: Request, repairs: int = 0) -> None:
        self._model = model
        self._request = request
        self.repairs = repairs
        self.messages = request.messages
        """What the model was asked last."""
        self.last_attempt = request.attempt
        """The number of that request."""

    def write(self, hear: Hear) -> Callable[[], None]:
        """Ask for the program."""
        return self._model.generate(self._request, hear).cancel

    def write_on(self, failures: list[Failure], hear: Hear) -> Callable[[], None]:
        """Ask for the rest of it."""
        traceback = plain(failures[-1].traceback)
        self.messages = repair_messages(self._request.messages, failures, traceback)
        attempt = self.last_attempt = self._request.attempt + len(failures)
        request = replace(self._request, messages=self.messages, attempt=attempt)
        return self._model.generate(request, hear).cancel


class TextWriter:
    """Gives a text that is there already.

    Parameters
    ----------
    text
        The text.
    """

    repairs = 0

    def __init__(self, text: str) -> None:
        self._text = text

    def write(self, hear: Hear) -> Callable[[], None]:
        """Give all of it."""
        hear(self._text)
        hear(Finish())
        return lambda: None

    def write_on(self, failures: list[Failure], hear: Hear) -> Callable[[], None]:
        """Nobody is there to write on."""
        raise EagerError("a text can't be repaired: there is no model to ask")


class PromptedStream(Stream):
    """The stream of a prompted run."""

    run: PromptedRun
    """Knows whether to ask before it runs."""

    def make_pump(self, pump_class: Callable[..., Pump], shell: Any, cell: CellOptions) -> Runs:
        """Make what runs the program in a cell."""

        def make(intake: Intake) -> Pump:
            return pump_class(shell, intake, cell, self.options.on_error, self.repair)

        return self.run.hold(make, self.intake)

    def tell_result(self, outcome: Outcome, traceback: list[str]) -> None:
        """Tell how the run ended, and what it has cost."""
        self.tell_observers(self.run.cost_event(outcome))
        super().tell_result(outcome, traceback)


class PromptedRun:
    """A program that a cell asked for: its stream, and who writes it.

    It is to the stream what a client is: it sends the text, and hears when no more is wanted.

    Parameters
    ----------
    writer
        Who writes the program.
    options
        As of a stream that a client opens.
    streams
        The open streams, which read this one.
    gates
        Makes its gate and barrier.
    """

    def __init__(
        self,
        writer: Writer,
        options: OpenOptions,
        streams: Streams,
        gates: Gates,
    ) -> None:
        self.traceback: list[str] = []
        """The error's traceback as it was shown, if there was one."""
        self.usage: list[Usage] = []
        """What the model's answers cost."""
        self._writer = writer
        self._streams = streams
        self._stop_writing: Callable[[], None] = lambda: None
        self._failures: list[Failure] = []
        self._attempt = self._asked = 0
        self._writing = self._cut_short = False
        self._gates = gates
        self._options = options
        self._cell = uuid4().hex
        self.question: Question | None = None
        """Asks whether a program is to run; None: it runs while it is written."""
        self.as_written = ""
        """The model's text, where another one stands for it that says the same."""
        told = _Told(self._hear_stop, self._hear_result)
        intake = partial(self._make_intake, options)
        self.stream = self._make_stream(uuid4().hex, options, told, time.monotonic(), intake)
        """Where the program comes from."""
        self.stream.patient = True
        if writer.repairs:
            self.stream.repair = self

    def _make_intake(self, options: OpenOptions, **hooks: Any) -> Intake:
        """Make the intake of a program."""
        return Intake(
            options.text_format,
            self._gates.make_gate(options.gate),
            self._gates.make_barrier(options.gate, self._cell),
            max_chars=self._streams.limits.max_program_chars,
            repairable=self._writer.repairs > 0,
            hurry=self._streams.hurry,
            read_for=self._streams.read_for,
            **hooks,
        )

    def _make_stream(self, *about: Any) -> Stream:
        """Make the stream, as `Stream`."""
        stream = PromptedStream(*about)
        stream.run = self
        return stream

    def hold(self, make: Callable[[Intake], Pump], intake: Intake) -> Pump | HeldPump:
        """Make what runs a program, or asks before it does."""
        return make(intake) if self.question is None else HeldPump(make, intake, self.question)

    def rewrite(self, text: str) -> Intake:
        """Have a program in the place of the one that was asked about; on the main thread."""
        held = self.stream.intake.program
        self.as_written = self.stream.answer if text == held else ""
        options = replace(self._options, text_format="python")
        intake = self._make_intake(options, on_stop=self.stream.tell_stop)
        self._asked += 1
        number = self._asked
        self._streams.deliver(self.stream.comm_id, partial(self._take_rewritten, number, intake))
        for event in (text, Finish()):
            self._hear(number, event)
        return intake

    def _take_rewritten(self, number: int, intake: Intake) -> None:
        """Take the text of that program; on the stream thread."""
        self._attempt = number
        self.stream.turn_to(intake, {"type": "go"})

    def begin(self, parent: Any) -> None:
        """Open the stream, give it to the running cell, and have the program written."""
        self._streams.open(self.stream.comm_id, lambda: self.stream)
        self._streams.claim(self.stream.comm_id, parent)
        self._let_write(self._writer.write, 0)

    # The writer -----------------------------------------------------------------------------

    def _hear(self, attempt: int, event: Event | SourceError) -> None:
        """Take what the writer says, on whatever thread."""
        if isinstance(event, Progress):
            self.stream.tell_observers(
                {"type": "progress", "text": event.text, "fraction": event.fraction}
            )
            return
        if isinstance(event, Finish) and event.usage is not None:
            self.usage.append(event.usage)
            self.stream.tell_observers({"type": "cost", "text": str(cost_of(self.usage, 0, 0, 0))})
        if isinstance(event, Finish | SourceError) and attempt == self._asked:
            self._writing = False
        message = partial(self._message, attempt, event)
        self._streams.deliver(self.stream.comm_id, message, text=isinstance(event, str))

    def _message(self, attempt: int, event: str | Finish | SourceError) -> Delta | End | None:
        """What the stream is to do about an event; on the stream thread."""
        if attempt != self._attempt:
            return None  # of text that is not wanted any more
        if isinstance(event, SourceError):
            raise event
        if isinstance(event, Finish):
            return End(event.reason)
        return Delta(event, None)

    # Repair ---------------------------------------------------------------------------------

    def wants(self, error: Exception) -> bool:
        """Whether the model may write on once more."""
        return len(self._failures) < self._writer.repairs

    def ask(self, failure: Failure) -> None:
        """Have the model write on from `failure`."""
        self._failures.append(failure)
        self._asked += 1
        number = self._asked
        self._streams.deliver(self.stream.comm_id, partial(self._turn_to, number, failure))
        self._let_write(partial(self._writer.write_on, self._failures), number)

    def _let_write(self, write: Callable[[Hear], Callable[[], None]], attempt: int) -> None:
        self._begin_answer()
        try:
            self._stop_writing = write(partial(self._hear, attempt))
        except EagerError as error:
            self.stream.intake.stop("error", error)
        ending = self.stream.intake.ending
        if ending is not None and ending.state is TextState.STOPPED:
            self._stop_writing()  # it was stopped before there was anything to call

    def _turn_to(self, attempt: int, failure: Failure) -> Again:
        """Take the text of another attempt from now on; on the stream thread."""
        self._attempt = attempt
        self.stream.tell_chunks()  # of the lines that are gone nothing may be told after this
        self.stream.tell_observers(
            {
                "type": "repair",
                "attempt": len(self._failures),
                "from_line": failure.executed_lines + 1,
                "message": failure.message,
            }
        )
        return Again()

    def cost(self, outcome: Outcome) -> Tokens:
        """What the model's answers have cost."""
        unbilled = self._unbilled(outcome, len(self.usage))
        asked = getattr(self._writer, "messages", ())
        prompt_chars = sum(len(message.text) for message in asked)
        return cost_of(self.usage, unbilled, prompt_chars, len(self.stream.answer))

    def _unbilled(self, outcome: Outcome, bills: int) -> int:
        """How many answers nobody has said the cost of; one that never came has none."""
        never_came = isinstance(outcome.error, SourceError) and not self.stream.answer
        return 1 + len(outcome.failures) - bills - never_came

    def cost_event(self, outcome: Outcome) -> dict[str, Any]:
        """What observers are told of the cost, when the run has ended."""
        cost, took = self.in_words(self.cost(outcome)), outcome.report.end_to_end_s
        return {"type": "cost", "text": cost, "seconds": took}

    def in_words(self, tokens: Tokens) -> str:
        """Tokens as a view says them.

        Empty where nobody knows: the model has ended its answers, and has not said what they cost,
        or there was no model, as in a replay.
        """
        was_stopped = self._cut_short or self._writing
        return str(tokens) if tokens.known and (self.usage or was_stopped) else ""

    def _begin_answer(self) -> None:
        """Note that another answer is asked for; one that has not ended by then was stopped."""
        self._cut_short = self._cut_short or self._writing
        self._writing = True

    # What is told ---------------------------------------------------------------------------

    def _hear_stop(self) -> None:
        """No more is wanted, or the run has ended."""
        self._stop_writing()

    def _hear_result(self, result: dict[str, Any]) -> None:
        error = result["error"]
        self.traceback = [] if error is None else error["traceback"]


def cost_of(bills: Sequence[Usage], unbilled: int, prompt_chars: int, answer_chars: int) -> Tokens:
    """What answers have cost.

    Parameters
    ----------
    bills
        What the model has said of it.
    unbilled
        How many more answers there were, that were stopped before it could.
    prompt_chars, answer_chars
        How long their prompts were, and how much of them has come, in all.
    """
    tokens = Tokens()
    for bill in bills:
        tokens += Tokens(bill.input_tokens, bill.output_tokens, bill.cached_tokens)
    if unbilled > 0 and prompt_chars:
        tokens += estimate(prompt_chars, answer_chars)
    return tokens


class _Told:
    """Hears for a prompted run what a client would be told.

    Parameters
    ----------
    on_stop
        No more text is wanted.
    on_result
        The run has ended, with this result.
    """

    def __init__(
        self, on_stop: Callable[[], None], on_result: Callable[[dict[str, Any]], None]
    ) -> None:
        self.parent: Any = None
        self._on_stop = on_stop
        self._on_result = on_result

    def __call__(self, kind: str, data: dict[str, Any]) -> None:
        """Take a message; on any thread."""
        if kind == "comm_close" or data.get("type") == "stop":
            self._on_stop()
        elif data.get("type") == "result":
            self._on_result(data)
