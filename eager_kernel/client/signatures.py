"""What a model is told of a function's parameters."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable
from typing import Any


def signature_of(function: Callable[..., Any], *, skip: int = 0) -> inspect.Signature:
    """A function's signature, whose text has no annotation in quotes.

    An annotation is evaluated if it can be; if not, as where its names are there for a type checker
    alone, it is as it was written.

    Parameters
    ----------
    function
        The function.
    skip
        Of the first parameters, how many callers don't give.

    Raises
    ------
    TypeError, ValueError
        It has none, as some that are written in C.
    """
    try:
        signature = inspect.signature(function, eval_str=True)
    except (ArithmeticError, AttributeError, LookupError, NameError, SyntaxError, TypeError):
        signature = _as_it_stands(function)
    parameters = [
        one.replace(annotation=_unquoted(one.annotation)) for one in signature.parameters.values()
    ]
    returned = _unquoted(signature.return_annotation)
    return signature.replace(parameters=parameters[skip:], return_annotation=returned)


def _as_it_stands(function: Callable[..., Any]) -> inspect.Signature:
    if sys.version_info >= (3, 14):  # where annotations are evaluated when they are asked for
        from annotationlib import Format  # noqa: PLC0415

        return inspect.signature(function, annotation_format=Format.STRING)
    return inspect.signature(function)


class _Written:
    """An annotation that stands in a signature's text as it was written."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _unquoted(annotation: Any) -> Any:
    if not isinstance(annotation, str):
        return annotation
    text = " ".join(annotation.split())
    try:
        inner = ast.literal_eval(text)  # in quotes, in a module whose annotations are all text
    except (ValueError, SyntaxError):
        inner = None
    return _Written(inner if isinstance(inner, str) else text)
