"""Text that is not wanted any more."""

from __future__ import annotations

import pytest

from eager_kernel.errors import ProtocolError
from eager_kernel.execution.intake import Intake


@pytest.mark.parametrize("how", ["stop", "pause"])
def test_whoever_sees_the_end_knows_that_the_client_was_told(how: str) -> None:
    """The result is the last that a client hears: a stop that came after it would be lost."""
    seen: list[tuple[str, bool]] = []

    def on_stop(reason: str, message: str) -> None:
        seen.append((reason, intake.ending is None and intake.take() != []))

    intake = Intake("python", repairable=True, on_stop=on_stop)
    intake.start_streaming(0)
    intake.feed("a = 1\nb = 2\n")
    if how == "stop":
        intake.stop("protocol", ProtocolError("data.type", "missing"))
    else:
        intake.pause("protocol", "no")
    assert seen == [("protocol", True)]
    assert intake.take() == []


def test_a_stop_is_told_once() -> None:
    told: list[str] = []
    intake = Intake("python", on_stop=lambda reason, message: told.append(message))
    intake.stop("limit", message="too long")
    intake.stop("interrupted", message="later")
    assert told == ["too long"]
