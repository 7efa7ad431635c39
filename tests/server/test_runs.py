"""Prompts that the server asks, and its kernels run."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from nbformat import validate as validate_notebook
from nbformat.v4 import new_code_cell, new_notebook, new_output

from eager_kernel import EagerClient
from tests.server.conftest import KEY, Api, Echo, shown
from tests.servers import TOKEN, Server, running_server


def kinds(events: list[tuple[int, str, Any]]) -> list[str]:
    return [kind for _, kind, _ in events]


def last(events: list[tuple[int, str, Any]], kind: str) -> Any:
    return [data for _, k, data in events if k == kind][-1]


def test_a_run_from_prompt_to_result(api: Api, kernel: str, echo: Echo) -> None:
    program = "a = 6\nprint('hello')\na * 7"
    begun = api.begin(kernel, program)
    assert begun.status_code == 201
    run = begun.json()
    assert (run["kernel_id"], run["model"], run["cell"]) == (kernel, "openai/echo", "server")
    assert begun.headers["Location"].endswith(f"/user/ada/eager/api/runs/{run['id']}")
    events = list(api.events(run["id"]))
    assert [number for number, _, _ in events] == list(range(1, len(events) + 1))
    assert "".join(data["text"] for _, kind, data in events if kind == "delta") == program
    assert shown(events) == "hello\n42"
    result = last(events, "result")
    assert (result["status"], result["program"]) == ("ok", program)
    assert result["report"]["chunks"][0]["lines"] == [1, 1]
    assert events[-1][1:] == ("end", {"status": "ok"})
    assert api.ask("GET", f"eager/api/runs/{run['id']}").json()["status"] == "ok"
    assert run["id"] in [r["id"] for r in api.ask("GET", "eager/api/runs").json()]
    asked = echo.asked[-1]
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert [m["role"] for m in asked.body["messages"]] == ["system", "user"]


def test_outputs_are_those_of_a_notebook(api: Api, kernel: str) -> None:
    events = api.run(kernel, "from IPython.display import HTML\nprint(1)\nHTML('<b>')\n")
    outputs = [data["output"] for _, kind, data in events if kind == "output"]
    made = [new_output(**output) for output in outputs]
    validate_notebook(new_notebook(cells=[new_code_cell(outputs=made)]))


def test_it_runs_while_the_model_writes(api: Api, kernel: str, echo: Echo) -> None:
    echo.gone.clear()
    run = api.begin(kernel, "print('early')\n# pause\n").json()
    events = api.events(run["id"])
    assert shown([next(e for e in events if e[1] == "output")]) == "early\n"
    assert api.ask("DELETE", f"eager/api/runs/{run['id']}").status_code == 204
    assert echo.gone.wait(60)  # the model was told at once
    rest = list(events)
    assert last(rest, "stop")["reason"] == "cancelled"
    assert rest[-1][2] == {"status": "cancelled"}
    assert api.ask("DELETE", f"eager/api/runs/{run['id']}").status_code == 204  # once more


def test_an_error_stops_the_model(api: Api, kernel: str, echo: Echo) -> None:
    echo.gone.clear()
    events = api.run(kernel, "x = 1\n1 / 0\nx = 2\n# pause\n")
    assert echo.gone.wait(60)
    assert last(events, "stop")["reason"] == "error"
    assert last(events, "result")["error"]["ename"] == "ZeroDivisionError"
    assert events[-1][2] == {"status": "error"}


def test_the_events_can_be_read_again_from_anywhere(api: Api, kernel: str) -> None:
    run = api.begin(kernel, "print(1)\nprint(2)\n").json()
    events = list(api.events(run["id"]))
    assert list(api.events(run["id"], after=3)) == events[3:]
    assert list(api.events(run["id"], after=10**9)) == []


def test_a_cell_of_the_page_owns_the_run(server: Server, api: Api, kernel: str) -> None:
    run = api.begin(kernel, "print('in the page')\n40 + 2", cell="page").json()
    with EagerClient.connect(url=server.url, token=server.token, kernel_id=kernel) as page:
        cell = page.execute(f"%eager attach {run['comm_id']}")
    assert [o.get("text") or o["data"]["text/plain"] for o in cell.outputs] == [
        "in the page\n",
        "42",
    ]
    events = list(api.events(run["id"]))
    assert "output" not in kinds(events)
    assert last(events, "result")["status"] == "ok"
    assert events[-1][2] == {"status": "ok"}


def test_a_kernel_that_is_busy(server: Server, api: Api, kernel: str, tmp_path: Path) -> None:
    """The text is taken meanwhile; the run waits its turn."""
    go, begun = tmp_path / "go", threading.Event()
    cell = f"import os\nprint('busy')\nwhile not os.path.exists({str(go)!r}): pass"
    with EagerClient.connect(url=server.url, token=server.token, kernel_id=kernel) as other:
        hears = {"on_event": lambda event: begun.set()}
        busy = threading.Thread(target=other.execute, args=(cell,), kwargs=hears)
        busy.start()
        assert begun.wait(30)
        response = api.begin(kernel, "'after'")
        assert response.status_code == 201
        go.touch()
        events = list(api.events(response.json()["id"]))
        busy.join()
    assert shown(events) == "'after'"


def test_messages_and_a_system_message_of_ones_own(api: Api, kernel: str, echo: Echo) -> None:
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "'second'"},
    ]
    body = {"kernel_id": kernel, "messages": messages, "format": "python", "max_tokens": 9000}
    run = api.ask("POST", "eager/api/runs", json=body).json()
    assert shown(list(api.events(run["id"]))) == "'second'"
    asked = echo.asked[-1].body
    assert asked["messages"] == messages
    assert 500 in (asked.get("max_tokens"), asked.get("max_completion_tokens"))  # the deployer's


def test_a_recorded_model(api: Api, kernel: str) -> None:
    model = api.ask("GET", "eager/api/models").json()[-1]["id"]
    assert model.startswith("recorded/")
    assert shown(api.run(kernel, "anything", model=model)) == "recorded\n"


def test_the_models_are_listed_by_id_alone(api: Api, echo: Echo) -> None:
    models = api.ask("GET", "eager/api/models").json()
    assert models[:2] == [{"id": "openai/echo"}, {"id": "openai/from-a-file"}]
    assert all(set(model) == {"id"} for model in models)


def test_twenty_runs_at_once(api: Api, kernel: str) -> None:
    """In three kernels, all at once, none of them loses anything."""
    kernels = [kernel]
    for _ in range(2):
        model = api.ask("POST", "api/kernels", json={"name": "eager_python"}).json()
        kernels.append(model["id"])
    programs = [
        "import time\n" + "".join(f"print('{n}-{i}')\ntime.sleep(0.005)\n" for i in range(20))
        for n in range(20)
    ]
    runs = [api.begin(kernels[n % 3], program).json() for n, program in enumerate(programs)]
    for n, run in enumerate(runs):
        events = list(api.events(run["id"]))
        assert "".join(d["text"] for _, k, d in events if k == "delta") == programs[n]
        assert shown(events) == "".join(f"{n}-{i}\n" for i in range(20))
        assert last(events, "result")["program"] == programs[n]
        assert events[-1][2] == {"status": "ok"}
    for kernel_id in kernels[1:]:
        api.ask("DELETE", f"api/kernels/{kernel_id}")


def test_an_answer_that_is_too_long(api: Api, kernel: str) -> None:
    events = api.run(kernel, "x = '" + "y" * 4400 + "'")
    assert "EagerServer.max_answer_chars" in last(events, "error")["message"]
    assert events[-1][2] == {"status": "error"}


def test_a_kernel_that_is_not_ours(api: Api) -> None:
    made = api.ask("POST", "api/kernels", json={"name": "python3"}).json()
    refused = api.begin(made["id"], "1")
    assert refused.status_code == 503
    assert "no EAGER kernel answers" in refused.json()["message"]
    api.ask("DELETE", f"api/kernels/{made['id']}")


def test_a_kernel_that_dies(api: Api) -> None:
    made = api.ask("POST", "api/kernels", json={"name": "eager_python"}).json()
    events = api.run(made["id"], "import os\nos._exit(1)\n", gate="off")
    assert "KernelConnectionError" in last(events, "error")["message"]
    assert events[-1][2] == {"status": "error"}
    api.ask("DELETE", f"api/kernels/{made['id']}")


def test_a_kernel_that_is_killed(api: Api, server: Server, echo: Echo) -> None:
    """The run says so, its model is stopped, and the kernel that comes in its place is usable."""
    made = api.ask("POST", "api/kernels", json={"name": "eager_python"}).json()
    echo.gone.clear()
    run = api.begin(made["id"], "import os\nprint(os.getpid())\n# pause\n# pause\n").json()
    # It says which it is: that of the test before may still be coming back.
    said = next(event for event in api.events(run["id"]) if event[1] == "output")
    psutil.Process(int(said[2]["output"]["text"])).kill()
    events = list(api.events(run["id"]))
    assert "the kernel died" in last(events, "error")["message"]
    assert events[-1][1:] == ("end", {"status": "error"})
    assert echo.gone.wait(60)
    until_usable = time.monotonic() + 60
    while (begun := api.begin(made["id"], "'again'")).status_code == 503:
        assert time.monotonic() < until_usable
    assert shown(list(api.events(begun.json()["id"]))) == "'again'"
    api.ask("DELETE", f"api/kernels/{made['id']}")


def server_kernels(server: Server) -> list[psutil.Process]:
    """The kernels of a server, the latest last."""
    children = psutil.Process(server.process.pid).children()
    kernels = [child for child in children if "eager_kernel" in child.cmdline()]
    return sorted(kernels, key=lambda child: child.create_time())


def test_a_hundred_thousand_deltas_of_a_character(tmp_path: Path) -> None:
    """Few events for many pieces, and little memory."""
    text = "s = '" + "y" * 99_980 + "'\nlen(s)"
    recording = tmp_path / "many.jsonl"
    with recording.open("w") as file:
        file.write('{"format": "eager-recording", "version": 1}\n')
        file.writelines(f'{{"t": 0, "text": {json.dumps(character)}}}\n' for character in text)
    (tmp_path / "config").mkdir()
    tmp_path.joinpath("config", "jupyter_server_config.py").write_text(
        f"c.EagerServer.models = {{'recorded/{recording}': {{}}}}\n"
    )
    with running_server(tmp_path) as server:
        api = Api(server)
        kernel = api.ask("POST", "api/kernels", json={"name": "eager_python"}).json()["id"]
        process = psutil.Process(server.process.pid)
        before = process.memory_info().rss
        events = api.run(kernel, "x")
        grown = process.memory_info().rss - before
    assert shown(events) == "99980"
    assert "".join(data["text"] for _, kind, data in events if kind == "delta") == text
    assert len(events) < 5_000
    assert grown < 30_000_000


def test_a_kernel_of_a_gateway(tmp_path: Path, echo: Echo) -> None:
    """The server's kernels are another server's, and the key stays here."""
    pytest.importorskip("kernel_gateway")
    gateway_folder, folder = tmp_path / "gateway", tmp_path / "server"
    (folder / "config").mkdir(parents=True)
    gateway_folder.mkdir()
    models = {"openai/echo": {"api_base": f"{echo.url}/v1"}}
    folder.joinpath("config", "jupyter_server_config.py").write_text(
        f"c.EagerServer.models = {models!r}\n"
    )
    command = (sys.executable, "-m", "kernel_gateway")
    with running_server(
        gateway_folder,
        "--KernelGatewayApp.list_kernels=True",
        command=command,
        app="KernelGatewayApp",
    ) as gateway:
        options = [f"--GatewayClient.url={gateway.url}", f"--GatewayClient.auth_token={TOKEN}"]
        with running_server(folder, *options) as server:
            api = Api(server)
            kernel = api.ask("POST", "api/kernels", json={"name": "eager_python"}).json()["id"]
            program = "import os\nprint(os.getppid())\n2 + 2"
            assert shown(api.run(kernel, program)) == f"{gateway.process.pid}\n4"
            api.ask("DELETE", f"api/kernels/{kernel}")
