"""Where an interpreter and its modules are: what a locked-in kernel must see of it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

from eager_kernel.errors import SandboxError


def python_folders(interpreter: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """Ask an interpreter for its folders; what it said is kept until one of them changes.

    Parameters
    ----------
    interpreter
        The Python, with its options.
    env
        The environment that it will have.

    Raises
    ------
    SandboxError
        It can't be asked.
    """
    key = (tuple(interpreter), env.get("PYTHONPATH", ""), env.get("PYTHONHOME", ""))
    folders, before = _known.get(key, ([], []))
    if not folders or _states(folders) != before:
        folders = _ask(interpreter, env)
        _known[key] = (folders, _states(folders))
    return folders


def _ask(interpreter: Sequence[str], env: Mapping[str, str]) -> list[str]:
    try:
        done = subprocess.run(  # noqa: S603 - the kernelspec's own interpreter
            [*interpreter, "-c", _QUESTION],
            capture_output=True,
            env=dict(env),
            cwd="/",
            check=True,
            timeout=_PATIENCE,
        )
        found: list[str] = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise SandboxError(
            f"{interpreter[0]} does not say where its modules are: {error}"
        ) from error
    return [folder for folder in found if os.path.isabs(folder) and folder != "/"]  # noqa: PTH117


def _states(folders: Sequence[str]) -> list[int]:
    return [_state(folder) for folder in folders]


def _state(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116
    except OSError:
        return 0


_known: Final[dict[tuple[object, ...], tuple[list[str], list[int]]]] = {}
_QUESTION: Final = """\
import json, os, sys
paths = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, *sys.path]
for name in (sys.executable, getattr(sys, "_base_executable", "")):
    if name:
        paths += [os.path.dirname(name), os.path.dirname(os.path.realpath(name))]
print(json.dumps(list(dict.fromkeys(path for path in paths if path and os.path.exists(path)))))
"""
_PATIENCE: Final = 60
