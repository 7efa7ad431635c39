"""Kernels for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from eager_kernel.places import connection_traits


def start_kernel(
    name: str, *, timeout: float = 60, traits: Mapping[str, Any] | None = None, **options: Any
) -> tuple[KernelManager, BlockingKernelClient]:
    """Start a kernel, and wait until it answers.

    Where it has ports, they are chosen before it begins, and bound by it a moment later. Another
    program may have one by then; the kernel ends, and is started anew.

    Parameters
    ----------
    name
        Of its kernelspec.
    timeout
        Seconds that it may take to answer.
    traits
        Of its manager; None: those that make it use sockets of the file system.
    options
        As of `jupyter_client.manager.KernelManager.start_kernel`.

    Raises
    ------
    RuntimeError
        It does not answer, or ended each time.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return _start(name, timeout, traits, options)
        except RuntimeError as error:
            if "died" not in str(error):
                raise
    return _start(name, timeout, traits, options)


def _start(
    name: str, timeout: float, traits: Mapping[str, Any] | None, options: dict[str, Any]
) -> tuple[KernelManager, BlockingKernelClient]:
    manager = KernelManager(kernel_name=name, **(connection_traits() if traits is None else traits))
    manager.start_kernel(**options)
    client = manager.client()
    # Whoever sends a whole program first hears nothing meanwhile. Of what waits for it by then, a
    # socket of the file system holds less than one of TCP, and would lose the rest.
    client.context.rcvhwm = 0
    client.start_channels()
    try:
        client.wait_for_ready(timeout=timeout)
    except BaseException:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        raise
    return manager, client


_ATTEMPTS: Final = 3
