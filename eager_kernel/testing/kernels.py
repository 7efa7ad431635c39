"""Kernels for tests."""

from __future__ import annotations

from typing import Any, Final

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel


def start_kernel(name: str, **options: Any) -> tuple[KernelManager, BlockingKernelClient]:
    """Start a kernel, and wait until it answers.

    Its ports are chosen before it begins, and bound by it a moment later. On a machine where much
    is started, another program may have one by then; the kernel ends, and is started anew.

    Parameters
    ----------
    name
        Of its kernelspec.
    options
        As of `jupyter_client.manager.start_new_kernel`.

    Raises
    ------
    RuntimeError
        It does not answer, or ended each time.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return start_new_kernel(kernel_name=name, **options)
        except RuntimeError as error:
            if "died" not in str(error):
                raise
    return start_new_kernel(kernel_name=name, **options)


_ATTEMPTS: Final = 3
