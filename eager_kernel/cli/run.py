"""``jupyter eager run``: a file, or a pipe, as the text of a model."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jupyter_core.application import JupyterApp, base_aliases, base_flags
from rich.console import Console
from traitlets import Bool, Enum, Float, Unicode

from eager_kernel._version import __version__
from eager_kernel.cli.pace import at_rate, live
from eager_kernel.cli.show import print_output, print_report
from eager_kernel.cli.text import read_source
from eager_kernel.client import EagerClient, RunResult
from eager_kernel.core.extract import check_format
from eager_kernel.core.gantt import to_svg
from eager_kernel.core.gate import MODES
from eager_kernel.errors import EagerError


class RunApp(JupyterApp):
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

    aliases = {
        **base_aliases,
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
    }
    flags = {
        **base_flags,
        "serial": ({"RunApp": {"serial": True}}, serial.help),
        "report": ({"RunApp": {"report": True}}, report.help),
    }

    def start(self) -> None:
        """Run; exit with 0 if the program ran to its end, 1 if not."""
        if len(self.extra_args) != 1:
            self.exit("give one FILE, or - for stdin")
        try:
            check_format(self.text_format)
        except ValueError as error:
            self.exit(f"--format: {error}")
        try:
            result = self._run(self.extra_args[0])
            self._write(result)
        except KeyboardInterrupt:
            self.exit(130)
        except (EagerError, OSError, UnicodeDecodeError) as error:
            self.exit(f"{type(error).__name__}: {error}")
        if result.message:
            Console(stderr=True).print(result.message, markup=False, highlight=False)
        if self.report and result.report is not None:
            print_report(Console(stderr=True), result.report)
        self.exit(0 if result.status == "ok" else 1)

    def _run(self, name: str) -> RunResult:
        from_stdin = name == "-"
        deltas: Iterator[str]
        if from_stdin:
            deltas = live(sys.stdin.buffer)
        else:
            deltas = at_rate(read_source(name), self.rate, self.ttft)
        with self._client() as client:
            return client.run(
                deltas,
                format=self.text_format,
                gate="serial" if self.serial else self.gate,
                on_event=_print_event,
                on_input=None if from_stdin else _ask,
            )

    def _client(self) -> EagerClient:
        if not self.url:
            if self.kernel_id:
                raise EagerError("--kernel-id: give the --url of the server that has the kernel")
            return EagerClient.start(self.kernel, extra_arguments=["--log-level=ERROR"])
        token = self.token or os.environ.get("JUPYTER_TOKEN") or None
        if self.kernel_id:
            return EagerClient.connect(url=self.url, token=token, kernel_id=self.kernel_id)
        return EagerClient.start(self.kernel, url=self.url, token=token)

    def _write(self, result: RunResult) -> None:
        if self.json:
            Path(self.json).write_text(json.dumps(_plain(result), indent=1), encoding="utf-8")
        if self.chart:
            if result.report is None:
                raise EagerError("there is no timeline to draw: nothing was run")
            Path(self.chart).write_text(to_svg(result.report), encoding="utf-8")


def _print_event(event: dict[str, Any]) -> None:
    if event["type"] == "output":
        print_output(event["output"])


def _ask(prompt: str, password: bool) -> str:
    try:
        return getpass.getpass(prompt) if password else input(prompt)
    except EOFError:
        return "\x04"  # what the protocol has for the end of input


def _plain(result: RunResult) -> dict[str, Any]:
    plain = asdict(result)
    plain["report"] = result.report.to_dict() if result.report is not None else None
    return plain
