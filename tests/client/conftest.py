"""A client of the module's kernel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from eager_kernel import EagerClient


@pytest.fixture(scope="module")
def eager(kernel: tuple[KernelManager, BlockingKernelClient]) -> Iterator[EagerClient]:
    with EagerClient.connect(kernel[0].connection_file) as client:
        yield client
