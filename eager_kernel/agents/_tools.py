"""The framework's tools, as functions that a program in the kernel can call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
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


def by_name(tools: Sequence[Any], kind: type[Any]) -> dict[str, Any]:
    """Give each tool under the name that programs call.

    Parameters
    ----------
    tools
        Functions, and tools of the framework.
    kind
        The framework's class of tools, which have names of their own.
    """
    return {tool.name if isinstance(tool, kind) else tool.__name__: tool for tool in tools}


def wait_for(work: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop | None) -> Any:
    """Wait, on another thread than the loop's, for what an asynchronous tool returns.

    Parameters
    ----------
    work
        The call.
    loop
        The loop of the agent's run; None: the run has none, so the call gets one of its own.
    """
    if loop is None:
        return asyncio.run(work)
    return asyncio.run_coroutine_threadsafe(work, loop).result()
