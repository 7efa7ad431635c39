"""Where kernels run, seen from the client: here, behind a server, or at the end of a slow link.

An environment opens kernels. To measure another one, add a class with `Environment`'s method and
a line in `ENVIRONMENTS`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from jupyter_client.manager import KernelManager

from eager_kernel.bench.behind_server import BehindServer
from eager_kernel.bench.link import slow_link
from eager_kernel.bench.workplaces import Workplace
from eager_kernel.client import EagerClient
from eager_kernel.errors import EagerError, KernelConnectionError
from eager_kernel.sandbox.probe import probe


class Environment(Protocol):
    """Opens kernels of one sort of place."""

    def open(
        self, kernel: str, folder: Path, arguments: Sequence[str] = ()
    ) -> AbstractContextManager[EagerClient]:
        """Start a kernel, and connect to it; both end with the context.

        Parameters
        ----------
        kernel
            Name of the kernelspec.
        folder
            The kernel's working directory.
        arguments
            More arguments for the kernel's command line.
        """
        ...


def environment(name: str) -> Environment:
    """The environment of a name.

    Parameters
    ----------
    name
        One of `ENVIRONMENTS`, or ``link:MS``: a round trip to the kernel takes so many
        milliseconds more.

    Raises
    ------
    EagerError
        There is none of this name.
    """
    if name in ENVIRONMENTS:
        return ENVIRONMENTS[name]()
    kind, _, value = name.partition(":")
    if kind == "link":
        try:
            return Link(_milliseconds(value))
        except ValueError:
            raise EagerError(
                f"{name!r}: a link needs the milliseconds of a round trip, as in link:50"
            ) from None
    known = ", ".join(ENVIRONMENTS)
    raise EagerError(f"there is no environment {name!r}; there are {known} and link:MS")


def can_lock_in() -> bool:
    """Whether there is an environment ``sandbox`` here."""
    return probe().state == "usable"


def _locked_in() -> Environment:
    if (found := probe()).state != "usable":
        raise EagerError(found.message)
    return Local(sandbox=True)


class Local:
    """A kernel on this machine.

    Parameters
    ----------
    warm, sandbox
        Whether EAGER kernels are forked, and whether they are locked in.
    """

    def __init__(self, *, warm: bool = False, sandbox: bool = False) -> None:
        self._warm = warm
        self._sandbox = sandbox

    @contextmanager
    def open(
        self, kernel: str, folder: Path, arguments: Sequence[str] = ()
    ) -> Iterator[EagerClient]:
        """Start a kernel; see `Environment.open`."""
        ours = self._is_ours(kernel)
        with EagerClient.start(
            kernel,
            cwd=str(folder),
            env=surroundings(folder),
            extra_arguments=[*_QUIET, *arguments],
            warm=self._warm and ours,
            sandbox=self._sandbox and ours,
        ) as client:
            yield client

    def _is_ours(self, kernel: str) -> bool:
        if not self._warm and not self._sandbox:
            return False
        try:
            return "eager_kernel" in KernelSpecManager().get_kernel_spec(kernel).argv
        except NoSuchKernel:
            return False  # to start it says so


class Link:
    """A kernel on this machine that is reached over a slow link.

    Parameters
    ----------
    round_trip
        Seconds that a round trip takes more than without the link.
    """

    def __init__(self, round_trip: float) -> None:
        self._round_trip = round_trip

    @contextmanager
    def open(
        self, kernel: str, folder: Path, arguments: Sequence[str] = ()
    ) -> Iterator[EagerClient]:
        """Start a kernel, and connect through the link; see `Environment.open`."""
        manager = KernelManager(kernel_name=kernel)
        try:
            manager.kernel_spec  # noqa: B018 - asked here, as starting logs a traceback of it
        except NoSuchKernel as error:
            raise KernelConnectionError(f"there is no kernel {kernel!r}") from error
        manager.start_kernel(
            cwd=str(folder), env=surroundings(folder), extra_arguments=[*_QUIET, *arguments]
        )
        with ExitStack() as exits:
            exits.callback(manager.shutdown_kernel, now=True)
            _wait_until_it_answers(manager)
            about = json.loads(Path(manager.connection_file).read_text(encoding="utf-8"))
            names = [name for name in about if name.endswith("_port")]
            through = exits.enter_context(
                slow_link([about[name] for name in names], self._round_trip / 2)
            )
            about |= dict(zip(names, through, strict=True))
            file = folder / ".connection.json"
            file.touch(mode=0o600)  # it holds the kernel's key
            file.write_text(json.dumps(about), encoding="utf-8")
            yield exits.enter_context(EagerClient.connect(file))


@contextmanager
def kernel_at_work(
    where: Environment, kernel: str, workplace: Workplace, arguments: Sequence[str] = ()
) -> Iterator[EagerClient]:
    """A kernel in a fresh working directory, which has run nothing but an empty cell.

    Parameters
    ----------
    where
        The environment.
    kernel
        Name of the kernelspec.
    workplace
        What is in the working directory.
    arguments
        More arguments for the kernel's command line.
    """
    folder = workplace.make()
    try:
        with where.open(kernel, folder, arguments) as client:
            # What every kernel does with its first cell is no program's.
            client.execute("pass", store_history=False)
            yield client
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_answers(manager: KernelManager) -> None:
    # A client that has no manager takes a kernel that is still starting for a dead one.
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=_PATIENCE)
    except RuntimeError as error:
        raise KernelConnectionError(f"the kernel did not start: {error}") from error
    finally:
        client.stop_channels()


def surroundings(folder: Path) -> dict[str, str]:
    """The user's history and start-up files are not part of what is measured."""
    # Texts are hashed alike, so that sets that are shown have one order in both kernels.
    return {**os.environ, "IPYTHONDIR": str(folder / ".ipython"), "PYTHONHASHSEED": "0"}


def _milliseconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= _LONGEST:
        raise ValueError
    return value / 1000


ENVIRONMENTS: Final[dict[str, Callable[[], Environment]]] = {
    "local": Local,
    "warm": partial(Local, warm=True),
    "sandbox": _locked_in,
    "server": BehindServer,
}
"""
Environments by name, and what makes them: kernels on this machine, there too, but forked from a
template, or locked in, and those of a Jupyter Server there, by its websocket. The stock kernel is
neither forked nor locked in. What makes one says in an `EagerError` why there is none here.
"""
_QUIET: Final = ["--log-level=ERROR"]
_PATIENCE: Final = 60
_LONGEST: Final = 10_000
