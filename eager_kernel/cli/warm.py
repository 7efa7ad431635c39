"""What the demo shows of kernels that are forked: how soon one is there, beside a new one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rich.table import Table

from eager_kernel.client import EagerClient

IMPORTS = "import pandas as pd; import numpy as np; import matplotlib.pyplot as plt"


def compare_starts(kernel: str, say: Callable[[Any], None]) -> None:
    """Start a new kernel and a forked one, and show how long each took.

    Parameters
    ----------
    kernel
        Name of the kernelspec.
    say
        Shows text, or a table of it.
    """
    say(
        "Kernels are forked from a process that has imported pandas, numpy and matplotlib, once "
        "([b]--warm[/b]).\nFrom wanting a kernel until it has imported them:"
    )
    new = _measure(kernel, warm=False)
    before = time.perf_counter()
    EagerClient.start(kernel, warm=True, extra_arguments=_QUIET).close()
    template = time.perf_counter() - before
    forked = _measure(kernel, warm=True)
    table = Table("kernel", "ready, s", "and has imported, s", box=None)
    for name, (ready, imported) in (("new", new), ("forked", forked)):
        table.add_row(name, f"{ready:.2f}", f"{imported:.2f}")
    say(table)
    say(
        f"That is {new[1] / forked[1]:.0f} times as fast. The first one of all had to wait for "
        f"that process: {template:.1f} s."
    )


def _measure(kernel: str, *, warm: bool) -> tuple[float, float]:
    begin = time.perf_counter()
    with EagerClient.start(kernel, warm=warm, extra_arguments=_QUIET) as client:
        ready = time.perf_counter() - begin
        client.execute(IMPORTS)
        return ready, time.perf_counter() - begin


_QUIET = ["--log-level=ERROR"]
