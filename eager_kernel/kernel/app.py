"""The kernel as a process."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from ipykernel.kernelapp import IPKernelApp
from traitlets import Dict, Type

from eager_kernel.kernel.config import EagerGate, EagerRun
from eager_kernel.kernel.kernel import EagerKernel
from eager_kernel.kernel.model_config import EagerModel
from eager_kernel.kernel.started import StartedApp


class EagerKernelApp(StartedApp):
    """Starts an EAGER kernel: ``python -m eager_kernel -f CONNECTION_FILE``.

    The name stays ipykernel's, so that ``ipython_kernel_config.py`` configures this kernel too.
    """

    kernel_class: Type[type, type] = Type(  # type: ignore[assignment]
        EagerKernel,
        klass="ipykernel.kernelbase.Kernel",
        help="The kernel to run; a subclass of EagerKernel.",
    ).tag(config=True)
    classes = [  # type: ignore[assignment]
        EagerKernel, EagerGate, EagerRun, EagerModel, *IPKernelApp.classes
    ]  # fmt: skip
    subcommands = Dict(
        {"install": ("eager_kernel.kernel.install.InstallApp", "Install the kernelspec")}
    )

    def init_path(self) -> None:
        """Have programs find what they find in ipykernel's kernel: its launcher's name, too."""
        super().init_path()  # type: ignore[no-untyped-call]
        launcher = find_spec("ipykernel_launcher")
        if launcher is not None and launcher.origin is not None:
            sys.argv[0] = launcher.origin  # `argparse` names programs by it
