"""What a template does before its first kernel: import, exercise, and see that it may be forked."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from eager_kernel.kernel.config import rule_points

INLINE: Final = "module://matplotlib_inline.backend_inline"
"""matplotlib's backend in a kernel, which ipykernel names in the environment before a program
imports anything."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What a kernel imports by itself.

    Parameters
    ----------
    modules
        The names, in their order.
    files
        What ipykernel takes for its own files, where its debugger is not to stop.
    """

    modules: list[str]
    files: list[str]


class Trial(Protocol):
    """Finds out what a kernel imports by itself, while this process goes on."""

    def outcome(self) -> Imported:
        """Wait for it.

        Raises
        ------
        OSError
            It is not to be had.
        """


@dataclass(slots=True)
class Preloaded:
    """What came of it.

    Parameters
    ----------
    added
        Top-level names that a kernel started as ever has not imported when its first program runs.
    missing
        What could not be imported or done, with the reason.
    unsafe
        Why the process must not be forked; empty: it may be.
    files
        Files that imports have read, besides modules.
    own_files
        What ipykernel is to take for its own files; empty: as it finds them.
    """

    added: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    unsafe: str = ""
    files: list[str] = field(default_factory=list)
    own_files: list[str] = field(default_factory=list)


def preload(trial: Trial, modules: Iterable[str], exercise: str) -> Preloaded:
    """Import everything, and run the exercise.

    Parameters
    ----------
    trial
        Knows what a kernel imports by itself.
    modules
        What programs import.
    exercise
        A function that fills caches, as ``package.module:function``; empty: none.
    """
    done = Preloaded()
    # As ipykernel does before a program can import matplotlib.
    sets_backend = "MPLBACKEND" not in os.environ
    os.environ.setdefault("MPLBACKEND", INLINE)
    for name in modules:
        _import(name, done)
    if exercise:
        _exercise(exercise, done)
    if sets_backend:
        del os.environ["MPLBACKEND"]
    stock = {_top(name) for name in _import_kernel(trial, done)}
    done.added = sorted({_top(name) for name in list(sys.modules)} - stock)
    if (matplotlib := sys.modules.get("matplotlib")) is not None:
        done.files.append(matplotlib.matplotlib_fname())
    return done


def _import_kernel(trial: Trial, done: Preloaded) -> list[str]:
    try:
        imported = trial.outcome()
    except OSError as error:
        done.missing["the kernel"] = str(error)
        return list(sys.modules)
    for name in imported.modules:
        if name not in sys.modules and not name.startswith("__"):
            _import(name, done)
    done.own_files = imported.files
    rule_points()
    return imported.modules


def freeze() -> None:
    """Leave no garbage, and have no kernel's collector touch what all share."""
    gc.collect()
    gc.freeze()


def _import(name: str, done: Preloaded) -> None:
    try:
        importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - a program that imports it will see the same
        done.missing[name] = f"{type(error).__name__}: {error}"
    _look(f"importing {name}", done)


def _exercise(named: str, done: Preloaded) -> None:
    module, _, function = named.partition(":")
    try:
        getattr(importlib.import_module(module), function)()
    except Exception as error:  # noqa: BLE001
        done.missing[named] = f"{type(error).__name__}: {error}"
    _look(f"running {named}", done)


def _look(after: str, done: Preloaded) -> None:
    """See that what was just done has left nothing that a fork would break."""
    if done.unsafe:
        return
    if held := _sockets():
        done.unsafe = f"{after} has left {held} open"
    elif _threads() > 1:
        # Libraries that know of forks (OpenBLAS) end their threads before one, and start them
        # again when they are used.
        _fork_once()
        if (threads := _threads()) > 1:
            done.unsafe = f"{after} has left {threads - 1} threads running"


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - only counted


def _fork_once() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _sockets() -> str:
    """A socket or an event loop that the process holds; empty: none."""
    for fd in Path("/proc/self/fd").iterdir():
        try:
            kind = os.readlink(fd)  # noqa: PTH115 - what it names is no path
        except OSError:
            continue  # the one by which this was listed
        if kind.startswith(("socket:", "anon_inode:[eventpoll]")):
            return kind
    return ""


def _top(name: str) -> str:
    return name.partition(".")[0]
