"""A program's code on the kernel's thread that reads streams, which is in no list of threads."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from eager_kernel.core.effects.audit_events import Effects
from eager_kernel.errors import LeftEffectHeld
from eager_kernel.execution import hook
from eager_kernel.execution.barrier import Barrier
from eager_kernel.execution.main_thread import Doing
from eager_kernel.kernel.unlisted import UnlistedThread
from tests.execution.journalled import AlwaysOwn

NAME = "<the program>"
OPENS = {
    "its own": "def f(path): open(path, 'w').close()",
    "made of text": "exec('def f(path): open(path, \"w\").close()')",
    "who knows its thread": (
        "import threading\n"
        "def f(path):\n    threading.current_thread()\n    open(path, 'w').close()\n"
    ),
}


@pytest.mark.parametrize("program", OPENS.values(), ids=OPENS)
def test_what_the_collector_calls_there_has_no_effect(tmp_path: Path, program: str) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    path, go, refused = tmp_path / "f", threading.Event(), threading.Event()

    def read() -> None:
        go.wait(60)
        try:
            namespace["f"](str(path))
        except LeftEffectHeld:
            refused.set()

    reader = UnlistedThread(read, "eager-stream")
    reader.start()
    main, barrier = AlwaysOwn(), Barrier(Effects())
    try:
        with barrier.armed(main, namespace):
            barrier.begin(NAME, 0)
            with main.at(Doing.PROGRAM), barrier.program():
                exec(compile(program, NAME, "exec"), namespace)
                go.set()
                reader.join(60)
            barrier.deny("the program does not parse")
    finally:
        hook._refused.clear()
        hook._alert = False
    assert refused.is_set()
    assert not path.exists()
