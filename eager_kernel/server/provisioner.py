"""Kernels without the server's keys: a kernel inherits the server's environment otherwise."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

NAME: Final = "eager-keyless-provisioner"
"""The name of the entry point."""


class KeylessProvisioner(LocalProvisioner):
    """Starts kernels as `LocalProvisioner` does, without some variables of the environment."""

    hidden: ClassVar[set[str]] = set()
    """Names of the variables that kernels do not get."""

    def _finalize_env(self, env: dict[str, str]) -> None:
        super()._finalize_env(env)
        for name in self.hidden:
            env.pop(name, None)


def hide_from_kernels(names: set[str], parent: Any) -> str | None:
    """Have kernels that start from now on not inherit some variables.

    Parameters
    ----------
    names
        The variables.
    parent
        The server's application, whose kernels are meant.

    Returns
    -------
    str or None
        Why it can't be done; None if it is.
    """
    KeylessProvisioner.hidden |= names
    factory = KernelProvisionerFactory.instance(parent=parent)
    if factory.default_provisioner_name not in (NAME, "local-provisioner"):
        return (
            f"kernels are started by {factory.default_provisioner_name!r}, which gives them what "
            f"it likes: see that it does not give them {', '.join(sorted(names))}"
        )
    factory.default_provisioner_name = NAME
    return None
