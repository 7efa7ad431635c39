"""A program in a shell of this process: no kernel, no socket, no clock, no second thread.

Whatever the pump would wait for is the next step of a script: text that comes, its end, a stop, an
interrupt. So the order of things is the script's, on a machine that is as slow as it likes.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from eager_kernel.core.gate import Gate, Mode
from eager_kernel.execution.barrier import Barrier
from eager_kernel.execution.intake import Intake
from eager_kernel.execution.options import CellOptions
from eager_kernel.execution.outcome import Outcome
from eager_kernel.execution.pump import Pump
from eager_kernel.execution.reader import Reader
from eager_kernel.execution.repair import Repair
from eager_kernel.protocol import OnError

EVENTS = ("pre_execute", "pre_run_cell", "post_execute", "post_run_cell")


class Shell(InteractiveShell):
    """A shell that logs what a user would see, and when."""

    def __init__(self) -> None:
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        config.InteractiveShell.xmode = "Context"
        super().__init__(config=config)  # type: ignore[no-untyped-call]
        self.seen: list[Any] = []
        self.user_ns["log"] = self.seen.append
        for name in EVENTS:
            self.events.register(name, lambda *about, name=name: self.seen.append(f"<{name}>"))
        vars(self.displayhook)["write_format_data"] = self._shown

    def _shown(self, data: dict[str, str], metadata: Any = None) -> None:
        self.seen.append(f"Out: {data['text/plain']}")

    def _showtraceback(self, kind: Any, error: Any, lines: list[str]) -> None:
        self._last_traceback = lines
        self.seen.append("\n".join(lines))


Step = str | Callable[["Running"], object]


@dataclass
class Running:
    """A run, and what is to come.

    Parameters
    ----------
    shell
        Where it runs.
    steps
        What comes when the pump has nothing to do.
    """

    shell: Shell
    steps: list[Step]
    stops: list[str] = field(default_factory=list)
    states: list[tuple[int, str]] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    intake: Intake = field(init=False)
    reader: Reader = field(init=False)
    pump: Pump = field(init=False)

    def step(self) -> None:
        """Have the next thing come."""
        step = self.steps.pop(0)
        if isinstance(step, str):
            self.reader.feed(step)
        else:
            step(self)
        self.note()

    def note(self) -> None:
        """Note the states that have changed, as whoever tells the client does."""
        self.intake.notes.look()
        self.states += [(entry.chunk.index, entry.state) for entry in self.intake.notes.changes()]

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        assert self.pump.outcome is not None
        return self.pump.outcome


def end(run: Running) -> None:
    """The text ends."""
    run.reader.end("stop")


def cut_off(run: Running) -> None:
    """The model is cut off."""
    run.reader.end("length")


def interrupt(run: Running) -> None:
    """SIGINT comes, on the main thread; raises where Python's handler would."""
    if run.pump.on_sigint(signal.SIGINT, None):
        raise KeyboardInterrupt


def run_program(
    *steps: Step,
    shell: Shell | None = None,
    mode: Mode = "off",
    barrier: Barrier | None = None,
    on_error: OnError = "stop",
    repair: Repair | None = None,
    options: CellOptions | None = None,
    text_format: str = "python",
    begin: int = 1,
) -> Running:
    """Run a program; the first `begin` steps come before its cell.

    Returns
    -------
    Running
        What came of it.
    """
    running = Running(shell or Shell(), list(steps))
    ticks = count(100)

    def on_stop(reason: str, message: str) -> None:
        running.stops.append(reason)
        running.shell.seen.append(f"<stop: {reason}>")

    intake = running.intake = Intake(
        text_format,
        Gate(mode),
        barrier,
        repairable=repair is not None,
        on_stop=on_stop,
        clock=lambda: float(next(ticks)),
    )

    def wait_for_news() -> None:
        while intake.ending is None and intake.supply.peek() is None:
            running.step()

    def wait_for_end() -> None:
        while intake.ending is None:
            running.step()

    intake.supply.wait_for_news = wait_for_news  # type: ignore[method-assign]
    intake.supply.wait_for_end = wait_for_end  # type: ignore[method-assign]
    running.reader = Reader(intake, running.code.append)
    pump = running.pump = Pump(running.shell, intake, options or CellOptions(), on_error, repair)

    async def wait() -> None:
        running.step()

    pump._main.wait = wait  # type: ignore[method-assign]

    async def run() -> Any:
        result = await pump.run()
        if pump.after.context is not None:
            pump.after.follow_up(result, {})
        await pump.after.outlive()
        return result

    for _ in range(begin):
        running.step()
    try:
        asyncio.run(run())
    finally:
        pump.after.end()
    running.note()
    return running


def run_stock(program: str, shell: Shell | None = None) -> Shell:
    """Run the same text as one ordinary cell."""
    shell = shell or Shell()
    shell.run_cell(program, store_history=True)  # type: ignore[no-untyped-call]
    return shell
