"""A pytest plugin: whoever asks ipykernel for its kernel class gets EAGER's."""

from __future__ import annotations

import ipykernel.ipkernel
import pytest

STOCK = ipykernel.ipkernel.IPythonKernel

from eager_kernel.kernel.kernel import EagerKernel  # noqa: E402 - made from the stock class

ipykernel.ipkernel.IPythonKernel = EagerKernel

import ipykernel.inprocess.ipkernel as inprocess  # noqa: E402 - made from the new class

assert issubclass(inprocess.InProcessKernel, EagerKernel)


def pytest_collection_finish(session: pytest.Session) -> None:
    """See that the suite's own kernels are EAGER's."""
    modules = {
        id(item.module): item.module for item in session.items if hasattr(item, "module")
    }.values()
    made = [value for module in modules for value in vars(module).values()]
    kernels = [c for c in made if isinstance(c, type) and issubclass(c, STOCK)]
    assert all(issubclass(cls, EagerKernel) for cls in kernels), kernels
