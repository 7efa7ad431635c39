"""The view: what it adds to a run when nobody shows it, and when a page does."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import texts
from eager_kernel.bench.measure import Table, alternate
from eager_kernel.sources.recording import RecordedAnswer, TimedDelta, format_answer
from eager_kernel.testing.kernels import start_kernel

_AIM = 0.02
_RATE = 100.0  # deltas of about four characters a second, as many models write
_LINES = 25
_HELLO = {"type": "hello", "page": "benchmark", "seq": -1}
_SPIN = "total_{i} = sum(range(12_000_000)) % 7\nprint('step', {i}, total_{i})\n# {note}\n"


def run(repeats: int) -> list[Table]:
    """Measure runs without a view, with one that nobody shows, and with one that a page shows."""
    programs = {
        "a script, mostly written": _ANALYSIS + texts.script(_LINES),
        "a program that runs for as long as it is written": "".join(
            _SPIN.format(i=i, note="words of a comment " * 3) for i in range(12)
        ),
    }
    rows: list[tuple[str, ...]] = []
    samples: dict[str, tuple[float, ...]] = {}
    with _kernel(programs) as kernel:
        for number, name in enumerate(programs):
            model = f"recorded/benchmark{number}"
            ways = {
                "no view": lambda model=model: kernel.prompt(model, view=False),
                "a view, nobody shows it": lambda model=model: kernel.prompt(model),
                "a view that a page shows": lambda model=model: kernel.prompt(model, shown=True),
            }
            measured = dict(zip(ways, alternate(list(ways.values()), repeats), strict=True))
            base = measured["no view"]
            for way, taken in measured.items():
                rows.append(
                    (
                        name,
                        way,
                        f"{taken.median * 1e3:.0f} ({taken.best * 1e3:.0f})",
                        f"{(taken.median / base.median - 1) * 100:+.1f} %",
                        f"{kernel.processor[model, way_of(way)] * 1e3:.0f}",
                        str(kernel.messages.get((model, way_of(way)), 0)),
                    )
                )
                samples[f"{name}: {way}"] = taken.seconds
    return [
        Table(
            "View: what it adds to a run, from its request to its idle",
            (
                f"A recorded model writes {_RATE:g} deltas a second. Median of {repeats} (best), "
                f"in turn. Aim: less than {_AIM * 100:g} % more than without a view. Processor "
                "time is that of the kernel's process in the last run, messages those that its "
                "view sent; the picture that stays is in all of them but the first.",
            ),
            ("program", "way", "ms", "more than without", "processor ms", "messages"),
            tuple(rows),
            samples,
        )
    ]


def way_of(way: str) -> tuple[bool, bool]:
    """Whether there is a view, and whether a page shows it."""
    return way != "no view", way == "a view that a page shows"


class _Kernel:
    """A kernel, and a client that stands for the page: it says hello, and reads all messages."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.processor: dict[tuple[str, tuple[bool, bool]], float] = {}
        self.messages: dict[tuple[str, tuple[bool, bool]], int] = {}

    def execute(self, code: str, *, shown: bool = False) -> tuple[str, int]:
        """Run a cell to its idle; what it printed, and how many messages its view sent."""
        request = self.client.execute(code)
        printed, sent, view = "", 0, None
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            kind, content = message["msg_type"], message["content"]
            if kind == "comm_open":
                view = content["comm_id"]
            elif kind == "display_data" and shown and view is not None:
                data = {"method": "custom", "content": _HELLO}
                hello = self.client.session.msg("comm_msg", {"comm_id": view, "data": data})
                self.client.shell_channel.send(hello)
            elif kind == "comm_msg" and content["comm_id"] == view:
                sent += 1
            elif kind == "stream":
                printed += content["text"]
            elif kind == "error":
                raise RuntimeError("\n".join(content["traceback"]))
            elif (
                kind == "status"
                and content["execution_state"] == "idle"
                and message["parent_header"].get("msg_id") == request
            ):
                break
        while self.client.get_shell_msg(timeout=60)["parent_header"].get("msg_id") != request:
            pass
        return printed, sent

    def prompt(self, model: str, *, view: bool = True, shown: bool = False) -> float:
        """Seconds that a cell takes that asks `model`."""
        self.execute(_CHOOSE.format(view=view, patience=10.0 if shown else 0.0))
        before = float(self.execute(_PROCESSOR)[0])
        start = time.perf_counter()
        sent = self.execute(f"%%eager --model {model} --fresh\nWrite.", shown=shown)[1]
        seconds = time.perf_counter() - start
        key = model, (view, shown)
        self.processor[key] = float(self.execute(_PROCESSOR)[0]) - before
        self.messages[key] = sent
        return seconds


@contextmanager
def _kernel(programs: dict[str, str]) -> Iterator[_Kernel]:
    with tempfile.TemporaryDirectory() as folder:
        recordings = Path(folder) / "eager_python" / "recordings"
        recordings.mkdir(parents=True)
        for number, program in enumerate(programs.values()):
            pieces = texts.pieces_of(program)
            deltas = tuple(TimedDelta(i / _RATE, piece) for i, piece in enumerate(pieces))
            text = format_answer(RecordedAnswer(deltas, "stop"))
            recordings.joinpath(f"benchmark{number}.jsonl").write_text(text, encoding="utf-8")
        environment = {**os.environ, "JUPYTER_DATA_DIR": folder}
        manager, client = start_kernel(
            "eager_python", env=environment, extra_arguments=["--log-level=ERROR"]
        )
        try:
            yield _Kernel(client)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


_ANALYSIS = "import numpy as np\nimport pandas as pd\n"
_PROCESSOR = "import time; print(time.process_time())"
_CHOOSE = """
import eager_kernel.widget.view as _view
from eager_kernel.magics import extension as _extension
_view.PATIENCE = {patience}
_extension._loaded[get_ipython()][0].config.view = {view}
"""
