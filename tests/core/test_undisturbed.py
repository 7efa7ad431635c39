"""Parsing while others parse."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from eager_kernel.core.text.parse_lock import undisturbed
from eager_kernel.core.text.quiet_parsing import parse_quietly

TEXT = "".join(f"x{number} = {number}\n" for number in range(100))


class Litter:
    """Garbage whose end runs Python code, so that another thread may come in."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        for _ in range(50):
            pass


def test_threads_that_parse_at_once() -> None:
    failures: list[SystemError] = []
    parsed = [0, 0]
    end = time.monotonic() + 1

    def parse(index: int) -> None:
        try:
            while time.monotonic() < end:
                Litter()
                assert len(parse_quietly(TEXT).body) == 100
                parsed[index] += 1
        except SystemError as error:
            failures.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        threads = [threading.Thread(target=parse, args=(index,)) for index in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert failures == []
    assert all(parsed)


def test_other_errors_are_errors() -> None:
    raised = [SystemError("AST constructor recursion depth mismatch (before=42, after=63)")]

    def parse() -> str:
        if raised:
            raise raised.pop()
        return "tree"

    assert undisturbed(parse) == "tree"
    raised.append(SystemError("another"))
    with pytest.raises(SystemError, match="another"):
        undisturbed(parse)
