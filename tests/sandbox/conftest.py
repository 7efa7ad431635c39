"""Kernels that are locked in, beside one that is not: an attack that fails must be one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eager_kernel import EagerClient
from eager_kernel.sandbox.probe import Probe, probe
from tests.warm.conftest import PATIENCE, _templates_end, specs

__all__ = ["_templates_end", "specs"]  # fixtures

HERE = Path(__file__).parent
QUIET = ["--log-level=ERROR"]


@pytest.fixture(scope="session")
def found() -> Probe:
    return probe()


@pytest.fixture(scope="session")
def needs_sandbox(found: Probe) -> None:
    """Skip where kernels can't be locked in; but not where that is to be tested."""
    if found.state == "usable":
        return
    assert not os.environ.get("EAGER_TESTS_NEED_SANDBOX"), found.message
    pytest.skip(found.message)


@pytest.fixture(scope="module")
def secret() -> str:
    """What the kernel's starter has in its environment."""
    return "s3cret" + os.urandom(8).hex()


@pytest.fixture
def locked_in(needs_sandbox: None, tmp_path: Path) -> Iterator[Callable[..., EagerClient]]:
    """Start kernels that are locked in, in a folder of their own."""
    clients: list[EagerClient] = []

    def start(*, warm: bool = False, cwd: Path | None = None, **options: Any) -> EagerClient:
        folder = cwd or tmp_path / "work"
        folder.mkdir(exist_ok=True)
        clients.append(
            EagerClient.start(
                warm=warm,
                sandbox=options or True,
                cwd=str(folder),
                timeout=PATIENCE,
                extra_arguments=QUIET,
            )
        )
        return clients[-1]

    yield start
    for client in clients:
        client.close()
