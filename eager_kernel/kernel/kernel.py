"""The kernel: ipykernel's, with cells whose text arrives over a comm."""

from __future__ import annotations

import warnings
from asyncio import Future, get_running_loop
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from signal import SIG_IGN, SIGINT, signal
from typing import Any, Final

from ipykernel.ipkernel import IPythonKernel
from IPython.core.async_helpers import _asyncio_runner
from traitlets import Type

from eager_kernel._version import __version__
from eager_kernel.errors import EagerError
from eager_kernel.execution.options import CellOptions
from eager_kernel.execution.pump import Pump
from eager_kernel.kernel.config import EagerGate, EagerRun
from eager_kernel.kernel.imports import WarmImports
from eager_kernel.kernel.ingress import Ingress
from eager_kernel.kernel.interrupts import as_handler
from eager_kernel.kernel.journal import Journals, RecordingSocket, note_questions
from eager_kernel.kernel.locked_in import tell_denials
from eager_kernel.kernel.owned import Claim, owned
from eager_kernel.kernel.pages import Pages
from eager_kernel.kernel.refusals import Scheduled
from eager_kernel.kernel.stream import Runs, Stream
from eager_kernel.kernel.streams import Streams
from eager_kernel.protocol import OpenOptions, attached_comm

Claimant = Callable[[str, str | None, Any], Claim | None]
"""Takes a cell's text, its id and its request; None: the cell is what it looks like."""


class EagerKernel(IPythonKernel):
    """An IPython kernel that runs programs while they are being written.

    A cell ``%eager attach COMM_ID`` owns the run of the stream that a client opened on comm
    target ``eager.stream``. All other cells are ipykernel's.
    """

    implementation = "eager_python"
    implementation_version = __version__

    run_class = Type(EagerRun, help="The limits of streamed runs.").tag(config=True)
    gate_class = Type(EagerGate, help="What makes the gates of runs.").tag(config=True)
    pump_class = Type(Pump, help="What runs streams; a subclass may change how.").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._pump: Runs | None = None
        self._watched: Runs | None = None
        self._shutting_down = False
        run = self.run_class(parent=self)
        gate = self.gate_class(parent=self)
        self.warm_imports = WarmImports(list(run.warm_imports), learn=run.learn_imports)
        self.streams = Streams(
            run.make_limits(), self.log, self._warm_up, self._open_iopub, gate.note_run
        )
        self.gates = gate
        self.defaults = OpenOptions("auto", gate.mode, run.on_error, model="")
        self.journals = Journals(run.max_journal_bytes)
        if self.iopub_thread is not None:
            self.iopub_thread._events = Scheduled(self.iopub_thread._events)
            self.iopub_thread.socket = RecordingSocket(self.iopub_thread.socket, self.journals)
            note_questions(self.session, self.journals)
        self.pages = Pages()
        self.ingress = Ingress(
            self,
            self.streams,
            self.defaults,
            gate,
            self.interrupt_main,
            journals=self.journals,
            pages=self.pages,
        )
        self.claimants: list[Claimant] = [self._claim_stream]
        """Asked of each cell, in turn, whether it stands for a program that comes otherwise."""
        if self.shell is not None:
            self.shell.extension_manager.load_extension("eager_kernel")
            tell_denials(self.shell)

    async def shell_channel_thread_main(self, msg: list[Any]) -> None:
        """Take our comms' messages before they queue for the main thread."""
        if not self.ingress.take(msg):
            await super().shell_channel_thread_main(msg)

    async def interrupt_request(self, stream: Any, ident: Any, parent: Any) -> None:
        """Interrupt the running code, and with it the generation of its text."""
        # The signal first; see `Streams.interrupt`.
        attached = self.streams.attached
        await super().interrupt_request(stream, ident, parent)
        self.streams.interrupted(attached)

    def _open_iopub(self) -> None:
        """Have iopub make what it needs to be sent to from this thread."""
        if self.iopub_thread is not None:
            self.iopub_thread.schedule(lambda: None)

    def _warm_up(self, stream: Stream) -> None:
        self.warm_imports.begin(until=lambda: stream.intake.begun)

    def interrupt_main(self) -> None:
        """Send SIGINT to the main thread, and to what it has started."""
        self._send_interrupt_children()

    def do_shutdown(self, restart: bool) -> Any:
        """End the streams with the kernel."""
        self._shutting_down = True
        self.streams.close()
        return super().do_shutdown(restart)

    async def do_execute(
        self, code: str, silent: bool, store_history: bool = True, *rest: Any, **more: Any
    ) -> dict[str, Any]:
        """Run a cell; one that attaches a stream runs that stream."""
        claim = self._claim(code, more.get("cell_id"))
        if claim is None:
            reply: dict[str, Any] = await super().do_execute(
                code, silent, store_history, *rest, **more
            )
            return reply
        options = CellOptions(store_history, silent, more.get("cell_id"), more.get("cell_meta"))
        expressions = (rest[0] if rest else more.get("user_expressions")) or {}
        with owned(self.shell, self.streams, claim, options, self.pump_class) as run:
            pump = self._pump = run.pump
            try:
                with _lend(self.shell, lambda: self._run(pump, expressions)), _restored(self.shell):
                    reply = await super().do_execute(code, silent, store_history, *rest, **more)
                if pump.after.context is not None:
                    _adopt(pump.after.context)
                run.tell(reply.get("traceback", []))
                if pump.outcome is not None:
                    self._learn(pump.outcome.program)
                self.journals.note_reply(run.stream.comm_id, reply)
                return reply
            finally:
                if pump.after.stops_loop:
                    loop = get_running_loop()
                    loop.call_soon(loop.stop)
                self._pump = self._watched = None

    def _learn(self, program: str) -> None:
        try:
            self.warm_imports.note(program)
        except OSError as error:
            text = f"what to import early can't be noted (EagerRun.learn_imports): {error}"
            warnings.warn(text, stacklevel=2)

    async def _run(self, pump: Runs, expressions: dict[str, str]) -> Any:
        result = await pump.run()
        if self._shutting_down:
            await Future()  # the loop ends here, as it does in any running cell
        if pump.after.context is not None and self._watched is pump:
            pump.after.follow_up(result, expressions)
        await pump.after.outlive()
        return result

    def _claim(self, code: str, cell_id: str | None) -> Claim | None:
        if self._pump is not None or not _runs_asyncio(self.shell):
            return None
        parent = self.get_parent("shell")
        claims = (claimant(code, cell_id, parent) for claimant in self.claimants)
        return next((claim for claim in claims if claim is not None), None)

    def _claim_stream(self, code: str, cell_id: str | None, parent: Any) -> Claim | None:
        comm_id = attached_comm(code)
        if comm_id is None:
            return None
        try:
            return _Attached(self.streams.claim(comm_id, parent))
        except EagerError:
            return None  # the magic of that name runs as an ordinary cell, and says why

    def _send_abort_reply(self, stream: Any, msg: Any, idents: Any) -> None:
        """Drop the stream of a cell that a failed cell before it takes along."""
        super()._send_abort_reply(stream, msg, idents)
        comm_id = attached_comm(msg["content"].get("code"))
        if comm_id is not None:
            self.streams.forget(comm_id)

    @contextmanager
    def _cancel_on_sigint(self, future: Any) -> Iterator[None]:
        """Have the pump handle interrupts of a streamed cell."""
        if self._pump is None:
            with super()._cancel_on_sigint(future):
                yield
            return
        pump = self._watched = self._pump
        # ipykernel goes on when this future is done, which is after other work of the loop. What
        # would be late then, the pump has done.
        future.add_done_callback(lambda _: _skip(self.shell, pump))
        previous = signal(SIGINT, as_handler(pump.on_sigint))
        try:
            yield
        finally:
            # Who interrupts again and again means the run, not its reply. ipykernel puts its own
            # handler back when that has been sent.
            signal(SIGINT, SIG_IGN if pump.signalled else previous)
            pump.after.end()


@dataclass(frozen=True, slots=True)
class _Attached:
    """The stream of a client."""

    stream: Stream

    def close(self) -> None:
        """The client has its result."""


def _runs_asyncio(shell: Any) -> bool:
    """Whether ipykernel would run a cell that awaits on its own loop."""
    return shell.loop_runner is _asyncio_runner


@contextmanager
def _lend(shell: Any, run: Callable[[], Awaitable[Any]]) -> Iterator[None]:
    """Let the shell call `run` where it would run the next cell's text.

    ipykernel's `do_execute` then does everything around the cell: input, interrupts, events,
    user expressions, payloads, the reply. The loan ends when the cell begins.
    """

    def give_back() -> None:
        for name in ("run_cell_async", "should_run_async"):
            vars(shell).pop(name, None)

    async def run_cell_async(
        raw_cell: str, *, cell_id: str | None = None, cell_meta: Any = None, **options: Any
    ) -> Any:
        give_back()
        return await run()

    def should_run_async(raw_cell: str, **options: Any) -> bool:
        return True

    shell.run_cell_async, shell.should_run_async = run_cell_async, should_run_async
    try:
        yield
    finally:
        give_back()


@contextmanager
def _restored(shell: Any) -> Iterator[None]:
    """Have what follows the next cell done again."""
    try:
        yield
    finally:
        vars(shell.events).pop("trigger", None)
        vars(shell).pop("user_expressions", None)


def _skip(shell: Any, pump: Runs) -> None:
    """Have not done again what the pump has done after the cell."""
    if pump.after.answers is not None:
        shell.user_expressions = lambda expressions: pump.after.answers
    if not pump.after.fired:
        return
    events, due = shell.events, list(pump.after.fired)

    def trigger(name: str, *about: Any, **more: Any) -> None:
        if name in due:
            due.remove(name)
            if not due:
                del events.trigger
        else:
            type(events).trigger(events, name, *about, **more)

    events.trigger = trigger


def _adopt(context: Context) -> None:
    """Set the context variables that a program set.

    A cell without `await` runs in the kernel's own context, so what it sets stays. A stream
    runs in a task, which has a copy.
    """
    for variable, value in context.items():
        if variable.get(_UNSET) is not value:
            variable.set(value)


_UNSET: Final = object()
