"""Says what a sandbox has denied to a program that failed of it."""

from __future__ import annotations

import os
import sys
from typing import Any

from eager_kernel.sandbox.explain import explain
from eager_kernel.sandbox.policy import VARIABLE, Policy


def tell_denials(shell: Any) -> None:
    """In a kernel that is locked in: have a sentence follow the error of what was denied.

    Parameters
    ----------
    shell
        The kernel's shell.
    """
    said = os.environ.get(VARIABLE)
    if not said:
        return
    policy = Policy.from_text(said)

    def look(result: Any) -> None:
        error = None if result is None else result.error_in_exec
        if isinstance(error, BaseException) and (sentence := explain(error, policy)):
            print(sentence, file=sys.stderr)  # noqa: T201 - for whoever sees the error

    shell.events.register("post_run_cell", look)
