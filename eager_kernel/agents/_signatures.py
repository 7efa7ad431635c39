"""Functions of the agent's process, as a program in the kernel sees them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eager_kernel.agents._schemas import described, with_docstring
from eager_kernel.agents._tools import by_name
from eager_kernel.client.signatures import signature_of


def described_function(
    name: str, function: Callable[..., Any], said: str | None = None, *, skip: int = 0
) -> str:
    """Write a function's signature and docstring, for the model.

    Parameters
    ----------
    name
        What programs call.
    function
        The function.
    said
        What to say of it; None: its docstring.
    skip
        Of the first parameters, how many programs don't give.
    """
    head = f"def {name}{signature_of(function, skip=skip)}:"
    return with_docstring(head, said or inspect.getdoc(function) or "")


def describe_all(
    tools: Sequence[Any], kind: type[Any], schema: Callable[[Any], Mapping[str, Any]]
) -> str:
    """Write signatures and docstrings of functions, and of tools with a schema, for the model.

    Parameters
    ----------
    tools
        The functions and tools.
    kind
        The framework's class of tools.
    schema
        Gives the JSON schema of a tool's arguments.
    """
    return "\n\n".join(
        described(name, schema(tool), tool.description)
        if isinstance(tool, kind)
        else described_function(name, tool)
        for name, tool in by_name(tools, kind).items()
    )
