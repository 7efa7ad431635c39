"""The framework's tools, as functions that a program in the kernel can call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from eager_kernel.client import EagerClient
from eager_kernel.errors import EagerError


def offer(
    client: EagerClient, tools: Mapping[str, Callable[..., Any]], without_effects: Collection[str]
) -> None:
    """Make tools callable in the kernel, under their names.

    Parameters
    ----------
    client
        The kernel's.
    tools
        What each name calls, in this process.
    without_effects
        Names of tools that change nothing, whose calls happen at once. A call of any other waits
        until the whole program is known.

    Raises
    ------
    EagerError
        There are tools, and this client can't offer any.
    """
    if not tools:
        return
    expose = getattr(client, "expose", None)
    if expose is None:
        raise EagerError(
            f"the tools {', '.join(sorted(tools))} can't be called from the kernel: this client "
            "can't offer functions of its process; give the agent no tools"
        )
    for name, function in tools.items():
        expose(function, name=name, effects=name not in without_effects)
