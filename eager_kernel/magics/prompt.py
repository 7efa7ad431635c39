"""Values of the notebook in a prompt: ``{name}``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from eager_kernel.core.conversation.told import shortened
from eager_kernel.errors import PromptError


def fill(prompt: str, namespace: Mapping[str, Any], show: Callable[[Any], str]) -> str:
    """Put values in the place of ``{name}``.

    A name may be followed by attributes and subscripts, ``{df.columns}``, ``{rows[0]}``;
    nothing is called. ``{{`` and ``}}`` around a name stand for single braces. Other braces,
    as in JSON, stay as they are.

    Parameters
    ----------
    prompt
        The text.
    namespace
        The values.
    show
        Makes text of a value that is none.

    Raises
    ------
    PromptError
        A name has no value; says which and what to do.
    """

    def value_of(match: re.Match[str]) -> str:
        if match["doubled"]:
            return match["doubled"][1:-1]
        name, path = match["name"], match["path"]
        if name not in namespace:
            raise PromptError(
                f"the prompt's {{{name}}} has no value in this notebook: define {name}, or write "
                f"{{{{{name}}}}} for the text itself"
            )
        value = namespace[name]
        try:
            for step in _STEP.finditer(path):
                value = _take(value, step)
            text = value if isinstance(value, str) else show(value)
        except Exception as error:  # a value's own code
            raise PromptError(
                f"the prompt's {{{name}{path}}} can't be read: {type(error).__name__}: "
                f"{_text_of(error)}"
            ) from error
        return shortened(text, _LONGEST_VALUE)

    return _FIELD.sub(value_of, prompt)


def _take(value: Any, step: re.Match[str]) -> Any:
    if step["attribute"]:
        return getattr(value, step["attribute"])
    key = step["key"]
    if _QUOTED.fullmatch(key):
        return value[key[1:-1]]
    return value[int(key)]


def _text_of(error: Exception) -> str:
    try:
        return shortened(str(error), 500)
    except Exception:  # noqa: BLE001 - the value's own too
        return "its message can't be read either"


_PATH: Final = r"""(?:\.[^\W\d]\w*|\[(?:-?\d+|'[^'\]\n]*'|"[^"\]\n]*")\])*"""
_FIELD: Final = re.compile(
    rf"(?P<doubled>\{{\{{[^\W\d]\w*{_PATH}\}}\}})|\{{(?P<name>[^\W\d]\w*)(?P<path>{_PATH})\}}"
)
_STEP: Final = re.compile(r"\.(?P<attribute>\w+)|\[(?P<key>[^\]]*)\]")
_QUOTED: Final = re.compile(r"'.*'|\".*\"")
_LONGEST_VALUE: Final = 8_000
