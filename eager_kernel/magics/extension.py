"""The IPython extension: ``%load_ext eager_kernel``."""

from __future__ import annotations

import atexit
import logging
import signal
import threading
from typing import TYPE_CHECKING, Any

from eager_kernel.kernel.config import EagerGate, EagerRun
from eager_kernel.kernel.model_config import EagerModel
from eager_kernel.kernel.streams import Streams
from eager_kernel.magics.commands import EagerMagics
from eager_kernel.magics.completion import Completion
from eager_kernel.magics.session import Session
from eager_kernel.magics.stock import StockCells
from eager_kernel.protocol import OpenOptions

if TYPE_CHECKING:
    from eager_kernel.execution.journals import Restored


def load(shell: Any) -> None:
    """Give a shell the magics.

    In the EAGER kernel they come with the kernel; elsewhere `%load_ext eager_kernel` loads them.
    """
    kernel: Any = getattr(shell, "kernel", None)
    config = EagerModel(parent=kernel or shell)
    cells = None
    if hasattr(kernel, "claimants"):
        gates = kernel.gates
        session = Session(
            shell,
            kernel.streams,
            gates,
            kernel.defaults,
            config,
            interrupt=kernel.interrupt_main,
            heard_at_once=True,
            pages=kernel.pages,
            journals=kernel.journals,
        )
        kernel.claimants.append(session.claim)
        kernel.claimants.insert(0, session.claim_shown)  # before who takes any attaching cell
    else:
        run, gates = EagerRun(parent=kernel or shell), EagerGate(parent=kernel or shell)
        log = logging.getLogger("eager_kernel")
        streams = Streams(run.make_limits(), log, note_run=gates.note_run)
        defaults = OpenOptions("auto", gates.mode, run.on_error, model="")
        session = Session(
            shell,
            streams,
            gates,
            defaults,
            config,
            interrupt=_interrupt_main,
            heard_at_once=False,
        )
        cells = StockCells(shell, session)
    shell.configurables.append(config)  # what `%config` knows
    shell.register_magics(EagerMagics(shell, session))
    completion = Completion(session)
    for name in ("%eager", "%%eager"):
        shell.set_hook("complete_command", completion, str_key=name)
    atexit.register(session.close)
    for restored in gates.restore_left():
        _log_restored(restored)
    atexit.register(gates.close)
    _loaded[shell] = session, cells


def unload(shell: Any) -> None:
    """Take back what `load` gave."""
    session, cells = _loaded.pop(shell)
    atexit.unregister(session.close)
    shell.configurables.remove(session.config)
    session.close()
    if cells is not None:
        cells.give_back()
        session.streams.close()
    else:
        shell.kernel.claimants.remove(session.claim)
        shell.kernel.claimants.remove(session.claim_shown)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("eager", None)


def _log_restored(restored: Restored) -> None:
    log = logging.getLogger("eager_kernel")
    if restored.paths:
        log.warning(
            "A kernel was killed before the program that it ran was known. What that had done to "
            "files was undone: %s",
            ", ".join(map(repr, restored.paths)),
        )
    if restored.troubles:
        log.warning("%s", restored.told_of_troubles)


def _interrupt_main() -> None:
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)


_loaded: dict[Any, tuple[Session, StockCells | None]] = {}
