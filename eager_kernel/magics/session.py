"""What ``%%eager`` and ``%eager`` work on: one session of one shell."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from IPython.core.error import UsageError

from eager_kernel.core.gate import MODES, Mode
from eager_kernel.core.report import Report
from eager_kernel.errors import EagerError, PromptError, UnknownStreamError
from eager_kernel.execution.pump import Outcome
from eager_kernel.kernel.model_config import EagerModel
from eager_kernel.kernel.protocol import OpenOptions, parse_attach
from eager_kernel.kernel.stream import Stream
from eager_kernel.kernel.streams import Gates, Streams
from eager_kernel.magics.attached import AttachedCell
from eager_kernel.magics.conversation import Conversation, Turn, plain
from eager_kernel.magics.listener import Listener
from eager_kernel.magics.options import (
    PromptOptions,
    is_eager_cell,
    parse_options,
    split_cell,
)
from eager_kernel.magics.prompt import fill
from eager_kernel.magics.run import ModelWriter, PromptedRun, TextWriter, Writer
from eager_kernel.magics.saved import SavedProgram, SavedPrograms
from eager_kernel.magics.shown import Shown
from eager_kernel.sources.process import ModelProcess
from eager_kernel.sources.registry import check_model_id
from eager_kernel.sources.source import Request


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
        self.refusal: BaseException | None = None
        """Why the cell that begins could not be asked for."""
        self.saved = SavedPrograms()
        self.closed = False
        """Whether the extension has been unloaded."""
        self._interrupt = interrupt
        self._heard_at_once = heard_at_once
        self._gates = gates
        self._defaults = defaults
        self._processes: dict[tuple[str, str], ModelProcess] = {}
        self._running: PromptedCell | None = None

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
            shown = self._show(self.streams.find(attach.comm_id))
            observer = None if shown is None else shown.observer
            stream = self.streams.claim(attach.comm_id, parent, observer)
        except UnknownStreamError:
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
        cell = None
        try:
            line, prompt = split_cell(code)
            options = parse_options(line)
            if options.dry:
                return None
            cell = self._prepare(options, prompt, cell_id)
            cell.begin(parent)
        except (UsageError, EagerError, OSError, KeyboardInterrupt) as error:
            # An interrupt may come while a value shows itself, which is the user's code.
            self.refusal = error
            if cell is not None:
                self.streams.release(cell.stream)
            return None
        self._running = cell
        return cell

    def would_claim(self, code: object) -> bool:
        """Whether `code` is a cell for `claim`."""
        return is_eager_cell(code) and self._running is None

    def _prepare(self, options: PromptOptions, prompt: str, cell_id: str | None) -> PromptedCell:
        text_format, asked = "auto", prompt.strip("\n") or f"Run {options.from_file}."
        to_save: SavedProgram | None = None
        writer: Writer
        if options.replay:
            found = self.saved.find(cell_id, prompt)
            model, text_format, asked = found.model, "python", found.prompt
            writer = TextWriter(found.program)
        elif (text := options.from_text) is not None:
            writer = TextWriter(text)
            model = options.from_file or ""
        else:
            asked = self.fill(options, prompt)
            request = self.make_request(options, asked)
            repairs = self.config.repair if options.repair is None else options.repair
            process = self.process(options)
            model = options.from_file or process.model_id
            writer = ModelWriter(process, request, repairs)
        if not options.replay:
            to_save = SavedProgram(prompt, model, "", "")
        open_options = replace(
            self._defaults,
            text_format=text_format,
            gate=options.gate or self.gate,
            model=model,
        )
        stream = PromptedRun(writer, open_options, self.streams, self._gates)
        shown = self._show(stream)
        if shown is not None:
            stream.observers.append(shown.observer)
        return PromptedCell(
            self,
            stream,
            turn=Turn(asked),
            saved=to_save,
            cell_id=cell_id,
            shown=shown,
        )

    def _show(self, stream: Stream) -> Shown | None:
        # A terminal shows what is displayed, and can't show it anew.
        if not self.config.view or not hasattr(self.shell, "kernel"):
            return None
        return Shown(self.shell, stream, self.stop, heard_at_once=self._heard_at_once)

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
        return fill(prompt.strip("\n"), self.shell.user_ns, self._as_text)

    def make_request(self, options: PromptOptions, prompt: str) -> Request:
        """What a model is asked for a prompt that has been filled."""
        config = self.config
        conversation = Conversation(0) if options.fresh else self.conversation
        temperature = config.temperature if options.temperature is None else options.temperature
        return Request(
            conversation.messages(config.system_prompt, prompt),
            max_tokens=options.max_tokens or config.max_tokens,
            temperature=temperature,
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
        if outcome is not None:
            self._note(outcome)
            self.conversation.turns.append(cell.turn)

    def _note(self, outcome: Outcome) -> None:
        self.program, self.report = outcome.program, outcome.report

    def stop(self) -> bool:
        """Stop what runs, from another thread. False: nothing runs."""
        return self.streams.interrupt(self._interrupt)

    @property
    def running(self) -> bool:
        """Whether a cell runs now."""
        return self._running is not None

    # Models ---------------------------------------------------------------------------------

    @property
    def model(self) -> str:
        """The id of the model that cells ask if they name none."""
        return str(self.config.model)

    def process(self, options: PromptOptions) -> ModelProcess:
        """The process of the model that a cell asks; it is kept for the next request.

        Raises
        ------
        UsageError
            No model is named.
        UnknownModelError
            There is no such model.
        """
        model = options.recording or options.model or self.model
        if not model:
            raise UsageError(
                "which model? Write %%eager --model provider/name, or choose one for the cells "
                "that follow: %eager model provider/name"
            )
        check_model_id(model)
        how = self.config.make_options(options.api_base, options.credential)
        key = model, repr(how)
        if key not in self._processes:
            self._processes[key] = ModelProcess(
                model, how, cancel_timeout=self.config.cancel_timeout
            )
        process = self._processes[key]
        process.start()
        return process

    def use(self, model: str) -> None:
        """Ask a model from now on, and begin to load it.

        Raises
        ------
        UnknownModelError
            There is no such model.
        """
        self.process(PromptOptions(model=model))
        self.config.model = model

    def free(self) -> int:
        """End the models' processes, which frees their memory. Returns how many there were."""
        processes = [process for process in self._processes.values() if process.alive]
        for process in self._processes.values():
            process.close()
        self._processes.clear()
        return len(processes)

    @property
    def loaded(self) -> list[str]:
        """The models that have a process."""
        return sorted({p.model_id for p in self._processes.values() if p.alive})

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

    def _set_budget(self, change: Any) -> None:
        self.conversation.budget = change["new"]

    def close(self) -> None:
        """End everything of the session."""
        self.closed = True
        self.free()


class PromptedCell:
    """One ``%%eager`` cell, from its request to its end.

    Parameters
    ----------
    session
        Whose cell it is.
    stream
        Its run.
    turn
        What the conversation is to know of it.
    saved
        What is to be saved of it, without the program; None: it is saved already.
    cell_id
        The cell's id, if it is known.
    shown
        Shows the run, if it is to be shown.
    """

    def __init__(
        self,
        session: Session,
        stream: PromptedRun,
        *,
        turn: Turn,
        saved: SavedProgram | None,
        cell_id: str | None,
        shown: Shown | None,
    ) -> None:
        self.stream = stream
        self.turn = turn
        self._session = session
        self._saved = saved
        self._cell_id = cell_id
        self._shown = shown
        self._listener: Listener | None = None

    def begin(self, parent: Any) -> None:
        """Have the program written, for the cell whose request is `parent`."""
        self.stream.begin(parent)  # first, as a model takes its time
        if self._shown is not None:
            self._shown.begin()
        self._listener = Listener(self._session.shell)

    def close(self) -> None:
        """Note what came of the run, which has ended."""
        outcome, listener = self.stream.outcome, self._listener
        if listener is not None:
            listener.close()
            self.turn.output = listener.text
        if outcome is not None:
            self.turn.program = outcome.program
            if outcome.error is not None:
                self.turn.error = "\n".join(plain(self.stream.traceback))
        self._session.finished(self, outcome)
        if self._shown is not None:
            self._shown.close()
        elif outcome is not None and outcome.status == "no_code":
            sys.stdout.write(f"{outcome.left_out.describe(no_code=True)}\n")
        if self._saved is not None and outcome is not None and outcome.program.strip():
            saved = replace(self._saved, program=outcome.program, status=outcome.status)
            try:
                self._session.saved.save(self._cell_id, saved)
            except OSError as error:
                text = f"the program can't be saved, so --replay won't find it: {error}"
                warnings.warn(text, stacklevel=2)
