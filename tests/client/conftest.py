"""Clients of the kernels of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from eager_kernel import EagerClient
from tests.servers import Server, running_server


@pytest.fixture(scope="module")
def eager(kernel: tuple[KernelManager, BlockingKernelClient]) -> Iterator[EagerClient]:
    with EagerClient.connect(kernel[0].connection_file) as client:
        yield client


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Jupyter server."""
    pytest.importorskip("jupyter_server")
    with running_server(tmp_path_factory.mktemp("server")) as server:
        yield server
