"""``jupyter eager demo``: a recorded model answer, eager and serial."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from jupyter_core.application import base_aliases, base_flags
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text
from traitlets import Bool, Unicode

from eager_kernel._version import __version__
from eager_kernel.cli.chart import Chart
from eager_kernel.cli.pace import replay
from eager_kernel.cli.show import report_table
from eager_kernel.cli.warm import compare_starts
from eager_kernel.client import EagerClient, RunResult
from eager_kernel.core.extract import Code, make_extractor
from eager_kernel.core.figures.lanes import LOOKS, Kind
from eager_kernel.core.gantt import to_svg
from eager_kernel.core.gate import Mode
from eager_kernel.core.summary import summarise
from eager_kernel.sources.recorded import load_recording
from eager_kernel.sources.recording import TimedDelta
from eager_kernel.terminal.command import Command
from eager_kernel.terminal.console import make_console


class DemoApp(Command):
    """Stream a recorded model answer, a data analysis, into a kernel; then run it serially."""

    name = "jupyter-eager-demo"
    version = __version__
    description = __doc__

    kernel = Unicode("eager_python", help="Name of the kernelspec to run in.").tag(config=True)
    recording = Unicode("", help="Replay this recording; default: the bundled one.").tag(
        config=True
    )
    svg = Unicode("", help="Save what the demo shows at its end as this SVG file.").tag(config=True)
    chart = Unicode("", help="Draw the eager run's timeline to this file, as SVG.").tag(config=True)
    warm = Bool(
        False, help="Fork the kernels from a template, and show how soon one is there."
    ).tag(config=True)
    flags = {"warm": ({"DemoApp": {"warm": True}}, warm.help), **base_flags}
    aliases = {
        "chart": "DemoApp.chart",
        "kernel": "DemoApp.kernel",
        "recording": "DemoApp.recording",
        "svg": "DemoApp.svg",
        **base_aliases,
    }

    def work(self) -> int:
        """Run the demo; 1 if a program failed."""
        screen = _Screen(record=bool(self.svg))
        results = self._show(screen)
        if self.svg:
            Path(self.svg).write_text(screen.svg(), encoding="utf-8")
        if self.chart and results[0].report is not None:
            Path(self.chart).write_text(to_svg(results[0].report), encoding="utf-8")
        return 0 if all(result.status == "ok" for result in results) else 1

    def _show(self, screen: _Screen) -> list[RunResult]:
        deltas = load_recording(Path(self.recording) if self.recording else None).deltas
        screen.print(
            "A model's answer, replayed at the pace it was recorded, runs in a Jupyter kernel:\n"
            "first [b]while it is written[/b] (EAGER), then [b]after it is written[/b] (serial). "
            "Each run has a fresh kernel."
        )
        if self.warm:
            compare_starts(self.kernel, screen.print)
        quiet = ["--log-level=ERROR"]
        with (
            EagerClient.start(self.kernel, warm=self.warm, extra_arguments=quiet) as first,
            EagerClient.start(self.kernel, warm=self.warm, extra_arguments=quiet) as second,
        ):
            eager = _watch(screen, "EAGER", first, deltas, "off")
            serial = _watch(screen, "serial", second, deltas, "serial")
        _print_output(screen, eager)
        _print_comparison(screen, eager, serial)
        return [eager, serial]


def _watch(
    screen: _Screen, title: str, client: EagerClient, deltas: Sequence[TimedDelta], gate: Mode
) -> RunResult:
    view = _View(title, deltas, screen)
    with Live(view, console=screen.console, refresh_per_second=12, transient=True):
        result = client.run(view.follow(replay(deltas)), gate=gate, on_event=view.take)
        view.finish(result)
    screen.print(view)
    return result


class _Screen:
    """The terminal, and a record of what is printed on it."""

    def __init__(self, *, record: bool) -> None:
        self.console = make_console()
        self.recorder = (
            Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
            if record
            else None
        )

    def print(self, what: RenderableType) -> None:
        self.console.print(what)
        self.record(what)

    def record(self, what: RenderableType) -> None:
        if self.recorder is not None:
            self.recorder.print(what)

    def svg(self) -> str:
        assert self.recorder is not None
        return _FONT_FACE.sub("", self.recorder.export_svg(title="jupyter eager demo"))


class _View:
    """The program, with what is generated and what is executed."""

    def __init__(self, title: str, deltas: Sequence[TimedDelta], screen: _Screen) -> None:
        self._title = title
        self._screen = screen
        self._half = len(deltas) // 2
        self._total = max(1, _lines(_code_of("".join(delta.text for delta in deltas))))
        self._text: list[str] = []
        self._executed = 0
        self._running = 0
        self._start = time.monotonic()
        self._done: RunResult | None = None

    def follow(self, deltas: Any) -> Any:
        """Pass deltas on, and remember them."""
        self._start = time.monotonic()
        for delta in deltas:
            self._text.append(delta)
            yield delta
            if len(self._text) == self._half and self._executed:
                self._screen.record(self)  # a picture from the middle of the run

    def take(self, event: dict[str, Any]) -> None:
        """Note a message of the kernel."""
        if event["type"] == "chunk":
            if event["state"] == "done":
                self._executed = max(self._executed, event["lines"][1])
                if not self._screen.console.is_terminal:
                    self._log(*event["lines"])
            elif event["state"] == "running":
                self._running = max(self._running, event["lines"][1])

    def _log(self, first: int, last: int) -> None:
        written = _lines(_code_of("".join(self._text)))
        which = f"line {last}" if first == last else f"lines {first}-{last}"
        seconds = time.monotonic() - self._start
        self._screen.console.print(f"{seconds:5.1f} s  {which} executed, {written} written")

    def finish(self, result: RunResult) -> None:
        """Show how it ended."""
        self._done = result
        self._executed = max(self._executed, result.executed_lines)

    def __rich__(self) -> RenderableType:
        code = _code_of("".join(self._text))
        generated = _lines(code)
        bars = Table.grid(padding=(0, 1))
        done: tuple[tuple[Kind, int], ...] = (
            ("generated", generated),
            ("executed", self._executed),
        )
        for kind, lines in done:
            bar = ProgressBar(
                self._total,
                min(lines, self._total),
                width=48,
                complete_style=LOOKS[kind].style,
                finished_style=LOOKS[kind].style,
            )
            bars.add_row(Text(kind), bar, Text(f"{lines:>3} of {self._total} lines"))
        parts: list[RenderableType] = []
        if self._done is None:
            parts.append(self._program(code.split("\n"), generated))
        parts.append(bars)
        seconds = time.monotonic() - self._start
        if self._done is not None and self._done.report is not None:
            seconds = self._done.report.end_to_end_s
        return Panel(Group(*parts), title=f"{self._title}  {seconds:.1f} s", title_align="left")

    def _program(self, lines: list[str], generated: int) -> RenderableType:
        first = max(0, generated - _VISIBLE)
        grid = Table.grid(padding=(0, 1))
        shown = Syntax("\n".join(lines[first:generated]), "python", theme="ansi_dark")
        marks = Text()
        for number in range(first + 1, generated + 1):
            if number <= self._executed:
                marks.append(f"{number:>3} ✓\n", "green")
            elif number <= self._running:
                marks.append(f"{number:>3} ▶\n", "yellow")
            else:
                marks.append(f"{number:>3} ·\n", "dim")
        grid.add_row(marks, shown)
        return grid


def _print_output(screen: _Screen, result: RunResult) -> None:
    text = "".join(
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for output in result.outputs
        if output["output_type"] != "error"
    )
    screen.print(
        Panel(Text(text.rstrip("\n")), title="What the program printed", title_align="left")
    )
    if result.error is not None:
        screen.print(Text.from_ansi("\n".join(result.error.traceback)))


def _print_comparison(screen: _Screen, eager: RunResult, serial: RunResult) -> None:
    if eager.report is None or serial.report is None:
        return
    saved = serial.report.end_to_end_s - eager.report.end_to_end_s
    reports = {"EAGER": eager.report, "serial": serial.report}
    screen.print(Chart(reports))
    screen.print(report_table(reports, {"EAGER": saved}))
    screen.print(Text(summarise(eager.report, saving=False)))
    share = saved / serial.report.end_to_end_s
    same = eager.outputs == serial.outputs
    screen.print(
        f"Saved [b]{saved:.2f} s[/b] of {serial.report.end_to_end_s:.2f} s ({share:.0%}); "
        f"the outputs are {'the same' if same else '[red]NOT the same[/red]'}."
    )


def _code_of(answer: str) -> str:
    extractor = make_extractor("auto")
    events = [*extractor.feed(answer), *extractor.close()]
    return "".join(event.text for event in events if isinstance(event, Code))


def _lines(code: str) -> int:
    return len(code.splitlines())


_VISIBLE: Final = 24
# The SVG would load its font from the web; the reader's own monospaced one will do.
_FONT_FACE: Final = re.compile(r"@font-face\s*\{[^}]*\}")
