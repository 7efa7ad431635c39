"""A kernel for each module, and models that write what a test has them write."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from eager_kernel import EagerClient


@pytest.fixture(scope="module")
def client() -> Iterator[EagerClient]:
    with EagerClient.start() as client:
        yield client


class Seen:
    """Hears a kernel. A model that waits for it shows what has happened before it went on."""

    def __init__(self) -> None:
        self._has_run = threading.Event()
        self._stopped = threading.Event()

    def hear(self, event: dict[str, Any]) -> None:
        if event["type"] == "chunk" and event["state"] == "done":
            self._has_run.set()
        if event["type"] == "stop":
            self._stopped.set()

    def a_statement_ran(self) -> bool:
        return self._has_run.wait(60)

    def it_stopped(self) -> bool:
        return self._stopped.wait(60)


@pytest.fixture
def seen() -> Seen:
    return Seen()


def pieces(text: str, size: int = 5) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]
