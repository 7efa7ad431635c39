"""The effect barrier's audit hook: what it costs where nothing has an effect."""

from __future__ import annotations

import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from eager_kernel import EagerClient
from eager_kernel.bench.measure import Samples, Table, alternate
from eager_kernel.core.gate import Mode

Measured = dict[str, float]
"""Seconds, by what took them."""


def run(repeats: int) -> list[Table]:
    """Measure imports, each time in a fresh kernel, and small work."""
    repeats = max(repeats, _LEAST)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "probe.py").write_text(_PROBE, encoding="utf-8")
        return [imports(folder, repeats), work(folder, repeats)]


# Imports ------------------------------------------------------------------------------------


def imports(folder: str, repeats: int) -> Table:
    """Imports in a fresh kernel, in a cell and in a stream that is still being written."""
    call = "probe.imports()"

    def in_cell(installed: bool) -> Measured:
        with _kernel(folder, installed=installed) as kernel:
            return _in_cell(kernel, call)

    def in_stream(gate: Mode) -> Measured:
        with _kernel(folder, installed=gate != "off") as kernel:
            return _in_stream(kernel, call, gate)

    ways: dict[str, Callable[[], Measured]] = {
        "cell, hook not installed": lambda: in_cell(installed=False),
        "cell, hook not installed, once more": lambda: in_cell(installed=False),
        "cell, hook installed": lambda: in_cell(installed=True),
        "stream, off": lambda: in_stream("off"),
        "stream, effect": lambda: in_stream("effect"),
    }
    return _table(
        "Barrier: imports",
        f"Each in a fresh kernel. {_STDLIB_NOTE}",
        ways,
        repeats,
        unit=(1e-3, "ms"),
    )


# Small work ---------------------------------------------------------------------------------


def work(folder: str, repeats: int) -> Table:
    """What ordinary cells do all the time, and a cell itself."""
    call = "probe.work()"
    with ExitStack() as exits:
        without, again, installed, off = (
            exits.enter_context(_kernel(folder, installed=installed))
            for installed in (False, False, True, False)
        )
        _check_that_cells_write_at_once(installed, folder)
        ways: dict[str, Callable[[], Measured]] = {
            "cell, hook not installed": lambda: _in_cell(without, call) | _round_trip(without),
            "cell, hook not installed, once more": lambda: (
                _in_cell(again, call) | _round_trip(again)
            ),
            "cell, hook installed": lambda: _in_cell(installed, call) | _round_trip(installed),
            "stream, off": lambda: _in_stream(off, call, "off"),
            "stream, effect": lambda: _in_stream(installed, call, "effect"),
        }
        return _table(
            "Barrier: small work",
            f"A repetition is the best of {_LOOPS} loops of {_TIMES:,}; of the cell, the median "
            f"of {_CELLS} round trips. All are of kernels that live through all repetitions.",
            ways,
            repeats,
            unit=(1e-6, "µs each"),
        )


def _round_trip(kernel: EagerClient) -> Measured:
    seconds = []
    for _ in range(_CELLS):
        start = time.perf_counter()
        kernel.execute("pass")
        seconds.append(time.perf_counter() - start)
    return {"an ordinary cell, `pass`": statistics.median(seconds)}


def _check_that_cells_write_at_once(kernel: EagerClient, folder: str) -> None:
    path = Path(folder, "written")
    result = kernel.execute(f"open({str(path)!r}, 'w').write('x')")
    if result.status != "ok" or not path.exists():
        raise RuntimeError(f"an ordinary cell did not write its file: {result}")


# Kernels ------------------------------------------------------------------------------------


@contextmanager
def _kernel(folder: str, *, installed: bool) -> Iterator[EagerClient]:
    """A kernel that has run a stream, in a mode that installs the hook or in one that does not."""
    with EagerClient.start(extra_arguments=["--log-level=ERROR"]) as kernel:
        result = kernel.execute(f"import sys; sys.path.append({folder!r}); import probe")
        if result.status != "ok":
            raise RuntimeError(f"the benchmark's module failed: {result.error}")
        _in_stream(kernel, "probe.nothing()", "effect" if installed else "off")
        yield kernel


def _in_cell(kernel: EagerClient, call: str) -> Measured:
    kernel.execute(call)
    return _last(kernel)


def _in_stream(kernel: EagerClient, call: str, gate: Mode) -> Measured:
    """Call it in a stream that does not end before that has returned."""
    done = threading.Event()

    def hear(event: dict[str, Any]) -> None:
        if event["type"] == "stop" or event.get("state") in ("done", "failed"):
            done.set()

    def deltas() -> Iterator[str]:
        yield call + "\n"
        if not done.wait(60):
            raise TimeoutError("the benchmark's statement was held")
        yield "pass\n"

    result = kernel.run(deltas(), format="python", gate=gate, on_event=hear)
    if result.status != "ok":
        raise RuntimeError(f"the benchmark's program failed: {result.error}")
    return _last(kernel)


def _last(kernel: EagerClient) -> Measured:
    result = kernel.execute("import json; print(json.dumps(probe.last))")
    if result.status != "ok":
        raise RuntimeError(f"the benchmark's module failed: {result.error}")
    measured: Measured = json.loads(result.outputs[0]["text"])
    return measured


# Figures ------------------------------------------------------------------------------------


def _table(
    title: str,
    note: str,
    ways: dict[str, Callable[[], Measured]],
    repeats: int,
    *,
    unit: tuple[float, str],
) -> Table:
    columns: list[list[Measured]] = [[] for _ in ways]

    def keep(measured: Measured, column: list[Measured]) -> float:
        column.append(measured)
        return 0.0

    alternate(
        [
            lambda way=way, column=column: keep(way(), column)  # type: ignore[misc]
            for way, column in zip(ways.values(), columns, strict=True)
        ],
        repeats,
    )
    taken = {
        way: {name: Samples(tuple(m[name] for m in column[1:])) for name in column[0]}
        for way, column in zip(ways, columns, strict=True)
    }
    cell, again, installed, off, effect = taken.values()
    return Table(
        title,
        (
            f"{note} Ratios are of one repetition's pair: median (least to greatest) of "
            f"{repeats}. The first is of two kernels without the hook, so it is noise alone.",
            "Installed: an earlier run was in mode `effect`; the cell is in no run. Armed: the "
            "statement is in a stream in mode `effect` that is still being written, against one "
            "in mode `off` in a kernel without the hook.",
        ),
        (
            "work",
            f"not installed: median {unit[1]}",
            "noise",
            "installed ÷ not",
            "armed ÷ off",
        ),
        tuple(
            (
                name,
                f"{samples.median / unit[0]:.1f}",
                _ratios(again[name], samples),
                _ratios(installed[name], samples),
                _ratios(effect[name], off[name]) if name in effect else "",
            )
            for name, samples in cell.items()
        ),
        {
            f"{name}: {way}": samples.seconds
            for way, by_name in taken.items()
            for name, samples in by_name.items()
        },
    )


def _ratios(samples: Samples, base: Samples) -> str:
    ratios = [a / b for a, b in zip(samples.seconds, base.seconds, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


_LEAST: Final = 10
_LOOPS: Final = 7
_TIMES: Final = 1000
_CELLS: Final = 30
_STDLIB: Final = (
    "csv decimal ftplib http.server mailbox multiprocessing.pool optparse plistlib statistics "
    "tomllib unittest.mock wsgiref.simple_server xml.dom.minidom xmlrpc.client zipfile"
)
_STDLIB_NOTE: Final = f"Standard library: {_STDLIB.replace(' ', ', ')}."
_PROBE: Final = f"""\
import importlib
import importlib.util
import os
import time
import types

last = {{}}


def nothing():
    last.clear()


def imports():
    last.clear()
    groups = {{"standard library": {_STDLIB!r}.split()}}
    groups |= {{n: [n] for n in ("numpy", "pandas") if importlib.util.find_spec(n)}}
    for group, names in groups.items():
        start = time.perf_counter()
        for name in names:
            importlib.import_module(name)
        last[group] = time.perf_counter() - start


def work():
    last.clear()
    place = types.SimpleNamespace(inner=types.SimpleNamespace(value=1))
    for name, action in {{
        "`open` for reading": lambda: open(__file__).close(),
        "`os.stat`": lambda: os.stat(__file__),
        "`os.listdir`": lambda: os.listdir(os.path.dirname(__file__)),
        "attributes": lambda: setattr(place.inner, "value", place.inner.value + 1),
        "`eval` of a short text": lambda: eval("1 + 1"),
    }}.items():
        taken = []
        for _ in range({_LOOPS}):
            start = time.perf_counter()
            for _ in range({_TIMES}):
                action()
            taken.append((time.perf_counter() - start) / {_TIMES})
        last[name] = min(taken)
"""
