"""Imports that begin when a stream is opened, in a real kernel."""

from __future__ import annotations

import time

from jupyter_client.blocking.client import BlockingKernelClient

from eager_kernel.testing.wire import WireStream, run
from tests.conftest import Starter

LOOK = "import sys\nprint(sorted(m for m in ('wave', 'colorsys') if m in sys.modules))"


def imported(client: BlockingKernelClient, expected: str) -> str:
    """Which of the modules an ordinary cell finds; waits for the expected ones."""
    until = time.monotonic() + 60
    while True:
        heard = WireStream(client).execute(LOOK, store_history=False).finish()
        if heard.text().strip() == expected or time.monotonic() > until:
            return heard.text().strip()
        time.sleep(0.05)


def test_listed_modules_are_imported_when_a_stream_opens(start_kernel: Starter) -> None:
    _, client = start_kernel("eager_python", "--EagerRun.warm_imports=wave")
    assert imported(client, "[]") == "[]"
    stream = WireStream(client).open()
    assert imported(client, "['wave']") == "['wave']"
    stream.attach().delta("'wave' in globals()").end()
    assert stream.finish().displayed() == ["False"]


def test_nothing_is_imported_unasked(client: BlockingKernelClient) -> None:
    stream = WireStream(client).open().attach().delta("import time; time.sleep(0.2)\n")
    stream.delta(LOOK).end()
    assert stream.finish().text() == "[]\n"


def test_what_programs_import_is_learned_for_the_next_kernel(start_kernel: Starter) -> None:
    _, client = start_kernel("eager_python", "--EagerRun.learn_imports=True")
    run(client, "import colorsys\n")
    _, client = start_kernel("eager_python", "--EagerRun.learn_imports=True")
    assert imported(client, "[]") == "[]"
    stream = WireStream(client).open()
    assert imported(client, "['colorsys']") == "['colorsys']"
    stream.data({"type": "cancel"})
