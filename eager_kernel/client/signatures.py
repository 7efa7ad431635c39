"""Signatures of functions of this process, as a model is told of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of a function, its annotations as values where they have any.

    Raises
    ------
    TypeError, ValueError
        It has none that can be found, as some functions that are written in C.
    """
    try:
        return inspect.signature(function, eval_str=True)
    except NameError:  # annotations that are there for a type checker alone
        return inspect.signature(function)
