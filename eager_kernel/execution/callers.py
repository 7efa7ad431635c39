"""Who causes an audit event: what the frames tell."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from asyncio import BaseEventLoop, Handle
from collections.abc import Container, Iterator
from concurrent.futures import thread as pool_thread
from dataclasses import dataclass
from dis import opname
from gc import get_referents
from pathlib import Path
from types import (
    CodeType,
    FrameType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    ModuleType,
)
from typing import Any, Final

from eager_kernel.core.effects.audit_events import Caller, Cause


def cause_of(
    frame: FrameType | None, namespace: dict[str, Any], filename: str, lines_before: int
) -> Cause:
    """Find out where an event comes from.

    Parameters
    ----------
    frame
        The innermost frame.
    namespace
        The globals of the user's code.
    filename
        What the program's code calls its file.
    lines_before
        Empty lines at the program's beginning, which its code does not count.
    """
    caller: Caller | None = None
    module: str | None = None
    line: int | None = None
    compiled, body = "", False
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(_IMPORT_SYSTEM):
            # Only what a module does while it is loaded, and the writing of its compiled form, is
            # the import's. Whoever calls these functions otherwise does so for itself.
            if caller is None and code.co_name == "get_code":
                compiled = str(frame.f_locals.get("bytecode_path") or "")
                caller = "import" if compiled else None
            elif caller is None and code.co_name == "exec_module" and body:
                caller = "import"
        else:
            name = str(frame.f_globals.get("__name__"))
            inner = module is None and name.partition(".")[0] not in _THROUGH
            if caller is None and is_of_user(frame, namespace):
                caller = "program" if module is None else "library"
                module = name if module is None else module
            elif inner:
                module = name
            body = body or code.co_name == "<module>"
        if code.co_filename == filename:
            line = frame.f_lineno + lines_before
            break
        frame = frame.f_back
    try:
        cwd = os.getcwd()  # noqa: PTH109 - the plain call; a program may patch pathlib
    except OSError:
        cwd = ""  # it is gone
    return Cause(caller or "library", module or "", cwd, compiled, line)


def frames(depth: int) -> Iterator[FrameType]:
    """The frames of this thread, the innermost first.

    Parameters
    ----------
    depth
        How many to leave out, from the caller's.
    """
    try:
        frame: FrameType | None = sys._getframe(depth + 1)
    except ValueError:
        return  # there are not so many, where code in C begins something
    while frame is not None:
        yield frame
        frame = frame.f_back


@dataclass(frozen=True, slots=True)
class Worker:
    """A thread that does one thing after another for whoever asks.

    Parameters
    ----------
    is_loop
        Whether it runs an event loop; else it is of a pool of `concurrent.futures`.
    work
        The frame of what it does at the moment; None: nothing.
    queue
        What it is to do then; None: that is the loop's.
    """

    is_loop: bool
    work: FrameType | None = None
    queue: Any = None


def worker_of(frame: FrameType | None) -> Worker | None:
    """What a thread works at, if it is one of a library's that serve whoever asks.

    Parameters
    ----------
    frame
        Its innermost frame.
    """
    inner: FrameType | None = None
    while frame is not None:
        if frame.f_code is _LOOP:
            return Worker(is_loop=True)
        if frame.f_code is _POOL:
            # The innermost frames of an idle one are those in which it waits for something.
            busy = inner is not None and inner.f_code is _WORK
            return Worker(
                is_loop=False,
                work=inner if busy else None,
                queue=frame.f_locals.get("work_queue"),
            )
        inner, frame = frame, frame.f_back
    return None


def outermost(frame: FrameType) -> FrameType:
    """The frame in which a thread began."""
    while frame.f_back is not None:
        frame = frame.f_back
    return frame


def is_of_user(frame: FrameType, namespace: dict[str, Any]) -> bool:
    """Whether code is a cell's, or of a module that lies beside the notebook.

    Parameters
    ----------
    frame
        Where it runs.
    namespace
        The globals of the user's code.
    """
    if frame.f_globals is namespace:
        return True
    if is_of_library(frame.f_code):
        return False
    if not frame.f_code.co_filename.startswith("<"):
        return True
    # Libraries make functions of text, as `dataclasses` does; whose they are, their globals tell.
    module = sys.modules.get(str(frame.f_globals.get("__name__")))
    file = getattr(module, "__file__", None)
    is_modules = getattr(module, "__dict__", None) is frame.f_globals
    return not (is_modules and isinstance(file, str) and file.startswith(_LIBRARIES))


def is_of_library(code: CodeType) -> bool:
    """Whether code lies where installed packages and the standard library do."""
    return lies_in_library(code.co_filename)


def lies_in_library(path: str) -> bool:
    """Whether a file lies there."""
    return path.startswith(_LIBRARIES)


def runs(filename: str, depth: int) -> bool:
    """Whether code of a file is running.

    Parameters
    ----------
    filename
        What the code calls its file.
    depth
        How many frames to leave out, from the caller's.
    """
    return any(frame.f_code.co_filename == filename for frame in frames(depth + 1))


def runs_uncalled(
    filenames: Container[str], namespace: dict[str, Any], depth: int, *, fresh: bool
) -> bool:
    """Whether code of one of these files is running that the kernel has called by itself.

    As it calls what was registered with it, or the interpreter what is to know that an object
    goes. What a cell calls, or a task or timer that a cell has made, is not.

    Parameters
    ----------
    filenames
        What the programs' code calls its file.
    namespace
        The globals of the user's code.
    depth
        How many frames to leave out, from the caller's.
    fresh
        Whether it runs in a context that was made anew, so that it tells nothing.
    """
    found = by_kernel = innermost = False
    for frame in frames(depth + 1):
        file = frame.f_code.co_filename
        if file in filenames:
            found = True
        elif not found:
            continue
        elif frame.f_globals is namespace and file != _MADE_OF_TEXT:
            return innermost and _lets_go(frame)
        elif frame.f_code is _TURN_OF_THE_LOOP:
            return by_kernel or fresh
        elif str(frame.f_globals.get("__name__")).partition(".")[0] in _KERNEL:
            by_kernel = True
        innermost = file in filenames
    return found


def _lets_go(frame: FrameType) -> bool:
    """Whether a frame is about to let go of a value, and calls nothing."""
    return opname[frame.f_code.co_code[frame.f_lasti]].startswith(_LETTING_GO)


def hands_on_code(frame: FrameType | None, namespace: dict[str, Any]) -> bool:
    """Whether a library that the user's code has called has been given functions of the user's.

    Or objects of the user's classes: whatever another process would run of them.

    Parameters
    ----------
    frame
        The innermost frame; those of the barrier itself are left out.
    namespace
        The globals of the user's code.
    """
    found: list[Any] = []
    while frame is not None and frame.f_globals.get("__name__") in _BARRIER:
        frame = frame.f_back  # what it holds leads to the kernel, and to whatever this knows
    while frame is not None and not is_of_user(frame, namespace):
        found.extend(frame.f_locals.values())
        frame = frame.f_back
    seen: set[int] = {id(namespace)}
    own = namespace.get("__name__")
    while found:
        value = found.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        # What a value says of its own class is not asked: a dead `weakref.proxy` raises, and a lazy
        # object would do its work.
        kind = type(value)
        if _module_of(value if issubclass(kind, type) else kind) in ("__main__", own):
            return True
        if kind is FunctionType:
            if not is_of_library(value.__code__):
                return True
        elif not issubclass(kind, (type, ModuleType, FrameType, CodeType)):
            found.extend(get_referents(value))
        if len(seen) > _MANY:
            return True  # nobody knows
    return False


def _module_of(cls: type) -> str:
    try:
        name = _MODULE.__get__(cls)  # without its metaclass
    except AttributeError:
        name = None
    if type(name) in (GetSetDescriptorType, MemberDescriptorType):
        return ""  # of its instances, as Cython's functions have it: a class in C
    return name if type(name) is str else "__main__"


def _library_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {paths[name] + os.sep for name in names}
    # The code of a user's own packages, and of this one.
    folders.add(site.getusersitepackages() + os.sep)
    folders.add(str(Path(__file__).parents[1]) + os.sep)
    return ("<frozen ", *sorted(folders))


_LIBRARIES: Final = _library_folders()
_MODULE: Final[Any] = type.__dict__["__module__"]
_IMPORT_SYSTEM: Final = "<frozen importlib."
_BARRIER: Final = frozenset({"eager_kernel.execution.barrier", "eager_kernel.execution.hook"})
_MANY: Final = 50_000
_MADE_OF_TEXT: Final = "<string>"
_LOOP: Final = BaseEventLoop.run_forever.__code__
_POOL: Final = pool_thread._worker.__code__
_WORK: Final = pool_thread._WorkItem.run.__code__
_TURN_OF_THE_LOOP: Final = Handle._run.__code__
_LETTING_GO: Final = ("DELETE_", "POP_", "RETURN_", "STORE_FAST", "STORE_GLOBAL", "STORE_NAME")
_KERNEL: Final = frozenset({"IPython", "comm", "eager_kernel", "ipykernel", "zmq"})

# Modules that only pass an effect on for whoever called them.
_THROUGH: Final = frozenset(
    {"ctypes", "eager_kernel", "io", "os", "pathlib", "shutil", "sqlite3", "subprocess", "tempfile"}
)
