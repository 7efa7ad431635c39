"""Files that streamed programs write at once, in a real kernel."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from eager_kernel.execution import plain_files
from eager_kernel.testing import load
from eager_kernel.testing.wire import Heard, WireStream
from tests.afresh import afresh
from tests.conftest import Starter
from tests.execution.journalled import state_of

pytestmark = pytest.mark.skipif(not plain_files.can_journal(), reason="files wait on this system")

WAIT = {
    # os.open of a relative path, a database, what is held before it runs, memory
    *("os open", "shelve", "sqlite3", "os mkfifo", "finalizer", "cyclic garbage", "numpy memmap"),
    *("own module", "logging handler", "logging config"),
}
FILES = {
    name: program.text
    for program in load(Path(__file__).parent / "effects")
    if program.name.startswith("files: ") and (name := program.name.partition(": ")[2]) not in WAIT
}


@pytest.fixture(scope="module")
def kernel(start_kernel: Starter) -> tuple[KernelManager, BlockingKernelClient]:
    return start_kernel("eager_python", "--EagerRun.delta_timeout=15")


@pytest.fixture
def folder(client: BlockingKernelClient, tmp_path: Path) -> Path:
    tmp_path.joinpath("old").write_text("old\n")
    tmp_path.joinpath("empty").mkdir()
    client.execute_interactive(afresh(tmp_path), store_history=False, timeout=60)
    return tmp_path


def ran(client: BlockingKernelClient, name: str) -> WireStream:
    """A stream whose program has had its effect, and is not known yet."""
    program = FILES[name].rstrip("\n") + "\nafter = 1\n"
    lines = program.count("\n")
    stream = WireStream(client).open(format="python").attach().delta(program)
    stream.listen(20, until=lambda heard: has_run(heard, lines) or waits(heard))
    assert not waits(stream.heard)
    return stream


def has_run(heard: Heard, lines: int) -> bool:
    return any(d.get("state") == "done" and d["lines"][1] == lines for d in heard.comm)


def waits(heard: Heard) -> bool:
    return any(d.get("state") in ("held", "failed") for d in heard.comm)


ENDINGS: dict[str, Callable[[WireStream], object]] = {
    "does not parse": lambda stream: stream.delta("ended = )\n").end(),
    "cut off": lambda stream: stream.delta("ended = [1").end("length"),
    "cancelled": lambda stream: stream.data({"type": "cancel"}),
    "closed": lambda stream: stream.send("comm_close", {"comm_id": stream.comm_id, "data": {}}),
}


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_left_of_a_program_that_does_not_parse(
    client: BlockingKernelClient, folder: Path, name: str
) -> None:
    before = state_of(folder)
    stream = ran(client, name)
    assert state_of(folder) != before, "it was to happen at once"
    ENDINGS["does not parse"](stream)
    heard = stream.finish()
    assert heard.errors() == ["SyntaxError"]
    assert state_of(folder) == before


@pytest.mark.parametrize("ending", [*ENDINGS, "interrupted", "interrupted while it runs"])
@pytest.mark.parametrize("name", ["open append", "shutil move", "savefig"])
def test_nothing_is_left_however_it_ends_badly(
    kernel: tuple[KernelManager, BlockingKernelClient], folder: Path, name: str, ending: str
) -> None:
    manager, client = kernel
    before = state_of(folder)
    stream = ran(client, name)
    if ending == "interrupted while it runs":
        stream.delta("import time\nfor i in range(1000): time.sleep(0.02)\nx = 1\n")
        time.sleep(0.5)
    if ending in ENDINGS:
        ENDINGS[ending](stream)
    else:
        manager.interrupt_kernel()
    stream.heard.closed = stream.heard.closed or ending == "closed"
    heard = stream.finish()
    assert heard.errors() != []
    assert state_of(folder) == before


@pytest.mark.parametrize("name", ["open append", "shutil move", "savefig"])
def test_all_is_left_of_a_program_that_is_one(
    client: BlockingKernelClient, folder: Path, name: str
) -> None:
    before = state_of(folder)
    stream = ran(client, name)
    after = state_of(folder)
    heard = stream.end().finish()
    assert heard.errors() == []
    assert state_of(folder) == after != before


def test_what_a_program_that_fails_has_written_stays(
    client: BlockingKernelClient, folder: Path
) -> None:
    stream = WireStream(client).open(format="python").attach()
    stream.delta("open('n', 'w').write('x')\n1 / 0\n")
    assert stream.finish().errors() == ["ZeroDivisionError"]
    assert folder.joinpath("n").read_text() == "x"


def test_the_error_says_what_became_of_the_files(
    client: BlockingKernelClient, folder: Path
) -> None:
    stream = ran(client, "open append")
    ENDINGS["does not parse"](stream)
    error = next(m for m in stream.finish().iopub if m["msg_type"] == "error")
    assert "What it had done to files by then was undone." in "\n".join(
        error["content"]["traceback"]
    )


def test_its_user_takes_back_what_has_succeeded(client: BlockingKernelClient, folder: Path) -> None:
    before = state_of(folder)
    ran(client, "shutil move").end().finish()
    heard = WireStream(client).execute("%eager undo --list").finish()
    assert repr(str(folder / "old")) in heard.text()
    assert state_of(folder) != before
    heard = WireStream(client).execute("%eager undo").finish()
    assert heard.errors() == []
    assert state_of(folder) == before
    assert "nothing" in WireStream(client).execute("%eager undo").finish().text()


def test_the_next_kernel_undoes_what_a_killed_one_has_done(
    start_kernel: Starter, tmp_path: Path
) -> None:
    tmp_path.joinpath("old").write_text("old\n")
    before = state_of(tmp_path)
    manager, client = start_kernel("eager_python")
    setting = f"import os; os.chdir({str(tmp_path)!r})"
    client.execute_interactive(setting, store_history=False, timeout=60)
    stream = WireStream(client).open(format="python").attach()
    stream.delta("open('old', 'a').write('x')\nos.rename('old', 'new')\nafter = 1\n")
    stream.listen(20, until=lambda heard: has_run(heard, 3))
    assert state_of(tmp_path) != before
    # Not by its manager, which interrupts a kernel first: that would end the run, and undo it.
    assert isinstance(manager.provisioner, LocalProvisioner)
    os.kill(manager.provisioner.pid, signal.SIGKILL)
    manager.shutdown_kernel(now=True)
    assert state_of(tmp_path) != before
    start_kernel("eager_python")
    assert state_of(tmp_path) == before
