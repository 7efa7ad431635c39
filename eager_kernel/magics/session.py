"""What ``%%eager`` and ``%eager`` work on: one session of one shell."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from IPython.core.error import UsageError

from eager_kernel.core.conversation.context import longest_output
from eager_kernel.core.conversation.steps import Budget, Spent, Step, as_one, longest_answer
from eager_kernel.core.conversation.told import plain, sees
from eager_kernel.core.cost import Tokens
from eager_kernel.core.gate import MODES, Mode
from eager_kernel.core.report import Report
from eager_kernel.errors import (
    EagerError,
    PromptError,
    RunCancelledError,
    SourceError,
)
from eager_kernel.execution.pump import Outcome
from eager_kernel.kernel.journal import Journals
from eager_kernel.kernel.model_config import EagerModel
from eager_kernel.kernel.pages import Pages
from eager_kernel.kernel.served import ServedModel
from eager_kernel.kernel.stream import Stream
from eager_kernel.kernel.streams import Gates, Streams
from eager_kernel.magics.asking import Question
from eager_kernel.magics.attached import AttachedCell
from eager_kernel.magics.conversation import Conversation, Turn
from eager_kernel.magics.files import add_files
from eager_kernel.magics.listener import Listener
from eager_kernel.magics.models import CellIds, Models
from eager_kernel.magics.notebook import NotebookContext
from eager_kernel.magics.options import (
    PromptOptions,
    fix_line,
    is_eager_cell,
    parse_options,
    split_cell,
    split_fix,
)
from eager_kernel.magics.prompt import fill
from eager_kernel.magics.run import ModelWriter, PromptedRun, TextWriter, Writer
from eager_kernel.magics.saved import SavedProgram, SavedPrograms
from eager_kernel.magics.shown import Setting, Shown
from eager_kernel.magics.steps import Author, ModelAuthor, ReplayAuthor, SteppedRun
from eager_kernel.magics.terminal import Listed, terminal_of
from eager_kernel.protocol import OpenOptions, parse_attach
from eager_kernel.sources.source import Request
from eager_kernel.widget.visible import visible_lines


class Session:
    """The models, the conversation and the runs of one shell.

    Parameters
    ----------
    shell
        The IPython shell.
    streams
        The open streams.
    gates
        Makes gates and barriers.
    defaults
        How streams run for which nobody says otherwise.
    config
        Which model is asked, and how.
    interrupt
        Interrupts the main thread.
    heard_at_once
        Whether the kernel hears a view's buttons while its main thread is busy.
    pages
        The pages that offer models of their server; None where there can be none.
    journals
        What keeps outputs for pages that come late; None where nothing does.
    """

    def __init__(
        self,
        shell: Any,
        streams: Streams,
        gates: Gates,
        defaults: OpenOptions,
        config: EagerModel,
        *,
        interrupt: Callable[[], None],
        heard_at_once: bool,
        pages: Pages | None = None,
        journals: Journals | None = None,
    ) -> None:
        self.shell = shell
        self.streams = streams
        self.config = config
        self.gate: Mode = defaults.gate
        """The gate mode of cells that name none."""
        self.conversation = Conversation(config.context_chars)
        config.observe(self._set_budget, "context_chars")
        self.program = ""
        """The code text of the last run."""
        self.report: Report | None = None
        """The timings of the last run."""
        self.spent = Tokens()
        """What all answers have cost."""
        self.refusal: BaseException | None = None
        """Why the cell that begins could not be asked for."""
        self.cell: CellIds = (None, "")
        """The last ``%%eager`` cell."""
        self.saved = SavedPrograms()
        self.closed = False
        """Whether the extension has been unloaded."""
        self._interrupt = interrupt
        self._heard_at_once = heard_at_once
        self._journals = journals
        self._gates = gates
        self._defaults = defaults
        self._gate_chosen = False
        self.models = Models(config, pages)
        self.notebook = NotebookContext(shell, self._as_text)
        """What the model is told of the notebook."""
        self._pages = pages
        if pages is not None:
            pages.on_stop = self._stop_cell
            pages.running = self._shown_now
        self._running: PromptedCell | None = None

    @property
    def file_journals(self) -> Any:
        """What runs have done to files: `eager_kernel.execution.journals.Journals`."""
        return self._gates.file_journals  # type: ignore[attr-defined]

    # Runs -----------------------------------------------------------------------------------

    def claim_shown(self, code: str, cell_id: str | None, parent: Any) -> AttachedCell | None:
        """Take the stream of a cell ``%eager attach COMM_ID --view``.

        Parameters
        ----------
        code, cell_id, parent
            As of `claim`.

        Returns
        -------
        AttachedCell or None
            None: it is another cell, or there is no such stream, as the magic will say.
        """
        attach = parse_attach(code)
        if attach is None or not attach.view:
            return None
        shown = None
        try:
            shown = self._show_view(self.streams.find(attach.comm_id))
            observer = None if shown is None else shown.observer
            stream = self.streams.claim(attach.comm_id, parent, observer)
        except EagerError:
            if shown is not None:
                shown.close()  # it ended in this moment
            return None
        if shown is not None:
            shown.begin()
        return AttachedCell(stream, shown, self._note)

    def claim(self, code: str, cell_id: str | None, parent: Any) -> PromptedCell | None:
        """Begin the run of a cell that ``%%eager`` heads.

        Parameters
        ----------
        code
            The cell.
        cell_id
            Its id, if the frontend says it.
        parent
            Its request.

        Returns
        -------
        PromptedCell or None
            None: the cell runs as any cell. What was wrong with a ``%%eager`` cell is then in
            `refusal`, for the magic to raise.
        """
        self.refusal = None
        if not self.would_claim(code):
            return None
        self.cell = cell_id, _request_of(parent)
        cell = None
        try:
            if self._was_stopped(parent):
                raise RunCancelledError("it was stopped before it began")
            if is_eager_cell(code):
                line, prompt = split_cell(code)
                options = parse_options(line)
            else:
                number, line = split_fix(fix_line(code) or "")
                options = replace(parse_options(line), literal=True)
                prompt = self.notebook.fix_prompt(number)
            if options.dry:
                return None
            cell = self._prepare(options, prompt, cell_id, _request_of(parent))
            cell.begin(parent)
            self._running = cell
            if self._was_stopped(parent):  # while it was prepared
                raise KeyboardInterrupt
        except (UsageError, EagerError, OSError, KeyboardInterrupt) as error:
            # An interrupt may come while a value shows itself, which is the user's code.
            self.refusal, self._running = error, None
            if cell is not None:
                self.streams.release(cell.stream)
                cell.end_asking()
            if self._pages is not None:
                self._pages.ended(cell_id, "")
            return None
        return cell

    def _was_stopped(self, parent: Any) -> bool:
        return self._pages is not None and self._pages.take_stop(_request_of(parent))

    def would_claim(self, code: object) -> bool:
        """Whether `code` is a cell for `claim`."""
        asks = is_eager_cell(code) or fix_line(code) is not None
        return asks and self._running is None

    def _prepare(
        self, options: PromptOptions, prompt: str, cell_id: str | None, request_id: str
    ) -> PromptedCell:
        asks = options.ask or (self.config.ask and not options.replay)  # that has been seen
        text_format, asked = "auto", prompt.strip("\n") or f"Run {options.from_file}."
        to_save: SavedProgram | None = None
        served: ServedModel | None = None
        writer: Writer
        author: Author | None = None
        if options.replay:
            found = self.saved.find(cell_id, prompt)
            model, text_format, asked = found.model, "python", found.prompt
            writer = TextWriter(found.program)
            author = ReplayAuthor(found) if found.steps else None
        elif (text := options.from_text) is not None:
            writer = TextWriter(text)
            model = options.from_file or ""
        else:
            asked = self.with_notebook(self.fill(options, prompt))
            request = self.make_request(options, asked)
            repairs = self.config.repair if options.repair is None else options.repair
            repairs = 0 if asks else repairs  # what it writes would run unseen
            budget = self._budget(options)
            requests = (repairs + 1) * budget.steps
            asked_model = self.models.ask(options, (cell_id, request_id), requests)
            if isinstance(asked_model, ServedModel):
                served = asked_model
            model = options.from_file or asked_model.model_id
            writer = ModelWriter(asked_model, request, repairs)
            if budget.steps > 1:
                author = ModelAuthor(
                    asked_model,
                    request,
                    budget,
                    repairs=repairs,
                    longest=longest_output(self.config.context_chars),
                    sees=self._sends_figures(options, model),
                )
        if not options.replay:
            to_save = SavedProgram(prompt, model, "", "")
        open_options = replace(
            self._defaults,
            text_format=text_format,
            gate=options.gate or self.default_gate,
            model=model,
        )
        try:
            if author is not None:
                run: PromptedRun = SteppedRun(
                    author, open_options, self.streams, self._gates, self.shell
                )
            else:
                run = PromptedRun(writer, open_options, self.streams, self._gates)
            is_text = self._pages is not None and self._pages.is_text_cell(cell_id)
            shown = self._show(run.stream, elsewhere=is_text)
        except BaseException:
            if served is not None:
                served.end()
            raise
        if shown is not None:
            run.stream.observers.append(shown.observer)
        if asks:
            run.question = Question(
                self.shell,
                run,
                partial(self._gates.make_gate, "static"),
                shown,
                heard_at_once=self._heard_at_once,
            )
        return PromptedCell(
            self,
            run,
            turn=Turn(asked, title=prompt),
            saved=to_save,
            cell_id=cell_id,
            request_id=request_id,
            shown=shown,
            served=served,
        )

    def _budget(self, options: PromptOptions) -> Budget:
        config = self.config
        seconds = options.budget_seconds
        return Budget(
            options.steps or config.steps,
            options.budget_tokens or config.budget_tokens,
            config.budget_seconds if seconds is None else seconds,
        )

    def _sends_figures(self, options: PromptOptions, model: str) -> bool:
        if self.config.figures == "auto":
            return sees(model, bool(options.api_base or self.config.api_base))
        return self.config.figures == "send"

    @property
    def default_gate(self) -> Mode:
        """Of a cell that names none: the notebook's, then the settings', then the kernel's."""
        return self.gate if self._gate_chosen else self.models.offer.gate or self.gate

    def _show(self, stream: Stream, *, elsewhere: bool = False) -> Shown | Listed | None:
        terminal = terminal_of(self.shell) if self.config.view else None
        if terminal is not None:
            return Listed(terminal, stream)
        return self._show_view(stream, elsewhere=elsewhere)

    def _show_view(self, stream: Stream, *, elsewhere: bool = False) -> Shown | None:
        if not self.config.view or not hasattr(self.shell, "kernel"):
            return None
        setting = Setting(self.shell, self._heard_at_once, self.config.unfold, self._journals)
        return Shown(setting, stream, self.stop, elsewhere=elsewhere)

    def fill(self, options: PromptOptions, prompt: str) -> str:
        """A cell's prompt, with the notebook's values in it. A recording needs none.

        Raises
        ------
        PromptError
            The prompt is empty, or names what has no value.
        """
        if not prompt.strip():
            if options.recording is not None:
                return f"Run {options.from_file}."
            raise PromptError("the cell has no prompt: write below %%eager what you want")
        if options.literal:
            return prompt.strip("\n")
        return add_files(fill(prompt.strip("\n"), self.shell.user_ns, self._as_text))

    def with_notebook(self, prompt: str) -> str:
        """A prompt after what the model is told of the notebook."""
        config = self.config
        told: Any = config.notebook_context
        about = self.notebook.read(told, config.context_chars // 4)
        return f"{about}\n\n{prompt}" if about else prompt

    def make_request(self, options: PromptOptions, prompt: str) -> Request:
        """What a model is asked for a prompt that has been filled."""
        config = self.config
        conversation = Conversation(0) if options.fresh else self.conversation
        temperature = config.temperature if options.temperature is None else options.temperature
        budget = self._budget(options)
        stepped = budget.steps > 1 and not options.dry
        told = [config.system_prompt, config.steps_prompt if stepped else ""]
        return Request(
            conversation.messages("\n\n".join(filter(None, told)), prompt),
            max_tokens=longest_answer(options.max_tokens or config.max_tokens, budget, Spent(0)),
            temperature=temperature,
            may_answer=stepped,
        )

    def _as_text(self, value: Any) -> str:
        """What the notebook would show of a value, as text."""
        formatter = self.shell.display_formatter.formatters["text/plain"]
        # The method itself, without IPython's guard, which would show the error of a value that
        # can't be shown as if a cell had failed.
        show = getattr(type(formatter).__call__, "__wrapped__", type(formatter).__call__)
        text = show(formatter, value)
        return repr(value) if text is None else str(text)

    def finished(self, cell: PromptedCell, outcome: Outcome | None) -> None:
        """Note how a cell's run ended."""
        self._running = None
        self.notebook.passed()
        if outcome is not None:
            self._note(outcome)
            self._note_cost(cell.run, outcome)
            # Of what was never answered, the next model need not hear.
            if outcome.program or not isinstance(outcome.error, SourceError):
                self.conversation.turns.append(cell.turn)
        if self._pages is not None:
            self._pages.ended(cell.cell_id, "" if outcome is None else outcome.program)

    def _note(self, outcome: Outcome) -> None:
        self.program, self.report = outcome.program, outcome.report

    def _stop_cell(self, request_id: str) -> None:
        """Stop the run of a cell, if it runs; from another thread."""
        running, pages = self._running, self._pages
        if running is None or running.request_id != request_id or pages is None:
            return
        if pages.take_stop(request_id):
            self.stop()

    def _note_cost(self, run: PromptedRun, outcome: Outcome) -> None:
        report = outcome.report
        if not report.steps:
            step = Step(0.0, outcome.program, report, run.cost(outcome), outcome.status)
            self.report = report = as_one([step], report.end_to_end_s)
        self.spent += report.cost

    def _shown_now(self) -> tuple[str, str] | None:
        """The ids of the cell that runs and of its view, for a page that comes late."""
        running = self._running
        if running is None or running.cell_id is None or running.view_id is None:
            return None
        return running.cell_id, running.view_id

    def stop(self) -> bool:
        """Stop what runs, from another thread. False: nothing runs."""
        return self.streams.interrupt(self._interrupt)

    @property
    def running(self) -> bool:
        """Whether a cell runs now."""
        return self._running is not None

    def choose_gate(self, mode: str) -> None:
        """Run cells with a gate mode from now on.

        Raises
        ------
        UsageError
            There is no such mode.
        """
        if mode not in MODES:
            raise UsageError(f"%eager gate: {mode!r} is none of {', '.join(MODES)}")
        self.gate = mode
        self._gate_chosen = True

    def _set_budget(self, change: Any) -> None:
        self.conversation.budget = change["new"]

    def close(self) -> None:
        """End everything of the session."""
        self.closed = True
        self.models.free()


class PromptedCell:
    """One ``%%eager`` cell, from its request to its end.

    Parameters
    ----------
    session
        Whose cell it is.
    run
        Its run.
    turn
        What the conversation is to know of it.
    saved
        What is to be saved of it, without the program; None: it is saved already.
    cell_id
        The cell's id, if it is known.
    request_id
        The id of the request that runs it; empty where there is none.
    shown
        Shows the run, if it is to be shown.
    served
        The model, if the Jupyter server asks it.
    """

    def __init__(
        self,
        session: Session,
        run: PromptedRun,
        *,
        turn: Turn,
        saved: SavedProgram | None,
        cell_id: str | None,
        request_id: str,
        shown: Shown | Listed | None,
        served: ServedModel | None,
    ) -> None:
        self.stream = run.stream
        self.run = run
        self.turn = turn
        self._session = session
        self._saved = saved
        self.cell_id = cell_id
        self.request_id = request_id
        self._shown = shown
        self._served = served
        self._listener: Listener | None = None

    def begin(self, parent: Any) -> None:
        """Have the program written, for the cell whose request is `parent`."""
        self.run.begin(parent)  # first, as a model takes its time
        if self._shown is not None:
            self._shown.begin()
        self._listener = Listener(self._session.shell)
        if self.run.question is not None:
            self.run.question.listener = self._listener
        if isinstance(self.run, SteppedRun):
            self.run.listener = self._listener

    @property
    def view_id(self) -> str | None:
        """The id of the view of the run, if it is shown."""
        return self._shown.view_id if self._shown is not None else None

    def end_asking(self) -> None:
        """Let go of the Jupyter server, if it asks the model."""
        if self._served is not None:
            self._served.end()

    def close(self) -> None:
        """Note what came of the run, which has ended."""
        outcome, listener = self.stream.outcome, self._listener
        self.end_asking()
        if listener is not None:
            listener.close()
            self.turn.output = listener.text
        if outcome is not None:
            self.turn.program = outcome.program
            if outcome.status == "no_code":
                self.turn.words = self.stream.words
            self.turn.ran = outcome.status != "cancelled" or outcome.error is not None
            if outcome.error is not None:
                self.turn.error = "\n".join(plain(self.run.traceback))
            if isinstance(self.run, SteppedRun):
                self._note_steps(self.run)
        self._session.finished(self, outcome)
        if self._shown is not None:
            self._shown.close()
        elif outcome is not None and outcome.status == "no_code":
            said = visible_lines(self.stream.words) or outcome.left_out.describe(no_code=True)
            sys.stdout.write(f"{said}\n")
        if self._shown is None and isinstance(self.run, SteppedRun) and self.run.said:
            sys.stdout.write(f"%%eager: {self.run.said}\n")
        if self._saved is not None and outcome is not None and outcome.program.strip():
            saved = replace(self._saved, program=outcome.program, status=outcome.status)
            if isinstance(self.run, SteppedRun):
                steps, words = self.run.saved_steps, self.run.last_words
                saved = replace(saved, steps=steps, words=words)
            try:
                self._session.saved.save(self.cell_id, saved)
            except OSError as error:
                text = f"the program can't be saved, so --replay won't find it: {error}"
                warnings.warn(text, stacklevel=2)

    def _note_steps(self, run: SteppedRun) -> None:
        """Note what the model has written before its last answer, and how that ended."""
        self.turn.steps = run.exchanges
        self.turn.program = run.last_program
        if words := run.last_words:
            self.turn.words, self.turn.output = words, ""


def _request_of(parent: Any) -> str:
    """The id of the request that runs a cell; empty where there is none."""
    return str(parent["header"]["msg_id"]) if parent else ""
