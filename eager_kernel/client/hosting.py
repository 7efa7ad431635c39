"""Functions of this process that programs in the kernel can call."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from eager_kernel.client.heard import UnfitError
from eager_kernel.client.signatures import signature_of
from eager_kernel.protocol.calls import (
    AnswerContent,
    HostedFunction,
    RaisedContent,
    bind_code,
    custom,
)

Send = Callable[[dict[str, Any]], None]
"""Sends data on the client's own comm."""


@dataclass(frozen=True, slots=True)
class HostFunction:
    """A function that programs may call.

    Parameters
    ----------
    call
        The function. A plain one is called in a thread.
    name
        What programs call it.
    effects
        Whether it may change something.
    """

    call: Callable[..., Any]
    name: str
    effects: bool

    @property
    def is_async(self) -> bool:
        """Whether programs have to await it."""
        return inspect.iscoroutinefunction(self.call)

    def to_dict(self) -> HostedFunction:
        """What the kernel is told of it."""
        doc = inspect.getdoc(self.call) or ""
        return HostedFunction(name=self.name, doc=doc, effects=self.effects, is_async=self.is_async)


def describe(functions: Iterable[HostFunction]) -> str:
    """Tell a model which functions its programs may call; empty where there are none."""
    heads = []
    for function in functions:
        try:
            signature = str(signature_of(function.call))
        except (TypeError, ValueError):  # of some that are written in C
            signature = "(...)"
        head = f"{'async def' if function.is_async else 'def'} {function.name}{signature}"
        doc = inspect.getdoc(function.call) or ""
        heads.append("\n".join([head, *(f"    {line}".rstrip() for line in doc.splitlines())]))
    if not heads:
        return ""
    listed = "\n\n".join(heads)
    return f"Your programs can call these functions, which are defined already:\n\n{listed}"


class Hosting:
    """The functions of one client, and the calls of them that have not ended."""

    def __init__(self) -> None:
        self.comm_id = uuid4().hex
        self._functions: dict[str, HostFunction] = {}
        self._calls: dict[int, asyncio.Task[None]] = {}
        self.is_bound = True
        """Whether the kernel knows them all."""

    def add(self, function: HostFunction) -> None:
        """Take another one; the kernel is to be told.

        Raises
        ------
        ValueError
            Its name is no name.
        """
        if not function.name.isidentifier():
            raise ValueError(
                f"{function.name!r} is no name that a program could call: give one with name="
            )
        self._functions[function.name] = function
        self.is_bound = False

    @property
    def functions(self) -> tuple[HostFunction, ...]:
        """All of them, in the order in which they came."""
        return tuple(self._functions.values())

    def forget_binding(self) -> None:
        """The kernel has forgotten them."""
        self.is_bound = not self._functions

    @property
    def binding(self) -> str:
        """The cell that tells the kernel."""
        functions = [function.to_dict() for function in self._functions.values()]
        return bind_code(self.comm_id, functions)

    def take(self, data: object, send: Send) -> None:
        """Take a call, or the end of waiting for one.

        Parameters
        ----------
        data
            As it came on the comm.
        send
            Sends the answer.

        Raises
        ------
        UnfitError
            It is neither.
        """
        content = data.get("content") if isinstance(data, dict) else None
        if not isinstance(content, dict) or type(number := content.get("number")) is not int:
            raise UnfitError("data.content: must be a call of a function, with its number")
        match content.get("type"):
            case "call":
                self._begin(number, content.get("name"), content.get("arguments"), send)
            case "drop":
                if (task := self._calls.pop(number, None)) is not None:
                    task.cancel()
            case _:
                raise UnfitError("data.content.type: must be call or drop")

    def _begin(self, number: int, name: object, arguments: object, send: Send) -> None:
        function = self._functions.get(name) if isinstance(name, str) else None
        if function is None:
            raise UnfitError("data.content.name: must be that of a function that was exposed")
        try:
            args, kwargs = json.loads(arguments)  # type: ignore[arg-type]
            fits = isinstance(args, list) and isinstance(kwargs, dict)
        except (TypeError, ValueError, RecursionError):
            fits = False
        if not fits:
            raise UnfitError("data.content.arguments: must be a list and an object, as JSON")
        if number in self._calls or len(self._calls) >= _MOST:
            raise UnfitError("there are more calls at once than a program may make")
        task = asyncio.create_task(self._answer(number, function, args, kwargs, send))
        self._calls[number] = task

    async def _answer(
        self, number: int, function: HostFunction, args: Any, kwargs: Any, send: Send
    ) -> None:
        answer = AnswerContent(number=number)
        try:
            if function.is_async:
                value = await function.call(*args, **kwargs)
            else:
                value = await asyncio.to_thread(function.call, *args, **kwargs)
            answer["value"] = _encode(function.name, value)
        except Exception as error:  # noqa: BLE001 - the program's to handle
            answer["error"] = RaisedContent(ename=type(error).__name__, evalue=_message(error))
        finally:
            self._calls.pop(number, None)
        send(custom(answer))

    def cancel(self) -> None:
        """End all calls: the run has ended."""
        for task in self._calls.values():
            task.cancel()
        self._calls.clear()


def _message(error: Exception) -> str:
    """Give what to make such an exception of. The text of a `KeyError` is in quotes already."""
    if type(error) is KeyError and len(error.args) == 1 and isinstance(error.args[0], str):
        return error.args[0]
    return str(error)


def _encode(name: str, value: Any) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"{name}() gave what can't be sent to a kernel: it may give text, numbers, lists and "
            f"dicts ({error})"
        ) from None


_MOST: Final = 1_000
