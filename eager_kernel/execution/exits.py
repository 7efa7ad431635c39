"""What has to be undone when a cell ends."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any


class Exits:
    """Leaves contexts in the opposite order, as `contextlib.ExitStack` does.

    That asks `sys.exc_info`, which a program may have broken; then nothing would be undone.
    """

    def __init__(self) -> None:
        self._entered: list[AbstractContextManager[Any]] = []

    def enter_context(self, context: AbstractContextManager[Any]) -> Any:
        """Enter a context, to be left by `close`."""
        value = context.__enter__()
        self._entered.append(context)
        return value

    def close(self) -> None:
        """Leave them all; raise the first error that one of them had."""
        first: BaseException | None = None
        while self._entered:
            try:
                self._entered.pop().__exit__(None, None, None)
            except BaseException as error:  # noqa: BLE001 - raised below
                first = first or error
        if first is not None:
            raise first
