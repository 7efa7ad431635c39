"""Functions and tools of LangChain, as a program in the kernel calls them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from eager_kernel.agents._schemas import named
from eager_kernel.agents._session import Session
from eager_kernel.agents._signatures import describe_all
from eager_kernel.agents._tools import by_name, wait_for


def check(tools: Sequence[Any]) -> None:
    """See that programs can call these tools.

    Raises
    ------
    TypeError
        One is neither a function nor a tool.
    ValueError
        One takes what only the agent's graph can give.
    """
    for tool in tools:
        if isinstance(tool, BaseTool):
            given = set(tool.get_input_schema().model_fields) - set(_schema(tool)["properties"])
            if given:
                raise ValueError(
                    f"the tool {tool.name!r} takes {', '.join(sorted(given))}, which the agent's "
                    "graph gives to calls of the model alone: give it to the agent, not to its "
                    "programs"
                )
        elif not callable(tool):
            raise TypeError(f"{tool!r}: tools of programs are functions, or tools of LangChain")


def describe(tools: Sequence[Any]) -> str:
    """Write signatures and docstrings, for the model."""
    return describe_all(tools, BaseTool, _schema)


def plain_functions(
    tools: Sequence[Any], session: Callable[[], Session]
) -> dict[str, Callable[..., Any]]:
    """Give what to call for each tool, by name.

    What is asynchronous runs on the loop of the agent's run, if there is one. Tools get the run's
    config.

    Parameters
    ----------
    tools
        The tools.
    session
        Gives where the program runs that calls them.
    """
    return {name: _plain(tool, session) for name, tool in by_name(tools, BaseTool).items()}


def _schema(tool: BaseTool) -> dict[str, Any]:
    """Describe the arguments that a caller gives: what the graph injects is not among them."""
    parameters: dict[str, Any] = convert_to_openai_tool(tool)["function"]["parameters"]
    return {"properties": {}, **parameters}


def _plain(tool: Any, session: Callable[[], Session]) -> Callable[..., Any]:
    if not isinstance(tool, BaseTool):
        if not inspect.iscoroutinefunction(tool):
            return tool
        return lambda *args, **kwargs: wait_for(tool(*args, **kwargs), session().loop)
    schema = _schema(tool)
    # A tool of one function alone has that under this name, if it is asynchronous.
    is_async = getattr(tool, "coroutine", None) is not None

    def call(*args: Any, **kwargs: Any) -> Any:
        given = named(tool.name, schema, args, kwargs)
        now = session()
        if is_async:
            return wait_for(tool.ainvoke(given, now.context), now.loop)
        return tool.invoke(given, now.context)

    return call
