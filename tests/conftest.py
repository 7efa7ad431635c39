"""Real kernels for the tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from eager_kernel.testing.kernels import start_kernel as start_ready_kernel
from tests.models import model_environment, served_model, tiny_model

__all__ = ["model_environment", "served_model", "tiny_model"]  # fixtures for all tests

Starter = Callable[..., tuple[KernelManager, BlockingKernelClient]]

# On a busy machine, a draw or an example may take seconds: that says nothing of either.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")

# A shell starts what it puts in the background with SIGINT ignored, and `nohup` with SIGHUP, and
# children inherit that: nothing that the tests start could be interrupted, or would end with its
# terminal. A handler of ours is no child's.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda number, frame: None)


NEEDS = {"browser": {"chrome", "lab"}, "torch": {"tiny_model", "served_model"}}
"""The fixtures by which a test is seen to need something big: its marker says so."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs something big, and give the first test of a model time to make the model."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        for marker, names in NEEDS.items():
            if fixtures & names or marker in item.path.parts:
                item.add_marker(marker)
        if "tiny_model" in fixtures and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session", autouse=True)
def _own_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's history and configuration out of the tests, and the tests out of them."""
    home = tmp_path_factory.mktemp("home")
    patch = pytest.MonkeyPatch()
    patch.setenv("IPYTHONDIR", str(home / "ipython"))
    patch.setenv("JUPYTER_CONFIG_DIR", str(home / "config"))
    patch.setenv("JUPYTER_DATA_DIR", str(home / "data"))
    patch.setenv("JUPYTER_RUNTIME_DIR", str(home / "runtime"))
    patch.delenv("JPY_PARENT_PID", raising=False)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def start_kernel() -> Iterator[Starter]:
    """Start kernels; all of them end with the session."""
    managers: list[tuple[KernelManager, BlockingKernelClient]] = []

    def start(
        name: str = "eager_python", *arguments: str
    ) -> tuple[KernelManager, BlockingKernelClient]:
        quiet = ["--log-level=ERROR", *arguments]
        manager, client = start_ready_kernel(name, extra_arguments=quiet)
        managers.append((manager, client))
        return manager, client

    yield start
    for manager, client in managers:
        client.stop_channels()
        if manager.has_kernel:
            manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel(start_kernel: Starter) -> tuple[KernelManager, BlockingKernelClient]:
    """An EAGER kernel for the tests of one module."""
    return start_kernel()


@pytest.fixture
def client(
    kernel: tuple[KernelManager, BlockingKernelClient],
) -> Iterator[BlockingKernelClient]:
    """A client of the module's kernel; the kernel must be usable after every test."""
    yield kernel[1]
    reply = kernel[1].execute_interactive("1 + 1", timeout=60, output_hook=lambda message: None)
    assert reply["content"]["status"] == "ok"


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Path]:
    """An empty folder as the working directory."""
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)
