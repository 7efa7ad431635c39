"""Functions and tools of Pydantic AI, as a program in the kernel calls them."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from pydantic_ai import RunContext, Tool

from eager_kernel.agents._signatures import described_function
from eager_kernel.agents._tools import by_name, wait_for


def plain_functions(tools: Sequence[Any], ctx: RunContext[Any]) -> dict[str, Callable[..., Any]]:
    """Give what to call for each tool, by name; an asynchronous one runs on the agent's loop."""
    loop = asyncio.get_running_loop()
    return {name: _plain(function, ctx, loop) for name, function in by_name(tools, Tool).items()}


def describe(tools: Sequence[Any]) -> str:
    """Write signatures and docstrings, for the model."""
    return "\n\n".join(
        described_function(name, tool.function, tool.description, skip=tool.takes_ctx)
        if isinstance(tool, Tool)
        else described_function(name, tool)
        for name, tool in by_name(tools, Tool).items()
    )


def _plain(tool: Any, ctx: RunContext[Any], loop: asyncio.AbstractEventLoop) -> Callable[..., Any]:
    function = tool.function if isinstance(tool, Tool) else tool
    if isinstance(tool, Tool) and tool.takes_ctx:
        function = functools.partial(function, ctx)
    if not inspect.iscoroutinefunction(tool.function if isinstance(tool, Tool) else tool):
        return function

    def call(*args: Any, **kwargs: Any) -> Any:
        return wait_for(function(*args, **kwargs), loop)

    return call
