"""Text that is not wanted any more."""

from __future__ import annotations

import threading

from eager_kernel.errors import ProtocolError
from eager_kernel.execution.intake import Intake


def test_whoever_settles_knows_that_the_client_was_told() -> None:
    """The result is the last that a client hears: a stop that came after it would be lost."""
    told: list[str] = []
    seen, may_tell = threading.Event(), threading.Event()

    def on_stop(reason: str, message: str) -> None:
        assert intake.ending is not None
        seen.set()
        assert may_tell.wait(60)
        told.append(message)

    intake = Intake("python", on_stop=on_stop)
    stopper = threading.Thread(target=intake.stop, args=("protocol", ProtocolError("type", "no")))
    stopper.start()
    assert seen.wait(60)
    intake.supply.wait_for_end()  # nobody waits with running what is there for that to be told
    assert told == []
    threading.Timer(0.1, may_tell.set).start()
    intake.settle()
    assert told == ["type: no"]
    stopper.join()


def test_a_stop_is_told_once() -> None:
    told: list[str] = []
    intake = Intake("python", on_stop=lambda reason, message: told.append(message))
    intake.stop("limit", message="too long")
    intake.stop("interrupted", message="later")
    intake.settle()
    assert told == ["too long"]
