"""What a model lacks is said before anybody is asked."""

from __future__ import annotations

import importlib.util
import socket
from typing import Any

import pytest

from eager_kernel.errors import MissingExtraError, SourceError, UnknownModelError
from eager_kernel.sources import ready
from eager_kernel.sources.ready import check_ready, installed_providers
from eager_kernel.sources.source import Options


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes packages not be installed."""

    def leave_out(*names: str) -> None:
        def find(name: str) -> Any:
            return None if name in names else importlib.util.find_spec(name)

        monkeypatch.setattr(ready, "find_spec", find)

    return leave_out


@pytest.mark.parametrize(
    ("provider", "module"),
    [
        ("openai", "openai"),
        ("anthropic", "anthropic"),
        ("litellm", "litellm"),
        ("transformers", "transformers"),
        ("transformers", "torch"),
    ],
)
def test_a_missing_package(without: Any, provider: str, module: str) -> None:
    without(module)
    line = f"pip install 'eager-kernel[{provider}]'"
    with pytest.raises(MissingExtraError) as raised:
        check_ready(f"{provider}/a/b", Options())
    assert line in str(raised.value)
    assert f"{provider}/a/b" in str(raised.value)
    installed, others = installed_providers()
    assert provider not in installed
    assert others[provider] == line
    assert "recorded" in installed


@pytest.mark.parametrize(("provider", "variable"), sorted(ready.USUAL_VARIABLES.items()))
def test_a_missing_key(monkeypatch: pytest.MonkeyPatch, provider: str, variable: str) -> None:
    pytest.importorskip(provider)
    with pytest.raises(SourceError, match=f"set the environment variable {variable}"):
        check_ready(f"{provider}/x", Options())
    monkeypatch.setenv(variable, "a-key-123456")
    check_ready(f"{provider}/x", Options())


def test_a_credential_that_is_nowhere(without: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai")
    without("keyring")
    monkeypatch.setitem(__import__("sys").modules, "keyring", None)
    with pytest.raises(SourceError, match="'WORK_KEY' is no environment variable"):
        check_ready("openai/x", Options(credential="WORK_KEY"))


def test_an_address_at_which_nobody_listens() -> None:
    pytest.importorskip("openai")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        check_ready("openai/x", Options(api_base=address))  # which needs no key
    with pytest.raises(SourceError, match=f"nobody listens at openai/x at {address}"):
        check_ready("openai/x", Options(api_base=address))


@pytest.mark.parametrize(
    "address", ["localhost:80", "ftp://x", "http://", "http://x:y", "http://[1"]
)
def test_what_is_no_address(address: str) -> None:
    pytest.importorskip("openai")
    with pytest.raises(SourceError, match="is no address of a server: write it as"):
        check_ready("openai/x", Options(api_base=address))


def test_other_models() -> None:
    check_ready("recorded/demo", Options())
    with pytest.raises(SourceError, match="no recording 'nothing'"):
        check_ready("recorded/nothing", Options())
    with pytest.raises(UnknownModelError, match="no provider 'nobody'"):
        check_ready("nobody/x", Options())
