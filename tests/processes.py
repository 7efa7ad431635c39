"""The processes that models run in."""

from __future__ import annotations

from contextlib import suppress

import psutil


def model_processes(pid: int | None = None) -> list[psutil.Process]:
    """Those under a process, default: this one, that have not ended."""
    found = []
    for child in psutil.Process(pid).children(recursive=True):
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
