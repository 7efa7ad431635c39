"""Every kind of effect on files, and every way in which a program can end, in a real kernel.

Ended badly, a folder is what it was: names, contents, modes, times, links, attributes. Ended well,
it is what a cell of the stock kernel leaves.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from eager_kernel.execution import plain_files
from eager_kernel.testing.wire import Heard, WireStream
from tests.conftest import Starter
from tests.execution.journalled import as_in_a_cell, exactly, furnish, kinds

pytestmark = pytest.mark.skipif(not plain_files.can_journal(), reason="files wait on this system")

AT_ONCE = kinds("files") | kinds("libraries")
WAITING = kinds("waiting")
ALL = AT_ONCE | WAITING
NOTHING_CHANGED = {"what fails", "renaming one name to the other", "removing folders that it made"}

Begin = Callable[[str], WireStream]
Kernel = tuple[KernelManager, BlockingKernelClient]


# Programs ---------------------------------------------------------------------------------------


def placed(folder: Path, kind: str) -> str:
    """The program of a kind, in a folder."""
    return f"import os; os.chdir({str(folder)!r})\n{ALL[kind].rstrip()}\nafter = 1\n"


def begun(client: BlockingKernelClient, program: str) -> WireStream:
    """A stream whose program has run, or waits, and is not known yet."""
    lines = program.count("\n")
    stream = WireStream(client).open(format="python").attach().delta(program)
    stream.listen(60, until=lambda heard: is_begun(heard, lines))
    return stream


def has_run(heard: Heard, lines: int) -> bool:
    return any(d.get("state") == "done" and d["lines"][1] == lines for d in heard.comm)


def waits(heard: Heard) -> bool:
    return any(d.get("state") == "held" for d in heard.comm)


def is_begun(heard: Heard, lines: int) -> bool:
    return has_run(heard, lines) or waits(heard) or bool(heard.errors())


def interrupt(manager: KernelManager, stream: WireStream) -> None:
    manager.interrupt_kernel()


def leave(manager: KernelManager, stream: WireStream) -> None:
    stream.send("comm_close", {"comm_id": stream.comm_id, "data": {}})
    stream.heard.closed = True  # nobody is told any more


BAD_ENDINGS: dict[str, Callable[[KernelManager, WireStream], object]] = {
    "does not parse": lambda manager, stream: stream.delta("ended = )\n").end(),
    "cut off": lambda manager, stream: stream.delta("ended = [1").end("length"),
    "cancelled": lambda manager, stream: stream.data({"type": "cancel"}),
    "interrupted": interrupt,
    "client gone": leave,
}


# Kernels ----------------------------------------------------------------------------------------

Folders = dict[str, tuple[Path, dict[str, Any]]]
"""Kind → its folder, and what that was before."""


def all_in_one(client: BlockingKernelClient, root: Path) -> tuple[WireStream, Folders]:
    """A stream in which all that need not wait has happened, each kind in a folder of its own."""
    root.mkdir()
    folders: Folders = {}
    for number, kind in enumerate(AT_ONCE):
        folder = root / str(number)
        furnish(folder)
        folders[kind] = (folder, exactly(folder))
    program = "".join(placed(folder, kind) for kind, (folder, _) in folders.items())
    stream = begun(client, program)
    assert not waits(stream.heard), stream.heard.comm[-1]
    for kind, (folder, before) in folders.items():
        assert (exactly(folder) != before) is (kind not in NOTHING_CHANGED), kind
    return stream, folders


@pytest.fixture(scope="module")
def killed(start_kernel: Starter, tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Folders whose kernel was killed while its program was not known; before the next starts."""
    manager, client = start_kernel("eager_python")
    _, folders = all_in_one(client, tmp_path_factory.mktemp("undone") / "killed")
    # Not by its manager, which interrupts a kernel first: that would end the run, and undo it.
    assert isinstance(manager.provisioner, LocalProvisioner)
    os.kill(manager.provisioner.pid, signal.SIGKILL)
    manager.shutdown_kernel(now=True)
    changed = {kind for kind, (folder, before) in folders.items() if exactly(folder) != before}
    assert changed == AT_ONCE.keys() - NOTHING_CHANGED
    return folders


@pytest.fixture(scope="module")
def kernel(start_kernel: Starter, killed: Folders) -> Kernel:
    return start_kernel("eager_python")


@pytest.fixture(scope="module")
def stock(start_kernel: Starter) -> BlockingKernelClient:
    return start_kernel("python3")[1]


@pytest.fixture(scope="module")
def silent(kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Folders whose program's client says nothing any more."""
    client = kernel[1]
    stream, folders = all_in_one(client, tmp_path_factory.mktemp("undone") / "silent")
    stream.delta(IMPATIENT)
    assert stream.finish().errors() == ["LimitError"]
    assert WireStream(client).execute(PATIENT).finish().errors() == []
    return folders


# Else its client's patience would be that of all tests here, however busy the machine.
IMPATIENT = """\
from dataclasses import replace
streams = get_ipython().kernel.streams
patient = streams.limits
streams.limits = replace(patient, delta_timeout=0.1)
"""
PATIENT = "streams.limits = patient"


@pytest.fixture
def begin(kernel: Kernel) -> Iterator[Begin]:
    """Begins a program; one that a test fails at does not keep the kernel from the next."""
    streams: list[WireStream] = []

    def begin(program: str) -> WireStream:
        streams.append(begun(kernel[1], program))
        return streams[-1]

    yield begin
    for stream in streams:
        if not stream.done:
            stream.data({"type": "cancel"}).finish()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "work"
    furnish(folder)
    return folder


def seen_of(folder: Path) -> dict[str, tuple[int, ...]]:
    """What is there, without reading it, so that no time of access is changed."""
    looks = {str(path.relative_to(folder)): path.lstat() for path in folder.rglob("*")}
    return {
        name: (look.st_mode, look.st_ino, look.st_nlink, look.st_size, look.st_mtime_ns)
        for name, look in looks.items()
    }


# Endings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", AT_ONCE)
def test_nothing_is_left_when_no_more_text_comes(
    kernel: Kernel, silent: Folders, kind: str
) -> None:
    folder, before = silent[kind]
    assert exactly(folder) == before


@pytest.mark.parametrize("kind", AT_ONCE)
def test_the_next_kernel_leaves_nothing_of_a_killed_one(
    kernel: Kernel, killed: Folders, kind: str
) -> None:
    folder, before = killed[kind]
    assert exactly(folder) == before


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("ending", BAD_ENDINGS)
def test_nothing_is_left(
    kernel: Kernel, begin: Begin, folder: Path, kind: str, ending: str
) -> None:
    before = exactly(folder)
    stream = begin(placed(folder, kind))
    assert waits(stream.heard) is (kind in WAITING), stream.heard.comm
    BAD_ENDINGS[ending](kernel[0], stream)
    assert stream.finish().errors() != []
    assert exactly(folder) == before


@pytest.mark.parametrize("kind", ALL)
def test_all_is_left_of_a_program(
    begin: Begin, stock: BlockingKernelClient, folder: Path, tmp_path: Path, kind: str
) -> None:
    stream = begin(placed(folder, kind))
    early = seen_of(folder)
    assert stream.end().finish().errors() == []
    assert kind in WAITING or seen_of(folder) == early
    other = tmp_path / "other"
    furnish(other)
    assert WireStream(stock).execute(placed(other, kind)).finish().errors() == []
    assert as_in_a_cell(folder) == as_in_a_cell(other)
