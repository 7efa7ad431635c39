"""``%logstart``: a run is logged in the order and at the moment in which a cell is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from eager_kernel.testing.wire import Heard, WireStream, run
from tests.afresh import afresh
from tests.conftest import Starter

# What is in the log while a line runs shows the moment.
LOG = "print(open('log').read())\n"
SESSIONS = {
    "begun by a cell": [
        "%logstart -o log over",
        "x = 1\n" + LOG + "x + 1\n",
        "5;\nx = %pwd\n" + LOG,
        "def f():\n    return 6 * 7\n\nf()\n" + LOG,
        LOG + "1 / 0\n",
        LOG,
        "%logoff",
        "y = 2\n" + LOG,
        "%logon",
        LOG,
    ],
    "begun in the midst": ["a = 1", "b = 2\n%logstart -o log over\n" + LOG + "3\n", "4\n" + LOG],
    "begun by a call": [
        "ip = get_ipython()\nx = ip.run_line_magic('logstart', '-o log over')\n" + LOG,
        "5\n" + LOG,
    ],
    "raw and with what came before": ["a = 1", "!true", "%logstart -o -r log over\n7", LOG],
    "a text that is none": ["%logstart -o log over", LOG + "x = )\n", LOG],
    "ended in the midst": ["%logstart -o log over", "1\n%logstop\n2\n" + LOG, "3\n" + LOG],
}


Kernels = tuple[tuple[KernelManager, BlockingKernelClient], ...]


@pytest.fixture(scope="module")
def kernels(start_kernel: Starter) -> Kernels:
    """A stock kernel, and ours."""
    return start_kernel("python3"), start_kernel("eager_python")


@pytest.mark.parametrize("name", SESSIONS)
def test_it_is_logged_as_a_cell(name: str, kernels: Kernels, tmp_path: Path) -> None:
    stock, streamed = (client for _, client in kernels)
    for place, client in (("stock", stock), ("streamed", streamed)):
        tmp_path.joinpath(place).mkdir()
        begin = "%logstop\n" + afresh(tmp_path / place)
        client.execute_interactive(begin, store_history=False, timeout=60)
    cells = [WireStream(stock).execute(cell).finish() for cell in SESSIONS[name]]
    runs = [
        run(streamed, *(line + "\n" for line in text.splitlines()), pause=0.02)
        for text in SESSIONS[name]
    ]
    assert said(runs) == said(cells)
    logs = [tmp_path.joinpath(place, "log").read_text() for place in ("stock", "streamed")]
    assert logs[0] == logs[1]


def said(heard: Sequence[Heard]) -> list[tuple[str, list[str], list[str]]]:
    return [(one.text(), one.displayed(), one.errors()) for one in heard]
