"""``jupyter eager info``: what is there is said, and what may be a secret is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eager_kernel import __version__
from eager_kernel.cli.info import collect, to_text

SECRET = "sk-Zq7-never-shown"
KERNEL_CONFIG = f'''
c.EagerModel.model = "openai/{SECRET}"
c.EagerModel.api_base = "https://user:{SECRET}@models.example/v1?key={SECRET}"
c.EagerModel.credential = "{SECRET}"
c.EagerModel.options = {{"api_key": "{SECRET}", "extra_headers": {{"Authorization": "{SECRET}"}}}}
c.EagerModel.system_prompt = "the password is {SECRET}"
c.EagerModel.repair = 2
c.EagerGate.mode = "serial"
c.EagerGate.modules = ["{SECRET}"]
c.EagerRun.on_error = "{SECRET}"
c.EagerRun.max_streams = "{SECRET}"
c.EagerRun.no_such_trait = "{SECRET}"
c.InteractiveShellApp.exec_lines = ["key = '{SECRET}'"]
'''
SERVER_CONFIG = f'''
c.ServerApp.token = "{SECRET}"
c.EagerServer.models = {{"openai/a": {{"api_base": "http://x/{SECRET}", "credential": "{SECRET}"}}}}
c.EagerServer.max_runs = 7
'''


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user whose every place holds the secret."""
    profile = tmp_path / "ipython" / "profile_default"
    spec = tmp_path / "data" / "kernels" / "mine"
    config = tmp_path / "config"
    for folder in (profile, spec, config / "jupyter_server_config.d"):
        folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(config))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("JUPYTER_TOKEN", SECRET)
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    profile.joinpath("ipython_kernel_config.py").write_text(KERNEL_CONFIG)
    config.joinpath("jupyter_server_config.py").write_text(SERVER_CONFIG)
    config.joinpath("jupyter_server_config.d", "off.json").write_text(
        json.dumps({"ServerApp": {"jpserver_extensions": {"eager_kernel": False}}})
    )
    kernel = {
        "argv": [
            str(tmp_path / "gone" / "python"),
            *("-m", "eager_kernel", "-f", "{connection_file}", "--EagerRun.delta_timeout=5"),
            f"--EagerModel.credential={SECRET}",
        ],
        "display_name": "Mine",
        "language": "python",
        "env": {"OPENAI_API_KEY": SECRET},
    }
    spec.joinpath("kernel.json").write_text(json.dumps(kernel))
    return tmp_path


def test_no_secret_is_shown(home: Path) -> None:
    info = collect()
    assert SECRET not in to_text(info)
    assert SECRET not in json.dumps(info)


def test_what_is_configured_is_said(home: Path) -> None:
    info = collect()
    said = {setting["setting"]: setting["value"] for setting in info["configured"]}
    assert said == {
        "EagerGate.mode": "= 'serial'",
        "EagerGate.modules": "is set",
        "EagerModel.api_base": "is set",
        "EagerModel.credential": "is set",
        "EagerModel.model": "is set",
        "EagerModel.options": "is set",
        "EagerModel.repair": "= 2",
        "EagerModel.system_prompt": "is set",
        "EagerRun.delta_timeout": "= 5.0",
        "EagerRun.max_streams": "is set to what it does not take",
        "EagerRun.no_such_trait": "is set, but there is no such trait",
        "EagerRun.on_error": "is set to what it does not take",
        "EagerServer.max_runs": "= 7",
        "EagerServer.models": "is set",
    }
    assert info["gate"]["mode"] == "serial"
    assert info["models"]["keys"] == {"ANTHROPIC_API_KEY": False, "OPENAI_API_KEY": True}
    assert info["extensions"]["Jupyter Server"].startswith("off, by ~")


def test_a_kernelspec_whose_python_is_gone(home: Path) -> None:
    (mine,) = [spec for spec in collect()["kernelspecs"] if spec["name"] == "mine"]
    assert mine["found"] is False
    assert mine["environment"] == ["OPENAI_API_KEY"]
    assert mine["python"] == str(Path("~", "gone", "python"))
    assert "gone" in to_text(collect())
    assert str(home) not in to_text(collect())


def test_a_configuration_that_fails_is_named_and_not_quoted(home: Path) -> None:
    file = home / "ipython" / "profile_default" / "ipython_kernel_config.py"
    file.write_text(f"c.EagerGate.mode = 'off'\nraise ValueError('{SECRET}')")
    info = collect()
    assert info["configured"][0]["value"] == "can't be read"
    assert info["configured"][0]["where"].endswith(file.name)
    assert SECRET not in json.dumps(info)


def test_other_broken_kernelspecs_are_no_matter(home: Path) -> None:
    broken = home / "data" / "kernels" / "broken"
    broken.mkdir()
    broken.joinpath("kernel.json").write_text("{")
    assert "mine" in [spec["name"] for spec in collect()["kernelspecs"]]


def test_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    info = collect()
    assert info["gate"]["mode"] == "effect"
    assert info["versions"]["eager-kernel"] == __version__
    assert "eager_python" in [spec["name"] for spec in info["kernelspecs"]]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()], "it wrote something"


def test_the_command(home: Path) -> None:
    command = [sys.executable, "-m", "eager_kernel.cli", "info"]
    options = {"capture_output": True, "env": {**os.environ, "PYTHONUTF8": "1"}, "timeout": 90}
    plain = subprocess.run(command, **options, encoding="utf-8", check=True)
    as_json = subprocess.run([*command, "--json"], **options, encoding="utf-8", check=True)
    found = json.loads(as_json.stdout)
    assert found["versions"]["eager-kernel"] == __version__
    assert plain.stdout.rstrip("\n") == to_text(found)
    assert SECRET not in plain.stdout + plain.stderr + as_json.stdout + as_json.stderr
