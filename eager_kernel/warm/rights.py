"""What decides whether a template may stand for a process that would be started now.

A kernel must be as if its requester had started it: the same interpreter, with what libraries read
from the environment while they are imported, as the same user, with the same rights, in the same
namespaces and the same control group. All this makes a template's name, so one is never found by
whom it does not fit.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final


def read_while_importing(env: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that a template has: what libraries read as they are imported.

    The rest, keys among it, is in no template; a kernel has all of its own environment.
    """
    return {
        name: value
        for name, value in env.items()
        if name in _NAMES or (name.startswith(_PREFIXES) and not _is_secret(name))
    }


def name_of(settings: Mapping[str, Any]) -> str:
    """The name of the template with these settings, for a requester like this process."""
    text = json.dumps([settings, _process()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _process() -> dict[str, Any]:
    """What a child of this process would have of it, and can't be given otherwise."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    lines = [line.split() for line in status.splitlines()]
    return {
        "rights": [line for line in lines if line[0].removesuffix(":") in _RIGHTS],
        "label": _read("/proc/self/attr/current"),
        "namespaces": [os.readlink(f"/proc/self/ns/{name}") for name in _NAMESPACES],  # noqa: PTH115
        "root": os.stat("/").st_ino,  # noqa: PTH116
        "cgroup": _read("/proc/self/cgroup"),
        # A folder may be shared by machines, or outlive one's restart.
        "boot": _read("/proc/sys/kernel/random/boot_id"),
    }


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _is_secret(name: str) -> bool:
    return any(word in name for word in ("TOKEN", "KEY", "SECRET", "PASSWORD", "CREDENTIAL"))


_NAMES: Final = (
    "HOME", "PATH", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "DISPLAY",
    "WAYLAND_DISPLAY", "VIRTUAL_ENV", "CONDA_PREFIX",
)  # fmt: skip
_PREFIXES: Final = (
    "PYTHON", "LC_", "LD_", "GLIBC_", "MALLOC_", "XDG_", "MPL", "MATPLOTLIB", "PANDAS_", "NUMPY_",
    "NPY_", "NUMEXPR_", "NUMBA_", "OMP_", "OPENBLAS_", "GOTO_", "MKL_", "BLIS_", "KMP_", "VECLIB_",
    "TORCH_", "CUDA_", "DEBUGPY_", "PYDEVD_", "ARROW_", "POLARS_", "SKLEARN_", "SCIPY_",
    "PILLOW_", "PYPARSING", "_PYTHON_",
)  # fmt: skip
_RIGHTS: Final = (
    "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs",
    "Seccomp",
)  # fmt: skip
_NAMESPACES: Final = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")
