"""Kernels that end, restart and live long."""

from __future__ import annotations

from jupyter_client.blocking.client import BlockingKernelClient

from eager_kernel.testing.kernels import start_kernel
from eager_kernel.testing.wire import WireStream, run


def test_shutdown_in_the_middle_of_a_run() -> None:
    manager, client = start_kernel("eager_python", extra_arguments=["--log-level=ERROR"])
    stream = WireStream(client).open().attach().delta("x = 1\nprint('ran')\n")
    stream.listen(until=lambda heard: heard.text() == "ran\n")
    process = manager.provisioner.process
    manager.shutdown_wait_time = 60.0  # after which it is killed
    manager.shutdown_kernel()
    assert process.returncode == 0
    client.stop_channels()


def test_restart_in_the_middle_of_a_run() -> None:
    manager, client = start_kernel("eager_python", extra_arguments=["--log-level=ERROR"])
    try:
        stream = WireStream(client).open().attach().delta("x = 1\nimport time\ntime.sleep(60)\n")
        stream.until_told("running", 2)
        manager.restart_kernel(now=True)
        client.wait_for_ready(timeout=60)
        assert run(client, "'x' in globals()").displayed() == ["False"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_many_runs_leave_nothing_behind(client: BlockingKernelClient) -> None:
    program = "import threading\nthreading.active_count()"
    before = run(client, program).displayed()
    for number in range(40):
        pieces = [f"n = {number}\n", "n / 0\n"] if number % 4 == 0 else [f"n = {number}\n", "n"]
        run(client, *pieces)
    assert run(client, program).displayed() == before
    kept = "k = get_ipython().kernel.streams; len(k._streams), len(k._unread)"
    assert client_result(client, kept) == "(0, 0)"


def test_ordinary_cells_are_stock(client: BlockingKernelClient) -> None:
    assert client_result(client, "type(get_ipython()).__name__") == "'ZMQInteractiveShell'"
    run(client, "1")
    own = "sorted(n for n in vars(get_ipython()) if n in ('run_cell_async', 'showtraceback'))"
    assert client_result(client, own) == "[]"


def client_result(client: BlockingKernelClient, code: str) -> str:
    messages: list[dict] = []
    client.execute_interactive(code, timeout=60, output_hook=messages.append)
    results = [m for m in messages if m["msg_type"] == "execute_result"]
    text: str = results[-1]["content"]["data"]["text/plain"]
    return text
