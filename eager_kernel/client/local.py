"""Managers of kernels that a client starts on this machine: as ever, forked, or locked in."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.manager import AsyncKernelManager

from eager_kernel.errors import EagerError, KernelConnectionError
from eager_kernel.places import connection_traits
from eager_kernel.sandbox.policy import Policy

Sandbox = bool | Mapping[str, Any]
"""Whether a kernel is locked in, or what it may do there: the options of `docs/sandbox.md`."""


def make_manager(kernel_name: str, *, warm: bool, sandbox: Sandbox) -> AsyncKernelManager:
    """Make a manager for a kernel that has not been started.

    Parameters
    ----------
    kernel_name
        Name of the kernelspec. What it says itself of how it is started holds, where nothing else
        is asked for.
    warm
        Whether it is forked from a template.
    sandbox
        Whether it is locked in, or how.

    Raises
    ------
    KernelConnectionError
        There is no such kernel.
    SandboxError
        The sandbox has no such option, or it makes no sense.
    """
    manager = AsyncKernelManager(kernel_name=kernel_name, log=_log(), **connection_traits())
    try:
        spec: Any = manager.kernel_spec
    except NoSuchKernel as error:
        raise KernelConnectionError(
            f"there is no kernel {kernel_name!r}; `jupyter kernelspec list` shows those there are, "
            "`jupyter eager install --user` installs eager_python"
        ) from error
    if warm or sandbox or isinstance(sandbox, Mapping):
        before = spec.metadata.get("kernel_provisioner", {}).get("config", {})
        spec.metadata = {**spec.metadata, "kernel_provisioner": _stanza(before, warm, sandbox)}
    return manager


async def launch(manager: AsyncKernelManager, options: Mapping[str, Any]) -> None:
    """Start a manager's kernel; if it does not start, leave nothing of it.

    Parameters
    ----------
    manager
        From `make_manager`.
    options
        For `AsyncKernelManager.start_kernel`.
    """
    try:
        await manager.start_kernel(**options)
    except BaseException:
        if manager.has_kernel:  # whoever waited for it was cancelled
            await manager.shutdown_kernel(now=True)
        manager.cleanup_connection_file()
        manager.cleanup_ipc_files()
        raise


def name_on_server(kernel_name: str, *, warm: bool, sandbox: Sandbox) -> str:
    """The kernelspec of a server that starts its kernels so.

    Raises
    ------
    KernelConnectionError
        What the kernel may do is the server's to configure.
    """
    if isinstance(sandbox, Mapping):
        raise KernelConnectionError(
            "sandbox: what a server's kernels may do is configured there "
            "(SandboxProvisioner, docs/sandbox.md); give sandbox=True"
        )
    if kernel_name != _DEFAULT or not (warm or sandbox):
        return kernel_name
    return f"{_DEFAULT}_sandbox" if sandbox else f"{_DEFAULT}_warm"


def _stanza(before: Mapping[str, Any], warm: bool, sandbox: Sandbox) -> dict[str, Any]:
    """The kernelspec's words for it."""
    config = {**before, "warm": True} if warm else {**before}
    if sandbox is False:
        return {"provisioner_name": _WARM, "config": config}
    if isinstance(sandbox, Mapping):
        policy = asdict(Policy.of(sandbox))
        config |= {
            name: list(value) if isinstance(value := policy[name], tuple) else value
            for name in sandbox
        }
    return {"provisioner_name": _LOCKED_IN, "config": config}


def _log() -> logging.Logger:
    """Where managers write, but for what is raised anyway."""
    log = logging.getLogger("eager_kernel.client")
    if not log.filters:
        log.addFilter(lambda record: not _is_raised(record))
    return log


def _is_raised(record: logging.LogRecord) -> bool:
    return record.exc_info is not None and isinstance(record.exc_info[1], EagerError)


_DEFAULT: Final = "eager_python"
_WARM: Final = "eager-warm-provisioner"
_LOCKED_IN: Final = "eager-sandbox-provisioner"
