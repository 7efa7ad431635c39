"""Functions and tools of LangChain, as a program in the kernel calls them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from eager_kernel.agents._schemas import described, named
from eager_kernel.agents._session import Session
from eager_kernel.agents._signatures import described_function


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
    return "\n\n".join(
        described(name, _schema(tool), tool.description)
        if isinstance(tool, BaseTool)
        else described_function(name, tool)
        for name, tool in _named(tools).items()
    )


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
    return {name: _plain(tool, session) for name, tool in _named(tools).items()}


def _schema(tool: BaseTool) -> dict[str, Any]:
    """Describe the arguments that a caller gives: what the graph injects is not among them."""
    parameters: dict[str, Any] = convert_to_openai_tool(tool)["function"]["parameters"]
    return {"properties": {}, **parameters}


def _named(tools: Sequence[Any]) -> dict[str, Any]:
    return {t.name if isinstance(t, BaseTool) else t.__name__: t for t in tools}


def _plain(tool: Any, session: Callable[[], Session]) -> Callable[..., Any]:
    if not isinstance(tool, BaseTool):
        if not inspect.iscoroutinefunction(tool):
            return tool
        return lambda *args, **kwargs: _wait(tool(*args, **kwargs), session())
    schema = _schema(tool)
    # A tool of one function alone has that under this name, if it is asynchronous.
    is_async = getattr(tool, "coroutine", None) is not None

    def call(*args: Any, **kwargs: Any) -> Any:
        given = named(tool.name, schema, args, kwargs)
        now = session()
        if is_async:
            return _wait(tool.ainvoke(given, now.context), now)
        return tool.invoke(given, now.context)

    return call


def _wait(work: Coroutine[Any, Any, Any], session: Session) -> Any:
    if session.loop is None:
        return asyncio.run(work)
    return asyncio.run_coroutine_threadsafe(work, session.loop).result()
