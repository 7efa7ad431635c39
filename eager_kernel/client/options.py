"""What may be asked of a run."""

from __future__ import annotations

from typing import TypedDict

from eager_kernel.client.questions import OnInput
from eager_kernel.client.run import OnEvent
from eager_kernel.protocol import Mode, OnError

__all__ = ["CellOptions", "Mode", "OnError", "RunOptions"]


class CellOptions(TypedDict, total=False):
    """Options of an ordinary cell; their meaning is that in `AsyncEagerClient.open`."""

    on_event: OnEvent | None
    on_input: OnInput | None
    silent: bool
    store_history: bool
    user_expressions: dict[str, str] | None
    max_bytes: int
    max_characters: int | None
    timeout: float | None


class RunOptions(CellOptions, total=False):
    """Options of a run; their meaning is that in `AsyncEagerClient.open`."""

    format: str
    gate: Mode | None
    on_error: OnError
    model: str
