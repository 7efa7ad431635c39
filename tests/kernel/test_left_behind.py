"""What a refused program has left behind has no effects, whoever calls it, and stays in no hook."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from eager_kernel.testing.wire import Heard, WireStream, run
from tests.afresh import afresh
from tests.conftest import Starter

_SPLIT = "# ---\n"
_PARTS = Path(__file__).with_name("left_behind.txt").read_text("utf-8").split("# %% ")[1:]
LEFT = {part.partition("\n")[0]: part.partition("\n")[2] for part in _PARTS}


@pytest.fixture(scope="module")
def kernel(start_kernel: Starter) -> tuple[KernelManager, BlockingKernelClient]:
    """A kernel that does not wait long for a test that has failed."""
    return start_kernel("eager_python", "--EagerRun.delta_timeout=15")


@pytest.fixture
def folder(client: BlockingKernelClient, tmp_path: Path) -> Path:
    """The kernel's folder."""
    tmp_path.joinpath("old").touch()
    execute(client, afresh(tmp_path))
    return tmp_path


def execute(client: BlockingKernelClient, code: str) -> dict[str, Any]:
    """Run an ordinary cell."""
    reply = client.execute_interactive(code, timeout=60, output_hook=lambda message: None)
    content: dict[str, Any] = reply["content"]
    return content


def come_to_its_end(heard: Heard) -> bool:
    """Whether all has run, or waits."""
    states = {d["index"]: d["state"] for d in heard.comm if d["type"] == "chunk"}
    return "held" in states.values() or (len(states) > 1 and states[max(states)] == "done")


def refuse(client: BlockingKernelClient, program: str) -> Heard:
    """Run a program, and then let it turn out to be none."""
    stream = WireStream(client).open(format="python").attach()
    stream.delta(program + "last = 1\n")
    stream.listen(10, until=come_to_its_end)
    return stream.delta("x = )\n").end().finish()


@pytest.mark.parametrize("name", LEFT)
def test_nothing_of_it_happens(client: BlockingKernelClient, folder: Path, name: str) -> None:
    program, *cells = LEFT[name].split(_SPLIT)
    refuse(client, program)
    assert not folder.joinpath("f").exists()
    for cell in cells or ["1"]:
        execute(client, cell)
    assert execute(client, "6 * 7")["status"] == "ok"
    time.sleep(0.05)
    assert not folder.joinpath("f").exists()


WATCHED = {
    "reader": "loop.add_reader(r, open, 'f', 'w')",
    "method": "loop.add_reader(r, lambda: open('f', 'w'))",
    "writer": "loop.add_writer(w, open, 'f', 'w')",
    "tornado": "ioloop.IOLoop.current().add_handler(r, lambda *a: open('f', 'w'), 1)",
}
# A pipe that is full can't be written to, until a later cell reads from it.
FULL = """\
import asyncio, os
from tornado import ioloop
loop, (r, w) = asyncio.get_running_loop(), os.pipe()
os.set_blocking(w, False)
file = os.fdopen(w, 'wb', buffering=0, closefd=False)
while file.write(b'x' * 4096): pass
"""


@pytest.mark.parametrize("name", WATCHED)
def test_a_loop_does_not_go_round_for_what_is_refused(
    kernel: tuple[KernelManager, BlockingKernelClient], folder: Path, name: str
) -> None:
    manager, client = kernel
    full = name == "writer"
    execute(client, FULL if full else FULL.rpartition("while")[0])
    left = f"__import__('contextvars').Context().run(lambda: [{WATCHED[name]}])\n"
    refuse(client, left)
    execute(client, "n = os.read(r, 65536)" if full else "n = file.write(b'x')")
    execute(client, "await asyncio.sleep(0.2)")
    assert isinstance(manager.provisioner, LocalProvisioner)
    process = psutil.Process(manager.provisioner.pid)
    before = process.cpu_times()
    time.sleep(1)
    after = process.cpu_times()
    assert after.user + after.system - before.user - before.system < 0.5
    assert not folder.joinpath("f").exists()
    assert execute(client, "loop.remove_reader(r), loop.remove_writer(w)")["status"] == "ok"


def test_hooks_are_as_they_were(client: BlockingKernelClient, folder: Path) -> None:
    state = (
        "import builtins, gc, signal, sys, threading\n"
        "s = get_ipython()\n"
        "def state():\n"
        "    return [gc.callbacks[:], sys.meta_path[:], {k: v[:] for k, v in "
        "s.events.callbacks.items()}, sys.stdout, sys.excepthook, threading.excepthook,\n"
        "        s.input_transformers_cleanup[:], s.input_transformers_post[:], "
        "s.ast_transformers[:], {k: v for k, v in vars(s).items() if callable(v)},\n"
        "        signal.getsignal(signal.SIGWINCH), sys.getprofile(), sys.gettrace(), "
        "dict(vars(builtins)), dict(s.display_formatter.formatters['text/plain'].type_printers)]\n"
        "before = state()\n"
    )
    execute(client, state)
    program = (
        "f = lambda *a, **k: open('f', 'w').close()\n"
        "g = __import__('g' + 'c'); getattr(g, 'call' + 'backs').append(f)\n"
        "s.events.register('post_execute', f); s.events.register('pre_run_cell', f)\n"
        "sys.meta_path.append(f); sys.stdout = sys.excepthook = threading.excepthook = f\n"
        "s.input_transformers_post.append(f); s.showtraceback = s.run_cell = f\n"
        "h = __import__('sig' + 'nal'); r = getattr(h, 'sig' + 'nal')(h.SIGWINCH, f)\n"
        "vars(__import__('built' + 'ins')).update(print=f)\n"
        "s.display_formatter.formatters['text/plain'].for_type(int, f)\n"
        "sys.settrace(lambda *a: None); sys.setprofile(lambda *a: None)\n"
    )
    heard = refuse(client, program)
    assert [data["reason"] for data in heard.comm if data.get("state") == "held"] == []
    execute(client, "same = [old == new for old, new in zip(before, state())]")
    content = client.execute_interactive("", user_expressions={"same": "same"}, timeout=60)[
        "content"
    ]
    assert "False" not in content["user_expressions"]["same"]["data"]["text/plain"]
    assert not folder.joinpath("f").exists()


def test_hooks_of_libraries_stay(client: BlockingKernelClient, folder: Path) -> None:
    # The user's next program shows its figures, though its inline back end was set up in one
    # that was none.
    program = "%matplotlib inline\nimport matplotlib.pyplot as plt\nshown = plt.plot([1, 2])\n"
    refuse(client, program)
    heard = run(client, "plt.plot([1, 2]);")
    kinds = [message["msg_type"] for message in heard.iopub]
    assert "display_data" in kinds


def test_what_it_defined_is_the_users_to_call(client: BlockingKernelClient, folder: Path) -> None:
    refuse(client, "def write(*a):\n    open('f', 'w').close()\n\nwrite\n")
    for cell in (
        "write()",
        "list(map(write, [1]))",
        "import threading; t = threading.Thread(target=write); t.start(); t.join()",
        "import asyncio; asyncio.get_running_loop().call_soon(write); await asyncio.sleep(0.1)",
        "async def f(): write()\n\nawait asyncio.create_task(f())",
        "get_ipython().events.register('post_execute', g := lambda: write())",
    ):
        folder.joinpath("f").unlink(missing_ok=True)
        assert execute(client, cell)["status"] == "ok"
        assert folder.joinpath("f").exists(), cell
    execute(client, "get_ipython().events.unregister('post_execute', g)")


@pytest.mark.parametrize(
    ("made", "used"),
    [
        (
            "f = getattr(__import__('concurrent.futures').futures, 'Thread' + 'PoolExecutor')(1)\n"
            "getattr(f, 'sub' + 'mit')(int).result()\n",
            "f.submit(open, 'f', 'w').result().close()",
        ),
        (
            "import asyncio\nloop = asyncio.new_event_loop()\nt = __import__('thread' + 'ing')\n"
            "t.Thread(target=loop.run_forever, daemon=True).start()\n",
            "async def f(): await asyncio.to_thread(open, 'f', 'w')\n\n"
            "asyncio.run_coroutine_threadsafe(f(), loop).result()",
        ),
    ],
    ids=["a pool", "a loop"],
)
def test_threads_of_libraries_serve_the_next_cells(
    client: BlockingKernelClient, folder: Path, made: str, used: str
) -> None:
    refuse(client, made)
    assert execute(client, used)["status"] == "ok"
    assert folder.joinpath("f").exists()


def test_temporary_files_of_the_program_are_removed(
    client: BlockingKernelClient, folder: Path
) -> None:
    program = (
        "import tempfile, pathlib\nd = tempfile.mkdtemp(); pathlib.Path(d, 'x').write_text('x')\n"
        "n, p = tempfile.mkstemp()\nprint(d, p)\n"
    )
    heard = refuse(client, program)
    paths = heard.text().split()
    assert len(paths) == 2
    assert not any(Path(path).exists() for path in paths)


@pytest.mark.parametrize("ending", ["", "x = )\n"])
@pytest.mark.parametrize("how", ["atexit", "weakref"])
def test_at_the_end_of_the_process(
    start_kernel: Starter, tmp_path: Path, ending: str, how: str
) -> None:
    manager, client = start_kernel()
    where = str(tmp_path / "f")
    register = {
        "atexit": f"getattr(__import__('at' + 'exit'), 'reg' + 'ister')(open, {where!r}, 'w')\n",
        "weakref": "class C: pass\n\nc = C()\n"
        f"getattr(__import__('weak' + 'ref'), 'final' + 'ize')(c, open, {where!r}, 'w')\n",
    }[how]
    run(client, "x = 1\n", register, ending, pause=0.1)
    manager.shutdown_kernel()
    assert tmp_path.joinpath("f").exists() == (not ending)
