"""Functions of the agent's process, as a program in the kernel sees them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from eager_kernel.agents._schemas import with_docstring


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
    signature = _signature(function)
    parameters = list(signature.parameters.values())[skip:]
    head = f"def {name}{signature.replace(parameters=parameters)}:"
    return with_docstring(head, said or inspect.getdoc(function) or "")


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function, eval_str=True)
    except NameError:  # annotations that are there for a type checker alone
        return inspect.signature(function)
