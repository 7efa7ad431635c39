"""A run on a terminal: its program line by line as it is written, and how it ended.

The program writes to the same terminal, and not only by ways that can be heard: ``input()``, a
child process and C code write past Python. Whoever takes back lines that stand there would take
theirs. So lines of the program are written once and stay. The only thing that moves is the line
that is being written, in one row at the bottom, which goes away before anything else is written.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.syntax import Syntax
from rich.text import Text

from eager_kernel.core.packages import how_to_install
from eager_kernel.core.text.phrases import seconds
from eager_kernel.widget.picture import costs, headline
from eager_kernel.widget.record import Record
from eager_kernel.widget.view import QuietView
from eager_kernel.widget.visible import visible


class Listing(QuietView):
    """Writes a run to a terminal. Told by `hear`, it writes when `flush` is called.

    Parameters
    ----------
    title
        What to call the run: the model's name.
    console
        The terminal.
    lively
        Whether the line that is being written is shown, too: whether this is a terminal whose
        last row can be written anew.
    clock
        Seconds of a monotonic clock.
    """

    def __init__(
        self,
        title: str,
        console: Console,
        *,
        lively: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(title, clock=clock)
        self._console = console
        self._lively = lively
        self._start = clock()
        self._row: Live | None = None
        self._lines = 0
        self._repairs = 0
        self._steps = 0
        self._amid_a_line = False
        self._closed = False

    def flush(self) -> None:
        """Write what is new; from any thread."""
        with self._lock:
            if self._closed:
                return
            record = self._catch_up()
            try:
                self._write_new(record)
                self._show_row(record)
            except OSError:
                self._closed = True  # the terminal has gone, and the run has not

    def close(self) -> None:
        """Write what is left, and how the run ended."""
        with self._lock:
            if self._closed:
                return
            record = self._catch_up()
            self._write_new(record)
            self._hide_row()
            self._closed = True
            # Of an answer that never came, the error is all that there is to say.
            if record.line_count or record.phase != "error":
                self._print(_ending(record))

    def leave(self) -> None:
        """Write nothing more: the run did not come to an end."""
        with self._lock:
            self._hide_row()
            self._closed = True

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Stand aside while somebody else writes, below the lines that are there."""
        with self._lock:
            if self._heard and not self._closed:
                self._write_new(self._catch_up())
            self._hide_row()
            yield

    def was_written(self, text: str) -> None:
        """Know what somebody else has written, for the place of the cursor."""
        if text:
            self._amid_a_line = not text.endswith(("\n", "\r"))

    # The lines that stay --------------------------------------------------------------------

    def _write_new(self, record: Record) -> None:
        for step in record.steps[self._steps :]:
            self._steps += 1
            # What of it was not shown yet has come between two looks.
            lines = _BREAK.split(step.program)
            if step.lines > self._lines:
                self._print(self._numbered(lines, self._lines, step.lines))
            self._lines, self._repairs = 0, 0
            self._print(Text(step.title, "dim"))
        for first, why in record.repairs[self._repairs :]:
            self._repairs += 1
            self._lines = min(self._lines, first - 1)
            self._print(Text(f"line {first} failed, and is written anew: {why}", "yellow"))
        lines = _BREAK.split(record.program)
        ended = len(lines) - 1 if record.phase in _WRITTEN_ON else record.line_count
        if ended > self._lines:
            self._print(self._numbered(lines, self._lines, ended))
            self._lines = ended

    def _numbered(self, lines: list[str], first: int, end: int) -> Text:
        # Some lines before them, for the sake of strings of several lines.
        before = max(0, first - _CONTEXT)
        code = "\n".join(visible(line) for line in lines[before:end])
        shown = _coloured(code) if self._console.color_system else Text(code)
        rows = list(shown.split("\n", allow_blank=True))[first - before : end - before]
        return Text("\n").join(
            Text.assemble((f"{number:>4} {self._bar} ", "dim"), row)
            for number, row in enumerate(rows, first + 1)
        )

    def _print(self, text: Text) -> None:
        self._hide_row()
        if self._amid_a_line:
            self._console.line()
            self._amid_a_line = False
        self._console.print(self._writable(text), soft_wrap=True)

    def _writable(self, text: Text) -> Text:
        """The text, with what the terminal's encoding does not have as escapes."""
        try:
            text.plain.encode(self._console.encoding)
        except UnicodeEncodeError:
            written = text.plain.encode(self._console.encoding, "backslashreplace")
            return Text(written.decode(self._console.encoding))
        return text

    @property
    def _bar(self) -> str:
        return "|" if self._console.options.ascii_only else "│"

    # The row that goes ----------------------------------------------------------------------

    def _show_row(self, record: Record) -> None:
        wanted = self._lively and record.phase in _WRITTEN_ON and not self._amid_a_line
        # What runs may write at any moment, and may not be heard to.
        if not wanted or record.facts()["open"] is not None:
            self._hide_row()
            return
        row = self._writable(self._row_of(record))
        if self._row is None:
            self._row = Live(
                row,
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._row.start()
        self._row.update(row, refresh=True)

    def _row_of(self, record: Record) -> Text:
        if record.phase == "writing":
            text = visible(_BREAK.split(record.program)[-1])
            row = Text.assemble((f"{self._lines + 1:>4} {self._bar} ", "dim"), text)
        else:
            waited = seconds(self._clock() - self._start)
            what = record.facts().get("progress", {}).get("text") or "waiting for the model"
            row = Text(f"{record.title or 'model'}: {what}, {waited}", "dim")
        row.no_wrap, row.overflow = True, "ellipsis"
        return row

    def _hide_row(self) -> None:
        if self._row is not None:
            self._row.stop()
            self._row = None


def _ending(record: Record) -> Text:
    """How a run ended: in a line, and where its time went."""
    good = record.phase == "ok"
    parts = [Text(headline(record), "green" if good else "yellow" if record.stopped else "red")]
    error = record.error or {}
    if record.stopped or not error:
        note = record.note
    else:  # the error itself is shown as that of any cell
        note = how_to_install(str(error.get("ename")), str(error.get("evalue"))) or ""
    said = (note, *costs(record, each=False), *record.summary.split("\n"))
    parts += [Text(line, "dim") for line in said if line]
    return Text("\n").join(parts)


def _coloured(code: str) -> Text:
    # As it is, whatever it ends with: rich's own would cut and add line ends.
    text = Syntax("", "python", theme="ansi_dark").highlight(code)
    text.rstrip()
    return text if text.plain == code else Text(code)


_BREAK: Final = re.compile(r"\r\n?|\n")
_CONTEXT: Final = 100
_WRITTEN_ON: Final = frozenset({"waiting", "loading", "writing", "asked"})
