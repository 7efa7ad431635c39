"""What a source needs of the environment, and what of it its process gets."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from eager_kernel.sources.litellm_needs import ALL_KEYS
from eager_kernel.sources.needs import Needs, is_common, is_key, sounds_secret, surroundings
from eager_kernel.sources.process import ModelProcess
from eager_kernel.sources.registry import declared_keys, needs_of
from eager_kernel.sources.source import Options
from tests.processes import model_processes

SECRET = [
    *("OPENAI_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "PGPASSWORD"),
    *("AZURE_CLIENT_SECRET", "GOOGLE_APPLICATION_CREDENTIALS", "GITHUB_PAT", "SNOWFLAKE_JWT"),
    *("JUPYTER_TOKEN", "WATSONX_APIKEY", "AWS_WEB_IDENTITY_TOKEN_FILE", "OPENAI_CUSTOM_HEADERS"),
    *("SENTRY_DSN", "SSH_AUTH_SOCK", "MY_PASSPHRASE", "X_CREDS", "a_secret_of_mine", "DB_PASS"),
]
NOT_SECRET = [
    *("TOKENIZERS_PARALLELISM", "OPENAI_BASE_URL", "KEYBOARD", "HF_HOME", "AWS_REGION", "PATH"),
    *("LC_ALL", "SSL_CERT_FILE", "CUDA_VISIBLE_DEVICES", "PASSAGE", "AUTHOR", "COMPASS_DIR"),
]


def test_names_that_sound_secret() -> None:
    assert [name for name in SECRET if not sounds_secret(name)] == []
    assert [name for name in NOT_SECRET if sounds_secret(name)] == []


@pytest.mark.parametrize(
    "name",
    [
        *("https_proxy", "HTTPS_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "LC_ALL"),
        *("LD_LIBRARY_PATH", "JUPYTER_DATA_DIR", "XDG_RUNTIME_DIR", "SystemRoot", "PYTHONPATH"),
    ],
)
def test_what_any_process_needs(name: str) -> None:
    assert is_common(name)


@pytest.mark.parametrize("name", [*SECRET, "CONDA_TOKEN", "PYTHON_SECRET", "DATABASE_URL", "X"])
def test_what_no_process_gets_for_nothing(name: str) -> None:
    assert not is_common(name)


def test_a_process_gets_what_its_source_declares() -> None:
    variables = dict.fromkeys(
        ["PATH", "A_KEY", "A_URL", "A_TOKEN", "A_PLAIN", "B_KEY", "B_URL", "X"], "v"
    )
    needs = Needs(("A_KEY", "A_PLAIN", "MISSING", "PATH"), ("A_*", "X"))
    got = surroundings(needs, variables)
    assert set(got.environment) == {"PATH", "A_URL", "X"}
    assert set(got.keys) == {"A_KEY", "A_PLAIN"}
    # Another key takes the place of these, which are no settings for that.
    got = surroundings(needs.with_credential("B_KEY"), variables)
    assert set(got.environment) == {"PATH", "A_URL", "X"}
    assert set(got.keys) == {"B_KEY"}
    assert surroundings(None, variables).environment == variables
    assert "B_KEY" not in repr(got)


@pytest.mark.parametrize(
    ("model", "options", "keys"),
    [
        ("openai/x", {}, {"OPENAI_API_KEY"}),
        ("openai/x", {"credential": "WORK"}, {"WORK"}),
        ("openai/x", {"api_base": "http://localhost/v1"}, set()),
        ("openai/x", {"api_base": "http://localhost/v1", "credential": "WORK"}, {"WORK"}),
        ("anthropic/x", {}, {"ANTHROPIC_API_KEY"}),
        ("anthropic/x", {"api_base": "http://localhost"}, set()),
        ("transformers/a/b", {}, {"HF_TOKEN", "HF_TOKEN_PATH", "HUGGING_FACE_HUB_TOKEN"}),
        ("transformers/a/b", {"credential": "WORK"}, {"WORK"}),
        ("recorded/demo", {}, set()),
        ("litellm/groq/x", {}, {"GROQ_API_KEY"}),
        ("litellm/gemini/x", {}, {"GEMINI_API_KEY", "GOOGLE_API_KEY"}),
        ("litellm/groq/x", {"credential": "WORK"}, {"WORK"}),
        ("litellm/unheard-of/x", {"credential": "WORK"}, {"WORK"}),
        ("litellm/groq/x", {"api_base": "http://localhost"}, set()),
        ("litellm/unheard-of/x", {}, None),
        ("litellm/gpt-5", {}, None),  # litellm would guess whose it is
        ("nobody/x", {}, None),
        ("nonsense", {}, None),
    ],
)
def test_what_the_sources_declare(
    model: str, options: dict[str, str], keys: set[str] | None
) -> None:
    needs = needs_of(model, Options(**options))  # type: ignore[arg-type]
    if keys is None:
        assert needs is None
    else:
        assert needs is not None
        assert {key for key in needs.keys if not key.endswith("_HEADERS")} == keys


def test_settings_are_passed_on_without_other_keys_of_the_same_name() -> None:
    needs = needs_of("litellm/bedrock/x", Options())
    names = ["AWS_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_OF_TOMORROW", "PATH"]
    got = surroundings(needs, dict.fromkeys(names, "v"))
    assert set(got.environment) == {"AWS_REGION", "AWS_PROFILE", "PATH"}
    assert set(got.keys) == {"AWS_ACCESS_KEY_ID"}


def test_the_keys_of_all_providers_are_known() -> None:
    known = declared_keys()
    assert {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HF_TOKEN", *ALL_KEYS} <= known
    for name in ["AWS_NEW_TOKEN", "AZURE_PASSWORD", "NEW_PROVIDER_API_KEY", *ALL_KEYS]:
        assert is_key(name, known)
    for name in ["AWS_REGION", "OPENAI_BASE_URL", "PATH", "JUPYTER_TOKEN", "JUPYTERHUB_API_TOKEN"]:
        assert not is_key(name, known)


def test_litellm_looks_where_we_think() -> None:
    litellm = pytest.importorskip("litellm")
    for provider in ("openai", "groq", "mistral", "gemini", "cohere", "bedrock", "together_ai"):
        missing = litellm.validate_environment(f"{provider}/x")["missing_keys"]
        needs = needs_of(f"litellm/{provider}/x", Options())
        assert needs is not None
        assert set(missing) <= set(needs.keys)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("model", ["recorded/demo", "openai/x", "anthropic/x", "litellm/groq/x"])
def test_no_key_is_in_what_a_process_began_with(model: str) -> None:
    """Which others of the user can read; also where a kernel begins it."""
    names = ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GROQ_API_KEY", "DATABASE_URL"]
    variables = dict.fromkeys(names, "the-secret-0123456789")
    process = ModelProcess(model, Options(), env={**variables, "OPENAI_BASE_URL": "http://a-url"})
    process.start()
    try:
        while not (workers := model_processes()):
            time.sleep(0.01)
        (worker,) = workers
        text = Path("/proc", str(worker.pid), "environ").read_text()
        assert ("a-url" in text) == (model == "openai/x")
        assert "the-secret" not in text
        assert "the-secret" not in " ".join(worker.cmdline())
    finally:
        process.close()
        assert process.join(20)


def test_keys_that_come_later_are_not_for_children() -> None:
    code = """
import os, subprocess, sys
from eager_kernel.sources.private import take_keys
take_keys({"A_KEY": "the-secret-é\\udcff", "PATH": "/nowhere"})
assert os.environ["A_KEY"] == os.getenv("A_KEY") == "the-secret-é\\udcff"
look = [sys.executable, "-c", "import os; print(ascii(os.environ.get('A_KEY')))"]
print(subprocess.run(look, capture_output=True, text=True).stdout.strip())
# Who means to pass them on does so.
print(subprocess.run(look, capture_output=True, text=True, env=dict(os.environ)).stdout.strip())
os.environ["A_KEY"] = "mine"
print(subprocess.run(look, capture_output=True, text=True).stdout.strip())
del os.environ["A_KEY"]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["None", r"'the-secret-\xe9\udcff'", "'mine'"]
