"""What goes wrong with a model, as one table: the same words, whoever asks it.

A cell's model is asked by the kernel, or by the Jupyter server for a page. The page's button takes
the second way (`tests/browser/test_lab_extension.py` presses it).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from eager_kernel.testing.wire import WireStream
from tests.server.conftest import SAYS, Api, Echo
from tests.server.test_relay import Comm, begin
from tests.servers import Server, running_server
from tests.sources.server import Connection

KEY = "a-key-of-no-known-form-1231231230"
KERNELS_KEY = "another-key-of-the-kernel-5675675670"
NOWHERE = "http://127.0.0.1:9/v1"

# The fault: the model and the prompt; what the kernel is told of where it is; the message.
FAULTS = {
    "wrong key": (
        ("openai/faulty", "401"),
        "--api-base {url}/v1 --credential KERNELS_KEY",
        "SourceError: openai/faulty at {url}/v1 does not accept the key (401): so it is. Check the "
        "credential",
    ),
    "missing key": (
        ("openai/has-no-key", "anything"),
        "",
        "SourceError: no key for OpenAI: set the environment variable OPENAI_API_KEY before "
        "Jupyter starts, or name another variable, or an entry of the system's keyring, as the "
        "credential",
    ),
    "unreachable server": (
        ("openai/is-nowhere", "anything"),
        f"--api-base {NOWHERE} --credential KERNELS_KEY",
        f"SourceError: nobody listens at openai/is-nowhere at {NOWHERE}: start the server, or "
        "check its address and port",
    ),
    "404": (
        ("openai/faulty", "404"),
        "--api-base {url}/v1 --credential KERNELS_KEY",
        "SourceError: openai/faulty at {url}/v1 is not there (404): so it is. Check the model's "
        "name, and the address, which often ends with /v1",
    ),
    "429": (
        ("openai/faulty", "429"),
        "--api-base {url}/v1 --credential KERNELS_KEY",
        "SourceError: openai/faulty at {url}/v1 has had too many requests (429): ask again in "
        "20 s. It says: so it is",
    ),
    "500": (
        ("openai/faulty", "500"),
        "--api-base {url}/v1 --credential KERNELS_KEY",
        "SourceError: openai/faulty at {url}/v1 is in trouble (500): so it is. Ask again later",
    ),
    "no model configured": (
        ("", "anything"),
        "",
        "NoModelError: which model? None is chosen.\n"
        "  - to see a run without a model: %%eager --model recorded/demo\n"
        "  - with a key of your own",
    ),
    "missing package": (
        ("litellm/openai/x", "anything"),
        "",
        "the model litellm/openai/x needs more packages: pip install 'eager-kernel[litellm]'",
    ),
}


class Faulty(Echo):
    """Refuses with the status that the prompt names."""

    async def _answer(self, connection: Connection) -> None:
        status = int(connection.asked.body["messages"][-1]["content"].split()[-1])
        await connection.refuse(status, SAYS.error("so it is", "an_error"), retry_after="20")


@pytest.fixture(scope="module")
def faulty() -> Iterator[Faulty]:
    pytest.importorskip("openai")
    faulty = Faulty()
    yield faulty
    faulty.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, faulty: Faulty) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("faults")
    with_key = {"credential": "SERVERS_KEY"}
    models = {
        "openai/faulty": {"api_base": f"{faulty.url}/v1", **with_key},
        "openai/has-no-key": {},
        "openai/is-nowhere": {"api_base": NOWHERE, **with_key},
        "litellm/openai/x": {},
    }
    config = folder / "config"
    config.mkdir()
    config.joinpath("jupyter_server_config.py").write_text(f"c.EagerServer.models = {models!r}\n")
    environment = {"SERVERS_KEY": KEY, "KERNELS_KEY": KERNELS_KEY, "OPENAI_API_KEY": ""}
    with running_server(folder, environment=environment) as server:
        yield server


@pytest.fixture(scope="module")
def page(server: Server, kernel: str) -> Iterator[BlockingKernelClient]:
    client = BlockingKernelClient()
    client.load_connection_file(str(server.runtime / f"kernel-{kernel}.json"))
    client.start_channels()
    # Not `wait_for_ready`, which on a busy machine takes a late heartbeat for a death.
    ready = WireStream(client)
    ready.heard.closed = True
    while not ready.done:
        ready.execute("1", silent=True)
        ready.listen(5)
    yield client
    client.stop_channels()


def run(page: BlockingKernelClient, cell: Comm, code: str, cell_id: str) -> None:
    """Run a cell, as a page does."""
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
    message = page.session.msg("execute_request", {**content, "stop_on_error": False})
    message["metadata"]["cellId"] = cell_id
    page.shell_channel.send(message)
    cell.request, cell.heard.closed = message["header"]["msg_id"], True


def told(cell: Comm) -> str:
    """What a cell that has ended shows of its error."""
    cell.finish(60)
    errors = [m["content"] for m in cell.heard.iopub if m["msg_type"] == "error"]
    assert len(errors) == 1, errors
    assert errors[0]["traceback"] == [f"{errors[0]['ename']}: {errors[0]['evalue']}"]
    return str(errors[0]["traceback"][0])


def by_the_kernel(page: BlockingKernelClient, model: str, prompt: str, where: str) -> str:
    cell = Comm(page)
    named = f"--model {model}" if model else ""
    run(page, cell, f"%%eager --fresh {named} {where}\n{prompt}", "one")
    return told(cell)


def by_the_server(
    api: Api, kernel: str, page: BlockingKernelClient, model: str, prompt: str
) -> str:
    offered = Comm(page)
    models = [model] if model else []
    offered.send(
        "comm_open",
        {
            "comm_id": offered.comm_id,
            "target_name": "eager.page",
            "data": {"version": 1, "models": models},
        },
    )
    named = f"--model {model}" if model else ""
    run(page, offered, f"%%eager --fresh {named}\n{prompt}", "a-cell")
    if model:
        want = offered.hears("want")
        begun = begin(api, kernel, model=want["model"], requests=want["requests"])
        assert begun.status_code == 201, begun.text
    text = told(offered)
    offered.send("comm_close", {"comm_id": offered.comm_id, "data": {}})
    return text


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_alike_on_both_ways(
    fault: str, api: Api, kernel: str, page: BlockingKernelClient, faulty: Faulty
) -> None:
    (model, prompt), where, said = FAULTS[fault]
    if fault == "missing package" and find_spec("litellm") is not None:
        pytest.skip("litellm is installed here")
    said, where = said.format(url=faulty.url), where.format(url=faulty.url)
    texts = [
        by_the_kernel(page, model, prompt, where),
        by_the_server(api, kernel, page, model, prompt),
    ]
    for text in texts:
        assert said in text
        assert KEY not in text
        assert KERNELS_KEY not in text
    one, other = (re.sub(r"\n  - with a key that the Jupyter server.*", "", t) for t in texts)
    assert one == other
    if fault == "no model configured":  # where a page is, it is said what its server lacks
        assert "c.EagerServer.models" in texts[1]


def test_there_are_eight_kinds() -> None:
    assert len(FAULTS) == 8
