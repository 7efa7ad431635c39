"""``jupyter eager``: its commands."""

from __future__ import annotations

from eager_kernel._version import __version__
from eager_kernel.cli.ask import AskApp
from eager_kernel.cli.bench import BenchApp
from eager_kernel.cli.demo import DemoApp
from eager_kernel.cli.info import InfoApp
from eager_kernel.cli.record import RecordApp
from eager_kernel.cli.run import RunApp
from eager_kernel.cli.undo import UndoApp
from eager_kernel.kernel.install import InstallApp
from eager_kernel.terminal.command import Command


class EagerApp(Command):
    """Run an LLM's Python program while the model is still writing it."""

    name = "jupyter-eager"
    version = __version__
    description = __doc__
    examples = """
jupyter eager demo                     # see it, without a model
jupyter eager run program.py --rate 80 # run a file as if it were being written
my-model "..." | jupyter eager run -
jupyter eager ask openai/gpt-5 "Print the first ten primes"
jupyter eager record openai/gpt-5 "Plot a sine" --name sine
jupyter eager bench --quick            # measure it on this machine
jupyter eager undo --list              # what killed kernels have left
jupyter eager info                     # what is installed and configured
jupyter eager install --user           # make the kernel known to Jupyter
"""
    classes = [DemoApp, AskApp, RunApp, RecordApp, BenchApp, UndoApp, InfoApp, InstallApp]
    subcommands = {
        "demo": (DemoApp, "Stream a recorded model answer into a kernel, and compare with serial"),
        "ask": (AskApp, "Ask a model, and run its answer while it is written"),
        "run": (RunApp, "Run a file, or text from stdin, while it arrives"),
        "record": (RecordApp, "Record a model's answer, to replay it without the model"),
        "bench": (BenchApp, "Measure what running a program while it is written saves"),
        "undo": (UndoApp, "Restore what a killed kernel's program has done to files"),
        "info": (InfoApp, "Say what is installed and configured, without secrets"),
        "install": (InstallApp, "Install the kernelspec"),
    }

    def print_help(self, classes: bool = False) -> None:
        """Print the help; with all classes, those of the kernel too."""
        if classes:
            from eager_kernel.kernel.app import EagerKernelApp  # noqa: PLC0415 - slow to import

            self.classes = [*self.classes, *EagerKernelApp.classes]  # type: ignore[list-item]
        super().print_help(classes)

    def work(self) -> None:
        """Say which commands there are: none was named."""
        self.print_help()
        self.exit("choose a subcommand: " + ", ".join(self.subcommands))
