"""What a model is told of its kernel, in every framework."""

from __future__ import annotations

from typing import Final

DESCRIPTION: Final = (
    "Run Python code in a live IPython kernel. Names stay for the next call. Returns what it "
    "prints and shows, and the value of the last expression."
)
"""Of the tool that takes the code."""


def instructions(tool_name: str, said: str | None = None, functions: str = "") -> str:
    """Write what belongs into a system prompt.

    Parameters
    ----------
    tool_name
        What the model calls.
    said
        What to say; None: a few sentences.
    functions
        The functions that programs may call, as they would be defined; empty: there are none.
    """
    if said is None:
        said = _INSTRUCTIONS.format(tool_name=tool_name)
    return f"{said}\n\nThe code can call these functions:\n\n{functions}" if functions else said


_INSTRUCTIONS: Final = (
    "The tool `{tool_name}` runs Python code in a live IPython kernel, statement by statement "
    "while you write it. Variables, imports and definitions stay from call to call. If a statement "
    "fails, you are stopped there: everything before it has run and need not be run again, so go "
    "on from the statement that failed."
)
