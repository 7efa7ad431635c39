"""Keys are with the process that asks the model, and nowhere else: every process is looked at."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from eager_kernel import EagerClient
from tests.server.conftest import Api
from tests.servers import OTHER_EXTENSIONS, Server, running_server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

PROVIDERS = [
    *("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY", "AZURE_API_KEY"),
    *(
        "AZURE_CLIENT_SECRET",
        "GROQ_API_KEY",
        "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN",
        "COHERE_API_KEY",
    ),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "REPLICATE_API_TOKEN"),
    *("GOOGLE_APPLICATION_CREDENTIALS", "DATABRICKS_TOKEN", "WATSONX_APIKEY", "XAI_API_KEY"),
    *("ANTHROPIC_AUTH_TOKEN", "OPENAI_ADMIN_KEY", "OPENAI_CUSTOM_HEADERS", "AIMLAPI_KEY"),
    *("OF_TOMORROW_API_KEY", "SNOWFLAKE_JWT", "CLARIFAI_PAT", "AWS_WEB_IDENTITY_TOKEN_FILE"),
]
"""What providers' clients read their keys from, of those that this server asks and of others."""
CONFIGURED = ["WORK", "ODD_NAME", "TELLS_TOKEN", "TELLS_CERTIFICATE"]
"""What the models of the configuration read, whatever it is called."""
OTHERS = ["DATABASE_URL", "GITLAB_PAT", "PGPASSWORD", "MY_PASSPHRASE", "SENTRY_DSN", "NPM_AUTH"]
"""Secrets of the user that are no model's business."""
NEEDED = {
    "no_proxy": "127.0.0.1,localhost",
    "HTTPS_PROXY": "http://proxy.example:3128",
    "SSL_CERT_DIR": "/etc/ssl/certs",
    "LC_MESSAGES": "C",
    "OMP_NUM_THREADS": "1",
}
"""What a model's process can't do without."""


@dataclass
class World:
    """A server that has many keys, and all kinds of what it can start."""

    server: Server
    api: Api
    values: dict[str, str]
    kernels: dict[str, str]
    key_of_file: str

    def told(self, model: str) -> dict[str, dict[str, str]]:
        """What a source says of its own environment, and of its child's."""
        events = self.api.run(self.kernels["eager_python"], "x", model=model)
        text = "".join(data["text"] for _, kind, data in events if kind == "delta")
        told: dict[str, dict[str, str]] = json.loads(text)
        return told

    def secrets_of(self, variables: dict[str, str]) -> set[str]:
        """The variables whose values are among these, whatever they are called there."""
        found = "\n".join(variables.values())
        return {name for name, value in self.values.items() if value in found}


def install(folder: Path) -> Path:
    """Make a package of `tells.py`."""
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("tells.py"), folder)
    info = folder / "tells-1.0.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: tells\nVersion: 1\n")
    info.joinpath("entry_points.txt").write_text(
        "[eager_kernel.sources]\n"
        "tells = tells:make_source\n"
        "silent = tells:make_silent\n"
        "broken = no_such_module:make_source\n"
    )
    return folder


def kernel_spec(folder: Path, name: str, **more: Any) -> None:
    spec = folder / "kernels" / name
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.joinpath("kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": name, "language": "python", **more})
    )


SPECS: dict[str, dict[str, Any]] = {
    "by-another-provisioner": {
        "metadata": {"kernel_provisioner": {"provisioner_name": "local-provisioner"}}
    },
    # As a program may write it into the user's folder of kernels, and start it by the server.
    "by-another-name": {"env": {f"LEAK_{n}": f"${{{n}}}" for n in PROVIDERS + CONFIGURED}},
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    pytest.importorskip("jupyter_server")
    folder: Path = tmp_path_factory.mktemp("keys")
    values = {name: f"of-{secrets.token_hex(12)}" for name in PROVIDERS + CONFIGURED + OTHERS}
    key_of_file = f"file-{secrets.token_hex(12)}"
    key_file = folder / "key"
    key_file.write_text(f"{key_of_file}\n")
    models: dict[str, Any] = {
        "recorded/demo": {},
        "tells/declared": {},
        "tells/with-a-credential": {"credential": "WORK"},
        "tells/with-a-file": {"credential": "OF_FILE", "key_file": str(key_file)},
        "silent/unknown": {},
        "silent/named": {"environment": ["ODD_NAME", "no_proxy", "PATH"]},
        "litellm/nobody-knows/x": {},
        "litellm/nobody-knows/y": {"environment": []},
        "openai/gpt": {"api_base": "http://127.0.0.1:9/v1", "credential": "WORK"},
    }
    config = folder / "config"
    config.mkdir()
    config.joinpath("jupyter_server_config.py").write_text(
        f"c.EagerServer.models = {models!r}\n"
        # A kernel that dies is started again, by what the manager remembers of the first time.
        "c.KernelRestarter.time_to_dead = 0.5\n"
    )
    for name, more in SPECS.items():
        kernel_spec(folder / "data", name, **more)
    environment = {
        **values,
        **NEEDED,
        "TELLS_WHERE": "here",
        "TELL_ME": "yes",
        "JUPYTER_PATH": str(folder / "data"),
        "PYTHONPATH": str(install(folder / "packages")),
    }
    extensions = [name for name in OTHER_EXTENSIONS if name != "jupyter_server_terminals"]
    with running_server(folder, environment=environment, without=extensions) as server:
        api = Api(server)
        kernels = {}
        for name in ("eager_python", "python3", *SPECS):
            kernels[name] = api.ask("POST", "api/kernels", json={"name": name}).json()["id"]
        yield World(server, api, values, kernels, key_of_file)


def processes() -> Iterator[tuple[psutil.Process, str]]:
    """All of this machine, with the environment that each began with and its command line."""
    for process in psutil.process_iter():
        folder = Path("/proc", str(process.pid))
        try:
            text = folder.joinpath("environ").read_bytes() + folder.joinpath("cmdline").read_bytes()
        except OSError:
            continue  # it has ended, or is hidden from us as from a kernel
        yield process, text.decode("utf-8", "replace")


def test_no_other_process_has_a_key(world: World) -> None:
    """Of all that runs, also of what does not belong to the server."""
    terminal = world.api.ask("POST", "api/terminals", json={})
    assert terminal.status_code == 200, terminal.text
    for model in ("tells/declared", "tells/with-a-file", "recorded/demo", "openai/gpt"):
        world.api.run(world.kernels["eager_python"], "x", model=model)
    restarted = world.kernels["python3"]
    assert world.api.ask("POST", f"api/kernels/{restarted}/restart").status_code == 200
    server = psutil.Process(world.server.process.pid)
    family = [server, *server.children(recursive=True)]
    commands = [" ".join(process.cmdline()) for process in family]
    assert sum("eager_kernel.sources.worker" in command for command in commands) >= 4
    assert sum("-f " in command for command in commands) == len(world.kernels)
    assert len(family) >= 1 + 4 + len(world.kernels) + 1  # and the terminal
    keys = {name: world.values[name] for name in PROVIDERS + CONFIGURED}
    keys["the file's"] = world.key_of_file
    seen = set()
    for process, text in processes():
        seen.add(process.pid)
        if process.pid != server.pid:  # which its deployer gave them to
            assert [n for n, value in keys.items() if value in text] == [], process
    if os.geteuid() == 0:  # who sees all, also what is hidden from a kernel
        assert seen >= {process.pid for process in family}


def test_kernels_keep_what_is_no_key(world: World) -> None:
    look = "import os\nprint(repr(dict(os.environ)))\n"
    for name, kernel in world.kernels.items():
        with EagerClient.connect(
            url=world.server.url, token=world.server.token, kernel_id=kernel
        ) as client:
            text = client.execute(look).outputs[0]["text"]
        for variable in PROVIDERS + CONFIGURED:
            assert world.values[variable] not in text, (name, variable)
        for value in [*NEEDED.values(), *(world.values[other] for other in OTHERS)]:
            assert value in text, (name, value)


@pytest.mark.parametrize(
    ("model", "has"),
    [
        ("tells/declared", {"TELLS_TOKEN", "TELLS_CERTIFICATE"}),
        ("tells/with-a-credential", {"WORK"}),
        ("tells/with-a-file", set()),
        ("silent/named", {"ODD_NAME"}),
    ],
)
def test_a_process_gets_its_own_key_and_no_other_secret(
    world: World, model: str, has: set[str]
) -> None:
    told = world.told(model)
    assert world.secrets_of(told["own"]) == has
    assert all(told["own"][name] == world.values[name] for name in has)
    assert (world.key_of_file in told["own"].values()) == (model == "tells/with-a-file")
    # What it starts itself is seen by all, as a program that is asked for the system's name.
    assert world.secrets_of(told["child"]) == set()
    assert world.key_of_file not in told["child"].values()
    for variables in told.values():
        assert NEEDED.items() <= variables.items()
        assert "PATH" in variables
    declares = model.startswith("tells")
    assert (told["own"].get("TELLS_WHERE"), told["own"].get("TELL_ME")) == (
        ("here", "yes") if declares else (None, None)
    )


@pytest.mark.parametrize("model", ["silent/unknown", "litellm/nobody-knows/x"])
def test_a_model_whose_needs_are_unknown_is_refused(world: World, model: str) -> None:
    begun = world.api.begin(world.kernels["eager_python"], "1", model=model)
    assert begun.status_code == 503
    message = begun.json()["message"]
    assert f"EagerServer.models['{model}']['environment']" in message
    listed = world.api.ask("GET", "eager/api/models").json()
    assert {"id": model} not in listed
    assert {"id": "litellm/nobody-knows/y"} in listed
    assert message in world.server.log.read_text()


def test_the_pipe_of_a_process_can_not_be_opened_by_others(world: World) -> None:
    """Keys go through it before the process has hidden itself, or while it does."""
    world.api.run(world.kernels["eager_python"], "x", model="tells/declared")
    server = psutil.Process(world.server.process.pid)
    workers = [p for p in server.children() if "eager_kernel.sources.worker" in p.cmdline()]
    assert workers
    for worker in workers:
        # 0 is what the source may read, and empty; the one that was is a copy of it.
        files = Path("/proc", str(worker.pid), "fd")
        try:
            targets = {file: str(file.readlink()) for file in files.iterdir()}
        except PermissionError:
            continue  # it is hidden, and that is enough
        sockets = [file for file, target in targets.items() if target.startswith("socket:")]
        assert sockets
        for file in sockets:
            with pytest.raises(OSError, match="No such device"):
                file.open("rb")


def test_what_is_hidden_is_told_by_name(world: World) -> None:
    log = world.server.log.read_text()
    line = next(line for line in log.splitlines() if "do not inherit" in line)
    for name in PROVIDERS + CONFIGURED:
        assert name in line
    for name in OTHERS:
        assert name not in line
    for value in [*world.values.values(), world.key_of_file]:
        assert value not in log


MISTAKES = [
    {"openai/x": {"credential": "WORK", "nonsense": 1}},
    {"openai/x": {"environment": "PATH"}},
    {"openai/x": {"environment": ["sk-a key, not a name"]}},
    {"nobody/x": {}},
    5,
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_in_the_configuration_shows_no_key(tmp_path: Path, mistake: Any) -> None:
    """Jupyter Server goes on without what it can't read."""
    values = {name: f"of-{secrets.token_hex(12)}" for name in ("OPENAI_API_KEY", "XAI_API_KEY")}
    values |= {"WORK": f"of-{secrets.token_hex(12)}"} if "WORK" in str(mistake) else {}
    config = tmp_path / "config"
    config.mkdir()
    config.joinpath("jupyter_server_config.py").write_text(f"c.EagerServer.models = {mistake!r}\n")
    with running_server(tmp_path, environment=values) as server:
        api = Api(server)
        assert api.ask("GET", "eager/api/models").json() == []
        api.ask("POST", "api/kernels", json={"name": "python3"})
        (kernel,) = psutil.Process(server.process.pid).children()
        text = Path("/proc", str(kernel.pid), "environ").read_text()
        assert "PATH=" in text
        assert [name for name, value in values.items() if value in text] == []
        log = server.log.read_text()
    assert "there is a mistake in the configuration" in log
    assert "EagerServer.models" in log or "'models' trait" in log
    assert "sk-a key" not in log


@pytest.mark.parametrize("configured", [True, False])
def test_a_deployer_may_keep_some(tmp_path: Path, configured: bool) -> None:
    names = ("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "MY_OWN")
    values = {name: f"of-{secrets.token_hex(12)}" for name in names}
    config = tmp_path / "config"
    config.mkdir()
    lines = "c.EagerServer.hidden_variables = ['MY_OWN']\n"
    if configured:
        lines += "c.EagerServer.models = {'openai/gpt': {}}\n"
        lines += "c.EagerServer.kept_variables = ['AWS_SECRET_ACCESS_KEY', 'OPENAI_API_KEY']\n"
    config.joinpath("jupyter_server_config.py").write_text(lines)
    with running_server(tmp_path, environment=values) as server:
        Api(server).ask("POST", "api/kernels", json={"name": "python3"})
        (kernel,) = psutil.Process(server.process.pid).children()
        text = Path("/proc", str(kernel.pid), "environ").read_text()
    kept = {name for name, value in values.items() if value in text}
    # Without models it asks nobody, and the keys may be for `%%eager` in a kernel.
    assert kept == {"AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"} | (
        set() if configured else {"OPENAI_API_KEY"}
    )
