"""Imports that begin before the program is there to ask for them.

While a model thinks about its first token, both sides are idle, and in a fresh process imports
are the longer half of a typical analysis. So they may begin then, in a thread: modules reach
``sys.modules``, never the namespace.
"""

from __future__ import annotations

import ast
import site
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from eager_kernel.core.text.parse_lock import undisturbed


class WarmThread(threading.Thread):
    """Imports modules. It is the kernel's, so no effect of an import waits in it.

    Parameters
    ----------
    names
        The modules, in order.
    until
        Says when the program has begun: then what is not begun is the program's to import.
    """

    def __init__(self, names: Iterable[str], until: Callable[[], bool]) -> None:
        super().__init__(name="eager-warm", daemon=True)
        self._names = list(names)
        self._until = until

    def run(self) -> None:
        """Import what is not there yet."""
        for name in self._names:
            if self._until():
                return
            if name in sys.modules or not is_library(name):
                continue
            try:
                import_module(name)
            except BaseException:  # noqa: BLE001, S112 - told where the program imports it
                continue


def is_library(name: str) -> bool:
    """Whether a module is installed or Python's own, and not a file beside the notebook."""
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return True
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return False
    if spec is None:
        return False
    places = [*(spec.submodule_search_locations or ()), spec.origin or ""]
    paths = [Path(place) for place in places if place]
    return any(path.is_relative_to(folder) for path in paths for folder in _INSTALLED)


def imports_of(program: str) -> list[str]:
    """The modules that a program's top-level statements import, in order."""
    try:
        tree = undisturbed(lambda: ast.parse(program))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []  # IPython lines, for example: there is less to learn
    names: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return list(dict.fromkeys(names))


_INSTALLED: Final = (
    sysconfig.get_paths()["purelib"],
    sysconfig.get_paths()["platlib"],
    site.getusersitepackages(),
)
