"""Kernelspecs of warm and of locked-in kernels, and templates that end with the tests."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_core.paths import jupyter_runtime_dir

from eager_kernel import EagerClient
from eager_kernel.client import local
from eager_kernel.kernel.install import install

PATIENCE = 110.0
"""Seconds that a start may take, also one that first makes a template, on a busy machine."""
linux = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(linux)


@pytest.fixture(scope="session", autouse=True)
def _templates_end(_own_places: None) -> Iterator[None]:
    """A template without its socket ends by itself."""
    yield
    for socket in Path(jupyter_runtime_dir()).glob("eager-*.s"):
        socket.unlink()


@pytest.fixture(scope="session")
def specs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The kernelspecs of warm and of locked-in kernels, for all who start kernels by name.

    Gives the name of the first.
    """
    prefix = tmp_path_factory.mktemp("specs")
    install(prefix=str(prefix), kernel_name="eager_python_warm", warm=True)
    install(prefix=str(prefix), kernel_name="eager_python_sandbox", sandbox=True)
    install(prefix=str(prefix), kernel_name="eager_python_both", warm=True, sandbox=True)
    patch = pytest.MonkeyPatch()
    patch.setenv("JUPYTER_PATH", str(prefix / "share" / "jupyter"))
    yield "eager_python_warm"
    patch.undo()


def value(client: EagerClient, expression: str) -> Any:
    """What an expression is in the kernel, by its literal."""
    shown = client.execute(f"print(ascii({expression}))", store_history=False)
    assert shown.status == "ok", shown.error
    return ast.literal_eval(shown.outputs[0]["text"])


@pytest.fixture
def warm() -> Iterator[Callable[..., EagerClient]]:
    """Start warm kernels, which end with the test."""
    clients: list[EagerClient] = []

    def start(**options: Any) -> EagerClient:
        options.setdefault("extra_arguments", ["--log-level=ERROR"])
        options.setdefault("timeout", PATIENCE)
        clients.append(EagerClient.start(warm=True, **options))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have `EagerClient.start(warm=True)` use a provisioner with other traits."""

    def configure(**traits: Any) -> None:
        before = local._stanza
        monkeypatch.setattr(
            local, "_stanza", lambda config, *rest: before({**config, **traits}, *rest)
        )

    return configure


def template_of(client: EagerClient) -> int:
    """The process that a kernel was forked from."""
    parent: int = value(client, "__import__('os').getppid()")
    return parent
