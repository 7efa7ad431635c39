"""Functions of a client's process that programs of the kernel can call.

The client has a cell call `bind`. A call goes out as a message on a comm of the client's, and what
it gives comes back on it: off the shell channel, as the main thread is waiting.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from itertools import count
from typing import Any, Final

from IPython.core.getipython import get_ipython

from eager_kernel.core.chunk import Chunk
from eager_kernel.core.gate import Rule, Verdict
from eager_kernel.errors import EagerError
from eager_kernel.protocol.calls import CallContent, DropContent, HostedFunction, custom
from eager_kernel.widget.channels import CHANNELS

EVENT: Final = "eager_kernel.call"
"""The audit event of a call that may change something."""


def bind(comm_id: str, functions: list[HostedFunction]) -> None:
    """Give the user's programs functions of a client.

    Parameters
    ----------
    comm_id
        The client's comm, for calls and what they give. It replaces what the client gave before.
    functions
        Of each, its ``name``, its ``doc``, whether it has ``effects``, and whether it ``is_async``.

    Raises
    ------
    EagerError
        The kernel is another one, which hears nothing while it runs a program.
    """
    shell: Any = get_ipython()
    if not hasattr(shell.kernel, "ingress"):
        raise EagerError("programs of this kernel can't call functions of its clients")
    calls = Calls(comm_id, shell.kernel)
    CHANNELS.add(comm_id, calls.take)
    for function in functions:
        name = function["name"]
        shell.user_ns[name] = _make(calls, **function)
        _effectful.discard(name)
        if function["effects"]:
            _effectful.add(name)


def rule_for_hosted() -> Rule | None:
    """A rule for gates that know names alone; None where no client has given a function."""
    names = frozenset(_effectful)

    def judge(chunk: Chunk) -> Verdict | None:
        try:
            tree = ast.parse(chunk.source)
        except SyntaxError:  # a magic, which is held by itself
            return None
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in names:
                reason = f"{node.id} is a function of the client's, which may change something"
                line = chunk.first_line + node.lineno - 1
                return Verdict("hold", "external-effect", reason, line)
        return None

    return judge if names else None


class Calls:
    """Calls of one client's functions that have not come back.

    Parameters
    ----------
    comm_id
        The client's comm.
    kernel
        Sends what is to be sent.
    """

    def __init__(self, comm_id: str, kernel: Any) -> None:
        self._comm_id = comm_id
        self._kernel = kernel
        self._numbers = count(1)
        self._open: dict[int, Future[Any]] = {}

    def begin(self, name: str, arguments: str) -> tuple[int, Future[Any]]:
        """Call a function of the client's; `arguments` is JSON."""
        number = next(self._numbers)
        future: Future[Any] = Future()
        self._open[number] = future
        self._send(CallContent(type="call", number=number, name=name, arguments=arguments))
        return number, future

    def drop(self, number: int) -> None:
        """Tell the client that nobody waits any more."""
        if self._open.pop(number, None) is not None:
            self._send(DropContent(type="drop", number=number))

    def take(self, answer: dict[str, Any]) -> None:
        """Take what a call has given; on the shell channel's thread."""
        future = self._open.pop(answer.get("number", 0), None)
        if future is None:
            return  # nobody waits for it any more
        error = answer.get("error")
        if error is None:
            future.set_result(answer.get("value", "null"))
        else:
            future.set_exception(_error(str(error["ename"]), str(error["evalue"])))

    def _send(self, content: CallContent | DropContent) -> None:
        kernel = self._kernel
        kernel.session.send(
            kernel.iopub_socket,
            "comm_msg",
            {"comm_id": self._comm_id, "data": custom(content)},
            parent=kernel.get_parent(),
            ident=f"comm-{self._comm_id}".encode(),
        )


def _make(
    calls: Calls, *, name: str, doc: str, effects: bool, is_async: bool
) -> Callable[..., Any]:
    def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, Future[Any]]:
        __tracebackhide__ = True
        arguments = _encode(name, args, kwargs)
        if effects:
            sys.audit(EVENT, name)
        return calls.begin(name, arguments)

    def function(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        number, future = begin(args, kwargs)
        try:
            _wait(future)
        finally:
            calls.drop(number)
        if (error := future.exception()) is not None:
            raise error
        return json.loads(future.result())

    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        number, future = begin(args, kwargs)
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(done.set))
        try:
            await done.wait()
        finally:
            calls.drop(number)
        if (error := future.exception()) is not None:
            raise error
        return json.loads(future.result())

    made: Any = coroutine if is_async else function
    made.__name__ = made.__qualname__ = name
    made.__doc__ = doc
    made.__module__ = "__main__"
    return made  # type: ignore[no-any-return]


def _wait(future: Future[Any]) -> None:
    """Wait for what a call gives; an interrupt ends the wait, also on Windows."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    while not done.wait(_UNTIL_SIGNALS):
        pass


def _encode(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    __tracebackhide__ = True
    try:
        return json.dumps([args, kwargs], default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"{name}() is called in another process: its arguments must be text, numbers, lists "
            f"and dicts ({error})"
        ) from None


def _plain(value: Any) -> Any:
    """Numbers and arrays of numpy's, and what is like them, as lists and numbers."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is none of these")


def _error(name: str, message: str) -> Exception:
    """An exception of a type's name: the built-in one, or one that is made for it."""
    known = getattr(builtins, name, None)
    if isinstance(known, type) and issubclass(known, Exception):
        try:
            return known(message)
        except TypeError:  # it wants more, as UnicodeDecodeError does
            known = None
    made: type[Exception] = type(name, (RuntimeError,), {"__module__": "__main__"})
    return made(message)


_effectful: Final[set[str]] = set()
_UNTIL_SIGNALS: Final = 0.5
