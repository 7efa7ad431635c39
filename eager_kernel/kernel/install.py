"""Make the kernel known to Jupyter: ``python -m eager_kernel install``."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from importlib import resources
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_core.application import base_aliases, base_flags
from traitlets import Bool, Unicode

from eager_kernel._version import __version__
from eager_kernel.sandbox.probe import probe
from eager_kernel.terminal.command import Command

KERNEL_NAME = "eager_python"
DISPLAY_NAME = "EAGER Python"


class InstallApp(Command):
    """Install the "EAGER Python" kernelspec.

    The installed spec names this very Python, so a Jupyter in another environment starts the
    kernel in this one. (The spec that comes with the wheel uses Jupyter's own Python.)
    """

    name = "jupyter-eager-install"
    version = __version__
    description = __doc__

    user = Bool(False, help="Install for the current user.").tag(config=True)
    sys_prefix = Bool(False, help="Install into the environment of this Python.").tag(config=True)
    prefix = Unicode("", help="Install under this prefix.").tag(config=True)
    warm = Bool(
        False,
        help='Install "EAGER Python (warm)": kernels forked from a process that has imported '
        "what programs import.",
    ).tag(config=True)
    sandbox = Bool(
        False,
        help='Install "EAGER Python (sandbox)": kernels that are locked in. With --warm, both are '
        "installed, and kernels that are locked in are forked, too.",
    ).tag(config=True)
    kernel_name = Unicode(
        help="Name of the kernelspec's folder. Default: eager_python, eager_python_warm or "
        "eager_python_sandbox."
    ).tag(config=True)
    display_name = Unicode(help="What users choose.").tag(config=True)

    aliases = {
        "prefix": "InstallApp.prefix",
        "name": "InstallApp.kernel_name",
        "display-name": "InstallApp.display_name",
        **base_aliases,
    }
    flags = {
        "user": ({"InstallApp": {"user": True}}, user.help),
        "sys-prefix": ({"InstallApp": {"sys_prefix": True}}, sys_prefix.help),
        "warm": ({"InstallApp": {"warm": True}}, warm.help),
        "sandbox": ({"InstallApp": {"sandbox": True}}, sandbox.help),
        **base_flags,
    }

    def work(self) -> None:
        """Install."""
        if sum((self.user, self.sys_prefix, bool(self.prefix))) > 1:
            self.exit("choose one of --user, --sys-prefix and --prefix")
        try:
            if self.warm and self.sandbox and not self.kernel_name:
                self._install(warm=True, sandbox=False)
            self._install(warm=self.warm, sandbox=self.sandbox)
        except PermissionError as error:
            self.log.error("%s\nUse --user, --sys-prefix or --prefix.", error)
            self.exit(1)
        except ValueError as error:  # an impossible kernel name
            self.log.error("%s", error)
            self.exit(1)
        if self.sandbox and (found := probe()).state != "usable":
            self.log.warning("As things are, %s", found.message)

    def _install(self, *, warm: bool, sandbox: bool) -> None:
        kinds = [word for word, said in (("warm", warm), ("sandbox", sandbox)) if said]
        name = self.kernel_name or "_".join([KERNEL_NAME, *kinds[-1:]])
        where = install(
            user=self.user,
            prefix=sys.prefix if self.sys_prefix else self.prefix or None,
            kernel_name=name,
            display_name=self.display_name
            or DISPLAY_NAME + (f" ({', '.join(kinds)})" if kinds else ""),
            warm=warm,
            sandbox=sandbox,
        )
        print(f"Installed kernelspec {name} in {where}")  # noqa: T201


def install(
    *,
    user: bool = False,
    prefix: str | None = None,
    kernel_name: str = KERNEL_NAME,
    display_name: str = DISPLAY_NAME,
    warm: bool = False,
    sandbox: bool = False,
) -> str:
    """Install a kernelspec that starts the kernel with this Python.

    Parameters
    ----------
    user, prefix
        Where, as in `jupyter_client.kernelspec.KernelSpecManager.install_kernel_spec`; default:
        for all users.
    kernel_name
        Name of its folder.
    display_name
        What users choose.
    warm, sandbox
        Whether its kernels are forked from a template, and whether they are locked in.

    Returns
    -------
    str
        The folder.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "spec"
        with resources.as_file(resources.files("eager_kernel.kernel") / "resources") as source:
            shutil.copytree(source, target)
        file = target / "kernel.json"
        spec = json.loads(file.read_text(encoding="utf-8"))
        spec["argv"][0] = sys.executable
        spec["display_name"] = display_name
        if sandbox:
            config = {"warm": True} if warm else {}
            spec["metadata"]["kernel_provisioner"] = {
                "provisioner_name": "eager-sandbox-provisioner",
                "config": config,
            }
        elif warm:
            spec["metadata"]["kernel_provisioner"] = {"provisioner_name": "eager-warm-provisioner"}
        file.write_text(json.dumps(spec, indent=2) + "\n", encoding="utf-8")
        folder_installed: str = KernelSpecManager().install_kernel_spec(
            str(target), kernel_name, user=user, prefix=prefix
        )
        return folder_installed
