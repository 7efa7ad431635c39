"""A model and a kernel: it writes a program, is told what came of it, and writes on or answers."""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from eager_kernel.client.eager_run import AsyncEagerRun
from eager_kernel.client.hosting import HostFunction, describe
from eager_kernel.client.images import seen
from eager_kernel.client.reading import shown_of
from eager_kernel.client.result import RunResult
from eager_kernel.client.run import OnEvent, told
from eager_kernel.client.session_options import (
    SessionOptions,
    budget_of,
    context_of,
    limits_of,
    reach_of,
)
from eager_kernel.client.session_result import SessionResult, SessionStep
from eager_kernel.client.session_turns import Told, Turn, conversation, prompt_after
from eager_kernel.client.session_work import Work
from eager_kernel.core.conversation.context import longest_output
from eager_kernel.core.conversation.prompts import STEPS_PROMPT, SYSTEM_PROMPT
from eager_kernel.core.conversation.steps import (
    StepEnd,
    longest_answer,
    said_of,
)
from eager_kernel.core.conversation.told import StepText, answer_of, outcome_of, plain, sees
from eager_kernel.core.cost import Tokens, estimate
from eager_kernel.core.extract.spoken import spoken
from eager_kernel.sources.answer import Answer
from eager_kernel.sources.registry import open_source
from eager_kernel.sources.source import MOST_IMAGES, Image, Message, Request, Source

if TYPE_CHECKING:
    from eager_kernel.client.aio import AsyncEagerClient


class AsyncEagerSession:
    """A conversation with a model whose programs run in a kernel; from `AsyncEagerClient.session`.

    ``async with`` it, or close it: it holds the model's connections.

    Parameters
    ----------
    client
        The kernel.
    model
        A model's id, or a source of one's own.
    options
        As of `SessionOptions`.
    """

    def __init__(
        self, client: AsyncEagerClient, model: str | Source, options: SessionOptions
    ) -> None:
        self._client = client
        self._options = options
        self._budget = budget_of(options)
        self._reach = reach_of(options)
        self._named = isinstance(model, str)
        self._model = model if isinstance(model, str) else type(model).__name__
        self._source = open_source(model, self._reach) if isinstance(model, str) else model
        self._context = context_of(options)
        self._system: str | None = None
        self._functions_in_system: frozenset[HostFunction] = frozenset()
        self._turns: list[Turn] = []
        self._run: AsyncEagerRun | None = None
        self._busy = asyncio.Lock()
        self._stopped = False
        self.last: SessionResult | None = None
        """What the last prompt has led to, also where `run` raised; None before the first."""

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation so far, all of it. It is only ever appended to."""
        return tuple(conversation(self._system or "", self._turns))

    def clear(self) -> None:
        """Have the model forget the conversation. The kernel keeps what programs have made."""
        self._turns.clear()
        self._system = None

    async def run(self, prompt: str, *, on_event: OnEvent | None = None) -> SessionResult:
        """Have the model write programs for a prompt until it answers, or a budget is spent.

        Parameters
        ----------
        prompt
            What the user wants.
        on_event
            Hears all events of all runs (as of `AsyncEagerClient.open`), and ``step`` (number,
            from 1) when a request is sent, ``progress`` (text, fraction) of the model before its
            text, ``delta`` (text) as the model writes, ``told`` (text): what it is told of a step,
            ``answer`` (text, in Markdown) and ``ended`` (by, text); before all of them ``left_out``
            (text), where the model is not told all of the earlier conversation any more. If it
            raises, the session stops and `run` raises that.

        Returns
        -------
        SessionResult
            Also where a program failed.

        Raises
        ------
        SourceError
            The model can't be reached, or does not answer. What it had written so far is in `last`;
            the session goes on with the next prompt.
        KernelConnectionError
            As of `AsyncEagerClient.run`.
        ValueError
            The prompt is empty.
        """
        if not prompt.strip():
            raise ValueError("the prompt is empty: say what the model is to do")
        async with self._busy:
            self._stopped = False
            work = Work(self._budget, on_event or (lambda event: None))
            try:
                await self._answer(prompt, work)
            finally:
                self._run = None
                self.last = work.result()
            work.tell({"type": "ended", "by": self.last.ended_by, "text": self.last.message})
            return self.last

    def cancel(self) -> None:
        """Stop the model and its program; `run` returns what there is. On the client's loop."""
        self._stopped = True
        if self._run is not None:
            self._run.cancel()

    async def aclose(self) -> None:
        """Stop, and let go of the model. May be called twice."""
        self.cancel()
        async with self._busy:
            await self._source.aclose()
        self._client._forget(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    # One prompt -----------------------------------------------------------------------------

    async def _answer(self, prompt: str, work: Work) -> None:
        told, turn = self._begin(prompt)
        work.left_out = told.message(self._context)
        if work.left_out:
            work.tell({"type": "left_out", "text": work.left_out})
        before = conversation(self._system or "", told.turns)
        said = prompt_after(told.turns[-1] if told.turns else None, turn)
        place = len(self._turns)
        while work.ended_by is None:
            number = len(work.steps)
            request = Request(
                (*before, said),
                longest_answer(self._options.get("max_tokens"), self._budget, work.spent),
                self._options.get("temperature"),
                attempt=number,
                step=number,
                may_answer=self._budget.steps > 1,
            )
            work.tell({"type": "step", "number": number + 1})
            begun = time.perf_counter()
            answer = Answer(self._source, request, self._reach, work.tell_progress)
            text, result, failure = await self._run_one(answer, work)
            # An answer that never came has cost nothing that is known.
            came = bool(text) or failure is None
            tokens = _cost_of(answer, request, text) if came else Tokens()
            step, images = self._told_of(text, result)
            reply = words = spoken(text) if result.status == "no_code" else ""
            what_came = ""
            if result.status != "no_code" and result.program.strip():
                reply, what_came = answer_of(step), outcome_of(step, self._longest, last=True)
            if reply:  # of what was never answered, the model need not hear
                before += [said, Message("assistant", reply)]
                turn = turn.answered(said, reply, what_came, images)
                self._turns[place:] = [turn]
            end = _end_of(result, words=bool(words), stopped=self._stopped)
            work.add(SessionStep(text, result, what_came, tokens), begun, end)
            if failure is not None:
                work.ended_by = "lost"
                raise failure
            if words:
                work.answer = words
                work.tell({"type": "answer", "text": words})
            if work.ended_by is None:
                said = Message("user", outcome_of(step, self._longest), images)
                work.tell({"type": "told", "text": said.text})

    async def _run_one(self, answer: Answer, work: Work) -> tuple[str, RunResult, Exception | None]:
        """Run one answer; its text, how that went, and what went wrong with the model."""
        options = self._options
        run = self._run = await self._client.open(
            gate=options.get("gate"),
            on_error=options.get("on_error", "stop"),
            model=self._model,
            on_event=work.tell,
            on_input=options.get("on_input"),
            **limits_of(options),
        )
        if self._stopped:
            run.cancel()
        pieces: list[str] = []
        writing = asyncio.create_task(_write(answer, run, pieces, work.tell))
        stopped = asyncio.create_task(run.stopped.wait())
        failure: Exception | None = None
        try:
            ends = {writing, stopped}
            await asyncio.wait(ends, timeout=work.left, return_when=asyncio.FIRST_COMPLETED)
            if not (writing.done() or stopped.done()):
                work.out_of_time = True
                run.cancel(said_of("seconds", self._budget), interrupt=False)
            elif writing.done() and (error := writing.exception()) is not None:
                if not isinstance(error, Exception):
                    raise error
                failure = None if run.stopped.is_set() else error
                run.cancel(told(error), interrupt=False)
        except BaseException:
            run.cancel()
            raise
        finally:
            writing.cancel()
            stopped.cancel()
            # What it says to being closed changes nothing any more.
            await asyncio.gather(writing, stopped, return_exceptions=True)
        try:
            result = await run.result()
        except asyncio.CancelledError:
            run.cancel()
            raise
        return "".join(pieces), result, failure

    # What the model is told -----------------------------------------------------------------

    def _begin(self, prompt: str) -> tuple[Told, Turn]:
        """Begin a turn; which of those before it the model is told of again."""
        functions = self._client._hosting.functions
        if self._system is None:
            system = self._options.get("system", SYSTEM_PROMPT)
            steps = STEPS_PROMPT if self._budget.steps > 1 else ""
            self._functions_in_system = frozenset(functions)
            self._system = "\n\n".join(filter(None, [system, steps, describe(functions)]))
        told = Told.of(self._turns, self._context)
        known = self._functions_in_system.union(*(turn.functions for turn in told.turns))
        new = [function for function in functions if function not in known]
        text = "\n\n".join(filter(None, [describe(new), prompt]))
        return told, Turn(text, frozenset(new))

    def _told_of(self, text: str, result: RunResult) -> tuple[StepText, tuple[Image, ...]]:
        shown = seen(result.images)
        images: tuple[Image, ...] = ()
        if self._sends_figures:
            images = tuple(
                Image(image.type, b64encode(image.data).decode("ascii"))
                for image in shown[:MOST_IMAGES]
            )
        error = result.error
        traceback = ""
        if error is not None:
            traceback = "\n".join(plain(error.traceback)) or f"{error.ename}: {error.evalue}"
        step = StepText(
            answer=text,
            complete=error is None,
            program=result.program,
            executed_lines=result.executed_lines,
            error_lines=None if error is None else error.lines,
            failed=error is not None,
            traceback=traceback,
            output=shown_of(result),
            figures=len(shown),
            figures_sent=len(images),
        )
        return step, images

    @property
    def _longest(self) -> int:
        return self._options.get("longest_output", longest_output(self._context))

    @property
    def _sends_figures(self) -> bool:
        figures = self._options.get("figures", "auto")
        if figures == "auto":
            return self._named and sees(self._model, self._reach.api_base is not None)
        return figures == "send"


async def _write(answer: Answer, run: AsyncEagerRun, pieces: list[str], tell: OnEvent) -> None:
    """Feed a run with an answer, until it has ended or no more is wanted."""
    try:
        async for text in answer:
            pieces.append(text)
            tell({"type": "delta", "text": text})
            if not run.feed(text):
                return
        run.end(answer.finish_reason)
    finally:
        await answer.aclose()


def _end_of(result: RunResult, *, words: bool, stopped: bool) -> StepEnd:
    """How a step ended, by how its run did."""
    if stopped or result.stop_reason in ("cancelled", "interrupted"):
        return "interrupted"
    if result.status == "no_code":
        return "answered" if words else "silent"
    if result.error is None:
        return "ran"
    told = result.stop_reason in ("", "error") and result.error.ename not in _ENDS
    return "failed" if told else "lost"


def _cost_of(answer: Answer, request: Request, text: str) -> Tokens:
    if (bill := answer.usage) is not None:
        return Tokens(bill.input_tokens, bill.output_tokens, bill.cached_tokens)
    return estimate(sum(len(message.text) for message in request.messages), len(text))


_ENDS: Final = ("KeyboardInterrupt", "SystemExit", "GeneratorExit")
