"""The defences of docs/security.md that belong to the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.server.conftest import FILE_KEY, KEY, TIMEOUT, Api, Echo, shown
from tests.servers import Server, running_server

PATHS = [
    ("GET", "eager/api/models"),
    ("POST", "eager/api/cells"),
    ("GET", "eager/api/openapi.json"),
    ("GET", "eager/api/runs"),
    ("POST", "eager/api/runs"),
    ("GET", f"eager/api/runs/{'0' * 32}"),
    ("DELETE", f"eager/api/runs/{'0' * 32}"),
    ("GET", f"eager/api/runs/{'0' * 32}/events"),
]

# Keys ---------------------------------------------------------------------------------------

LOOK = """\
import os, psutil, sys
me = psutil.Process()
print(dict(os.environ))
print(open('/proc/self/environ', 'rb').read() if os.path.exists('/proc/self/environ') else '')
print(sys.argv, me.cmdline(), me.parent().cmdline())
for file in me.open_files():
    try:
        print(file.path, open(file.path, 'rb').read(50_000))
    except OSError:
        pass
print(me.net_connections(kind='all'))
for name in sorted(os.listdir('/proc/self/fd')) if os.path.exists('/proc/self/fd') else []:
    try:
        print(name, os.readlink('/proc/self/fd/' + name))
    except OSError:
        pass
"""


@pytest.mark.parametrize("model", ["openai/echo", "openai/from-a-file"])
@pytest.mark.parametrize("who", ["the kernel", "a child of it"])
def test_a_kernel_shows_no_key(api: Api, echo: Echo, server: Server, model: str, who: str) -> None:
    """Code that prints all it can of its own process, which the model's server was paid for."""
    pytest.importorskip("psutil")
    made = api.ask("POST", "api/kernels", json={"name": "eager_python"}).json()
    key = KEY if model == "openai/echo" else FILE_KEY
    program = LOOK
    if who != "the kernel":
        program = (
            "import subprocess, sys\nlook = " + repr(LOOK) + "\n"
            "print(subprocess.run([sys.executable, '-c', look], capture_output=True, "
            "text=True, check=True).stdout)"
        )
    events = api.run(made["id"], program, model=model)
    assert echo.asked[-1].headers["authorization"] == f"Bearer {key}"
    text = shown(events)
    assert "JPY_PARENT_PID" in text  # it did print its environment
    if who == "the kernel":
        assert "127.0.0.1" in text  # and its connections
    told = json.dumps(events)
    for secret in (KEY, FILE_KEY):
        assert secret not in text
        assert secret not in told
        assert secret not in server.log.read_text()
    api.ask("DELETE", f"api/kernels/{made['id']}")


def test_kernels_that_are_not_ours_inherit_no_key(api: Api, server: Server) -> None:
    from eager_kernel import EagerClient

    with EagerClient.start("python3", url=server.url, token=server.token) as client:
        shown = client.execute("import os; print(dict(os.environ))").outputs[0]["text"]
    assert "PATH" in shown
    assert KEY not in shown
    assert "EAGER_TEST_KEY" not in shown


def test_a_model_that_repeats_the_key(api: Api, kernel: str, server: Server) -> None:
    events = api.run(kernel, "refuse")
    message = next(data for _, kind, data in events if kind == "error")["message"]
    assert "does not accept the key" in message
    assert KEY not in json.dumps(events)
    assert KEY not in server.log.read_text()


def test_nothing_of_a_run_is_logged_but_its_id(api: Api, kernel: str, server: Server) -> None:
    run = api.begin(kernel, "secret_of_the_prompt = 1\n").json()
    list(api.events(run["id"]))
    log = server.log.read_text()
    assert run["id"] in log
    assert "secret_of_the_prompt" not in log
    assert server.token not in log


# Who may come in ----------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"Authorization": "token wrong"}])
@pytest.mark.parametrize(("method", "path"), PATHS)
def test_nobody_comes_in_without_the_token(
    server: Server, method: str, path: str, headers: dict[str, str]
) -> None:
    response = requests.request(
        method, server.url + path, headers=headers, json={}, timeout=TIMEOUT, allow_redirects=False
    )
    assert response.status_code == 403, response.text


@pytest.fixture
def browser(server: Server) -> requests.Session:
    """A browser that has logged in."""
    browser = requests.Session()
    browser.get(f"{server.url}api/status?token={server.token}", timeout=TIMEOUT)
    browser.get(f"{server.url}tree", timeout=TIMEOUT)
    # As a page of the server's gives it.
    assert "_xsrf" in browser.cookies
    return browser


def test_a_page_of_the_server_comes_in(
    server: Server, browser: requests.Session, kernel: str
) -> None:
    origin = server.url.removesuffix("/user/ada/")
    headers = {"X-XSRFToken": browser.cookies["_xsrf"], "Origin": origin}
    body = {"kernel_id": kernel, "prompt": "1", "format": "python"}
    url = f"{server.url}eager/api/runs"
    begun = browser.post(url, json=body, headers=headers, timeout=TIMEOUT)
    assert begun.status_code == 201, begun.text
    # An EventSource sends the cookie alone.
    events = browser.get(
        f"{url}/{begun.json()['id']}/events", headers={"Referer": server.url}, timeout=TIMEOUT
    )
    assert '"status": "ok"' in events.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "https://evil.example", "Content-Type": "text/plain"},
        {"Origin": "null"},
        {"Referer": "https://evil.example/"},
        {},  # a form, of a browser that sends no origin
    ],
)
def test_a_page_of_another_site_does_not(
    server: Server, browser: requests.Session, kernel: str, headers: dict[str, str]
) -> None:
    """It has the cookie of the browser, but can't read the one that guards against this."""
    body = json.dumps({"kernel_id": kernel, "prompt": "1"})
    url = f"{server.url}eager/api/runs"
    sent = {"Content-Type": "application/json", **headers}
    assert browser.post(url, data=body, headers=sent, timeout=TIMEOUT).status_code in (403, 404)
    if headers:
        for path in ("runs", "models"):
            read = browser.get(f"{server.url}eager/api/{path}", headers=headers, timeout=TIMEOUT)
            if "Origin" in headers:
                assert read.status_code in (403, 404)
            assert "Access-Control-Allow-Origin" not in read.headers


def test_a_form_is_no_request(api: Api, kernel: str) -> None:
    body = json.dumps({"kernel_id": kernel, "prompt": "1"})
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        sent = api.ask("POST", "eager/api/runs", data=body, headers={"Content-Type": kind})
        assert sent.status_code == 415


USERS = """
from jupyter_server.auth import Authorizer, IdentityProvider, User

class Names(IdentityProvider):
    def get_user(self, handler):
        name = handler.request.headers.get("X-User")
        return User(username=name) if name else None

    def is_token_authenticated(self, handler):
        return True

class Rules(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        if user.username == "reader":
            return not (resource == "kernels" and action == "execute")
        return user.username != "stranger" or resource != "eager"

c.ServerApp.identity_provider_class = Names
c.ServerApp.authorizer_class = Rules
c.EagerServer.max_runs_per_user = 2
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, echo: Echo) -> Iterator[Server]:
    """A server with several users."""
    folder: Path = tmp_path_factory.mktemp("shared")
    config = folder / "config"
    config.mkdir()
    reach = {"openai/echo": {"api_base": f"{echo.url}/v1"}}
    config.joinpath("jupyter_server_config.py").write_text(
        f"{USERS}c.EagerServer.models = {reach!r}\n"
    )
    with running_server(folder) as server:
        yield server


def test_users_of_a_shared_server(shared: Server) -> None:
    def ask(user: str, method: str, path: str, body: Any = None) -> requests.Response:
        url, headers = shared.url + path, {"X-User": user}
        return requests.request(method, url, headers=headers, json=body, timeout=TIMEOUT)

    kernel = ask("ada", "POST", "api/kernels", {"name": "eager_python"}).json()["id"]
    wanted = {"kernel_id": kernel, "prompt": "a = 1\n# pause\n", "format": "python"}
    # Who may not use the extension, or not run anything in kernels, does not.
    assert ask("stranger", "GET", "eager/api/models").status_code == 403
    assert ask("stranger", "POST", "eager/api/runs", wanted).status_code == 403
    assert ask("reader", "GET", "eager/api/models").status_code == 200
    assert ask("reader", "POST", "eager/api/runs", wanted).status_code == 403
    # Runs are their owner's.
    run = ask("ada", "POST", "eager/api/runs", wanted).json()["id"]
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
        assert ask("bob", method, f"eager/api/runs/{run}{path}").status_code == 404
    assert ask("bob", "GET", "eager/api/runs").json() == []
    # Each has a number of them.
    assert ask("ada", "POST", "eager/api/runs", wanted).status_code == 201
    refused = ask("ada", "POST", "eager/api/runs", wanted)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"]
    assert "max_runs_per_user" in refused.json()["message"]
    assert ask("bob", "POST", "eager/api/runs", wanted).status_code == 201
    for user in ("ada", "bob"):
        for item in ask(user, "GET", "eager/api/runs").json():
            assert ask(user, "DELETE", f"eager/api/runs/{item['id']}").status_code == 204
    assert "Traceback" not in shared.log.read_text()


# What is asked ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "body: must be JSON"),
        (b"[" * 100_000, 400, "body: must be JSON"),
        (b"[]", 400, "body: must be an object"),
        ({}, 400, "prompt: give a prompt, or messages"),
        ({"prompt": "x", "messages": []}, 400, "prompt: give a prompt, or messages"),
        ({"prompt": " "}, 400, "prompt: must be a string that is not empty"),
        ({"messages": []}, 400, "messages: must be a list"),
        ({"messages": [{"role": "user"}]}, 400, r"messages\[0\]: must be an object"),
        ({"messages": [{"role": "god", "content": "x"}]}, 400, r"messages\[0\].role"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, 400, "the user's"),
        ({"prompt": "x", "kernel_id": 5}, 400, "kernel_id: must be a string"),
        ({"prompt": "x", "kernel_id": "../../x"}, 404, "no such kernel"),
        ({"prompt": "x", "model": "openai/other"}, 404, "does not ask that model"),
        ({"prompt": "x", "model": "../x"}, 404, "does not ask that model"),
        ({"prompt": "x", "cell": "mine"}, 400, "cell: must be one of server, page"),
        ({"prompt": "x", "gate": "ajar"}, 400, "gate: must be one of effect"),
        ({"prompt": "x", "max_tokens": True}, 400, "max_tokens: must be an integer"),
        ({"prompt": "x", "temperature": 3}, 400, "temperature: must be a number"),
        ({"prompt": "x", "api_base": "http://evil.example"}, 400, "body: has an unknown field"),
        ({"prompt": "x", "credential": "PATH"}, 400, "body: has an unknown field"),
        ({"prompt": "x" * 5001}, 413, "EagerServer.max_prompt_chars"),
    ],
)
def test_what_is_wrong_is_refused(
    api: Api, kernel: str, body: Any, status: int, message: str
) -> None:
    import re

    if isinstance(body, dict):
        body = json.dumps({"kernel_id": kernel, **body}).encode()
    sent = api.ask(
        "POST", "eager/api/runs", data=body, headers={"Content-Type": "application/json"}
    )
    assert sent.status_code == status, sent.text
    assert re.search(message, sent.json()["message"])
    assert "evil" not in sent.text  # nothing that was sent is repeated


def test_more_runs_than_a_user_may_have(api: Api, kernel: str) -> None:
    begun = [api.begin(kernel, "# pause\n") for _ in range(20)]
    assert [response.status_code for response in begun] == [201] * 20
    refused = api.begin(kernel, "1")
    assert refused.status_code == 429
    assert "20 runs of yours are not over" in refused.json()["message"]
    for response in begun:
        api.ask("DELETE", f"eager/api/runs/{response.json()['id']}")
    for response in begun:
        assert list(api.events(response.json()["id"]))[-1][2] == {"status": "cancelled"}
    assert shown(api.run(kernel, "'again'")) == "'again'"


def test_text_of_a_model_makes_no_event(api: Api, kernel: str) -> None:
    program = "a = '''\n\nevent: end\ndata: {\"status\": \"ok\"}\n\n'''\n<b>\r: x\n"
    events = api.run(kernel, program)
    assert [kind for _, kind, _ in events].count("end") == 1
    assert events[-1][2] == {"status": "error"}
    text = "".join(data["text"] for _, kind, data in events if kind == "delta")
    assert text.replace("\r", "") == program.replace("\r", "")


def test_events_are_no_page(api: Api, kernel: str) -> None:
    run = api.begin(kernel, "'<script>alert(1)</script>'").json()
    read = api.ask("GET", f"eager/api/runs/{run['id']}/events")
    assert read.headers["Content-Type"] == "text/event-stream"
    assert read.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in read.headers["Content-Security-Policy"]
    assert read.headers["Cache-Control"] == "no-store"
