"""Runs inside a kernel under test: sets it to a known state, and tells its state.

The source of this file is sent to the kernel, so it imports nothing of this package.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import inspect
import json
import os
import shutil
import sys
import tempfile
import threading
import types
import warnings
from pathlib import Path
from typing import Any

EVENTS = ("pre_execute", "pre_run_cell", "post_execute", "post_run_cell")
seen: list[Any] = []
filters: list[Any] = []
MANY = 20_000
"""More objects than this are a library's."""
quiet = True


def install() -> None:
    """Watch the shell's events."""
    shell = _shell()
    filters[:] = warnings.filters
    for name in EVENTS:
        shell.events.register(name, _recorder(name))


def reset() -> str:
    """Begin anew: namespace, history, count, displays, files. Tells the new, empty folder."""
    global quiet
    shell = _shell()
    quiet = True
    shell.reset(new_session=True, aggressive=False)
    # It has collected garbage, for which it looks at every object of each library. Once is enough.
    if len(gc.get_objects()) > MANY:
        gc.freeze()
    shell.ast_node_interactivity = "last_expr"
    shell.ast_transformers.clear()
    shell.input_transformers_post.clear()
    shell.compile.reset_compiler_flags()
    shell.custom_exceptions = ()
    shell.InteractiveTB.set_mode(mode=shell.xmode)
    shell.payload_manager.clear_payload()
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        vars(sys).pop(name, None)
    for name in ("_", "__", "___"):
        setattr(shell.displayhook, name, "")
    manager = shell.history_manager
    manager.outputs.clear()
    manager.exceptions.clear()
    manager._i = manager._ii = manager._iii = manager._i00 = ""
    warnings.resetwarnings()  # also has warnings shown before shown again
    warnings.filters[:] = filters  # type: ignore[index]
    plt = sys.modules.get("matplotlib.pyplot")
    if plt is not None:
        plt.close("all")
        plt.draw_if_interactive.called = False  # or the next %run shows an empty figure
    old = Path.cwd()
    os.chdir(tempfile.mkdtemp(prefix="eager-equivalence-"))
    if old.name.startswith("eager-equivalence-"):
        shutil.rmtree(old, ignore_errors=True)
    seen.clear()
    return str(Path.cwd())


def watch() -> str:
    """Note events from now on."""
    global quiet
    seen.clear()
    quiet = False
    return "watching"


def observe() -> str:
    """Tell the state, as JSON."""
    global quiet
    quiet = True
    warnings.filters[:] = filters  # type: ignore[index]  # what comes is not the program's
    shell = _shell()
    manager = shell.history_manager
    return json.dumps(
        {
            "namespace": {
                name: _describe(value)
                for name, value in sorted(shell.user_ns.items())
                if name not in shell.user_ns_hidden
                and not name.startswith("_i")
                and name != "__warningregistry__"  # counts what the whole process did
            },
            "In": [str(text) for text in manager.input_hist_parsed],
            "_i": [shell.user_ns.get(n) for n in ("_i", "_ii", "_iii")],
            "Out": {str(key): _short(value) for key, value in manager.output_hist.items()},
            "outputs": {
                str(count): [_output(output) for output in outputs]
                for count, outputs in manager.outputs.items()
            },
            "underscores": [_short(shell.user_ns.get(n)) for n in ("_", "__", "___")],
            "history": [list(map(str, e)) for e in manager.get_range(raw=False, output=False)],
            "raw history": [list(map(str, e)) for e in manager.get_range(raw=True, output=False)],
            "session": manager.session_number,
            "execution count": shell.execution_count,
            "last error": [
                getattr(sys.__dict__.get("last_type"), "__name__", None),
                _short(sys.__dict__.get("last_value")),
            ],
            "future flags": shell.compile.flags,
            "stored errors": {
                str(count): [stored["ename"], stored["evalue"]]
                for count, stored in manager.exceptions.items()
            },
            "events": seen[:],
            "files": {
                str(path.relative_to(Path.cwd())): _contents(path)
                for path in sorted(Path.cwd().rglob("*"))
                if path.is_file() and not path.is_symlink()  # which are not the program's
            },
            "threads": sorted(
                t.name
                for t in threading.enumerate()
                if t.name.startswith("user-")  # those that programs name so
            ),
        }
    )


def _recorder(name: str) -> Any:
    def note(*about: Any) -> None:
        if not quiet:
            seen.append([name, *about])

    # What `pre_run_cell` knows of the text differs by nature; that it fires does not.
    if name == "post_run_cell":
        return lambda result: note(result and _tell(result))
    if name == "pre_run_cell":
        return lambda info: note(info.store_history, info.silent)
    return note


def _tell(result: Any) -> dict[str, Any]:
    shell = _shell()
    return {
        "raw": result.info.raw_cell,
        "success": result.success,
        "value": _short(result.result),
        "before exec": type(result.error_before_exec).__name__,
        "in exec": type(result.error_in_exec).__name__,
        "count": result.execution_count,
        "last succeeded": shell.last_execution_succeeded,
        "is the last": shell.last_execution_result is result,
    }


def _shell() -> Any:
    from IPython import get_ipython  # noqa: PLC0415 - only in a kernel

    return get_ipython()


def _describe(value: Any) -> list[Any]:
    kind = type(value).__name__
    if isinstance(value, types.ModuleType):
        return [kind, value.__name__]
    if isinstance(value, (types.FunctionType, type)) and value.__module__ == "__main__":
        source = ""
        with contextlib.suppress(OSError, TypeError):
            source = inspect.getsource(value)
        line = getattr(getattr(value, "__code__", None), "co_firstlineno", None)
        return [kind, value.__qualname__, line, getattr(value, "__doc__", None), source]
    return [kind, _short(value)]


def _contents(path: Path) -> Any:
    data = path.read_bytes()
    if len(data) > 20_000:
        return [len(data), hashlib.sha256(data).hexdigest()]
    return data.decode("utf-8", "replace")


def _output(output: Any) -> list[Any]:
    """What the history keeps of one output; how a stream was cut into writes means nothing."""
    shown = {
        kind: "".join(data) if isinstance(data, list) else _short(data)
        for kind, data in output.bundle.items()
    }
    return [output.output_type, shown]


def _short(value: Any) -> str:
    try:
        return repr(value)[:20_000]  # long enough that paths of other lengths cut nothing off
    except BaseException as error:
        return f"<repr raised {type(error).__name__}>"
