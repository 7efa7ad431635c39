"""``%eager`` and ``%%eager``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from queue import Empty, SimpleQueue
from typing import Any, Final

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class
from IPython.display import display

from eager_kernel.core.chunker import Chunker
from eager_kernel.core.extract import Code, make_extractor
from eager_kernel.core.gantt import to_svg
from eager_kernel.core.gate import MODES
from eager_kernel.core.summary import summarise
from eager_kernel.errors import SourceError
from eager_kernel.kernel.served import ServedModel
from eager_kernel.magics.conversation import Turn
from eager_kernel.magics.options import PromptOptions, make_parser, parse_options, split_fix
from eager_kernel.magics.session import Session
from eager_kernel.protocol import attach_code, parse_attach
from eager_kernel.sources.ready import installed_providers
from eager_kernel.sources.source import Event, Finish


@magics_class
class EagerMagics(Magics):
    """The magics of a session.

    Parameters
    ----------
    shell
        The IPython shell.
    session
        What they work on.
    """

    def __init__(self, shell: Any, session: Session) -> None:
        super().__init__(shell)
        self._session = session

    @line_cell_magic
    def eager(self, line: str, cell: str | None = None) -> None:  # noqa: D102 - made below
        if cell is not None:
            self._prompt(line, cell)
            return
        name, _, rest = line.strip().partition(" ")
        command = _COMMANDS.get(name)
        if command is None:
            raise UsageError(f"%eager {name or '…'}: use one of {', '.join(_COMMANDS)}")
        command(self, rest.strip())

    # A cell magic gets here only where no run took its place.

    def _prompt(self, line: str, cell: str) -> None:
        session = self._session
        if session.refusal is not None:
            refusal, session.refusal = session.refusal, None
            raise refusal
        options = parse_options(line)
        if session.running:
            raise UsageError("%%eager must head a cell of its own, not stand inside a run")
        if not options.dry:
            raise UsageError(
                "%%eager must be the first line of its cell, and needs the asyncio loop runner "
                "(%autoawait asyncio)"
            )
        self._write(options, cell)

    def _write(self, options: PromptOptions, prompt: str) -> None:
        """Have a program written and shown, without running it."""
        session = self._session
        if options.replay or options.from_text is not None:
            raise UsageError("%%eager: --dry of a text that is there already writes nothing")
        filled = session.with_notebook(session.fill(options, prompt))
        request = session.make_request(options, filled)
        model = session.models.ask(options, session.cell, 1)
        events: SimpleQueue[Event | SourceError] = SimpleQueue()
        generation = model.generate(request, events.put)
        pieces = []
        try:
            for piece in _code_of(_texts(events)):
                pieces.append(piece)
                sys.stdout.write(piece)
        finally:
            generation.cancel()
            if isinstance(model, ServedModel):
                model.end()
            session.program = "".join(pieces)
        session.conversation.turns.append(Turn(filled, session.program, ran=False, title=prompt))

    # Commands -------------------------------------------------------------------------------

    def _attach(self, line: str) -> None:
        attach = parse_attach(attach_code(line))
        if attach is None:
            raise UsageError("use: %eager attach COMM_ID [--view], alone in its cell")
        self._session.streams.explain(attach.comm_id)
        raise UsageError(
            "%eager attach must be alone in its cell, not inside another run, and needs the "
            "kernel EAGER Python with the asyncio loop runner (%autoawait asyncio)"
        )

    def _undo(self, line: str) -> None:
        from eager_kernel.magics.undo import undo  # noqa: PLC0415 - and with it, the journal

        print(undo(self._session.file_journals, line))

    def _model(self, model: str) -> None:
        session = self._session
        if model == "--free":
            count = session.models.free()
            print(f"{count} model process{'' if count == 1 else 'es'} ended")
        elif model:
            session.models.use(model)
            print(f"{model} writes from now on")
        else:
            print(session.models.current or "no model is chosen: %eager model provider/name")
            installed, others = installed_providers()
            print(f"providers that are installed: {', '.join(installed)}")
            for name, line in others.items():
                print(f"  {name} is not: {line}")
            if session.models.offer.models:
                print(f"the Jupyter server asks: {', '.join(session.models.offer.models)}")

    def _gate(self, mode: str) -> None:
        session = self._session
        if mode:
            session.choose_gate(mode)
        print(f"gate: {session.default_gate} (of {', '.join(MODES)})")

    def _status(self, _: str) -> None:
        session = self._session
        used = sum(turn.size for turn in session.conversation.within_budget())
        budget = session.conversation.budget
        print(f"model    {session.models.current or 'none chosen'}")
        print(f"loaded   {', '.join(session.models.loaded) or 'none'}")
        print(f"gate     {session.default_gate}")
        print(f"context  {used:,} of {budget:,} characters")
        runs = len(session.streams.attached)
        print(f"running  {runs or 'nothing'}")
        if session.report is not None:
            report = session.report
            print(
                f"last     {report.end_to_end_s:.2f} s for {report.generation_s:.2f} s of writing "
                f"and {report.execution_s:.2f} s of running"
            )
            if report.steps:
                print(f"cost     last: {report.cost}; in all: {session.spent}")
            if len(report.steps) > 1:
                for step in report.steps:
                    print(
                        f"  step {step.number:<3} {step.status:<6} {step.seconds:7.2f} s, after "
                        f"{step.wait_s:.2f} s; {step.tokens}"
                    )

    def _report(self, _: str) -> None:
        report = self._session.report
        if report is None:
            raise UsageError("%eager report: there was no run yet; write %%eager and a prompt")
        text = summarise(report)
        display({"image/svg+xml": to_svg(report), "text/plain": text}, raw=True)

    def _code(self, _: str) -> None:
        program = self._session.program
        if not program:
            raise UsageError("%eager code: there is no program yet; write %%eager and a prompt")
        self._session.shell.set_next_input(program)

    def _fix(self, line: str) -> None:
        session = self._session
        if session.refusal is not None:
            refusal, session.refusal = session.refusal, None
            raise refusal
        number, line = split_fix(line)
        options = parse_options(line)
        if options.dry:
            self._write(replace(options, literal=True), session.notebook.fix_prompt(number))
            return
        raise UsageError(
            "%eager fix must be alone in its cell, and needs the asyncio loop runner "
            "(%autoawait asyncio)"
        )

    def _stop(self, _: str) -> None:
        # The kernel hears this command before the cell runs, while another one does
        # (`eager_kernel.kernel.ingress`). Here, there is nothing to stop any more.
        print("stopped" if self._session.stop() else "nothing is running")

    def _context(self, line: str) -> None:
        conversation = self._session.conversation
        if line == "--clear":
            conversation.turns.clear()
        elif line.isdecimal():
            self._session.config.context_chars = int(line)
        elif line:
            raise UsageError("use: %eager context, %eager context --clear, %eager context CHARS")
        told = conversation.within_budget()
        first = len(conversation.turns) - len(told)
        for number, turn in enumerate(conversation.turns):
            size = f"{told[number - first].size:,}" if number >= first else "left out"
            print(f"{number + 1:>3}  {size:>9}  {_first_line(turn.title or turn.prompt)}")
        used = sum(turn.size for turn in told)
        about = self._session.with_notebook("").strip()
        if about:
            print(f"  +  {len(about):>9,}  the notebook ({self._session.config.notebook_context}):")
            print("\n".join(f"                  {line}" for line in about.splitlines()))
        used += len(about)
        print(f"{used:,} of {conversation.budget:,} characters; about {used // 4:,} tokens")


def _texts(events: SimpleQueue[Event | SourceError]) -> Iterator[str]:
    """What a model writes, until it ends; an interrupt ends the wait."""
    while True:
        try:
            event = events.get(timeout=_LOOK_UP)
        except Empty:
            continue
        if isinstance(event, Finish):
            return
        if isinstance(event, SourceError):
            raise event
        if isinstance(event, str):
            yield event


def _code_of(texts: Iterator[str]) -> Iterator[str]:
    """The code in a model's text, as it comes."""
    chunker = Chunker()
    extractor = make_extractor("auto", lambda: chunker.inside_string)
    events = chain(chain.from_iterable(map(extractor.feed, texts)), extractor.close())
    for event in events:
        if isinstance(event, Code):
            chunker.feed(event.text)
            yield event.text


def _first_line(text: str) -> str:
    line = text.strip().splitlines()[0] if text.strip() else ""
    return line if len(line) <= 60 else line[:59] + "…"


def _describe() -> str:
    """The help of the magic, with that of the options."""
    options = []
    for action in make_parser()._actions:
        flag = action.option_strings[0]
        usage = f"{flag} {action.metavar}" if action.metavar else flag
        options.append(f"    {usage:<18} {action.help}")
    return _HELP.format(options="\n".join(options))


_HELP: Final = """Have a model write a program, and run it while it is written.

``%%eager [OPTIONS]`` and a prompt below it: the program takes the cell's place, and what it
prints and shows appears under the cell. ``{{name}}`` in the prompt stands for a value of the
notebook.

{options}

``%eager COMMAND``:

    model [ID]         ask this model from now on, and load it; without ID: which one it is
    model --free       end the models' processes, which frees their memory
    gate [MODE]        when statements run, from now on
    context            what the model is told of earlier cells; --clear, or a number: the budget
    status             model, gate, context, what runs
    report             the last run's timeline, and what was hidden
    fix [N] [OPTIONS]  have the model write what the last failed cell, or [N], was to do, and run it
    code               put the last run's program into a new cell
    stop               stop the run, from another cell
    undo [--list]      take back what the last run has done to files; --list: say what that is
    attach COMM_ID     run a program that a client streams in; --view shows it, too
"""

_Command = Callable[[EagerMagics, str], None]
_COMMANDS: Final[dict[str, _Command]] = {
    "model": EagerMagics._model,
    "gate": EagerMagics._gate,
    "status": EagerMagics._status,
    "report": EagerMagics._report,
    "fix": EagerMagics._fix,
    "code": EagerMagics._code,
    "stop": EagerMagics._stop,
    "context": EagerMagics._context,
    "undo": EagerMagics._undo,
    "attach": EagerMagics._attach,
}
EagerMagics.eager.__doc__ = _describe()
_LOOK_UP: Final = 0.5
COMMANDS: Final = tuple(_COMMANDS)
