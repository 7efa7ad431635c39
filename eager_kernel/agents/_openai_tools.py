"""Functions and tools of the OpenAI Agents SDK, as a program in the kernel calls them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from agents import FunctionTool
from agents.run_context import RunContextWrapper
from agents.tool_context import ToolContext

from eager_kernel.agents._schemas import named
from eager_kernel.agents._session import Session
from eager_kernel.agents._signatures import describe_all
from eager_kernel.agents._tools import by_name, wait_for


def check(tools: Sequence[Any]) -> None:
    """See that programs can call these tools.

    Raises
    ------
    TypeError
        One is neither a function nor a function tool.
    ValueError
        One is to be approved or guarded, which is done for calls of the model alone.
    """
    for tool in tools:
        if not isinstance(tool, FunctionTool):
            if not callable(tool):
                raise TypeError(f"{tool!r}: tools of programs are functions, or function tools")
        elif getattr(tool, "needs_approval", False) or getattr(tool, "tool_input_guardrails", None):
            raise ValueError(
                f"the tool {tool.name!r} is to be approved or guarded, which the SDK does for "
                "calls of the model alone: give it to the agent, not to its programs"
            )


def describe(tools: Sequence[Any]) -> str:
    """Write signatures and docstrings, for the model."""
    return describe_all(tools, FunctionTool, lambda tool: tool.params_json_schema)


def plain_functions(
    tools: Sequence[Any], session: Callable[[], Session]
) -> dict[str, Callable[..., Any]]:
    """Give what to call for each tool, by name.

    A function tool, and an asynchronous function, run on the loop of the agent's run; a function
    tool gets the run's context.

    Parameters
    ----------
    tools
        The tools.
    session
        Gives where the program runs that calls them.
    """
    return {name: _plain(tool, session) for name, tool in by_name(tools, FunctionTool).items()}


def _plain(tool: Any, session: Callable[[], Session]) -> Callable[..., Any]:
    if not isinstance(tool, FunctionTool) and not inspect.iscoroutinefunction(tool):
        return tool

    def call(*args: Any, **kwargs: Any) -> Any:
        now = session()
        assert now.loop is not None
        if isinstance(tool, FunctionTool):
            work = _invoke(tool, now.context, args, kwargs)
        else:
            work = tool(*args, **kwargs)
        return wait_for(work, now.loop)

    return call


async def _invoke(
    tool: FunctionTool,
    of_run: RunContextWrapper[Any] | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    text = json.dumps(named(tool.name, tool.params_json_schema, args, kwargs))
    context = ToolContext(
        context=None if of_run is None else of_run.context,
        tool_name=tool.name,
        tool_call_id=f"call_{uuid4().hex}",
        tool_arguments=text,
    )
    if of_run is not None:
        context.usage = of_run.usage
    given = await tool.on_invoke_tool(context, text)
    return given.model_dump() if hasattr(given, "model_dump") else given
