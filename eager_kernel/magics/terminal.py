"""A cell's run in a terminal: in ``ipython``, and in frontends of lines, as ``jupyter console``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

from eager_kernel.kernel.stream import Observer, Stream

if TYPE_CHECKING:
    from rich.console import Console

    from eager_kernel.terminal.listing import Listing

# rich is imported where there is a terminal: most kernels have none, and start sooner without it.


def terminal_of(shell: Any) -> Terminal | None:
    """The terminal that shows what a shell's cell writes; None where it is none."""
    if not hasattr(shell, "kernel"):
        return _of_shell() if sys.stdout.isatty() else None
    parent = shell.get_parent()
    # Notebooks name their cells, and what runs without a person can't be asked by the program. What
    # is left are frontends that show lines, and no widgets.
    is_named = "cellId" in parent.get("metadata", {})
    has_person = bool(parent.get("content", {}).get("allow_stdin"))
    return _of_kernel(shell) if has_person and not is_named else None


class Listed:
    """Shows one run in a terminal. As `eager_kernel.magics.shown.Shown`.

    Parameters
    ----------
    terminal
        The terminal.
    stream
        The run.
    """

    view_id: str | None = None
    """Pages know nothing of it."""

    def __init__(self, terminal: Terminal, stream: Stream) -> None:
        from eager_kernel.terminal.listing import Listing  # noqa: PLC0415

        self._terminal = terminal
        self._listing = Listing(stream.options.model, terminal.console, lively=terminal.lively)

    @property
    def observer(self) -> Observer:
        """What is to be told of the run."""
        return self._listing

    def begin(self) -> None:
        """Show it from now on."""
        self._terminal.watch(self._listing)
        self._listing.flush()

    def close(self) -> None:
        """Show how it ended."""
        self._listing.close()
        self._terminal.leave()


class Terminal:
    """Where lines are written.

    Parameters
    ----------
    console
        Writes them.
    lively
        Whether its last row can be written anew.
    """

    def __init__(self, console: Console, *, lively: bool) -> None:
        self.console = console
        self.lively = lively
        self._exit = ExitStack()

    def watch(self, listing: Listing) -> None:
        """Have a listing stand aside before the program writes, or is about to ask."""
        process = os.getpid()
        for stream in (sys.stdout, sys.stderr):
            for name in ("write", "flush"):
                self._tap(stream, name, listing, process)

    def leave(self) -> None:
        """Watch no longer."""
        self._exit.close()

    def _tap(self, stream: Any, name: str, listing: Listing, process: int) -> None:
        method: Callable[..., Any] = getattr(stream, name)

        def tapped(*given: Any, **named: Any) -> Any:
            if os.getpid() != process:
                return method(*given, **named)  # a child that was forked has no listing
            with listing.aside():
                result = method(*given, **named)
                if name == "write" and given and isinstance(given[0], str):
                    listing.was_written(given[0])
                return result

        before = vars(stream).get(name)
        setattr(stream, name, tapped)
        self._exit.callback(_untap, stream, name, tapped, before)


def _of_kernel(shell: Any) -> Terminal:
    """The terminal of a kernel's frontend: it is sent what it is to write."""
    from eager_kernel.terminal.console import make_console  # noqa: PLC0415

    plain = getattr(shell, "colors", "").lower() == "nocolor"
    file: Any = _Sent(shell.kernel, shell.get_parent())
    system: Any = None if plain else "standard"
    console = make_console(file=file, force_terminal=True, color_system=system)
    return Terminal(console, lively=False)  # nobody says how wide it is


def _of_shell() -> Terminal:
    """The terminal in which the shell itself runs."""
    from eager_kernel.terminal.console import make_console  # noqa: PLC0415

    file: Any = _Behind(sys.stdout)
    console = make_console(file=file)
    return Terminal(console, lively=console.is_terminal and not console.is_dumb_terminal)


class _Sent:
    """A file whose text goes to a frontend as that of stdout; from any thread."""

    encoding = "utf-8"

    def __init__(self, kernel: Any, parent: Any) -> None:
        self._kernel = kernel
        self._parent = parent
        self._pieces: list[str] = []

    def write(self, text: str) -> int:
        self._pieces.append(text)
        return len(text)

    def flush(self) -> None:
        text, self._pieces = "".join(self._pieces), []
        if text:
            kernel, content = self._kernel, {"name": "stdout", "text": text}
            kernel.session.send(
                kernel.iopub_socket, "stream", content, self._parent, b"stream.stdout"
            )

    def isatty(self) -> bool:
        return True


def _untap(stream: Any, name: str, tapped: Any, before: Any) -> None:
    # The program may have put something of its own there.
    if vars(stream).get(name) is not tapped:
        return
    if before is None:
        delattr(stream, name)
    else:
        setattr(stream, name, before)


class _Behind:
    """A stream as it is before anybody listens to what is written to it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.write: Final = stream.write
        self.flush: Final = stream.flush

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
