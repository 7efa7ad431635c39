"""``jupyter eager run``: a file, or a pipe, as the text of a model."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jupyter_core.application import base_aliases, base_flags
from rich.console import Console
from traitlets import Bool, Enum, Float, Unicode

from eager_kernel._version import __version__
from eager_kernel.cli.pace import at_rate, live
from eager_kernel.cli.screen import Screen
from eager_kernel.cli.show import print_report
from eager_kernel.cli.text import read_source
from eager_kernel.client import EagerClient, RunResult
from eager_kernel.client.questions import OnInput
from eager_kernel.core.extract import check_format
from eager_kernel.core.gantt import to_svg
from eager_kernel.core.gate import MODES
from eager_kernel.errors import EagerError
from eager_kernel.terminal.command import Command
from eager_kernel.terminal.console import make_console


class RunApp(Command):
    """Run a program while it arrives: ``jupyter eager run FILE``, or ``-`` for stdin."""

    name = "jupyter-eager-run"
    version = __version__
    description = __doc__
    examples = """
jupyter eager run program.py --rate 80 --report
jupyter eager run program.py --rate 80 --chart timeline.svg
jupyter eager run program.py --url https://hub.example/user/ada/
printf '1+1' | jupyter eager run -
"""

    rate = Float(0.0, help="Tokens per second at which FILE arrives; 0: as it comes.").tag(
        config=True
    )
    ttft = Float(0.0, help="Seconds before the first token of FILE.").tag(config=True)
    serial = Bool(False, help="Wait for the whole program before any of it runs.").tag(config=True)
    gate = Enum(
        MODES, default_value=None, allow_none=True, help="Gate mode; default: the kernel's."
    ).tag(config=True)
    text_format = Unicode(
        "auto",
        help="Where the code is in the text: auto (find out), python, markdown, tags, json, "
        "tags:NAME or json:NAME.",
    ).tag(config=True)
    kernel = Unicode("eager_python", help="Name of the kernelspec to run in.").tag(config=True)
    url = Unicode(
        "", help="Address of the Jupyter server that is to run it; empty: it runs here."
    ).tag(config=True)
    token = Unicode(
        help="""Lets us into the server. Default: the environment variable JUPYTER_TOKEN, which
        other users of this machine can't read off the command line, then the address."""
    ).tag(config=True)
    kernel_id = Unicode(
        "", help="A kernel of the server that runs already; empty: one is started."
    ).tag(config=True)
    json = Unicode("", help="Write the result to this file, as JSON.").tag(config=True)
    chart = Unicode("", help="Draw the run's timeline to this file, as SVG.").tag(config=True)
    report = Bool(
        False, help="Print the timings to stderr at the end: numbers, a timeline, a summary."
    ).tag(config=True)

    quiet = Bool(
        False,
        help="Show what the program shows, and nothing else. Otherwise a terminal also shows the "
        "program as it is written, and how it ended.",
    ).tag(config=True)

    aliases = {
        "rate": "RunApp.rate",
        "ttft": "RunApp.ttft",
        "gate": "RunApp.gate",
        "format": "RunApp.text_format",
        "kernel": "RunApp.kernel",
        "url": "RunApp.url",
        "token": "RunApp.token",
        "kernel-id": "RunApp.kernel_id",
        "json": "RunApp.json",
        "chart": "RunApp.chart",
        **base_aliases,
    }
    flags = {
        "serial": ({"RunApp": {"serial": True}}, serial.help),
        "report": ({"RunApp": {"report": True}}, report.help),
        "quiet": ({"RunApp": {"quiet": True}}, quiet.help),
        **base_flags,
    }

    def work(self) -> int:
        """Run; 0 if the program ran to its end, 1 if not."""
        if len(self.extra_args) != 1:
            self.exit("give one FILE, or - for stdin")
        name = self.extra_args[0]
        if name == "-":
            return self.run(live(sys.stdin.buffer), "the program", is_written=True)
        deltas = at_rate(read_source(name), self.rate, self.ttft)
        return self.run(deltas, name, is_written=self.rate > 0, on_input=_ask)

    def run(
        self,
        deltas: Iterable[str],
        title: str,
        *,
        is_written: bool,
        on_input: OnInput | None = None,
    ) -> int:
        """Run a text while it arrives, and show all that is to be shown.

        Parameters
        ----------
        deltas
            The text.
        title
            What to call it.
        is_written
            Whether it comes little by little, so that it is worth to be shown.
        on_input
            Answers the program's questions.

        Returns
        -------
        int
            0 if the program ran to its end, 1 if not.
        """
        try:
            check_format(self.text_format)
        except ValueError as error:
            self.exit(f"--format: {error}")
        console = make_console(stderr=True)
        watched = is_written and console.is_terminal and not self.quiet
        screen = self.make_screen(title, console if watched else None)
        with screen, self._client() as client:
            result = client.run(
                screen.follow(deltas),
                format=self.text_format,
                gate="serial" if self.serial else self.gate,
                on_event=screen.hear,
                on_input=screen.answering(on_input),
            )
            screen.end(result)
        self._write(result)
        if result.message and not watched:
            console.print(result.message, markup=False, highlight=False)
        if self.report and result.report is not None:
            print_report(console, result.report)
        return 0 if result.status == "ok" else 1

    def _client(self) -> EagerClient:
        if not self.url:
            if self.kernel_id:
                raise EagerError("--kernel-id: give the --url of the server that has the kernel")
            return EagerClient.start(
                self.kernel, extra_arguments=["--log-level=ERROR"], env=self.kernel_environment()
            )
        token = self.token or os.environ.get("JUPYTER_TOKEN") or None
        if self.kernel_id:
            return EagerClient.connect(url=self.url, token=token, kernel_id=self.kernel_id)
        return EagerClient.start(self.kernel, url=self.url, token=token)

    def make_screen(self, title: str, console: Console | None) -> Screen:
        """Make what shows the run."""
        return Screen(title, console, self.text_format)

    def kernel_environment(self) -> dict[str, str]:
        """The environment of a kernel that is started here."""
        return dict(os.environ)

    def _write(self, result: RunResult) -> None:
        if self.json:
            Path(self.json).write_text(json.dumps(_plain(result), indent=1), encoding="utf-8")
        if self.chart:
            if result.report is None:
                raise EagerError("there is no timeline to draw: nothing was run")
            Path(self.chart).write_text(to_svg(result.report), encoding="utf-8")


def _ask(prompt: str, password: bool) -> str:
    try:
        return getpass.getpass(prompt) if password else input(prompt)
    except EOFError:
        return "\x04"  # what the protocol has for the end of input


def _plain(result: RunResult) -> dict[str, Any]:
    plain = asdict(result)
    plain["report"] = result.report.to_dict() if result.report is not None else None
    return plain
