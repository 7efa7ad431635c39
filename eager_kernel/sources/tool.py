"""The tool by which a model may answer: ``run_python(code)``.

With ``Options.extra["tool"]`` true, a source offers this tool and asks the model to call it. The
answer is then the call's arguments as the model writes them, a JSON object whose field ``code``
is the program: the kernel's format ``json``. Text beside the call is no part of it, and with the
end of the first call the answer ends.
"""

from __future__ import annotations

from typing import Any, Final

from eager_kernel.errors import SourceError
from eager_kernel.sources.source import Options

NAME: Final = "run_python"
DESCRIPTION: Final = (
    "Run a Python program in the user's Jupyter kernel. Each of its top-level statements runs as "
    "soon as it is written."
)
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"code": {"type": "string", "description": "The program."}},
    "required": ["code"],
}


def wanted(options: Options) -> bool:
    """Tell whether the model is to answer by the tool."""
    return bool(options.extra.get("tool", False))


def other_extras(options: Options) -> dict[str, Any]:
    """Return what options hold for the provider alone."""
    return {name: value for name, value in options.extra.items() if name != "tool"}


def not_called(text: str) -> SourceError:
    """Make the error for an answer without a call."""
    said = f" It said: {text[:200]!r}" if text.strip() else ""
    return SourceError(
        f"the model did not call the tool {NAME}: ask again, or do without the tool.{said}"
    )


def check_name(name: str | None) -> None:
    """Refuse a call of a tool that was not offered.

    Raises
    ------
    SourceError
        It is another one.
    """
    if name not in (None, "", NAME):
        raise SourceError(
            f"the model called a tool {name!r} that it was not offered: ask again, or do without "
            "the tool"
        )
