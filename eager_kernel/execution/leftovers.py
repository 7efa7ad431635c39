"""What a program has left behind that runs later, taken back when the program turns out to be none.

A stock cell that does not parse has registered nothing. Ours may have run, so where its program is
refused, what it has put into the shell's and the interpreter's hooks is taken out again. Hooks of
libraries stay, as they were set up for the user's next cells too, and what is not known here is
held at its effects (`eager_kernel.execution.hook`).
"""

from __future__ import annotations

import ast
import asyncio
import atexit
import builtins
import gc
import io
import json
import linecache
import logging
import os
import re
import signal
import sys
import threading
import time
import traceback
import types
import weakref
from asyncio import AbstractEventLoop, Handle, Task, all_tasks
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from contextvars import Context, Token, copy_context
from dataclasses import dataclass
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final

from eager_kernel.execution.callers import is_of_library


class Leftovers:
    """Remembers the hooks there are, to take out later what a program has added.

    Parameters
    ----------
    shell
        The IPython shell.
    loop
        The event loop that the program runs on.
    """

    def __init__(self, shell: Any, loop: AbstractEventLoop) -> None:
        self._shell = shell
        self._loop = loop
        self._modules = [_Names(*each) for each in _MODULES]
        self._owners = [_Own(each) for each in _owners(shell, loop)]
        self._lists = [(each, list(each)) for each in _lists(shell)]
        self._tables = [(each, dict(each)) for each in _tables(shell)]
        self._signals = {number: signal.getsignal(number) for number in _SIGNALS}
        self._finalizers = set(_finalizers())
        # At the end of the process, what was registered last comes first.
        self._until_exit = _AtExit()
        atexit.register(self._until_exit.end)
        self._at_exit = atexit._ncallbacks()
        self._pending = {id(handle): weakref.ref(handle) for handle in _handles(loop)}
        self._tasks = weakref.WeakSet(all_tasks(loop))

    def take_back(self, mark: Callable[[], Token[Any]]) -> None:
        """Take out what is new.

        Parameters
        ----------
        mark
            Marks the context in which it is called as the program's. What is left there, as a
            timer, runs and has no effects.
        """
        for names in self._modules:
            names.put_back()
        for own in self._owners:
            own.put_back()
        for entries, before in self._lists:
            _without_new(entries, before)
        for table, known in self._tables:
            _without_changes(table, known)
        for number, handler in self._signals.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        for finalizer in set(_finalizers()) - self._finalizers:
            info = weakref.finalize._registry.get(finalizer)  # type: ignore[attr-defined]
            if info is not None:
                info.func = _Marked(mark, info.func)
        if atexit._ncallbacks() != self._at_exit:
            self._until_exit.mark = mark
            atexit.register(self._until_exit.begin)
        else:
            self.forget()
        self._mark_what_waits(mark)

    def forget(self) -> None:
        """The program may leave what it likes."""
        atexit.unregister(self._until_exit.end)

    def _mark_what_waits(self, mark: Callable[[], Token[Any]]) -> None:
        contexts = [
            handle._context
            for handle in _handles(self._loop)
            if (known := self._pending.get(id(handle))) is None or known() is not handle
        ]
        for task in all_tasks(self._loop):
            if task not in self._tasks:
                contexts += _contexts_of(task)
        for context in contexts:
            with suppress(RuntimeError):  # it is the one that runs here
                context.run(mark)


# What is put back whatever it was, and what only where it is the program's -----------------------


class _Names:
    """Names of a module that a program has no reason to leave changed.

    Parameters
    ----------
    module
        The module.
    names
        Which of its names; none: all of them.
    """

    def __init__(self, module: ModuleType, names: tuple[str, ...]) -> None:
        self._space = vars(module)
        known = names or tuple(self._space)
        self._before = {name: self._space.get(name, _ABSENT) for name in known}

    def put_back(self) -> None:
        """Give the names the values that they had."""
        for name, value in self._before.items():
            if self._space.get(name, _ABSENT) is not value:
                if value is _ABSENT:
                    del self._space[name]
                else:
                    self._space[name] = value


class _Own:
    """Attributes of an object, a class or a module, which may be functions of the program's."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner
        self._before = dict(vars(owner))

    def put_back(self) -> None:
        """Take out functions of the program's."""
        for name, value in list(vars(self._owner).items()):
            before = self._before.get(name, _ABSENT)
            if value is before or not callable(value) or _is_of_library(value):
                continue
            if before is _ABSENT:
                delattr(self._owner, name)
            else:
                setattr(self._owner, name, before)


def _without_new(entries: list[Any], before: list[Any]) -> None:
    known = {id(entry) for entry in before}
    entries[:] = [each for each in entries if id(each) in known or _is_of_library(each)]


def _without_changes(table: dict[Any, Any], known: dict[Any, Any]) -> None:
    for key, value in list(table.items()):
        before = known.get(key, _ABSENT)
        if value is before or _is_of_library(value):
            continue
        if before is _ABSENT:
            del table[key]
        else:
            table[key] = before


def _is_of_library(value: Any) -> bool:
    """Whether a function, or what an object does, is written in a library.

    What is made of a library's function and values of the program's is the program's: a
    `functools.partial`, a method of a `pathlib.Path`. So is a function in C.
    """
    kind = type(value)  # not what it says itself: a dead `weakref.proxy` raises
    if kind is MethodType:
        owner = type(value.__self__)
        if not issubclass(owner, type) and _is_plain(owner):
            return False
        value = value.__func__
        kind = type(value)
    if kind is FunctionType:
        return is_of_library(value.__code__)
    if issubclass(kind, type):
        return _is_library_class(value)
    return not _is_plain(kind) and _is_library_class(kind)


def _is_plain(cls: type) -> bool:
    """Whether it is of the standard library, whose objects do what they are made for by anybody."""
    return cls.__module__.partition(".")[0] in sys.stdlib_module_names


def _is_library_class(cls: type) -> bool:
    if cls.__module__ in sys.stdlib_module_names:
        return True
    codes = (each.__code__ for each in vars(cls).values() if isinstance(each, FunctionType))
    return cls.__module__ != "__main__" and all(map(is_of_library, codes))


# Where hooks are --------------------------------------------------------------------------------


def _owners(shell: Any, loop: AbstractEventLoop) -> Iterator[Any]:
    kernel = getattr(shell, "kernel", None)
    objects = (
        shell,
        shell.events,
        shell.displayhook,
        shell.display_pub,
        shell.display_formatter,
        shell.history_manager,
        shell.input_transformer_manager,
        shell.compile,
        shell.InteractiveTB,
        shell.SyntaxTB,
        kernel,
        getattr(kernel, "comm_manager", None),
        getattr(kernel, "session", None),
        loop,
    )
    yield from (each for each in objects if hasattr(each, "__dict__"))
    classes = {cls: None for each in objects for cls in type(each).__mro__}
    yield from (cls for cls in classes if cls.__module__.partition(".")[0] in _KERNELS)
    yield from _USED


def _lists(shell: Any) -> Iterator[list[Any]]:
    manager = shell.input_transformer_manager
    lists: Iterable[Any] = (
        gc.callbacks,
        sys.meta_path,
        sys.path_hooks,
        manager.cleanup_transforms,
        manager.line_transforms,
        manager.token_transformers,
        shell.input_transformers_post,
        shell.ast_transformers,
        *shell.events.callbacks.values(),
        *(each for log in _loggers() for each in (log.handlers, log.filters)),
    )
    yield from (each for each in lists if isinstance(each, list))


def _loggers() -> Iterator[logging.Logger]:
    """What logs, the kernel's own included."""
    yield logging.root
    known = list(logging.root.manager.loggerDict.values())
    yield from (each for each in known if isinstance(each, logging.Logger))


def _tables(shell: Any) -> Iterator[dict[Any, Any]]:
    formatter, kernel = shell.display_formatter, getattr(shell, "kernel", None)
    for each in (
        *formatter.formatters.values(),
        formatter.ipython_display_formatter,
        formatter.mimebundle_formatter,
    ):
        yield from (each.type_printers, each.singleton_printers, each.deferred_printers)
    if kernel is not None:
        yield from (kernel.shell_handlers, kernel.control_handlers)
        targets = getattr(getattr(kernel, "comm_manager", None), "targets", None)
        if isinstance(targets, dict):
            yield targets


def _finalizers() -> Iterator[Any]:
    yield from list(weakref.finalize._registry)  # type: ignore[attr-defined]


def _handles(loop: AbstractEventLoop) -> Iterator[Any]:
    """What waits for its turn on the loop, or for its time."""
    yield from list(getattr(loop, "_ready", ()))
    yield from list(getattr(loop, "_scheduled", ()))
    selector = getattr(loop, "_selector", None)
    for key in list(selector.get_map().values()) if selector is not None else ():
        if isinstance(key.data, tuple):
            yield from (handle for handle in key.data if isinstance(handle, Handle))


def _contexts_of(task: Task[Any]) -> Iterator[Context]:
    if hasattr(task, "get_context"):  # Python 3.12
        context = task.get_context()
        if context is not None:
            yield context
        return
    # What it waits for will call it in its context.
    waiter = getattr(task, "_fut_waiter", None)
    for callback in getattr(waiter, "_callbacks", None) or ():
        if isinstance(callback, tuple) and isinstance(callback[-1], Context):
            yield callback[-1]


@dataclass(slots=True)
class _Marked:
    """A function whose calls are marked as the program's."""

    mark: Callable[[], Token[Any]]
    function: Callable[..., Any]

    def __call__(self, *given: Any, **named: Any) -> Any:
        return copy_context().run(self._call, given, named)

    def _call(self, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        self.mark()
        return self.function(*given, **named)


class _AtExit:
    """Marks what `atexit` calls between two calls of its own."""

    mark: Callable[[], Token[Any]] | None = None
    _token: Token[Any] | None = None

    def begin(self) -> None:
        """What the program has registered comes."""
        self._token = self.mark() if self.mark is not None else None

    def end(self) -> None:
        """What was registered before the program comes."""
        if self._token is not None:
            self._token.var.reset(self._token)
            self._token = None


_KERNELS: Final = frozenset({"IPython", "asyncio", "comm", "eager_kernel", "ipykernel"})
_USED: Final = (ast, asyncio, io, json, linecache, os, re, threading, time, traceback, types)
_ABSENT: Final = object()
_MODULES: Final[tuple[tuple[ModuleType, tuple[str, ...]], ...]] = (
    (builtins, ()),
    (
        sys,
        (
            "stdout",
            "stderr",
            "stdin",
            "excepthook",
            "unraisablehook",
            "displayhook",
            "breakpointhook",
        ),
    ),
    (threading, ("excepthook",)),
)
_SIGNALS: Final = sorted(signal.valid_signals())
