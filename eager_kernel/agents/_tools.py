"""The framework's tools, as functions that a program in the kernel can call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from eager_kernel.client import EagerClient


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
    """
    for name, function in tools.items():
        client.expose(function, name=name, effects=name not in without_effects)
