"""The processes that models run in."""

from __future__ import annotations

from contextlib import suppress

import psutil


def model_processes(pid: int | None = None, *, kernels: bool = False) -> list[psutil.Process]:
    """Those of a process, default: this one, that have not ended; with its `kernels`' own ones."""
    found = []
    for child in psutil.Process(pid).children(recursive=kernels):
        with suppress(psutil.NoSuchProcess):  # it has just ended, or waits for its parent to know
            if "eager_kernel.sources.worker" in " ".join(child.cmdline()):
                found.append(child)
    return found


def gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has asked how."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
