"""Calls of functions that live in a client's process. They come as custom messages of widgets."""

from __future__ import annotations

import json
from typing import Literal, NotRequired, TypedDict

from eager_kernel.protocol.from_kernel import Fields


class HostedFunction(TypedDict):
    """A function that programs may call, as its client tells the kernel of it.

    Attributes
    ----------
    doc
        Its docstring.
    effects
        Whether it may change something, so that a call waits as any effect does.
    is_async
        Whether programs have to await it.
    """

    name: str
    doc: str
    effects: bool
    is_async: bool


class CallContent(TypedDict):
    """kernel → client: call a function.

    Attributes
    ----------
    number
        Of the call, from 1.
    arguments
        JSON: a list of the positional ones, and the object of the named ones.
    """

    type: Literal["call"]
    number: int
    name: str
    arguments: str


class DropContent(TypedDict):
    """kernel → client: nobody waits for a call any more."""

    type: Literal["drop"]
    number: int


class RaisedContent(TypedDict):
    """The exception that a call has raised: the name of its type, and what it says."""

    ename: str
    evalue: str


class AnswerContent(TypedDict):
    """client → kernel: what a call has given.

    Attributes
    ----------
    value
        As JSON.
    error
        In its place, what the call has raised.
    """

    number: int
    value: NotRequired[str]
    error: NotRequired[RaisedContent]


def bind_code(comm_id: str, functions: list[HostedFunction]) -> str:
    """The code of a cell by which a kernel learns what a client's functions are.

    Parameters
    ----------
    comm_id
        The comm on which calls go out, and what they give comes back.
    functions
        All of them.
    """
    return (
        '__import__("eager_kernel.kernel.hosted", fromlist=["bind"]).bind('
        f'"{comm_id}", __import__("json").loads({json.dumps(functions)!r}))'
    )


def custom(content: object) -> Fields:
    """The data of a message that brings `content`."""
    return {"method": "custom", "content": content}
